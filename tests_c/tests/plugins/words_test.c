/* link: cpu_target/words.o */
/* What a target names in its text: lines, limits, sums of cores.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cpu_target/words.h"

static char wrong[WORDS_LINE + 1];

/* The metrics of a text, as JSON. */
static void check(const char *text, int all_known, const char *expected)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_array(&j, NULL);
	words_metrics(text, all_known, &j, wrong);
	ipb_json_end_array(&j);
	char *json = ipb_json_take(&j);
	assert_string_equal(json, expected);
	free(json);
}

static void begins(void **state)
{
	(void)state;
	assert_int_equal(words_begin(""), 0);
	assert_int_equal(words_begin(",600,1000"), 9);
	assert_int_equal(words_begin(",600,1000\npackets=5\n"), 9);
	assert_int_equal(words_begin("packets=5"), 0);
	assert_int_equal(words_begin("hello\nworld\n"), 12);
	assert_int_equal(words_begin("12.3,CPU0: 10.1\n"), 16);
}

static void names(void **state)
{
	(void)state;
	check(",600,1000\npackets=5\npd.eth-driver.cycles=1.5e3 cycles\r\npmu_misses=-2\n", 1,
	      "[{\"name\":\"packets\",\"value\":5,\"unit\":\"\"},{\"name\":\"pd.eth-driver.cycles\",\"value\":1500,"
	      "\"unit\":\"cycles\"},{\"name\":\"pmu_misses\",\"value\":-2,\"unit\":\"\"}]");
	assert_string_equal(wrong, "");
	check("x=1\n\nnot a word\ny=nan\nz=0x10\n1z=2\nu=1 a\"b\nv=\nw=1two\nlast=7", 1,
	      "[{\"name\":\"x\",\"value\":1,\"unit\":\"\"},{\"name\":\"last\",\"value\":7,\"unit\":\"\"}]");
	assert_string_equal(wrong, "not a word");
	check("hello\nworld", 0, "[]");
	assert_string_equal(wrong, "");
	double value;
	assert_int_equal(words_value("a=1\nb=2 s\n", "b", &value), 0);
	assert_true(value == 2);
	assert_int_equal(words_value("a=1\n", "b", &value), -1);
}

static void cores(void **state)
{
	static const char text[] = "core0.idle_cycles=50\ncore0.total_cycles=100\ncore2.idle_cycles=0\ncore2.total_cycles=100\n"
	                           "core3.idle_cycles=7\ncore4.idle_cycles=8\ncore4.total_cycles=4\n";
	struct ipb_json j;

	(void)state;
	for (int all_known = 0; all_known < 2; all_known++) {
		ipb_json_init(&j);
		ipb_json_array(&j, NULL);
		words_metrics(text, all_known, &j, wrong);
		ipb_json_end_array(&j);
		char *json = ipb_json_take(&j);
		assert_non_null(strstr(json, "{\"name\":\"cpu0_use\",\"value\":50,\"unit\":\"%\"}"));
		assert_non_null(strstr(json, "{\"name\":\"cpu2_use\",\"value\":100,\"unit\":\"%\"}"));
		assert_null(strstr(json, "cpu3_use"));
		assert_null(strstr(json, "cpu4_use"));
		assert_true((strstr(json, "{\"name\":\"cpu_use\",\"value\":75,\"unit\":\"%\"}") == NULL) == all_known);
		assert_true((strstr(json, "{\"name\":\"total_cycles\",\"value\":200,\"unit\":\"\"}") == NULL) == all_known);
		free(json);
	}
}

static void limits(void **state)
{
	(void)state;
	char *text = malloc(WORDS_MAX * 20 + 4000), *at = text;
	for (int i = 0; i < WORDS_MAX + 5; i++)
		at += sprintf(at, "n%d=1\n", i);
	struct ipb_json j;
	ipb_json_init(&j);
	ipb_json_array(&j, NULL);
	words_metrics(text, 1, &j, wrong);
	ipb_json_end_array(&j);
	char *json = ipb_json_take(&j);
	int count = 0;
	for (const char *found = json; (found = strstr(found, "\"name\"")) != NULL; found++)
		count++;
	assert_int_equal(count, WORDS_MAX);
	free(json);
	/* Too long a name, unit or line is none. */
	at = text;
	memset(at, 'a', WORDS_NAME + 1);
	strcpy(at + WORDS_NAME + 1, "=1\nok=1\n");
	check(text, 1, "[{\"name\":\"ok\",\"value\":1,\"unit\":\"\"}]");
	strcpy(text, "u=1 ");
	memset(text + 4, 'b', WORDS_UNIT + 1);
	strcpy(text + 4 + WORDS_UNIT + 1, "\n");
	check(text, 1, "[]");
	memset(text, 'c', 3000);
	strcpy(text + 3000, "\nok=2");
	check(text, 1, "[{\"name\":\"ok\",\"value\":2,\"unit\":\"\"}]");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins),
		cmocka_unit_test(names),
		cmocka_unit_test(cores),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
