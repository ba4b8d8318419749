/* link: client_wrapper/words.o client_wrapper/program.o client_wrapper/wrapper.o */
/* Programs of the wrappers: words, permission, limits, and that nothing is left of them.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../client_wrapper/wrapper.h"
#include "ipb_report.h"
#include "ipb_bytes.h"

static struct ipb_error err;

static void splits(const char *command, int count, const char *last)
{
	struct words w;

	assert_int_equal(words_parse(&w, command, &err), 0);
	assert_int_equal(w.count, count);
	assert_string_equal(w.word[count - 1], last);
	assert_null(w.word[count]);
	words_free(&w);
}

static void words_are_split(void **state)
{
	struct words w;

	(void)state;
	splits("/bin/true", 1, "/bin/true");
	splits("  /bin/echo  a\tb ", 3, "b");
	splits("/bin/echo 'a b' \"c d\"", 3, "c d");
	splits("/bin/echo a\\ b", 2, "a b");
	splits("/bin/echo \"a\\\"b\"", 2, "a\"b");
	splits("/bin/echo 'a\\b'", 2, "a\\b");
	splits("/bin/echo ''", 2, "");
	splits("/bin/echo $HOME;rm", 2, "$HOME;rm");
	assert_int_equal(words_parse(&w, "", &err), -1);
	assert_int_equal(words_parse(&w, "   ", &err), -1);
	assert_int_equal(words_parse(&w, "/bin/echo 'open", &err), -1);
	char many[4 * WORDS_MAX];
	memset(many, 0, sizeof many);
	for (int i = 0; i <= WORDS_MAX; i++)
		strcat(many, "a ");
	assert_int_equal(words_parse(&w, many, &err), -1);
	char *longest = calloc(1, WORDS_TEXT_MAX + 2);
	memset(longest, 'a', WORDS_TEXT_MAX + 1);
	assert_int_equal(words_parse(&w, longest, &err), -1);
	free(longest);
}

static int allowed(const char *command, const char *dirs)
{
	struct words w;

	assert_int_equal(words_parse(&w, command, &err), 0);
	int status = words_allow(&w, dirs, "argument start", &err);
	words_free(&w);
	return status;
}

static void only_below_allowed_directories(void **state)
{
	char folder[] = "/tmp/ipbench-unit-XXXXXX", link[80], path[4200], real[4096];
	struct words w;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_non_null(realpath("/bin/sh", real));
	*strrchr(real, '/') = '\0'; /* where /bin/sh really is */
	assert_int_equal(allowed("/bin/sh", real), 0);
	assert_int_equal(allowed("/bin/sh", "/"), 0);
	assert_int_equal(allowed("/bin/sh", NULL), -1);
	assert_int_equal(allowed("/bin/sh", ""), -1);
	assert_int_equal(allowed("/bin/sh", folder), -1);
	assert_non_null(strstr(ipb_error_text(&err), "--allow-exec"));
	assert_int_equal(allowed("sh", real), -1);
	assert_non_null(strstr(ipb_error_text(&err), "absolute"));
	assert_int_equal(allowed("/no/such/program", "/"), -1);
	snprintf(link, sizeof link, "%s/link", folder);
	assert_int_equal(symlink("/bin/sh", link), 0);
	assert_int_equal(allowed(link, folder), -1); /* a link out of the directory */
	snprintf(path, sizeof path, "%s/../../bin/sh", folder);
	assert_int_equal(allowed(path, folder), -1);
	snprintf(path, sizeof path, "%sX", real); /* a name that merely begins like an allowed one */
	path[strlen(real) - 1] = '\0';
	assert_int_equal(allowed("/bin/sh", path), -1);
	assert_int_equal(allowed(folder, "/tmp"), -1); /* a directory is no program */
	assert_int_equal(words_parse(&w, "/bin/sh -c 'exit 3'", &err), 0);
	assert_int_equal(words_allow(&w, "/", "argument start", &err), 0);
	assert_string_equal(w.word[1], "-c");
	assert_string_equal(w.word[2], "exit 3");
	assert_string_equal(w.word[0], "/bin/sh"); /* as given: a program of many names reads it */
	assert_null(strstr(w.path, "/../"));
	assert_non_null(realpath("/bin/sh", real));
	assert_string_equal(w.path, real);
	words_free(&w);
	unlink(link);
	rmdir(folder);
}

/* What is outside is refused in the same words, whether it is there or not, and wherever it leads. */
static void nobody_learns_what_files_there_are(void **state)
{
	static const char *const there[] = { "/etc/passwd", "/bin/sh", "/usr/share/../../etc/passwd" },
	                  *const missing[] = { "/etc/passwX", "/bin/sX", "/usr/share/../../etc/passwX" };
	char said[4096];

	(void)state;
	for (size_t i = 0; i < sizeof there / sizeof *there; i++)
		for (int none = 0; none < 2; none++) {
			assert_int_equal(allowed(there[i], none ? NULL : "/usr/share"), -1);
			snprintf(said, sizeof said, "%s", ipb_error_text(&err));
			assert_int_equal(allowed(missing[i], none ? NULL : "/usr/share"), -1);
			char *name = strstr(said, there[i]);
			assert_non_null(name);
			name[strlen(there[i]) - 1] = 'X';
			assert_string_equal(said, ipb_error_text(&err));
		}
	assert_int_equal(allowed("/usr/share/ipbench-no-such-file", "/usr/share"), -1);
	assert_non_null(strstr(ipb_error_text(&err), "cannot find program")); /* the operator's own folder */
}

static int run(const char *script, uint64_t timeout_ms, const struct ipb_stop *cancel, char **data, size_t *size, int *status)
{
	struct words w = { .count = 3, .word = { "/bin/sh", "-c", (char *)script, NULL } };
	struct program p;

	assert_int_equal(program_start(&p, &w, 1, &err), 0);
	int result = program_finish(&p, cancel, timeout_ms * 1000000, data, size, status, &err);
	assert_int_equal(p.keeper, 0);
	return result;
}

static void programs_are_run(void **state)
{
	char *data;
	size_t size;
	int status;

	(void)state;
	assert_int_equal(run("printf 'a\\0b'", 10000, NULL, &data, &size, &status), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b", 3);
	free(data);
	assert_int_equal(run("exit 3", 10000, NULL, &data, &size, &status), -1);
	assert_int_equal(status, 3);
	assert_non_null(strstr(ipb_error_text(&err), "status 3"));
	assert_int_equal(run("kill -9 $$", 10000, NULL, &data, &size, &status), -1);
	assert_int_equal(status, 128 + 9);
	assert_int_equal(run("read x && exit 1; exit 0", 10000, NULL, &data, &size, &status), 0); /* no input */
	free(data);
}

static void limits_hold(void **state)
{
	const struct ipb_stop now = { .asked = 1 };
	char *data;
	size_t size;
	int status;

	(void)state;
	assert_int_equal(run("sleep 600", 100, NULL, &data, &size, &status), -1);
	assert_non_null(strstr(ipb_error_text(&err), "did not end within"));
	assert_int_equal(run("sleep 600", 100000, &now, &data, &size, &status), 1);
	assert_int_equal(run("yes", 60000, NULL, &data, &size, &status), -1);
	assert_non_null(strstr(ipb_error_text(&err), "16 MiB"));
	assert_int_equal(run("head -c 16777216 /dev/zero", 60000, NULL, &data, &size, &status), 0);
	assert_int_equal(size, PROGRAM_OUTPUT_MAX);
	free(data);
}

/* Runs a script that writes the numbers of its processes to $F, and tells how many are alive soon after it was ended. */
static int left_of(const char *script, int count, uint64_t timeout_ms, int result)
{
	char name[] = "/tmp/ipbench-wrapper-test-XXXXXX", line[1000];
	char *data = NULL;
	size_t size;
	int status, pid, alive = 0, found = 0;

	close(mkstemp(name));
	snprintf(line, sizeof line, "F=%s; export F; %s", name, script);
	assert_int_equal(run(line, timeout_ms, NULL, &data, &size, &status), result);
	free(data);
	for (int waited = 0; waited < 20000; waited += 10) { /* a crowded machine takes its time to end what was killed */
		FILE *file = fopen(name, "r");
		for (alive = found = 0; fscanf(file, "%d", &pid) == 1; found++)
			alive += kill(pid, 0) == 0;
		fclose(file);
		if (alive == 0)
			break;
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	unlink(name);
	assert_int_equal(found, count);
	return alive;
}

/* Processes that try to get away: own session, double fork, ignored signals. */
static void nothing_is_left(void **state)
{
	(void)state;
	assert_int_equal(left_of("sleep 601 & echo $! >>$F; "
	                         "setsid sh -c 'trap \"\" TERM INT HUP; sleep 602 & echo $! $$ >>$F; sleep 603' & "
	                         "(setsid sh -c 'echo $$ >>$F; exec sleep 604' &) ; "
	                         "until [ $(wc -w <$F) = 4 ]; do sleep 0.05; done",
	                         4, 20000, 0), 0);
}

/* A program stops its keeper: what it started ends all the same. */
static void a_stopped_keeper_goes_on(void **state)
{
	(void)state;
	assert_int_equal(left_of("setsid sleep 605 & echo $! $$ >>$F; kill -STOP $PPID; sleep 606", 2, 1000, -1), 0);
}

static void results_are_checked(void **state)
{
	struct client_data d = { 0 };
	struct wrapper w = { .start_status = 2, .output_status = -1, .data = strdup("hello"), .size = 5 };
	char *wire, *json, broken[40];
	int size;

	(void)state;
	assert_int_equal(wrapper_marshall(&w, 1, &wire, &size, &err), 0);
	assert_int_equal(size, 32 + 5);
	assert_int_equal(wrapper_unmarshall(wire, size, &d.data, &d.size, &err), 0);
	assert_int_equal(wrapper_results(&d, &json), 0);
	assert_non_null(strstr(json, "\"start_exit_status\",\"value\":2"));
	assert_null(strstr(json, "output_exit_status"));
	ipb_report_free(&json);
	ipb_report_free(&d.data);
	for (int i = 32; i < size; i++) /* truncated: the size inside no longer fits */
		assert_int_equal(wrapper_unmarshall(wire, i, &d.data, &d.size, &err), -1);
	memcpy(broken, wire, 37);
	memset(broken + 24, 0xff, 8);
	assert_int_equal(wrapper_unmarshall(broken, 37, &d.data, &d.size, &err), -1);
	assert_int_equal(wrapper_unmarshall(NULL, 5, &d.data, &d.size, &err), -1);
	assert_int_equal(wrapper_unmarshall("x", -1, &d.data, &d.size, &err), -1);
	assert_int_equal(wrapper_unmarshall("plain", 5, &d.data, &d.size, &err), 0); /* an original's */
	assert_int_equal(d.size, 32 + 5);
	ipb_report_free(&d.data);
	ipb_report_free(&wire);
}

/* The program that is run is the resolved one, its name the link's. */
static void a_link_keeps_its_name(void **state)
{
	char folder[] = "/tmp/ipbench-unit-XXXXXX", command[200], link[80], real[4096], *data;
	struct words w;
	struct program p;
	size_t size;
	int status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_non_null(realpath("/bin/sh", real));
	snprintf(link, sizeof link, "%s/other-name", folder);
	assert_int_equal(symlink(real, link), 0);
	snprintf(command, sizeof command, "%s -c 'printf %%s $0'", link);
	assert_int_equal(words_parse(&w, command, &err), 0);
	assert_int_equal(words_allow(&w, "/", "argument start", &err), 0);
	assert_int_equal(program_start(&p, &w, 1, &err), 0);
	assert_int_equal(program_finish(&p, NULL, 10000000000, &data, &size, &status, &err), 0);
	assert_int_equal(size, strlen(link));
	assert_memory_equal(data, link, size);
	free(data);
	words_free(&w);
	unlink(link);
	rmdir(folder);
}

/* What is at the path when a program starts is another file than the one that was examined. */
static void what_was_checked_is_what_runs(void **state)
{
	char folder[] = "/tmp/ipbench-unit-XXXXXX", first[80], second[80], command[300], *data = NULL;
	struct words w;
	struct program p;
	size_t size = 0;
	int status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(first, sizeof first, "%s/program", folder);
	snprintf(second, sizeof second, "%s/other", folder);
	for (int script = 0; script < 2; script++) {
		snprintf(command, sizeof command, script ? "printf '#!/bin/sh\necho %%s\n' checked >%s; chmod 755 %s" : "cp /bin/echo %s; : %s",
		         first, first);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof command, "printf '#!/bin/sh\necho other\n' >%s; chmod 755 %s", second, second);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof command, "%s checked", first);
		assert_int_equal(words_parse(&w, command, &err), 0);
		assert_int_equal(words_allow(&w, folder, "argument start", &err), 0);
		assert_int_equal(rename(second, first), 0);
		assert_int_equal(program_start(&p, &w, 1, &err), 0);
		int finished = program_finish(&p, NULL, 10000000000, &data, &size, &status, &err);
		if (script) {
			assert_int_equal(finished, -1); /* it cannot be run, and the other is not */
		} else {
			assert_int_equal(finished, 0);
			assert_int_equal(size, strlen("checked\n"));
			assert_memory_equal(data, "checked\n", size);
			free(data);
		}
		words_free(&w);
		unlink(first);
	}
	rmdir(folder);
}

static void prints(const char *bytes, int size, int type, const char *expected)
{
	char path[] = "/tmp/ipbench-unit-XXXXXX", text[100] = "";
	struct client_data d = { .valid = 1, .type = type };
	int file = mkstemp(path), old = dup(STDOUT_FILENO);

	assert_int_equal(wrapper_unmarshall(bytes, size, &d.data, &d.size, &err), 0);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	wrapper_print(&d);
	fflush(stdout);
	dup2(old, STDOUT_FILENO);
	ssize_t n = pread(file, text, sizeof text - 1, 0);
	unlink(path);
	close(file);
	close(old);
	ipb_report_free(&d.data);
	assert_int_equal(n, strlen(expected));
	assert_string_equal(text, expected);
}

static void texts_end_with_a_newline(void **state)
{
	(void)state;
	prints("12", 2, IPBENCH_CLIENT, "12\n");
	prints("12\n", 3, IPBENCH_CLIENT, "12\n");
	prints("", 0, IPBENCH_CLIENT, "\n");
	prints("12", 2, IPBENCH_TARGET, "12\n");
	prints("", 0, IPBENCH_TARGET, "");
}

/* Bytes of an original daemon, which are the program's output alone. */
static char *results_of(const char *output)
{
	struct client_data d = { 0 };
	char *json;

	assert_int_equal(wrapper_unmarshall(output, (int)strlen(output), &d.data, &d.size, &err), 0);
	assert_int_equal(wrapper_results(&d, &json), 0);
	ipb_report_free(&d.data);
	return json;
}

static void lines_are_figures(void **state)
{
	(void)state;
	char *json = results_of("Hello\nmetric: sum_throughput 344.97 MB/s\nmetric: max_latency -1e3\n metric: min_x 1\nmetric:mean_y 2 s");
	assert_non_null(strstr(json, "{\"name\":\"sum_throughput\",\"value\":344.97,\"unit\":\"MB/s\"}"));
	assert_non_null(strstr(json, "{\"name\":\"max_latency\",\"value\":-1000,\"unit\":\"\"}"));
	assert_non_null(strstr(json, "{\"name\":\"mean_y\",\"value\":2,\"unit\":\"s\"}"));
	assert_null(strstr(json, "min_x")); /* the mark begins the line */
	assert_null(strstr(json, "reasons"));
	free(json);
}

static void other_lines_with_the_mark_are_told(void **state)
{
	static const char *const bad[] = { "metric:", "metric: throughput 1", "metric: sum_ 1", "metric: sum_x", "metric: sum_x one",
		                           "metric: sum_x nan", "metric: sum_x inf", "metric: sum_x 1 s more", "metric: sum_x-y 1",
		                           "metric: sum_x 1z", "metric: start_exit_status 0" };
	char many[4000] = "", line[40];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *json = results_of(bad[i]);
		if (strstr(json, "program-figure") == NULL)
			fail_msg("%s: %s", bad[i], json);
		free(json);
	}
	for (int i = 0; i < 70; i++) {
		snprintf(line, sizeof line, "metric: sum_x%d 1\n", i);
		strcat(many, line);
	}
	char *json = results_of(many);
	assert_non_null(strstr(json, "sum_x63"));
	assert_null(strstr(json, "sum_x64"));
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines_are_figures), cmocka_unit_test(other_lines_with_the_mark_are_told),
		cmocka_unit_test(words_are_split), cmocka_unit_test(only_below_allowed_directories),
		                            cmocka_unit_test(nobody_learns_what_files_there_are),
		                            cmocka_unit_test(programs_are_run), cmocka_unit_test(limits_hold),
		                            cmocka_unit_test(nothing_is_left),
		                            cmocka_unit_test(a_stopped_keeper_goes_on), cmocka_unit_test(results_are_checked),
		                            cmocka_unit_test(a_link_keeps_its_name),
		                            cmocka_unit_test(what_was_checked_is_what_runs),
		                            cmocka_unit_test(texts_end_with_a_newline) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
