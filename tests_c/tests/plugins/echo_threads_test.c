/* link: echo/echo_udp.o echo/echo_tcp.o echo/echo_tcp_accept.o echo/echo_raw.o echo/echo_guard.o */
/* An echo of several threads: senders and connections are shared out, and each gets its own answers.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../echo/echo.h"
#include "ipb_bytes.h"
#include "ipb_header.h"
#include "ipb_sock.h"

#define THREADS 4u
#define CLIENTS 16u
#define PACKETS 100u

static struct echo_server servers[THREADS];
static struct ipb_stop stopping;
static pthread_t threads[THREADS];

static void *serve(void *arg)
{
	struct echo_server *s = arg;

	(s->kind == ECHO_UDP ? echo_udp_run : s->kind == ECHO_TCP ? echo_tcp_run : echo_raw_run)(s);
	return NULL;
}

static void begin(void)
{
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
}

static void end(void)
{
	ipb_stop_ask(&stopping);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		close(servers[i].fd);
		if (servers[i].takes)
			close(servers[i].give_fd);
	}
}

static int client(int type, uint16_t port)
{
	struct ipb_sock_options o = { .dscp = -1 };
	struct ipb_error err = { 0 };
	struct timeval wait = { .tv_sec = 5 };
	const int fd = ipb_sock_connect("127.0.0.1", port, type, &o, &err);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	return fd;
}

static void clear(void)
{
	memset(servers, 0, sizeof servers);
	stopping = (struct ipb_stop){ 0 };
	for (uint32_t i = 0; i < THREADS; i++)
		servers[i].stop = &stopping;
}

/* A packet of its own for each client and turn. */
static void ask(int fd, uint32_t who, uint32_t turn)
{
	uint32_t out[8] = { who, turn }, in[8] = { 0 };

	assert_int_equal(send(fd, out, sizeof out, 0), sizeof out);
	assert_int_equal(recv(fd, in, sizeof in, MSG_WAITALL), sizeof in);
	assert_memory_equal(in, out, sizeof out);
}

static void senders_are_shared_out(void **state)
{
	struct ipb_error err = { 0 };
	uint16_t port = 0;
	int fds[CLIENTS];
	uint64_t packets = 0, most = 0;

	(void)state;
	clear();
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(echo_udp_open(&servers[i], "127.0.0.1", port, 1, &err), 0);
		port = ipb_sock_port(servers[i].fd);
	}
	begin();
	for (uint32_t i = 0; i < CLIENTS; i++)
		fds[i] = client(SOCK_DGRAM, port);
	for (uint32_t turn = 0; turn < PACKETS; turn++)
		for (uint32_t i = 0; i < CLIENTS; i++)
			ask(fds[i], i, turn);
	for (uint32_t i = 0; i < CLIENTS; i++)
		close(fds[i]);
	end();
	for (uint32_t i = 0; i < THREADS; i++) {
		packets += servers[i].packets;
		most = servers[i].packets > most ? servers[i].packets : most;
		assert_int_equal(servers[i].packets % PACKETS, 0); /* a sender keeps to one thread */
	}
	assert_int_equal(packets, CLIENTS * PACKETS);
	assert_true(most < packets); /* one in 4^15 times it is not */
}

static void connections_are_balanced(void **state)
{
	struct ipb_error err = { 0 };
	int fds[CLIENTS];

	(void)state;
	clear();
	assert_int_equal(echo_tcp_open(&servers[0], "127.0.0.1", 0, &err), 0);
	assert_int_equal(echo_tcp_share(servers, THREADS, &err), 0);
	begin();
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < CLIENTS; i++) {
			fds[i] = client(SOCK_STREAM, ipb_sock_port(servers[0].fd));
			ask(fds[i], i, round); /* it is placed before the next one comes */
		}
		for (uint32_t i = 0; i < THREADS; i++)
			assert_int_equal(atomic_load(&servers[i].has), CLIENTS / THREADS);
		for (uint32_t turn = 0; turn < PACKETS; turn++)
			for (uint32_t i = 0; i < CLIENTS; i++)
				ask(fds[i], i, turn);
		for (uint32_t i = 0; i < CLIENTS; i++)
			close(fds[i]);
		for (uint32_t i = 0, left = 1; left > 0 && i < 5000; i++) {
			left = 0;
			for (uint32_t k = 0; k < THREADS; k++)
				left += atomic_load(&servers[k].has);
			usleep(1000);
		}
		for (uint32_t i = 0; i < THREADS; i++)
			assert_int_equal(atomic_load(&servers[i].has), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(servers[i].connections, 2 * CLIENTS / THREADS);
		assert_int_equal(servers[i].refused + servers[i].ended, 0);
	}
	end();
}

/* A frame of one of the clients: the first ones are flows of one address, the others have addresses of their own and no flow. Each
 * is told by its number, at the packet's begin. */
static size_t make_frame(uint8_t *to, const uint8_t *echo, uint32_t who, uint32_t turn)
{
	const int is_flow = who < THREADS;
	const uint32_t number = turn << 8 | who;

	memset(to, 0, 128);
	memcpy(to, echo, 6);
	memcpy(to + 6, (const uint8_t[6]){ 2, 0, 0, 0, 7, (uint8_t)(is_flow ? 1 : who) }, 6);
	ipb_put_be(to + 12, ECHO_ETHER_TYPE, 2);
	ipb_put_be(to + 14, number, 4);
	if (is_flow) {
		ipb_put_be(to + 14 + IPB_HEADER_MAGIC_AT, IPB_HEADER_MAGIC, 4);
		ipb_put_be(to + 14 + IPB_HEADER_MAGIC_AT + 4, who + 100, 4);
	}
	return is_flow ? 100 : 60;
}

/* All clients ask at once, and get their own answers, each once. */
static void ask_by_frames(int fd, const uint8_t *echo, uint32_t turn)
{
	uint8_t frame[128], answer[128];
	uint32_t answered = 0;

	for (uint32_t who = 0; who < CLIENTS; who++) {
		const size_t size = make_frame(frame, echo, who, turn);
		assert_int_equal(send(fd, frame, size, 0), size);
	}
	for (uint32_t n = 0; n < CLIENTS; n++) {
		const ssize_t got = recv(fd, answer, sizeof answer, 0);
		assert_true(got >= 60);
		const uint32_t number = (uint32_t)ipb_get_be(answer + 14, 4), who = number & 0xff;
		assert_int_equal(number >> 8, turn);
		assert_true(who < CLIENTS && (answered & 1u << who) == 0);
		answered |= 1u << who;
		assert_int_equal(make_frame(frame, echo, who, turn), got);
		assert_memory_equal(answer, frame + 6, 6);
		assert_memory_equal(answer + 6, echo, 6);
		assert_memory_equal(answer + 12, frame + 12, (size_t)got - 12);
	}
}

/* Every frame is answered once, by the thread of its flow; flows that follow one another have threads that do. */
static void frames_are_shared_out(void **state)
{
	struct ipb_error err = { 0 };
	struct timeval wait = { .tv_sec = 5 };
	uint64_t packets = 0;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 ||
	    system("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up") != 0)
		skip();
	clear();
	assert_int_equal(echo_raw_open(servers, THREADS, "v0", &err), 0);
	begin();
	const int fd = ipb_sock_raw("v1", ECHO_ETHER_TYPE, NULL, NULL, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	for (uint32_t turn = 0; turn < PACKETS; turn++)
		ask_by_frames(fd, servers[0].mac, turn);
	end();
	assert_int_equal(recv(fd, &(uint8_t){ 0 }, 1, MSG_DONTWAIT), -1); /* no answer came twice */
	close(fd);
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < THREADS; i++) {
		packets += servers[i].packets;
		least = servers[i].packets < least ? servers[i].packets : least;
		assert_int_equal(servers[i].packets % PACKETS, 0);
		assert_int_equal(servers[i].ignored + servers[i].rounds + servers[i].failed, 0);
	}
	assert_int_equal(packets, CLIENTS * PACKETS);
	assert_true(least >= PACKETS); /* one flow each, at least */
}

static void no_line_is_written_by_two_servers(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct echo_server) % IPB_APART, 0);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal((uintptr_t)&servers[i] % IPB_APART, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders_are_shared_out),
		cmocka_unit_test(connections_are_balanced),
		cmocka_unit_test(no_line_is_written_by_two_servers),
		cmocka_unit_test(frames_are_shared_out), /* in a namespace of its own */
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
