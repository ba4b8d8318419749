/* Every plugin that was built reads what the original's test of its name sent, and prints what the original's controller
 * printed of it.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "ipb_json.h"
#include "opened.h"
#include "original_bytes.h"
#include "output_of.h"
#include "plugin.h"

static struct ipbench_progress progress;
static char error_text[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 1, 0,
	                            sizeof error_text, error_text, &progress, 0, 0 };

/* What is printed of n results; json: of the first one. */
static void printed(const char *name, const char *const bytes[], const int sizes[], int n, char *text, size_t text_size,
                    char *json, size_t json_size)
{
	struct client_data data[2] = { 0 };
	char *members;

	struct ipbench_plugin *p = opened_plugin(name);
	struct ipbench_plugin_ext *ext = opened_ext(name);
	if (p == NULL || ext == NULL)
		fail_msg("%s", dlerror());
	assert_int_equal(ext->attach(&host), 0);
	assert_int_equal(p->setup_controller(NULL), 0);
	for (int i = 0; i < n; i++) {
		char copy[256];
		memcpy(copy, bytes[i], (size_t)sizes[i]);
		host.flow_base = (uint32_t)i;
		if (p->unmarshall(copy, sizes[i], &data[i].data, &data[i].size) != 0)
			fail_msg("%s: %s", name, error_text);
		data[i].valid = 1;
		data[i].type = p->type;
	}
	assert_int_equal(ext->results(&data[0], &members), 0);
	assert_int_equal(ipb_json_check(members, strlen(members)), 0);
	snprintf(json, json_size, "%s", members);
	ext->results_cleanup(&members);
	assert_int_equal(output_of((void (*)(void))p->output, p->type == IPBENCH_TARGET, data, n, text, text_size), 0);
	for (int i = 0; i < n; i++)
		p->unmarshall_cleanup(&data[i].data);
}

static void what_its_tests_sent_is_printed_as_there(void **state)
{
	static const struct {
		const char *name, *bytes, *text, *member;
		int size, n;
	} tests[] = {
		{ "cpu_target", original_cpu_target, ORIGINAL_CPU_TARGET_OUTPUT, "", ORIGINAL_SIZE(original_cpu_target), 1 },
		{ "cpu_target_lukem", original_cpu_target_lukem, ORIGINAL_CPU_TARGET_LUKEM_OUTPUT,
		  "{\"name\":\"cpu_use\",\"value\":45.7,", ORIGINAL_SIZE(original_cpu_target_lukem), 1 },
		{ "dummy", original_dummy, ORIGINAL_DUMMY_OUTPUT, "", ORIGINAL_SIZE(original_dummy), 1 },
		{ "dummy", original_dummy, ORIGINAL_DUMMY_OUTPUT ORIGINAL_DUMMY_OUTPUT, "", ORIGINAL_SIZE(original_dummy), 2 },
		{ "wait", original_wait, ORIGINAL_WAIT_OUTPUT, "", ORIGINAL_SIZE(original_wait), 1 },
		{ "wait", original_wait, ORIGINAL_WAIT_OUTPUT, "", ORIGINAL_SIZE(original_wait), 2 },
		/* Its controller prints no figures of discard: these are the recorded words, by the names of its structure. */
		{ "discard", original_discard, "800000,799077,100\n", "{\"name\":\"sent_packets\",\"value\":1001,",
		  ORIGINAL_SIZE(original_discard), 1 },
		{ "discard", original_discard, "1600000,1598154,100\n", "{\"name\":\"sent_bytes\",\"value\":100100,",
		  ORIGINAL_SIZE(original_discard), 2 },
	};
	char text[1000], json[4000];

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		const char *const bytes[] = { tests[i].bytes, tests[i].bytes };
		const int sizes[] = { tests[i].size, tests[i].size };
		printed(tests[i].name, bytes, sizes, tests[i].n, text, sizeof text, json, sizeof json);
		assert_string_equal(text, tests[i].text);
		if (strstr(json, tests[i].member) == NULL)
			fail_msg("%s: %s lacks %s", tests[i].name, json, tests[i].member);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_its_tests_sent_is_printed_as_there) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
