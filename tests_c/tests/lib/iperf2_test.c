/* iperf2's datagrams and reports, as old, small and new servers write them.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "iperf2.h"
#include "ipb_sock.h"

static struct ipb_error err;

static void datagrams(void **state)
{
	uint8_t d[64];

	(void)state;
	memset(d, 0xff, sizeof d);
	iperf2_stamp(d, sizeof d, 7, 0, 1700000001000002000ull);
	assert_int_equal(ipb_get_be(d, 4), 7);
	assert_int_equal(ipb_get_be(d + 4, 4), 1700000001);
	assert_int_equal(ipb_get_be(d + 8, 4), 2);
	for (int i = IPERF2_STAMP; i < IPERF2_UDP_MIN; i++)
		assert_int_equal(d[i], 0);
	assert_int_equal(d[IPERF2_UDP_MIN], 0xff);
	iperf2_stamp(d, sizeof d, 7, 1, 0);
	assert_int_equal((int32_t)ipb_get_be(d, 4), -7);
}

static size_t report(uint8_t *to, size_t stamp)
{
	static const uint32_t words[] = { 0x80000000u, 1, 2, 10, 500000, 3, 4, 1000, 0, 250 };

	memset(to, 0, stamp);
	for (size_t i = 0; i < 10; i++)
		ipb_put_be(to + stamp + 4 * i, words[i], 4);
	return stamp + 40;
}

/* 2.0.5 and zperf have the report behind 12 bytes, 2.0.10 and newer behind 16. */
static void reports(void **state)
{
	static const size_t stamps[] = { 12, 16 };
	struct iperf2_report r;
	uint8_t d[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		size_t size = report(d, stamps[i]);
		assert_int_equal(iperf2_report_decode(d, size, &r), 0);
		assert_true(r.bytes == (1ull << 32) + 2 && r.datagrams == 1000 && r.lost == 3 && r.out_of_order == 4);
		assert_true(fabs(r.seconds - 10.5) < 1e-9 && fabs(r.jitter - 0.00025) < 1e-12);
		for (size_t cut = 0; cut < size; cut++)
			assert_int_equal(iperf2_report_decode(d, cut, &r), -1);
	}
	memset(d, 0, sizeof d);
	assert_int_equal(iperf2_report_decode(d, sizeof d, &r), -1);
}

/* 1000 datagrams of 100 bytes were sent; each server's own way to tell that 10 were lost on the way. */
static void servers_count_differently(void **state)
{
	static const struct {
		const char *who;
		uint64_t bytes, lost, datagrams;
		uint64_t real_bytes, real_datagrams;
	} cases[] = {
		{ "iperf", 99000, 10, 1000, 99000, 1000 },
		{ "zperf, which counts the last datagram", 99100, 10, 1000, 99000, 1000 },
		{ "zperf, which tells those that came", 99000, 10, 990, 99000, 1000 },
		{ "zperf, nothing lost", 100100, 0, 1000, 100000, 1000 },
		{ "bytes of other datagrams are left", 99001, 10, 990, 99001, 990 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct iperf2_report r = { .bytes = cases[i].bytes, .lost = cases[i].lost, .datagrams = cases[i].datagrams };
		iperf2_report_settle(&r, 1000, 100);
		if (r.bytes != cases[i].real_bytes || r.datagrams != cases[i].real_datagrams || r.lost != cases[i].lost)
			fail_msg("%s: %llu bytes, %llu datagrams", cases[i].who, (unsigned long long)r.bytes, (unsigned long long)r.datagrams);
	}
}

/* As iperf 2's manual and lwIP's lwiperf.c have it: flags, threads, port, two sizes, and the time in hundredths below 0. */
static void asking(void **state)
{
	static const uint8_t after[IPERF2_SETTINGS] = { 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x13, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0,
		                                        0xff, 0xff, 0xff, 0x6a };
	uint8_t got[IPERF2_SETTINGS];

	(void)state;
	iperf2_ask_back(got, 5002, 1499000000);
	assert_memory_equal(got, after, sizeof got);
	iperf2_ask_back(got, 5002, 1500000000);
	assert_memory_equal(got, after, sizeof got);
}

struct late_server {
	uint16_t port;
	int answered;
};

/* A server that is there after 50 ms, and then answers what comes. */
static void *late_server(void *state)
{
	struct late_server *s = state;
	struct ipb_sock_options o = { .dscp = -1 };
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	struct ipb_error own = { 0 };
	uint8_t got[64], answer[64];

	usleep(50000);
	const int fd = ipb_sock_listen("127.0.0.1", s->port, SOCK_DGRAM, &o, &own);
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	if (fd < 0 || poll(&readable, 1, 5000) != 1 || recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&from, &size) < 0)
		return NULL;
	const size_t length = report(answer, 16);
	s->answered = sendto(fd, answer, length, 0, (struct sockaddr *)&from, size) == (ssize_t)length;
	close(fd);
	return NULL;
}

/* Rejections that are older than the report, or forged, do not keep it from being waited for. */
static void a_rejection_is_not_the_end(void **state)
{
	struct ipb_sock_options o = { .dscp = -1 };
	struct ipb_error here = { 0 };
	struct iperf2_report r;
	uint8_t d[64];
	pthread_t thread;
	int server = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &o, &here);
	struct late_server late = { .port = (uint16_t)ipb_sock_port(server) };
	int client = ipb_sock_connect("127.0.0.1", late.port, SOCK_DGRAM, &o, &here);

	(void)state;
	close(server);
	assert_true(client >= 0);
	assert_int_equal(pthread_create(&thread, NULL, late_server, &late), 0);
	const int status = iperf2_udp_end(client, d, sizeof d, 5, IPERF2_LAST_TRIES, &r, NULL, &here);
	pthread_join(thread, NULL);
	assert_int_equal(late.answered, 1);
	assert_int_equal(status, 1);
	assert_int_equal(r.datagrams, 1000);
	close(client);
}

static void the_end(void **state)
{
	struct ipb_sock_options o = { .dscp = -1 };
	struct iperf2_report r;
	uint8_t d[64], got[64];
	int server = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &o, &err), client;

	(void)state;
	assert_true(server >= 0);
	client = ipb_sock_connect("127.0.0.1", ipb_sock_port(server), SOCK_DGRAM, &o, &err);
	assert_true(client >= 0);
	/* A silent one gets the last datagram as often as is said. */
	assert_int_equal(iperf2_udp_end(client, d, sizeof d, 5, 2, &r, NULL, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recv(server, got, sizeof got, MSG_DONTWAIT), 64);
		assert_int_equal((int32_t)ipb_get_be(got, 4), -5);
	}
	assert_int_equal(recv(server, got, sizeof got, MSG_DONTWAIT), -1);
	/* Something else before the report is passed over. */
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	assert_int_equal(getsockname(client, (struct sockaddr *)&from, &size), 0);
	sendto(server, "?", 1, 0, (struct sockaddr *)&from, size);
	size_t length = report(got, 16);
	sendto(server, got, length, 0, (struct sockaddr *)&from, size);
	assert_int_equal(iperf2_udp_end(client, d, sizeof d, 5, 1, &r, NULL, &err), 1);
	assert_int_equal(r.datagrams, 1000);
	/* Nobody there. */
	close(server);
	assert_int_equal(iperf2_udp_end(client, d, sizeof d, 5, 3, &r, NULL, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "nobody listens"));
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(datagrams), cmocka_unit_test(reports), cmocka_unit_test(the_end), cmocka_unit_test(a_rejection_is_not_the_end),
		                            cmocka_unit_test(servers_count_differently), cmocka_unit_test(asking) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
