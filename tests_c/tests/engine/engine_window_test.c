/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Where the measured phase begins and ends, and the rates over it: N packets take N intervals, whatever ends it. The
 * truth is arithmetic, and the schedule made again by its seed.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define COMMON "socktype=udp,noise=0,cooldown=0,drain=0.5,late=0.2,tsc=0,"

/* The phase holds every packet that is due in it, and ends where the next one is. stopped: the last packets may have
 * become due after the last that was sent. */
static void check_window(const struct ipb_engine *e, const struct ipb_engine_result *r, int stopped)
{
	struct ipb_sched s;
	uint64_t due = 0;

	ipb_sched_init(&s, e->config.arrival, e->config.burst, e->config.rate_bps, &e->config.sizes, e->config.seed, e->start_ns,
	               e->config.rampup_ns);
	while (s.due_ns < r->window_start_ns)
		ipb_sched_next(&s);
	for (; s.due_ns < r->window_end_ns; due++)
		ipb_sched_next(&s);
	assert_in_range(r->counts.sent + r->unsent, stopped ? 1 : due, due);
	assert_int_equal(s.due_ns, r->window_end_ns);
}

static void samples_have_the_rate_that_was_asked_for(void **state)
{
	static const struct {
		const char *args;
		double bps;
		uint64_t window_ns; /* per packet */
	} cases[] = {
		{ "bps=512k,size=64,samples=10,warmup=0", 512e3, 1000000 },
		{ "bps=512k,size=64,samples=10,warmup=5500us", 512e3, 1000000 },
		{ "bps=512k,size=64,samples=10,rampup=10500us,warmup=20ms", 512e3, 1000000 },
		{ "bps=512k,size=64,samples=1,warmup=0", 512e3, 1000000 },
		{ "bps=512k,size=64,samples=100,arrival=burst:50,warmup=0", 512e3, 1000000 },
		{ "bps=512k,size=64,samples=100,arrival=burst:50,warmup=60ms", 512e3, 1000000 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[300];
		snprintf(text, sizeof text, COMMON "%s", cases[k].args);
		struct ipb_engine *e = engine_run_spoiled(&s, "drop", 1000000, &args, text, &r);
		check_window(e, &r, 0);
		assert_true(r.counts.sent >= e->config.samples);
		assert_int_equal(r.window_end_ns - r.window_start_ns, r.counts.sent * cases[k].window_ns);
		assert_int_equal(r.unsent, 0);
		/* A standstill may have put off a packet beyond the phase. */
		const double left = (double)e->sent_in_window / (double)r.counts.sent;
		assert_true(fabs(r.sent_bps - cases[k].bps * left) < 1e-3 * cases[k].bps && left <= 1);
		assert_true(r.received_bps <= cases[k].bps * (1 + 1e-9));
		assert_true(e->missing >= -1e-9);
		assert_null(reason_of(&r, "rate-exceeded"));
		engine_close(e, &args);
	}
}

static void *stop_soon(void *engine)
{
	usleep(150000);
	ipb_engine_stop(engine);
	return NULL;
}

/* However the phase ends. */
static void the_phase_ends_where_the_next_packet_is_due(void **state)
{
	static const struct {
		const char *args;
		uint32_t drop_every;
		int stop;
	} cases[] = {
		{ "bps=512k,size=64,samples=100,arrival=poisson,warmup=5ms", 1000000, 0 },
		{ "bps=2M,sizes=\"64:3,400:1\",samples=100,warmup=5ms", 1000000, 0 },
		{ "bps=2M,sizes=\"64:3,400:1\",samples=100,arrival=poisson,rampup=30ms,warmup=0", 1000000, 0 },
		{ "bps=100k,size=100,samples=20,warmup=0", 2, 0 },             /* samples-missing */
		{ "bps=512k,size=64,duration=60,until_ci=1,warmup=0", 1000000, 0 },
		{ "bps=100k,size=100,samples=1000,warmup=0", 1000000, 1 },
		{ "bps=100k,size=100,duration=60,warmup=0", 1000000, 1 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[300];
		pthread_t stopper;
		spoiler_begin(&s, "drop", cases[k].drop_every, 0);
		snprintf(text, sizeof text, COMMON "%s", cases[k].args);
		struct ipb_engine *e = engine_open(&args, text, ipb_sock_port(s.fd));
		if (cases[k].stop)
			assert_int_equal(pthread_create(&stopper, NULL, stop_soon, e), 0);
		assert_int_equal(ipb_engine_run(e, NULL), 0);
		if (cases[k].stop)
			pthread_join(stopper, NULL);
		spoiler_end(&s);
		ipb_engine_result(e, &r);
		assert_int_equal(reason_of(&r, "stopped") != NULL, cases[k].stop);
		assert_true(r.counts.sent > 5);
		check_window(e, &r, cases[k].stop);
		engine_close(e, &args);
	}
}

/* 10^12 / 512 packets are due in the second, and no machine sends them: the rest is counted, and not one by one. */
static void far_too_much_ends_in_time(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	struct timespec before, after;

	(void)state;
	spoiler_begin(&s, "drop", 1000000, 0);
	struct ipb_engine *e = engine_open(&args, COMMON "bps=1T,size=64,duration=1,warmup=0.5", ipb_sock_port(s.fd));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	spoiler_end(&s);
	ipb_engine_result(e, &r);
	const double seconds = (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
	print_message("# %.1f s, %llu sent, %llu not\n", seconds, (unsigned long long)r.counts.sent, (unsigned long long)r.unsent);
	assert_int_equal(r.counts.sent + r.unsent, 1953125000);
	assert_true(r.counts.sent > 0);
	assert_non_null(reason_of(&r, "packets-not-sent"));
	assert_true(seconds < (double)ipb_engine_duration_ns(&e->config) / 1e9 + 0.5);
	engine_close(e, &args);
}

/* How long the loop is held up, in nanoseconds. */
static long held_ns;

static void hold_up(int number)
{
	(void)number;
	nanosleep(&(struct timespec){ 0, held_ns }, NULL);
}

/* A standstill counts with the part of it that lies in the measured phase, whichever end of it reaches beyond. */
static void a_standstill_counts_where_it_was_measured(void **state)
{
	static const struct {
		long after_us, held_ns; /* from when the engine runs */
	} cases[] = {
		{ 200000, 400000000 }, /* begins in the phase, ends behind it */
		{ 50000, 150000000 },  /* begins before it */
		{ 50000, 600000000 },  /* both */
	};
	sigset_t alarm_only;

	(void)state;
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	signal(SIGALRM, hold_up);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;

		pthread_sigmask(SIG_BLOCK, &alarm_only, NULL); /* the echo's thread is not to be held up */
		spoiler_begin(&s, "drop", 1000000, 0);
		struct ipb_engine *e = engine_open(&args, COMMON "bps=512k,size=64,duration=0.2,warmup=0.1", ipb_sock_port(s.fd));
		pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
		held_ns = cases[k].held_ns;
		setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { 0, cases[k].after_us } }, NULL);
		assert_int_equal(ipb_engine_run(e, NULL), 0);
		spoiler_end(&s);
		ipb_engine_result(e, &r);
		print_message("# %llu gaps, %.1f ms, longest %.1f ms\n", (unsigned long long)e->gaps.count, (double)e->gaps.sum_ns / 1e6,
		              (double)e->gaps.longest_ns / 1e6);
		assert_true(e->gaps.count >= 1 && e->gaps.longest_ns <= e->gaps.sum_ns);
		assert_true(e->gaps.sum_ns <= r.window_end_ns - r.window_start_ns);
		/* The first two reach 100 ms into the phase, the last fills it; the timer may come late on a busy machine. */
		assert_true(e->gaps.sum_ns >= (k == 2 ? 150000000u : 40000000u));
		assert_non_null(reason_of(&r, "scheduling-gaps"));
		engine_close(e, &args);
	}
	signal(SIGALRM, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_have_the_rate_that_was_asked_for),
		cmocka_unit_test(the_phase_ends_where_the_next_packet_is_due),
		cmocka_unit_test(far_too_much_ends_in_time),
		cmocka_unit_test(a_standstill_counts_where_it_was_measured),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
