/* rr and connections against servers that go wrong: every request has one fate, the right one, and no fault hangs the run;
 * no connection is left behind.  SPDX-License-Identifier: MIT */
#include "request_server.h"
#include "requests_run.h"

#include <dirent.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct run against(struct server *s, const char *name, const char *arguments)
{
	assert_int_equal(server_start(s), 0);
	const int before = open_files();
	struct run r = measure(name, s->port, arguments);
	server_end(s);
	assert_true(open_files() <= before); /* the server's own have gone, too */
	if (r.json != NULL)
		adds_up(&r);
	return r;
}

static void an_echo_answers_all(void **state)
{
	struct server s = { .does = SERVER_ECHOES };
	struct run r = against(&s, "rr", "rate=500,duration=0.5,connections=4,request=100");

	(void)state;
	assert_true(r.valid);
	figure_is(&r, "sent", 250);
	figure_is(&r, "ok", 250);
	assert_int_equal(atomic_load(&s.accepted), 4);
	assert_true(atomic_load(&s.bytes) >= 250 * 100);
	free(r.json);
}

static void a_closed_loop_keeps_its_depth(void **state)
{
	struct server s = { .does = SERVER_ECHOES };
	struct run r = against(&s, "rr", "duration=0.3,connections=3,depth=5,request=300K");

	(void)state;
	assert_true(r.valid && figure(&r, "ok") > 15);
	assert_int_equal(figure(&r, "corrupt"), 0);
	free(r.json);
}

static void each_connection_is_one_of_the_servers(void **state)
{
	struct server s = { .does = SERVER_ECHOES };
	struct run r = against(&s, "connections", "rate=200,warmup=0,duration=0.5,connections=20");

	(void)state;
	assert_true(r.valid);
	figure_is(&r, "ok", 100);
	assert_int_equal(atomic_load(&s.accepted), 100);
	figure_is(&r, "connections_opened", 100);
	assert_true(figure(&r, "connect_p50") > 0 && figure(&r, "first_byte_p50") >= figure(&r, "connect_p50"));
	free(r.json);
}

static void a_silent_target_ends_the_run(void **state)
{
	struct server s = { .does = SERVER_IS_SILENT };
	const uint64_t from_ns = ipb_now_ns();
	struct run r = against(&s, "rr", "rate=200,duration=20,drain=0.2,late=0.1,connections=50");

	(void)state;
	assert_true(ipb_now_ns() - from_ns < 10000000000ull);
	assert_false(r.valid);
	says(&r, "\"target-silent\"");
	assert_true(figure(&r, "lost") == figure(&r, "sent") && figure(&r, "timed_out") > 0);
	free(r.json);
}

static void a_half_closed_connection_answers_nothing(void **state)
{
	struct server s = { .does = SERVER_HALF_CLOSES };
	struct run r = against(&s, "rr", "rate=100,duration=0.3,connections=2");

	(void)state;
	assert_false(r.valid);
	assert_true(figure(&r, "closed") > 0 && figure(&r, "ok") == 0);
	free(r.json);
}

static void a_reset_is_called_one(void **state)
{
	struct server s = { .does = SERVER_RESETS };
	struct run r = against(&s, "connections", "rate=100,duration=0.3,connections=10,request=10");

	(void)state;
	assert_false(r.valid);
	assert_true(figure(&r, "reset") > 0 && figure(&r, "ok") == 0);
	free(r.json);
}

static void what_comes_back_changed_is_corrupt(void **state)
{
	struct server s = { .does = SERVER_DAMAGES };
	struct run r = against(&s, "rr", "rate=100,duration=0.3");

	(void)state;
	assert_false(r.valid);
	assert_true(figure(&r, "corrupt") == figure(&r, "sent") && figure(&r, "sent") == 30);
	/* Neither in the sum nor in any interval is one lost. */
	for (const char *at = r.json; (at = strstr(at, "\"lost\":")) != NULL;)
		assert_int_equal(strtoull(at += strlen("\"lost\":"), NULL, 10), 0);
	free(r.json);
}

static void a_target_that_dies_ends_the_run(void **state)
{
	struct server s = { .does = SERVER_DIES, .at_ns = 500000000 };
	const uint64_t from_ns = ipb_now_ns();
	struct run r = against(&s, "rr", "rate=200,duration=20,drain=0.3,late=0.1,connections=4");

	(void)state;
	assert_true(ipb_now_ns() - from_ns < 10000000000ull);
	assert_false(r.valid);
	says(&r, "\"target-died\"");
	assert_true(figure(&r, "ok") > 0 && figure(&r, "refused") > 0);
	free(r.json);
}

static void nobody_listens(void **state)
{
	struct server s = { .does = SERVER_ECHOES };

	(void)state;
	assert_int_equal(server_start(&s), 0);
	server_end(&s);
	struct run r = measure("rr", s.port, "rate=100,duration=0.3");
	assert_false(r.set_up);
	assert_non_null(strstr(r.error, "Connection refused"));
	r = measure("connections", s.port, "rate=100,duration=10");
	assert_false(r.valid);
	says(&r, "\"target-unreachable\"");
	adds_up(&r);
	assert_true(figure(&r, "refused") == figure(&r, "sent") && figure(&r, "sent") > 0);
	free(r.json);
}

/* Open loop: what was due while the target stood still has waited. A service time hides most of that. */
static void a_stall_shows_in_response_times(void **state)
{
	struct server s = { .does = SERVER_STALLS, .at_ns = 400000000, .stall_ms = 300 };
	struct run r = against(&s, "rr", "rate=500,duration=1,connections=2,drain=2");

	(void)state;
	assert_true(r.valid);
	figure_is(&r, "ok", 500);
	/* A third of the second is the stall: of the requests due in it, the earliest waited for 300 ms. */
	assert_true(percentile_ms(&r, "response", "p90_ns") > 200);
	assert_true(figure(&r, "queued") > 100);
	free(r.json);
}

/* What is due and finds no free connection in time is not lost: it never left. */
static void too_few_connections_are_a_reason(void **state)
{
	struct server s = { .does = SERVER_IS_SILENT };
	struct run r = against(&s, "rr", "rate=1000,duration=0.5,connections=3,drain=5,late=0.1");

	(void)state;
	assert_int_equal(figure(&r, "sent"), 0); /* the warm-up's requests hold the connections */
	figure_is(&r, "unsent", 500);
	says(&r, "\"rate-not-reached\"");
	free(r.json);
}

#define ASK ",\"send=GET / HTTP/1.0\\r\\n\\x0d\\n\""

/* A response is what the server sends until it closes, or its first bytes; connections need no echo. */
static void any_server_answers_connections(void **state)
{
	static const struct {
		const char *until;
		size_t piece;
		int closes;
	} cases[] = { { ",until=closed", 0, 1 }, { ",until=closed", 5, 1 }, { ",until=first", 0, 0 }, { ",until=first", 5, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s = { .does = SERVER_ANSWERS, .text = "an answer of 24 bytes...", .piece = cases[i].piece, .closes = cases[i].closes };
		char arguments[200];
		snprintf(arguments, sizeof arguments, "rate=100,warmup=0,duration=0.3,connections=10%s" ASK, cases[i].until);
		struct run r = against(&s, "connections", arguments);
		assert_true(r.valid);
		figure_is(&r, "ok", 30);
		assert_int_equal(atomic_load(&s.accepted), 30);
		assert_int_equal(atomic_load(&s.bytes), 30 * 18); /* the text's escapes are a byte each */
		if (i < 2) /* whole answers: bits a second in 0.3 s; the last of them may come after it */
			assert_timely(fabs(figure(&r, "received_bps") * 0.3 / 8 - 24 * 27.5) <= 24 * 2.5 + 1);
		free(r.json);
	}
}

/* Each way to fail, for each of the three that ask for an answer. */
static void each_fault_is_called_what_it_is(void **state)
{
	static const struct {
		enum server_does does;
		const char *figure;
	} faults[] = { { SERVER_IS_SILENT, "timed_out" }, { SERVER_HALF_CLOSES, "closed" }, { SERVER_RESETS, "reset" } };
	static const char *const tests[][2] = { { "rr", "" }, { "connections", "" }, { "connections", ",until=closed" ASK },
		                                { "connections", ",until=first" ASK }, { "http", "" }, { "http", ",kept=0" } };

	(void)state;
	for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
		for (size_t t = 0; t < sizeof tests / sizeof *tests; t++) {
			struct server s = { .does = faults[f].does };
			char arguments[200];
			if (opened_plugin(tests[t][0]) == NULL)
				continue; /* http, where its parser is missing */
			snprintf(arguments, sizeof arguments, "rate=100,warmup=0,duration=0.2,connections=30,drain=0.2,late=0.1%s", tests[t][1]);
			struct run r = against(&s, tests[t][0], arguments);
			if (r.valid || figure(&r, "sent") != 20 || figure(&r, "ok") != 0 || figure(&r, faults[f].figure) != 20)
				fail_msg("%s%s, %s: %s", tests[t][0], tests[t][1], faults[f].figure, r.json);
			free(r.json);
		}
}

/* In a process of its own, and one that may not raise its limits. */
static void descriptors_that_cannot_be_had_are_named(void **state)
{
	const struct rlimit few = { 256, 256 };
	struct server s = { .does = SERVER_ECHOES };
	int status = -1;

	(void)state;
	(void)opened_plugin("rr");
	assert_int_equal(server_start(&s), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (setrlimit(RLIMIT_NOFILE, &few) < 0 || (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0))
			_exit(2);
		struct run r = measure("rr", s.port, "connections=1000,duration=0.1");
		_exit(!r.set_up && strstr(r.error, "1000 connections need 1064 open files, and this process may have 256") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_end(&s);
	assert_int_equal(status, 0);
}

static void arguments_that_do_not_fit_are_told(void **state)
{
	uint64_t ns;

	(void)state;
	struct ipbench_plugin_ext *ext = opened_ext("rr");
	assert_int_equal(ext->expected_duration("proto=udp,request=4", &ns), -1);
	assert_int_equal(ext->expected_duration("connections=10000,depth=1000", &ns), -1);
	assert_int_equal(ext->expected_duration("rate=0.001", &ns), -1);
	assert_int_equal(ext->expected_duration("arrival=sometimes", &ns), -1);
	ext = opened_ext("connections");
	assert_int_equal(ext->expected_duration("send=a\\q", &ns), -1);
	assert_int_equal(ext->expected_duration("send=a\\x1", &ns), -1);
	assert_int_equal(ext->expected_duration("send=a,request=3", &ns), -1);
	assert_int_equal(ext->expected_duration("request=0,until=closed", &ns), -1);
	assert_int_equal(ext->expected_duration("rate=10,duration=3,warmup=1,cooldown=1,drain=1,late=1", &ns), 0);
	assert_int_equal(ns, 8000000000ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_echo_answers_all),
		                            cmocka_unit_test(a_closed_loop_keeps_its_depth),
		                            cmocka_unit_test(each_connection_is_one_of_the_servers),
		                            cmocka_unit_test(a_silent_target_ends_the_run),
		                            cmocka_unit_test(a_half_closed_connection_answers_nothing),
		                            cmocka_unit_test(a_reset_is_called_one),
		                            cmocka_unit_test(what_comes_back_changed_is_corrupt),
		                            cmocka_unit_test(a_target_that_dies_ends_the_run),
		                            cmocka_unit_test(nobody_listens),
		                            cmocka_unit_test(any_server_answers_connections),
		                            cmocka_unit_test(each_fault_is_called_what_it_is),
		                            cmocka_unit_test(a_stall_shows_in_response_times),
		                            cmocka_unit_test(too_few_connections_are_a_reason),
		                            cmocka_unit_test(arguments_that_do_not_fit_are_told),
		                            cmocka_unit_test(descriptors_that_cannot_be_had_are_named) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
