/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* An echo that is silent for a while: how long it was dark, and when that ends a run.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipb_rng.h"
#include "quiet.h"

#define PPS 1000

static void sleep_ms(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) };

	nanosleep(&t, NULL);
}

struct blinker {
	struct spoiler *s;
	struct ipbench_progress *progress;
	uint64_t before_ms, dark_ms;
	uint64_t seen_ns;  /* longest darkness that the progress page told */
	uint64_t after_ns; /* what it told at the end */
};

static void *blink(void *context)
{
	struct blinker *b = context;

	sleep_ms(b->before_ms);
	__atomic_store_n(&b->s->silent, 1, __ATOMIC_RELAXED);
	for (uint64_t ms = 0; ms < b->dark_ms; ms += 10) {
		sleep_ms(10);
		const uint64_t ns = __atomic_load_n(&b->progress->dark_ns, __ATOMIC_ACQUIRE);
		b->seen_ns = ns > b->seen_ns ? ns : b->seen_ns;
	}
	__atomic_store_n(&b->s->silent, 0, __ATOMIC_RELAXED);
	sleep_ms(450);
	b->after_ns = __atomic_load_n(&b->progress->dark_ns, __ATOMIC_ACQUIRE);
	return NULL;
}

static struct ipb_engine *run(struct ipb_args *args, const char *more, uint64_t before_ms, uint64_t dark_ms, struct blinker *b)
{
	static struct spoiler s;
	static struct ipbench_progress progress;
	char text[300];
	pthread_t thread;

	memset(&progress, 0, sizeof progress);
	spoiler_begin(&s, "", UINT32_MAX, 0);
	snprintf(text, sizeof text, "socktype=udp,bps=%u,size=64,noise=0,warmup=0,cooldown=0,%s", PPS * 64 * 8, more);
	struct ipb_engine *e = engine_open(args, text, ipb_sock_port(s.fd));
	*b = (struct blinker){ &s, &progress, before_ms, dark_ms, 0, 0 };
	assert_int_equal(pthread_create(&thread, NULL, blink, b), 0);
	assert_int_equal(ipb_engine_run(e, &progress), 0);
	pthread_join(thread, NULL);
	spoiler_end(&s);
	return e;
}

static void a_silence_is_told_live_and_at_the_end(void **state)
{
	struct ipb_args args;
	struct ipb_engine_result r;
	struct blinker b;

	(void)state;
	quiet_note();
	struct ipb_engine *e = run(&args, "duration=2,drain=0.1,late=0.1,max_outage=5", 500, 600, &b);
	ipb_engine_result(e, &r);
	assert_false(r.broken);
	assert_int_equal(e->outages.sum.packets, r.counts.lost);
	assert_timely(e->outages.sum.count == 1);
	assert_timely(r.counts.lost > 0.55 * PPS && r.counts.lost < 0.75 * PPS);
	/* It is told once it is unusual, and reported every 0.2 s. */
	assert_timely(b.seen_ns > 250000000 && b.seen_ns < 700000000);
	assert_int_equal(b.after_ns, 0);
	engine_close(e, &args);
}

static void a_silence_ends_a_run_that_does_not_wait(void **state)
{
	struct ipb_args args;
	struct ipb_engine_result r;
	struct blinker b;

	(void)state;
	struct ipb_engine *e = run(&args, "duration=3,drain=0.2,late=0.1", 300, 1500, &b);
	ipb_engine_result(e, &r);
	assert_true(r.broken);
	const struct ipb_reason *died = reason_of(&r, "target-died");
	assert_non_null(died);
	assert_non_null(strstr(died->text, "max_outage="));
	/* What it was dark for until then is told all the same, and that it was at the end. */
	assert_true(e->outages.list.count >= 1);
	const struct ipb_outage *last = &e->outages.list.kept[e->outages.list.count - 1];
	assert_int_equal(last->first + last->packets, e->track.next);
	engine_close(e, &args);
}

/* Shorter than max_outage: the run comes to its end, and does not call the target dead. */
static void still_dark_at_the_end(void **state)
{
	struct ipb_args args;
	struct ipb_engine_result r;
	struct blinker b;

	(void)state;
	struct ipb_engine *e = run(&args, "duration=1,drain=0.1,late=0.1,max_outage=5", 600, 900, &b);
	ipb_engine_result(e, &r);
	assert_false(r.broken);
	assert_null(reason_of(&r, "target-died"));
	const struct ipb_outage *last = &e->outages.list.kept[e->outages.list.count - 1];
	assert_int_equal(last->first + last->packets, e->track.next);
	engine_close(e, &args);
}

enum { THREADS = 3, FLOWS = 2, EACH = 400, STEP = 3000 };

/* One thread's engine as its run leaves it: packet k is due so many intervals in, and was answered or not. */
static struct ipb_engine *thread_of(uint32_t i, const char *fate, uint64_t first)
{
	struct ipb_engine *e = calloc(1, sizeof *e);
	struct ipb_error err = { 0 };

	e->config.flows = FLOWS;
	e->config.outage = 2;
	e->config.proto = IPB_UDP;
	e->sched.interval_ns = STEP;
	e->measure_ns = 0;
	e->end_ns = UINT64_MAX;
	e->late_span_ns = 1;
	e->late_us = calloc(IPB_LATE_SPANS, sizeof *e->late_us);
	assert_int_equal(ipb_track_init(&e->track, 1024, EACH, FLOWS, 1000000, &err), 0);
	assert_int_equal(ipb_outages_init(&e->outages, 2, FLOWS, &err), 0);
	for (uint64_t k = 0; k < first; k++)
		ipb_track_sent(&e->track, 0, 64, 0, 0);
	/* Thread 0 is the last one of each turn: its measured packets begin later. */
	const uint64_t due = (i == 0 ? THREADS : i) * STEP / THREADS;
	e->measured_due = (struct ipb_even){ due, 0, STEP, 0 };
	for (uint64_t k = 0; k < EACH; k++) {
		if (fate[k] == 'r')
			ipb_track_refused(&e->track, due + k * STEP, 64, 0, 1);
		else
			ipb_track_sent(&e->track, due + k * STEP, 64, 0, 1);
		if (fate[k] == '.')
			ipb_track_reply(&e->track, first + k, (uint32_t)((first + k) % FLOWS), 0, 1);
	}
	ipb_track_finish(&e->track);
	return e;
}

/* The packets of three threads, in the order in which they were due, against a plain count over all of them. */
static void threads_are_dark_together(void **state)
{
	static const uint64_t first[THREADS] = { 7, 4, 9 };
	char fate[THREADS][EACH];
	struct ipb_engine *e[THREADS];
	struct ipb_rng rng;

	(void)state;
	ipb_rng_seed(&rng, 5);
	for (uint64_t k = 0; k < EACH; k++)
		for (uint32_t i = 0; i < THREADS; i++) {
			const uint32_t draw = ipb_rng_below(&rng, 100);
			fate[i][k] = (k >= 100 && k < 150) || draw < 3 ? 'x' : draw < 5 && k > 300 ? 'r' : '.';
			if (i == 1 && k >= 200 && k < 260 && (first[1] + k) % FLOWS == 1)
				fate[i][k] = 'x'; /* flow 3 alone */
		}
	for (uint32_t i = 0; i < THREADS; i++)
		e[i] = thread_of(i, fate[i], first[i]);
	uint64_t length = 0, longest = 0, longest_at = 0, runs = 0, refused = 0;
	for (uint64_t p = 0; p <= THREADS * EACH; p++) {
		const char c = p < THREADS * EACH ? fate[(p + 1) % THREADS][p / THREADS] : '.';
		refused += c == 'r';
		if (c != '.') {
			length++;
			continue;
		}
		runs += length > 0;
		if (length > longest) {
			longest = length;
			longest_at = p - length;
		}
		length = 0;
	}
	ipb_engine_join_outages(e, THREADS);
	const struct ipb_outages *o = &e[0]->outages;
	assert_int_equal(o->next, THREADS * EACH);
	assert_int_equal(o->runs, runs);
	assert_int_equal(o->sum.longest, longest);
	assert_true(longest >= THREADS * 50);
	assert_int_equal(o->lost, e[0]->track.counts.lost + e[1]->track.counts.lost + e[2]->track.counts.lost + refused);
	uint32_t at = 0;
	for (uint32_t i = 0; i < o->list.count; i++)
		at = o->list.kept[i].packets == longest ? i : at;
	assert_int_equal(o->list.kept[at].first, longest_at);
	assert_int_equal(ipb_even_at(&e[0]->measured_due, longest_at), (longest_at + 1) * STEP / THREADS);
	/* Flow 1 of thread 1 is flow 3 of all. */
	const struct ipb_outage *single = NULL;
	for (uint32_t i = 0; i < o->flow_list.count; i++)
		if (single == NULL || o->flow_list.kept[i].packets > single->packets)
			single = &o->flow_list.kept[i];
	assert_non_null(single);
	assert_int_equal(single->flow, 3);
	assert_in_range(single->packets, 30, 32);
	for (uint32_t i = 0; i < THREADS; i++) {
		ipb_track_free(&e[i]->track);
		ipb_outages_free(&e[i]->outages);
		free(e[i]->late_us);
		free(e[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silence_is_told_live_and_at_the_end),
		cmocka_unit_test(a_silence_ends_a_run_that_does_not_wait),
		cmocka_unit_test(still_dark_at_the_end),
		cmocka_unit_test(threads_are_dark_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
