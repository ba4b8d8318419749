/* link: tests/engine_fixture.o latency.a fault_echo/faults.o -Wl,--wrap=send -Wl,--wrap=sendmsg -Wl,--wrap=sendmmsg */
/* alone: it measures times. */
/* When the engine believes that packets left: never after the call that carried them began, in every way to send, and so
 * no round trip is shorter than a bare loop's. The calls are noted on their way to the C library, and return late.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "quiet.h"

#define CALLS_MAX 20000
#define HELD_NS 200000u /* that a call returns late */
#define ROUNDS 1000
#define LOOPS 50
#define BURST 32
#define SIZE 64

ssize_t __real_send(int fd, const void *packet, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);

/* The calls of an engine while it runs: when each began, and the first packet that it was given. */
static struct {
	pthread_t thread;
	const struct ipb_engine *engine; /* NULL: none runs */
	uint32_t count;
	uint64_t began_ns[CALLS_MAX], first[CALLS_MAX];
} calls;

static int note_call(void)
{
	if (calls.engine == NULL || !pthread_equal(pthread_self(), calls.thread))
		return 0;
	if (calls.count < CALLS_MAX) {
		calls.first[calls.count] = calls.engine->track.next;
		calls.began_ns[calls.count++] = ipb_now_ns();
	}
	return 1;
}

static void hold(int noted)
{
	const uint64_t until = ipb_now_ns() + HELD_NS;

	while (noted && ipb_now_ns() < until)
		;
}

ssize_t __wrap_send(int fd, const void *packet, size_t size, int flags)
{
	const int noted = note_call();
	const ssize_t n = __real_send(fd, packet, size, flags);

	hold(noted);
	return n;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	const int noted = note_call();
	const ssize_t n = __real_sendmsg(fd, m, flags);

	hold(noted);
	return n;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	const int noted = note_call();
	const int sent = __real_sendmmsg(fd, m, n, flags);

	hold(noted);
	return sent;
}

/* An echo for one TCP connection. */
struct stream_echo {
	int listener;
	pthread_t thread;
	int over; /* atomic */
};

static void *serve(void *context)
{
	struct stream_echo *s = context;
	char bytes[65536];
	int fd = -1, yes = 1;

	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = fd >= 0 ? fd : s->listener, .events = POLLIN };
		if (poll(&p, 1, 20) <= 0)
			continue;
		if (fd < 0) {
			fd = accept(s->listener, NULL, NULL);
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
			continue;
		}
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0 || __real_send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
			close(fd);
			fd = -1; /* the next one */
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void stream_echo_begin(struct stream_echo *s)
{
	struct ipb_sock_options options = { .dscp = -1 };
	struct ipb_error err = { 0 };

	s->over = 0;
	s->listener = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, &options, &err);
	assert_true(s->listener >= 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stream_echo_end(struct stream_echo *s)
{
	__atomic_store_n(&s->over, 1, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	close(s->listener);
}

/* The shortest round trip of many packets, each sent by a call of its own, with the clock read before it: alone, and
 * behind others that keep the echo awake. */
static uint64_t bare_minimum_ns(uint16_t port, int type)
{
	struct ipb_sock_options options = { .dscp = -1, .nodelay = 1 };
	struct ipb_error err = { 0 };
	char packet[SIZE] = { 0 }, replies[BURST * SIZE];
	uint64_t least = UINT64_MAX, sent_ns[BURST];
	int fd = ipb_sock_connect("127.0.0.1", port, type, &options, &err);

	assert_true(fd >= 0);
	for (size_t round = 0; round < ROUNDS; round++) {
		const size_t packets = 1 + round * round % BURST;
		for (size_t k = 0; k < packets; k++) {
			sent_ns[k] = ipb_now_ns();
			assert_int_equal(__real_send(fd, packet, SIZE, 0), SIZE);
		}
		for (size_t bytes = 0; bytes < packets * SIZE;) {
			const ssize_t n = recv(fd, replies, sizeof replies, MSG_DONTWAIT);
			const uint64_t now = ipb_now_ns();
			assert_true(n > 0 || now - sent_ns[0] < 5 * IPB_NS_PER_S);
			if (n <= 0)
				continue;
			bytes += (size_t)n;
			if (bytes >= SIZE && now - sent_ns[bytes / SIZE - 1] < least)
				least = now - sent_ns[bytes / SIZE - 1];
		}
	}
	close(fd);
	return least;
}

static void run_watched(struct ipb_engine *e)
{
	calls.count = 0;
	calls.thread = pthread_self();
	calls.engine = e;
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	calls.engine = NULL;
}

/* Each packet left between its due time and the beginning of the last call that it was given to. */
static void check_departures(const struct ipb_engine *e, int in_batches)
{
	uint32_t call = 0;

	assert_in_range(calls.count, 10, CALLS_MAX - 1);
	assert_in_range(e->track.next, 640, IPB_TRACK_RING_MIN);
	assert_true(!in_batches || calls.count < e->track.next);
	for (uint64_t k = 0; k < e->track.next; k++) {
		const struct ipb_record r = ipb_track_record(&e->track, k);
		while (call + 1 < calls.count && calls.first[call + 1] <= k)
			call++;
		assert_in_range(r.sent_ns, r.due_ns, calls.began_ns[call]);
	}
	/* From due to answer is from due to departure and from departure to answer, for all packets to the nanosecond. */
	assert_int_equal(e->response.count, e->lateness.count);
	const double error = ipb_hist_mean(&e->response) - ipb_hist_mean(&e->service) - ipb_hist_mean(&e->lateness);
	assert_true(error < 1 && error > -1);
}

#define ARGS "tsc=0,noise=0,warmup=0,cooldown=0,size=64,bps=512k,arrival=burst:32,duration=0.64"

static const struct {
	const char *args;
	int type, in_batches;
} ways[] = { { "socktype=tcp," ARGS, SOCK_STREAM, 1 },
	     { "socktype=udp,engine=mmsg," ARGS, SOCK_DGRAM, 1 },
	     { "socktype=udp,engine=gso," ARGS, SOCK_DGRAM, 1 },
	     { "socktype=udp,engine=socket," ARGS, SOCK_DGRAM, 0 } };

/* watched: its calls are noted, and return late. */
static void run_way(size_t i, int watched)
{
	struct stream_echo tcp;
	struct spoiler udp;
	struct ipb_args args;
	const int stream = ways[i].type == SOCK_STREAM;

	if (stream)
		stream_echo_begin(&tcp);
	else
		spoiler_begin(&udp, "drop", 1000000, 0);
	const uint16_t port = ipb_sock_port(stream ? tcp.listener : udp.fd);
	struct ipb_engine *e = engine_open(&args, ways[i].args, port);
	if (watched) {
		run_watched(e);
		check_departures(e, ways[i].in_batches);
	} else {
		assert_int_equal(ipb_engine_run(e, NULL), 0);
	}
	const uint64_t service = e->service.min_ns;
	engine_close(e, &args);
	/* More rounds can only find a shorter one: a crowded machine needs them. */
	uint64_t least = UINT64_MAX;
	for (int loop = 0; loop < LOOPS && least > service; loop++) {
		const uint64_t bare = bare_minimum_ns(port, ways[i].type);
		least = bare < least ? bare : least;
	}
	print_message("# %.30s: bare %.1f us, service %.1f us\n", ways[i].args, (double)least / 1e3, (double)service / 1e3);
	if (stream)
		stream_echo_end(&tcp);
	else
		spoiler_end(&udp);
	assert_timely(service >= least);
}

static void no_packet_leaves_after_its_call_began(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		run_way(i, 1);
}

static void no_round_trip_is_shorter_than_a_bare_loops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (ways[i].in_batches)
			run_way(i, 0);
}

/* The loopback device gives back what is sent to it. */
static void no_frame_leaves_after_its_call_began(void **state)
{
	static const char *const engines[] = { "mmsg", "ring" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ipb_args args;
		struct ipb_engine_config config;
		struct ipb_error err = { 0 };
		char text[200];
		snprintf(text, sizeof text, "socktype=raw,iface=lo,engine=%s," ARGS, engines[i]);
		assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, text, 0, &err), 0);
		assert_int_equal(latency_configure(&config, &args, "00:00:00:00:00:00", 0, 0, &err), 0);
		config.run_id = 77;
		struct ipb_engine *e = ipb_engine_open(&config, &err);
		if (e == NULL) {
			print_message("# %s\n", ipb_error_text(&err));
			ipb_args_free(&args);
			assert_true(geteuid() != 0);
			skip();
		}
		run_watched(e);
		print_message("# raw, %s: service %.1f us\n", engines[i], (double)e->service.min_ns / 1e3);
		check_departures(e, 1);
		assert_true(e->service.min_ns > 0);
		engine_close(e, &args);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_leaves_after_its_call_began),
		cmocka_unit_test(no_round_trip_is_shorter_than_a_bare_loops),
		cmocka_unit_test(no_frame_leaves_after_its_call_began),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
