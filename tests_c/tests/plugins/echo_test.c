/* link: echo/echo_udp.o echo/echo_guard.o */
/* The UDP echo with trains: what comes goes back, byte for byte, datagram for datagram.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../echo/echo.h"
#include "ipb_sock.h"

#define PACKETS 10
#define SIZE 100  /* of each datagram but the last */
#define LAST 40
#define DEADLINE_S 5

static struct echo_server server;
static struct ipb_stop stopping;
static pthread_t thread;
static int client;
static uint8_t sent[PACKETS * SIZE];

static void *serve(void *arg)
{
	echo_udp_run(arg);
	return NULL;
}

/* Opens an echo at ip (NULL: any address) and a client that asks 127.0.0.5, or ip. */
static void begin(const char *ip, int trains, int check)
{
	struct ipb_error err = { 0 };
	struct ipb_sock_options o = { .dscp = -1 };
	struct timeval wait = { .tv_sec = DEADLINE_S };

	server = (struct echo_server){ .trains = trains, .check = check, .stop = &stopping };
	stopping = (struct ipb_stop){ 0 };
	assert_int_equal(echo_udp_open(&server, ip, 0, 0, &err), 0);
	client = ipb_sock_connect(ip != NULL ? ip : "127.0.0.5", ipb_sock_port(server.fd), SOCK_DGRAM, &o, &err);
	assert_true(client >= 0);
	assert_int_equal(fcntl(client, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (uint8_t)(i * 31 + i / SIZE);
}

static void run(void) { assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0); }

static void end(void)
{
	ipb_stop_ask(&stopping);
	pthread_join(thread, NULL);
	close(server.fd);
	close(client);
}

static void send_train(void)
{
	int size = SIZE;

	assert_int_equal(setsockopt(client, SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
	assert_int_equal(send(client, sent, (PACKETS - 1) * SIZE + LAST, 0), (PACKETS - 1) * SIZE + LAST);
}

/* The client is connected, so an answer from another address than the one that was asked never comes here. */
static void expect_train(int checked)
{
	uint8_t got[SIZE * 2];

	for (int i = 0; i < PACKETS; i++) {
		uint8_t *want = sent + i * SIZE;
		size_t size = i < PACKETS - 1 ? SIZE : LAST;
		if (checked) {
			uint64_t word;
			memcpy(&word, want, 8);
			word++;
			memcpy(want + 8, &word, 8);
		}
		assert_int_equal(recv(client, got, sizeof got, 0), size);
		assert_memory_equal(got, want, size);
	}
}

static void expect_counts(uint64_t packets, uint64_t bytes, uint64_t failed)
{
	end();
	assert_int_equal(server.packets, packets);
	assert_int_equal(server.bytes, bytes);
	assert_int_equal(server.failed, failed);
}

static void a_train_comes_back(void **state)
{
	(void)state;
	begin("127.0.0.1", 1, 0);
	run();
	send_train();
	expect_train(0);
	expect_counts(PACKETS, (PACKETS - 1) * SIZE + LAST, 0);
}

/* A socket that makes no checksums may not send in one piece: each datagram goes alone, and all go. */
static void a_train_that_may_not_leave_goes_apart(void **state)
{
	int yes = 1;

	(void)state;
	begin("127.0.0.1", 1, 0);
	assert_int_equal(setsockopt(server.fd, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof yes), 0);
	run();
	send_train();
	expect_train(0);
	expect_counts(PACKETS, (PACKETS - 1) * SIZE + LAST, 0);
}

static void the_address_that_was_asked_answers_a_train(void **state)
{
	(void)state;
	begin(NULL, 1, 0);
	run();
	send_train();
	expect_train(0);
	expect_counts(PACKETS, (PACKETS - 1) * SIZE + LAST, 0);
}

static void each_datagram_of_a_train_is_checked(void **state)
{
	(void)state;
	begin("127.0.0.1", 1, 1);
	run();
	send_train();
	expect_train(1);
	assert_int_equal(server.checked, PACKETS);
	expect_counts(PACKETS, (PACKETS - 1) * SIZE + LAST, 0);
}

/* Single, empty and large datagrams, with and without trains. */
static void single_datagrams_come_back(void **state)
{
	static const size_t sizes[] = { 1, 0, 1472, 9000, 65507, 8 };
	static uint8_t out[65507], in[65507];

	(void)state;
	for (int trains = 0; trains < 2; trains++) {
		uint64_t bytes = 0;
		begin(trains ? NULL : "127.0.0.1", trains, 0);
		run();
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			memset(out, (int)i + 1, sizes[i]);
			assert_int_equal(send(client, out, sizes[i], 0), sizes[i]);
			assert_int_equal(recv(client, in, sizeof in, 0), sizes[i]);
			assert_memory_equal(in, out, sizes[i]);
			bytes += sizes[i];
		}
		expect_counts(sizeof sizes / sizeof sizes[0], bytes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_train_comes_back),
		cmocka_unit_test(a_train_that_may_not_leave_goes_apart),
		cmocka_unit_test(the_address_that_was_asked_answers_a_train),
		cmocka_unit_test(each_datagram_of_a_train_is_checked),
		cmocka_unit_test(single_datagrams_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
