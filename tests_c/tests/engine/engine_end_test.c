/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* How runs end: targets that are silent or die, and a stop. Rates are low: sanitizers and a busy
 * machine must not decide.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_json.h"
#include "quiet.h"

static void a_silent_target_is_named(void **state)
{
	struct spoiler s;
	struct ipb_engine_result r;

	(void)state;
	spoiler_begin(&s, "drop", 1, 0);
	engine_dies_as("target-silent", "socktype=udp,warmup=0.2,cooldown=5,bps=100k,samples=200", 1.3, ipb_sock_port(s.fd), &r);
	/* 4 packets a second are too few to tell; a dead target is named all the same, and the cool-down is cut. */
	engine_dies_as("no-answers", "socktype=udp,warmup=0,cooldown=20,bps=2048,duration=0.5", 0.5, ipb_sock_port(s.fd), &r);
	/* A phase between two packets. */
	engine_dies_as("nothing-sent", "socktype=udp,warmup=0.1,cooldown=0,bps=1000,duration=0.2", 0.2, ipb_sock_port(s.fd), &r);
	spoiler_end(&s);
}

static void an_unreachable_target_is_named(void **state)
{
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };

	(void)state;
	int fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, NULL, &err);
	uint16_t port = ipb_sock_port(fd);
	close(fd);
	engine_dies_as("target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=100k,samples=1000", 5.12, port, &r);
	engine_dies_as("target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=10k,duration=0.3", 0.3, port, &r);
}

static void *fall_silent(void *context)
{
	struct timespec pause = { 0, 400000000 };

	nanosleep(&pause, NULL);
	__atomic_store_n(&((struct spoiler *)context)->silent, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *go_away(void *context)
{
	struct timespec pause = { 0, 400000000 };

	nanosleep(&pause, NULL);
	spoiler_end(context);
	return NULL;
}

static void a_target_that_dies_is_named(void **state)
{
	static const struct {
		const char *code, *args;
		double longest_s;
		void *(*kill)(void *spoiler);
	} cases[] = {
		{ "target-died", "socktype=udp,warmup=0,cooldown=5,bps=200k,duration=20", 0.4, fall_silent },
		{ "target-died", "socktype=udp,warmup=0,cooldown=0,bps=200k,duration=0.9", 0.9, fall_silent },
		{ "target-died", "socktype=udp,warmup=0.1,cooldown=0.2,bps=200k,flows=3,duration=0.6", 0.9, fall_silent },
		{ "target-died", "socktype=udp,warmup=0,cooldown=0,bps=200k,late=60,duration=0.9", 0.9, fall_silent },
		{ "target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=200k,duration=0.9", 0.9, go_away },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct spoiler s;
		struct ipb_engine_result r;
		pthread_t thread;
		spoiler_begin(&s, "drop", 1000000, 0);
		assert_int_equal(pthread_create(&thread, NULL, cases[i].kill, &s), 0);
		engine_dies_as(cases[i].code, cases[i].args, cases[i].longest_s, ipb_sock_port(s.fd), &r);
		pthread_join(thread, NULL);
		assert_true(r.counts.ok > 0 && r.counts.lost > 0);
		if (cases[i].kill == fall_silent)
			spoiler_end(&s);
	}
}

/* How the tester below polls for replies. */
static struct {
	const struct ipb_xport *real;
	enum { LOOKS, LOOKS_AWAY, FINDS_NOTHING_ONCE, LOOKS_AGAIN } state;
} standing;

/* A tester that stands still until a target that answers has been silent for too long: it sends a while without looking
 * for replies, sleeps, and its next look finds nothing, as one does that is given an ICMP error instead of a reply. */
static int stand_still(struct ipb_engine *e)
{
	switch (standing.state) {
	case LOOKS:
		if (e->received_all >= 50)
			standing.state = LOOKS_AWAY;
		break;
	case LOOKS_AWAY:
		if (ipb_engine_is_silent(e, ipb_clock_now(&e->clock))) {
			standing.state = LOOKS; /* A crowded machine was too slow: the loop has called, not the last look. Once more. */
			break;
		}
		if (e->sends_since_reply < IPB_ENGINE_SILENT_PACKETS ||
		    e->last_send_ns < e->silent_since_ns + IPB_ENGINE_SILENT_SPAN_NS)
			return 0;
		while (!ipb_engine_is_silent(e, ipb_clock_now(&e->clock)))
			nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		standing.state = FINDS_NOTHING_ONCE;
		return 0;
	case FINDS_NOTHING_ONCE:
		standing.state = LOOKS_AGAIN;
		return 0;
	case LOOKS_AGAIN:
		break;
	}
	return standing.real->receive(e);
}

static void a_tester_that_stood_still_looks_once_more(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	spoiler_begin(&s, "drop", 1000000, 0);
	struct ipb_engine *e = engine_open(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=200k,duration=2,drain=0.5,late=0.5",
	                                   ipb_sock_port(s.fd));
	struct ipb_xport still = *e->x;
	standing.real = e->x;
	standing.state = LOOKS;
	still.receive = stand_still;
	e->x = &still;
	ipb_engine_run(e, NULL);
	e->x = standing.real;
	spoiler_end(&s);
	ipb_engine_result(e, &r);
	assert_int_equal(standing.state, LOOKS_AGAIN);
	if (r.broken)
		fail_msg("%s: %s", e->failed_code, e->failed_text);
	assert_int_equal(r.counts.ok + r.counts.late, r.counts.sent);
	engine_close(e, &args);
}

/* A packet is lost, and the next one is due a second later; the last one of a burst is lost. */
static void a_loss_is_no_death(void **state)
{
	static const char *const cases[] = { "bps=512,duration=2.5", "bps=102400,arrival=burst:150,duration=1.6" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[200];
		quiet_note();
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.2,late=0,%s", cases[i]);
		struct ipb_engine *e = engine_run_spoiled(&s, "drop", 2, &args, text, &r);
		assert_timely(!r.broken);
		assert_timely(r.counts.lost == s.faults.counts[FAULT_DROP]); /* no reply is late with late=0: a slow one is lost */
		engine_close(e, &args);
	}
}

/* The samples do not come in in time: a target's loss is a result, a tester that did not send enough is a reason. */
static void missing_samples_are_loss_or_a_reason(void **state)
{
	static const struct {
		const char *args;
		uint32_t drop_every;
		int missing;
	} cases[] = { { "bps=200k,size=100,samples=1000", 2, 0 }, { "bps=8G,size=64,samples=9000000", 1000000, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		struct ipb_json j;
		char text[200];
		quiet_note();
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.2,late=0,%s", cases[i].args);
		struct ipb_engine *e = engine_run_spoiled(&s, "drop", cases[i].drop_every, &args, text, &r);
		assert_true(r.counts.ok > 0 && r.counts.ok < e->config.samples);
		assert_timely(r.broken == cases[i].missing); /* an echo that has no processor looks like a dead one */
		assert_int_equal(reason_of(&r, "samples-missing") != NULL, cases[i].missing);
		assert_int_equal(r.counts.sent < e->config.samples, cases[i].missing);
		ipb_json_init(&j);
		ipb_json_object(&j, NULL);
		ipb_engine_report(e, &j);
		ipb_json_end_object(&j);
		const uint64_t answered = cases[i].missing ? r.counts.ok : s.faults.replies;
		snprintf(text, sizeof text, "\"missing_samples\":%llu", (unsigned long long)(e->config.samples - answered));
		char *json = ipb_json_take(&j);
		assert_non_null(strstr(json, text));
		free(json);
		engine_close(e, &args);
	}
}

static void *stop_soon(void *context)
{
	struct timespec pause = { 0, 200000000 };

	nanosleep(&pause, NULL);
	ipb_engine_stop(context);
	return NULL;
}

static void stop_ends_it(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	pthread_t thread;

	(void)state;
	spoiler_begin(&s, "drop", 1000000, 0);
	struct ipb_engine *e = engine_open(&args, "socktype=udp,noise=0,warmup=60,bps=100k", ipb_sock_port(s.fd));
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, e), 0);
	uint64_t before = ipb_now_ns();
	ipb_engine_run(e, NULL);
	assert_true(ipb_now_ns() - before < 20 * IPB_NS_PER_S);
	pthread_join(thread, NULL);
	ipb_engine_result(e, &r);
	assert_non_null(reason_of(&r, "stopped"));
	engine_close(e, &args);
	spoiler_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_target_is_named),
		cmocka_unit_test(an_unreachable_target_is_named),
		cmocka_unit_test(a_target_that_dies_is_named),
		cmocka_unit_test(a_tester_that_stood_still_looks_once_more),
		cmocka_unit_test(a_loss_is_no_death), cmocka_unit_test(missing_samples_are_loss_or_a_reason),
		cmocka_unit_test(stop_ends_it),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
