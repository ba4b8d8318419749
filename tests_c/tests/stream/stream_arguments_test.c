/* link: stream/options.o stream/connect.o stream/peer_ipbench.o stream/peer_old.o stream/peer_iperf2.o stream/iperf2_back.o stream/peer_iperf3.o stream/told.o stream/run.o stream/figures.o stream/threads.o stream/judge.o stream/result.o */
/* Arguments that stream refuses, and threads whose limit it tells.  SPDX-License-Identifier: MIT */
#include "stream_run.h"

static void wrong_arguments_are_refused(void **state)
{
	static const char *const args[] = { "direction=down,peer=discard", "direction=up,peer=chargen", "udp=1,peer=discard", "streams=1001",
		                            "direction=both,streams=501", "udp=1,size=31", "udp=1,size=65508", "udp=1,cc=cubic",
		                            "udp=1,copy=0", "proto=tcp,udp=1", "mss=40", "cc=\"a name that is much too long\"" };

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		struct stream_config c;
		struct ipb_args a;
		ipb_error_clear(&err);
		int status = ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, args[i], 0, &err);
		if (status == 0) {
			status = stream_configure(&c, &a, NULL, 0, &err);
			ipb_args_free(&a);
		}
		if (status == 0)
			fail_msg("%s was taken", args[i]);
		assert_non_null(strstr(ipb_error_text(&err), "argument "));
	}
}

static void unknown_congestion_control_is_told(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(run(SHORT ",cc=nosuch", served(), &o), -1);
	assert_non_null(strstr(ipb_error_text(&err), "cc=nosuch: no such congestion control here; loaded are:"));
}

/* What is said of the threads of a made-up end. */
static char *said_of(const struct ipb_pump_thread *threads, uint32_t count, uint32_t streams)
{
	struct stream_test t = { .config = { .limit_cpu = 0.95 } };
	struct ipb_bulk_stream all[8] = { 0 };
	struct ipb_bulk_result r = { .count = streams, .streams = all, .use = { .known = 1, .threads = count } };
	struct ipb_json j;

	memcpy(r.use.thread, threads, count * sizeof *threads);
	for (uint32_t i = 0; i < streams; i++)
		all[i].thread = i % count;
	ipb_json_init(&j);
	ipb_json_array(&j, NULL);
	stream_judge_threads(&t, &r, "tester", "tester-processor", &j);
	ipb_json_end_array(&j);
	return ipb_json_take(&j);
}

static void a_thread_at_its_limit_is_named(void **state)
{
	static const struct {
		struct ipb_pump_thread threads[2];
		const char *says; /* NULL: nothing */
	} cases[] = {
		{ { { .cpu = -1, .running = 0.94 }, { .cpu = 3, .running = 0.5, .waiting = 0.44, .busy = 0.94, .softirq = 0.9 } }, NULL },
		{ { { .cpu = 2, .running = 0.5, .busy = 1, .waiting = 0.05 }, { .cpu = -1, .running = 0.2 } }, NULL },
		{ { { .cpu = -1 }, { .sends = 1, .cpu = -1, .running = 0.96 } },
		  "\"thread 1 of the tester, which sends 2 streams, was running for 96 % of the measured phase and waiting for its processor for "
		  "0 % (limit 95 %): the rate" },
		{ { { .cpu = 3, .running = 0.5, .waiting = 0.46, .busy = 0.99, .softirq = 0.25 }, { .cpu = -1, .running = 0.94 } },
		  "\"thread 0 on processor 3 of the tester, which receives 3 streams, was running for 50 % of the measured phase and waiting for "
		  "its processor for 46 %, which was busy for 99 %, 25 % with interrupts (softirq) (limit 95 %): the rate" },
		{ { { .cpu = 3, .running = 0.3, .busy = 0.96, .softirq = 0.6 }, { .cpu = 2, .running = 0.5, .busy = 1, .waiting = 0.25 } },
		  "\"2 of 2 threads were at their limit; thread 1 on processor 2 of the tester, which receives 2 streams, was running for 50 %" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *said = said_of(cases[i].threads, 2, 5);
		assert_non_null(said);
		if (cases[i].says == NULL ? strcmp(said, "[]") != 0 : strstr(said, cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, said);
		free(said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unknown_congestion_control_is_told, begin, end),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(a_thread_at_its_limit_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
