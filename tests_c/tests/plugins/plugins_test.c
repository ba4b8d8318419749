/* Every plugin that was built, opened as a host does: structure, table, and hostile bytes for unmarshall and arguments.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_json.h"
#include "plugin.h"

#define PLUGINS_MAX 64
#define ROUNDS 400 /* of random bytes, each plugin */

static struct ipbench_plugin *plugins[PLUGINS_MAX];
static struct ipbench_plugin_ext *exts[PLUGINS_MAX];
static int count;
static struct ipbench_progress progress;
static char error_text[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 1, 0,
	                            sizeof error_text, error_text, &progress, 0, 0 };

static int open_all(void **state)
{
	char path[PATH_MAX], file[PATH_MAX + 300];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);

	(void)state;
	assert_true(n > 0);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	strcpy(strrchr(path, '/'), "/plugins");
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL && count < PLUGINS_MAX;) {
		size_t size = strlen(e->d_name);
		if (size < 4 || strcmp(e->d_name + size - 3, ".so") != 0)
			continue;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
		if (handle == NULL)
			fail_msg("%s", dlerror());
		plugins[count] = dlsym(handle, "ipbench_plugin");
		exts[count] = dlsym(handle, "ipbench_plugin_ext");
		assert_non_null(plugins[count]);
		assert_non_null(exts[count]);
		assert_int_equal(strncmp(e->d_name, plugins[count]->name, size - 3), 0);
		if (exts[count]->attach != NULL)
			assert_int_equal(exts[count]->attach(&host), 0);
		count++;
	}
	closedir(d);
	assert_true(count >= 12);
	return 0;
}

static void structures_are_whole(void **state)
{
	(void)state;
	for (int i = 0; i < count; i++) {
		struct ipbench_plugin *p = plugins[i];
		assert_string_equal(p->magic, IPBENCH_PLUGIN_MAGIC);
		assert_true(strlen(p->descr) > 10 && strchr(p->descr, '\n') == NULL);
		assert_true(p->setup && p->setup_controller && p->start && p->stop && p->marshall && p->marshall_cleanup);
		assert_true(p->unmarshall && p->unmarshall_cleanup && p->output);
		assert_int_equal(exts[i]->major, IPBENCH_EXT_MAJOR);
		assert_int_equal(exts[i]->size, sizeof(struct ipbench_plugin_ext));
		assert_int_equal(exts[i]->option_size, sizeof(struct ipbench_option));
		assert_true(exts[i]->results == NULL || exts[i]->results_cleanup != NULL);
		for (uint32_t o = 0; o < exts[i]->option_count; o++) {
			const struct ipbench_option *option = &exts[i]->options[o];
			assert_true(option->name[0] != '\0' && strlen(option->help) > 5);
			assert_true(option->unit && option->dflt && option->range && option->type);
			for (uint32_t k = 0; k < o; k++)
				assert_string_not_equal(option->name, exts[i]->options[k].name);
		}
	}
}

static void feed(int i, const char *bytes, int size)
{
	char *exact = malloc(size > 0 ? (size_t)size : 1), *json = NULL;
	struct client_data d = { .valid = 1, .type = plugins[i]->type };

	memcpy(exact, bytes, (size_t)size);
	if (plugins[i]->unmarshall(exact, size, &d.data, &d.size) == 0) {
		memset(exact, 0xee, (size_t)size); /* the host takes its bytes back */
		if (exts[i]->results != NULL && exts[i]->results(&d, &json) == 0) {
			if (ipb_json_check(json, strlen(json)) != 0)
				fail_msg("%s: results gave no JSON object: %.200s", plugins[i]->name, json);
			exts[i]->results_cleanup(&json);
		}
		plugins[i]->unmarshall_cleanup(&d.data);
	}
	free(exact);
}

static void unmarshall_survives(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < count; i++) {
		char bytes[512];
		for (int round = 0; round < ROUNDS; round++) {
			for (size_t k = 0; k < sizeof bytes; k++) {
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				bytes[k] = round % 3 == 0 ? (char)(seed >> 62) : (char)(seed >> 56);
			}
			feed(i, bytes, round);
		}
		memset(bytes, 0, sizeof bytes);
		for (int size = 0; size <= 512; size += 8)
			feed(i, bytes, size);
		memset(bytes, 0xff, sizeof bytes);
		for (int size = 0; size <= 512; size += 8)
			feed(i, bytes, size);
	}
}

/* Target tests have no duration; their setup reads the arguments before it opens anything. */
static void targets_refuse(int i, const char *const *bad, size_t bad_count)
{
	ipbench_target_setup_fn setup = (ipbench_target_setup_fn)(void (*)(void))plugins[i]->setup;

	assert_int_equal(plugins[i]->type, IPBENCH_TARGET);
	for (size_t k = 0; k < bad_count; k++) {
		char *exact = strdup(bad[k]);
		error_text[0] = '\0';
		if (setup(exact) == 0)
			fail_msg("%s takes \"%s\" for arguments", plugins[i]->name, bad[k]);
		assert_true(error_text[0] != '\0');
		free(exact);
	}
}

static void arguments_are_checked(void **state)
{
	static const char *const bad[] = { "no_such_argument=1", "=", "=,=", "a=\"open", "\x01\xff=\xfe", "%s%s%n=1" };
	uint64_t ns;

	(void)state;
	for (int i = 0; i < count; i++) {
		if (exts[i]->expected_duration == NULL) {
			targets_refuse(i, bad, sizeof bad / sizeof *bad);
			continue;
		}
		for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
			error_text[0] = '\0';
			if (exts[i]->expected_duration(bad[k], &ns) == 0)
				fail_msg("%s takes \"%s\" for arguments", plugins[i]->name, bad[k]);
			assert_true(error_text[0] != '\0');
		}
		assert_int_equal(exts[i]->expected_duration("", &ns), 0);
		assert_true((ns > 0) == (plugins[i]->type == IPBENCH_CLIENT)); /* targets run until they are stopped */
		if (plugins[i]->type == IPBENCH_TARGET)
			targets_refuse(i, bad, sizeof bad / sizeof *bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(structures_are_whole), cmocka_unit_test(unmarshall_survives),
		                            cmocka_unit_test(arguments_are_checked) };
	return cmocka_run_group_tests(tests, open_all, NULL);
}
