/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* alone: it measures times. */
/* One TCP connection that the target does not read delays itself alone.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "quiet.h"

#define FLOWS 4
#define SIZE 1000u
#define WARMUP_S 0.1
#define PACKETS 2000u /* a second, all flows */

/* Echoes all connections but the first, which it does not read before `reads_at_ns` after the first packet; counts. */
struct peer {
	int listener, over; /* over: atomic */
	uint64_t stalls_ns;
	uint64_t bytes[FLOWS], last_ns[FLOWS], longest_ns[FLOWS]; /* longest time between two reads that gave something */
};

static void move(struct peer *p, int flow, int fd, uint64_t now)
{
	static char buffer[65536];
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n <= 0)
		return;
	p->bytes[flow] += (uint64_t)n;
	if (p->last_ns[flow] != 0 && now - p->last_ns[flow] > p->longest_ns[flow])
		p->longest_ns[flow] = now - p->last_ns[flow];
	p->last_ns[flow] = now;
	for (ssize_t at = 0, k; at < n; at += k > 0 ? k : 0)
		if ((k = send(fd, buffer + at, (size_t)(n - at), MSG_NOSIGNAL)) < 0)
			return;
}

static void *serve(void *context)
{
	struct peer *p = context;
	struct pollfd fds[FLOWS];
	uint64_t begun = 0;

	for (int i = 0; i < FLOWS; i++)
		fds[i] = (struct pollfd){ .fd = accept(p->listener, NULL, NULL), .events = POLLIN };
	while (!__atomic_load_n(&p->over, __ATOMIC_ACQUIRE)) {
		poll(fds + 1, FLOWS - 1, 1);
		const uint64_t now = ipb_now_ns();
		for (int i = 1; i < FLOWS; i++)
			move(p, i, fds[i].fd, now);
		begun = begun == 0 && p->bytes[1] > 0 ? now : begun;
		if (begun != 0 && now - begun > p->stalls_ns)
			move(p, 0, fds[0].fd, now);
	}
	/* What the kernel had taken for the first one. */
	char buffer[65536];
	for (ssize_t n; (n = recv(fds[0].fd, buffer, sizeof buffer, 0)) > 0;)
		p->bytes[0] += (uint64_t)n;
	for (int i = 0; i < FLOWS; i++)
		close(fds[i].fd);
	return NULL;
}

/* Runs against the peer; gives what came out. */
static void run(struct peer *p, const char *sizes, struct ipb_engine_result *r, struct ipb_engine *copy)
{
	struct ipb_sock_options options = { .rcvbuf = 65536, .dscp = -1 };
	struct ipb_error err = { 0 };
	struct ipb_args args;
	pthread_t thread;
	char text[300];

	p->listener = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, &options, &err);
	assert_true(p->listener >= 0);
	fcntl(p->listener, F_SETFL, 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, p), 0);
	quiet_note();
	snprintf(text, sizeof text, "socktype=tcp,flows=%d,bps=%u,%s,sndbuf=32768,noise=0,warmup=%g,cooldown=0,duration=1,"
	         "drain=0.5,late=0.2", FLOWS, PACKETS * SIZE * 8, sizes, WARMUP_S);
	struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(p->listener));
	__atomic_store_n(&p->over, 1, __ATOMIC_RELEASE);
	ipb_engine_result(e, r);
	*copy = *e;
	r->reasons = copy->reasons;
	engine_close(e, &args);
	pthread_join(thread, NULL);
	close(p->listener);
}

static void others_go_on(const struct peer *p)
{
	for (int i = 1; i < FLOWS; i++) {
		if (p->longest_ns[i] > IPB_NS_PER_S / 4)
			print_message("# connection %d: nothing for %.0f ms\n", i, (double)p->longest_ns[i] / 1e6);
		assert_timely(p->longest_ns[i] < IPB_NS_PER_S / 4);
	}
}

static void one_that_is_never_read_delays_itself_alone(void **state)
{
	struct peer p = { .stalls_ns = UINT64_MAX };
	struct ipb_engine_result r;
	struct ipb_engine e;

	(void)state;
	run(&p, "size=1000", &r, &e);
	others_go_on(&p);
	assert_timely(r.counts.sent + e.unaccepted + e.unsent == PACKETS); /* a peer without a processor looks dead, and ends the test */
	assert_int_equal(r.counts.ok + r.counts.lost + r.counts.late + r.counts.corrupt, r.counts.sent);
	assert_int_equal(r.counts.corrupt + r.counts.duplicate, 0);
	assert_int_equal(e.track.held, 0);
	assert_timely(e.unsent == 0);
	/* A peer that had no processor at the end has not answered all of the others. */
	assert_timely(r.counts.ok + r.counts.late == PACKETS / FLOWS * (FLOWS - 1));
	assert_int_equal(r.counts.lost + e.unaccepted, PACKETS / FLOWS);
	/* What the peer got on that connection, in part or whole, less the warm-up's: all of it is lost. The warm-up leaves out what
	 * its time was too short for: any share of that may have been this connection's. */
	const uint64_t warmup = (uint64_t)(PACKETS * WARMUP_S), missing = warmup + PACKETS - e.track.next;
	const uint64_t got = (p.bytes[0] + SIZE - 1) / SIZE;
	assert_in_range(r.counts.lost, got - warmup / FLOWS, got - warmup / FLOWS + missing);
	for (int i = 1; i < FLOWS; i++)
		assert_true(p.bytes[i] % SIZE == 0);
	assert_true(e.unaccepted > 0);
	assert_timely(e.flows_ever_blocked == 1);
	/* Blocked for most of the second, and one of four. */
	assert_in_range(e.blocked_ns, IPB_NS_PER_S / FLOWS / 4, IPB_NS_PER_S / FLOWS);
	assert_timely(reason_of(&r, "send-lateness") == NULL && reason_of(&r, "rate-not-reached") == NULL);
	assert_non_null(reason_of(&r, "connections-unanswered"));
}

static void one_that_is_read_again_gets_all(void **state)
{
	static const char *const sizes[] = { "size=1000", "sizes=\"500,1500\"" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct peer p = { .stalls_ns = IPB_NS_PER_S * 6 / 10 };
		struct ipb_engine_result r;
		struct ipb_engine e;
		run(&p, sizes[i], &r, &e);
		others_go_on(&p);
		assert_timely(r.counts.sent + e.unaccepted + e.unsent == PACKETS);
		assert_int_equal(r.counts.corrupt + r.counts.duplicate + r.counts.reordered, 0);
		assert_int_equal(r.counts.ok + r.counts.late + r.counts.lost, r.counts.sent);
		assert_timely(r.counts.ok + r.counts.late == PACKETS && e.unaccepted == 0);
		assert_true(e.excused.count > 0);
		assert_timely(e.flows_ever_blocked == 1);
		assert_null(reason_of(&r, "connections-unanswered"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_never_read_delays_itself_alone),
		cmocka_unit_test(one_that_is_read_again_gets_all),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
