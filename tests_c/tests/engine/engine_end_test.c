/* link: engine_fixture.c ../latency/options.c ../latency/limits.c ../latency/marshal.c ../latency/output.c ../../tests/fixtures/fault_echo/faults.c */
/* How runs end: targets that are silent, die, close, reset or are slow, and a stop. Rates are low: sanitizers and a busy
 * machine must not decide.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_json.h"

/* Runs against a target that goes wrong: says so, and ends within warm-up, requested time, drain (0.5 s) and 2 s. */
static void dies_as(const char *code, const char *extra, double longest_s, uint16_t port, struct ipb_engine_result *r)
{
	struct ipb_args args;
	char text[300];

	snprintf(text, sizeof text, "noise=0,drain=0.5,%s", extra);
	uint64_t before = ipb_now_ns();
	struct ipb_engine *e = engine_run(&args, text, port);
	double took_s = (double)(ipb_now_ns() - before) / 1e9;
	ipb_engine_result(e, r);
	if (reason_of(r, code) == NULL)
		fail_msg("%s, not %s", r->reason_count > 0 ? r->reasons[0].code : "no reason", code);
	assert_true(r->invalid && r->broken);
	assert_int_equal(r->counts.ok + r->counts.lost + r->counts.late + r->counts.corrupt, r->counts.sent);
	if (took_s > longest_s + 0.5 + 2)
		fail_msg("%s took %.1f s", code, took_s);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

static void a_silent_target_is_named(void **state)
{
	struct spoiler s;
	struct ipb_engine_result r;

	(void)state;
	spoiler_begin(&s, "drop", 1, 0);
	dies_as("target-silent", "socktype=udp,warmup=0.2,cooldown=5,bps=100k,samples=200", 1.3, ipb_sock_port(s.fd), &r);
	/* 4 packets a second are too few to tell; a dead target is named all the same, and the cool-down is cut. */
	dies_as("no-answers", "socktype=udp,warmup=0,cooldown=20,bps=2048,duration=0.5", 0.5, ipb_sock_port(s.fd), &r);
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
	dies_as("target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=100k,samples=1000", 5.12, port, &r);
	dies_as("target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=10k,duration=0.3", 0.3, port, &r);
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
		dies_as(cases[i].code, cases[i].args, cases[i].longest_s, ipb_sock_port(s.fd), &r);
		pthread_join(thread, NULL);
		assert_true(r.counts.ok > 0 && r.counts.lost > 0);
		if (cases[i].kill == fall_silent)
			spoiler_end(&s);
	}
}

/* How the tester below looks for replies. */
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
	ipb_engine_close(e);
	ipb_args_free(&args);
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
		spoiler_begin(&s, "drop", 2, 0);
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.2,late=0,%s", cases[i]);
		struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(s.fd));
		spoiler_end(&s);
		ipb_engine_result(e, &r);
		assert_false(r.broken);
		assert_int_equal(r.counts.lost, s.faults.counts[FAULT_DROP]);
		ipb_engine_close(e);
		ipb_args_free(&args);
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
		spoiler_begin(&s, "drop", cases[i].drop_every, 0);
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.2,late=0,%s", cases[i].args);
		struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(s.fd));
		spoiler_end(&s);
		ipb_engine_result(e, &r);
		assert_true(r.counts.ok > 0 && r.counts.ok < e->config.samples);
		assert_int_equal(r.broken, cases[i].missing);
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
		ipb_engine_close(e);
		ipb_args_free(&args);
	}
}

struct tcp_end {
	int fd, reset;
};

/* Echoes a little and then closes or resets. */
static void *tcp_serve(void *context)
{
	struct tcp_end *t = context;
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	char bytes[6400];
	struct linger linger = { 1, 0 };

	poll(&p, 1, 5000);
	int fd = accept(t->fd, NULL, NULL);
	for (size_t all = 0; all < sizeof bytes;) {
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			break;
		all += (size_t)send(fd, bytes, (size_t)n, 0);
	}
	if (t->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	else
		shutdown(fd, SHUT_WR);
	if (!t->reset)
		while (recv(fd, bytes, sizeof bytes, 0) > 0)
			;
	close(fd);
	return NULL;
}

static void tcp_ends_with(int reset, const char *code)
{
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };
	struct tcp_end t = { ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, NULL, &err), reset };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, tcp_serve, &t), 0);
	dies_as(code, "warmup=0,cooldown=0,bps=500k,samples=2000", 3.05, ipb_sock_port(t.fd), &r);
	pthread_join(thread, NULL);
	close(t.fd);
}

static void tcp_end_of_file_is_named(void **state)
{
	(void)state;
	tcp_ends_with(0, "target-closed");
}

static void tcp_reset_is_named(void **state)
{
	(void)state;
	tcp_ends_with(1, "target-reset");
}

/* Echoes a quarter of what the tester wants to send, in a second. */
struct slow_end {
	int fd, over; /* over: atomic */
	uint64_t bytes_per_s;
};

static void *serve_slowly(void *context)
{
	struct slow_end *t = context;
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	char bytes[65536];
	uint64_t all = 0;

	poll(&p, 1, 5000);
	int fd = accept(t->fd, NULL, NULL);
	for (const uint64_t start = ipb_now_ns(); !__atomic_load_n(&t->over, __ATOMIC_RELAXED);) {
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		uint64_t due = (ipb_now_ns() - start) * t->bytes_per_s / IPB_NS_PER_S - all;
		ssize_t n = recv(fd, bytes, due < sizeof bytes ? due : sizeof bytes, MSG_DONTWAIT);
		if (n == 0 || (n > 0 && send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n))
			break;
		all += n > 0 ? (uint64_t)n : 0;
	}
	close(fd);
	return NULL;
}

/* What the target did is a result: no reason, but numbers and a note. */
static void slow_target_is_excused(const char *extra, int rcvbuf, int blocks)
{
	static const char *const excused[] = { "rate-not-reached", "packets-not-sent", "send-lateness" };
	struct ipb_args args;
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };
	struct ipb_sock_options options = { .rcvbuf = rcvbuf, .dscp = -1 };
	struct slow_end t = { ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, &options, &err), 0, 250000 };
	pthread_t thread;
	char text[200];

	assert_int_equal(pthread_create(&thread, NULL, serve_slowly, &t), 0);
	snprintf(text, sizeof text, "noise=0,warmup=0.1,cooldown=0,drain=0.1,late=0.1,duration=1,%s", extra);
	struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(t.fd));
	ipb_engine_result(e, &r);
	/* On a crowded machine the tester may really have been late. */
	for (size_t i = 0; blocks && i < (reason_of(&r, "scheduling-gaps") ? 2 : 3); i++)
		if (reason_of(&r, excused[i]) != NULL)
			fail_msg("%s: %s", extra, reason_of(&r, excused[i])->text);
	if (e->failed)
		fail_msg("%s: %s", extra, e->failed_text);
	assert_int_equal(r.counts.ok + r.counts.lost + r.counts.late + r.counts.corrupt, r.counts.sent);
	if (blocks && (e->blocked_ns < IPB_NS_PER_S / 5 || e->unaccepted == 0 || e->excused.count == 0))
		fail_msg("%s: blocked for %llu ns, %llu excused, %llu not accepted", extra, (unsigned long long)e->blocked_ns,
		         (unsigned long long)e->excused.count, (unsigned long long)e->unaccepted);
	ipb_engine_close(e);
	ipb_args_free(&args);
	__atomic_store_n(&t.over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(t.fd);
}

static void a_slow_tcp_target_is_no_fault_of_the_tester(void **state)
{
	static const struct {
		const char *args;
		int rcvbuf, blocks;
	} cases[] = {
		{ "bps=8M,size=100,sndbuf=32768", 16384, 1 },
		{ "bps=8M,sizes=\"100,300\",drop=0.1", 0, 1 }, /* further behind than the ring: sizes would be forgotten */
		{ "bps=8M,size=100,drop=0.1", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		slow_target_is_excused(cases[i].args, cases[i].rcvbuf, cases[i].blocks);
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
	ipb_engine_close(e);
	ipb_args_free(&args);
	spoiler_end(&s);
}

/* Answers on the first `served` connections; the kernel accepts the others for it, and nobody takes them. */
struct short_echo {
	int listener, served, over;
};

static void *serve_some(void *context)
{
	struct short_echo *s = context;
	struct pollfd p[8];
	char buffer[4096];

	for (int i = 0; i < s->served; i++)
		p[i] = (struct pollfd){ .fd = accept(s->listener, NULL, NULL), .events = POLLIN };
	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED))
		for (int i = poll(p, (nfds_t)s->served, 10) > 0 ? 0 : s->served; i < s->served; i++) {
			ssize_t n = p[i].revents != 0 ? recv(p[i].fd, buffer, sizeof buffer, MSG_DONTWAIT) : 0;
			if (n > 0)
				assert_int_equal(send(p[i].fd, buffer, (size_t)n, MSG_NOSIGNAL), n);
		}
	for (int i = 0; i < s->served; i++)
		close(p[i].fd);
	return NULL;
}

static void connections_that_nobody_serves_are_told(void **state)
{
	struct ipb_sock_options plain = { .dscp = -1 };
	struct ipb_error err = { 0 };
	struct short_echo s = { .listener = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, &plain, &err), .served = 3 };
	struct ipb_args args;
	struct ipb_engine_result r;
	pthread_t thread;

	(void)state;
	assert_true(s.listener >= 0);
	fcntl(s.listener, F_SETFL, 0);
	assert_int_equal(pthread_create(&thread, NULL, serve_some, &s), 0);
	struct ipb_engine *e = engine_run(&args, "socktype=tcp,flows=8,bps=512k,size=64,warmup=0.1,cooldown=0,noise=0,duration=0.5,"
	                                  "drain=0.2,late=0.1", ipb_sock_port(s.listener));
	ipb_engine_result(e, &r);
	__atomic_store_n(&s.over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	const struct ipb_reason *reason = reason_of(&r, "connections-unanswered");
	assert_non_null(reason);
	assert_int_equal(strncmp(reason->text, "5 of 8 connections", 18), 0);
	char wanted[40];
	snprintf(wanted, sizeof wanted, " the %llu packets", (unsigned long long)r.counts.lost);
	assert_non_null(strstr(reason->text, wanted)); /* no other packet is lost over TCP */
	ipb_engine_close(e);
	ipb_args_free(&args);
	close(s.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_that_nobody_serves_are_told),
		cmocka_unit_test(a_silent_target_is_named),
		cmocka_unit_test(an_unreachable_target_is_named),
		cmocka_unit_test(a_target_that_dies_is_named),
		cmocka_unit_test(a_tester_that_stood_still_looks_once_more),
		cmocka_unit_test(a_loss_is_no_death), cmocka_unit_test(missing_samples_are_loss_or_a_reason),
		cmocka_unit_test(tcp_end_of_file_is_named),
		cmocka_unit_test(tcp_reset_is_named),
		cmocka_unit_test(a_slow_tcp_target_is_no_fault_of_the_tester),
		cmocka_unit_test(stop_ends_it),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
