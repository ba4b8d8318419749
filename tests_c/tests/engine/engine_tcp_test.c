/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Targets over TCP that close, reset, are slow or leave connections unserved.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"

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
	engine_dies_as(code, "warmup=0,cooldown=0,bps=500k,samples=2000", 3.05, ipb_sock_port(t.fd), &r);
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
	engine_close(e, &args);
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
	engine_close(e, &args);
	close(s.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_that_nobody_serves_are_told),
		cmocka_unit_test(tcp_end_of_file_is_named),
		cmocka_unit_test(tcp_reset_is_named),
		cmocka_unit_test(a_slow_tcp_target_is_no_fault_of_the_tester),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
