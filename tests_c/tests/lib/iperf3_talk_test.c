/* Our iperf3 client and server with each other, and strangers at the server.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "iperf3_client.h"
#include "iperf3_server.h"

static struct ipb_error err;
static struct iperf3_server server;
static struct ipb_stop stopping;
static pthread_t serving;

static void *serve(void *unused)
{
	(void)unused;
	iperf3_server_run(&server, &stopping);
	return NULL;
}

static void begin_with(uint32_t tests, uint32_t seconds, uint64_t rate)
{
	char *ip = strdup("127.0.0.1"); /* goes, as a plugin's arguments do after set-up */
	struct iperf3_server_options o = { .ip = ip, .tests = tests, .seconds = seconds, .rate = rate };

	memset(&stopping, 0, sizeof stopping);
	assert_int_equal(ipb_stop_open(&stopping), 0);
	if (iperf3_server_open(&server, &o, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	free(ip);
	assert_int_equal(pthread_create(&serving, NULL, serve, NULL), 0);
}

static void end(void)
{
	ipb_stop_ask(&stopping);
	pthread_join(serving, NULL);
	iperf3_server_close(&server);
	close(stopping.event);
}

/* Sends and receives on all streams for so long; what each moved is put into r, which is for the other end. */
static void exchange(struct iperf3_client *c, unsigned ms, struct iperf3_results *r, struct iperf3_udp *udp)
{
	static uint8_t buffer[65536];
	uint64_t until = ipb_now_ns() + ms * 1000000ull, numbers[IPERF3_ALL_STREAMS_MAX] = { 0 };

	while (ipb_now_ns() < until)
		for (uint32_t i = 0; i < c->count; i++) {
			ssize_t n;
			if (!iperf3_client_sends(c, i)) {
				n = recv(c->fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
				if (n > 0 && c->params.udp)
					iperf3_udp_take(&udp[i], buffer, (size_t)n, (size_t)n, ipb_clock_gettime_ns(CLOCK_REALTIME), c->params.wide);
			} else {
				iperf3_stamp(buffer, numbers[i] + 1, ipb_clock_gettime_ns(CLOCK_REALTIME), c->params.wide);
				n = send(c->fds[i], buffer, c->params.block, MSG_DONTWAIT | MSG_NOSIGNAL);
				numbers[i] += n > 0;
				if (c->params.udp)
					poll(NULL, 0, 1);
			}
			if (n > 0)
				r->streams[i].bytes += (uint64_t)n;
		}
	for (uint32_t i = 0; i < c->count; i++)
		r->streams[i].packets = numbers[i];
}

static void after_end(struct iperf3_client *c, struct iperf3_results *r, struct iperf3_udp *udp)
{
	static uint8_t buffer[65536];

	for (uint32_t i = 0; i < c->count; i++)
		while (!iperf3_client_sends(c, i) && iperf3_wait(c->fds[i], POLLIN, ipb_now_ns() + 100000000, NULL) > 0) {
			ssize_t n = recv(c->fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
			if (n <= 0)
				break;
			r->streams[i].bytes += (uint64_t)n;
			if (c->params.udp)
				iperf3_udp_take(&udp[i], buffer, (size_t)n, (size_t)n, ipb_clock_gettime_ns(CLOCK_REALTIME), c->params.wide);
		}
}

static void one(const struct iperf3_params *p)
{
	struct iperf3_client c;
	struct iperf3_results *mine = calloc(1, sizeof *mine), *theirs = calloc(1, sizeof *theirs);
	struct iperf3_udp *udp = calloc(IPERF3_ALL_STREAMS_MAX, sizeof *udp);

	iperf3_client_init(&c);
	if (iperf3_client_connect(&c, "127.0.0.1", server.port, p, NULL, NULL, &err) < 0 ||
	    iperf3_client_streams(&c, NULL, NULL, NULL, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	exchange(&c, 300, mine, udp);
	if (iperf3_client_end(&c, NULL, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	after_end(&c, mine, udp);
	if (iperf3_client_results(&c, mine, theirs, NULL, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(theirs->count, c.count);
	for (uint32_t i = 0; i < c.count; i++) {
		const struct iperf3_stream_result *a = &mine->streams[i], *b = &theirs->streams[i];
		assert_int_equal(a->id, b->id);
		assert_true(a->bytes > 0);
		if (!p->udp)
			assert_int_equal(a->bytes, b->bytes);
		if (p->udp && iperf3_client_sends(&c, i)) { /* what is lost behind the last one, it cannot know of */
			assert_int_equal(b->packets - (uint64_t)b->errors, b->bytes / c.params.block);
			assert_true(b->packets <= a->packets && b->bytes <= a->bytes);
		}
		if (p->udp && !iperf3_client_sends(&c, i))
			assert_int_equal(b->packets, udp[i].received + (b->packets - udp[i].highest) + udp[i].errors);
		assert_true(b->seconds > 0.25 && b->seconds < 20);
	}
	iperf3_client_close(&c);
	free(udp);
	free(mine);
	free(theirs);
}

static void both_ends_agree(void **state)
{
	static const struct iperf3_params all[] = {
		{ .streams = 1, .seconds = 5, .block = 32768 }, { .streams = 3, .seconds = 5, .block = 1000, .reverse = 1 },
		{ .streams = 2, .seconds = 5, .block = 8192, .bidirectional = 1 }, { .streams = 1, .bytes = 1000, .block = 500 },
		{ .udp = 1, .streams = 2, .seconds = 5, .block = 1000 },
		{ .udp = 1, .streams = 2, .seconds = 5, .block = 1000, .rate = 4000000, .reverse = 1, .wide = 1 },
		{ .udp = 1, .streams = 1, .seconds = 5, .block = 100, .rate = 1000000, .bidirectional = 1 },
	};

	(void)state;
	begin_with(2, 60, 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		one(&all[i]);
	end();
	assert_int_equal(server.totals.tests, sizeof all / sizeof *all);
	assert_int_equal(server.totals.failed, 0);
}

static void connect_fails(const struct iperf3_params *p, const char *says)
{
	struct iperf3_client c;

	iperf3_client_init(&c);
	assert_int_equal(iperf3_client_connect(&c, "127.0.0.1", server.port, p, NULL, NULL, &err), -1);
	if (strstr(ipb_error_text(&err), says) == NULL)
		fail_msg("\"%s\" does not say %s", ipb_error_text(&err), says);
	iperf3_client_close(&c);
}

static void limits_are_kept(void **state)
{
	const struct iperf3_params ok = { .streams = 1, .seconds = 5, .block = 1000, .version = "3.21" };
	struct iperf3_params p = ok;
	struct iperf3_client first;

	(void)state;
	begin_with(1, 10, 1000000);
	p.seconds = 11;
	connect_fails(&p, "error 37): the test is longer than it allows");
	p.seconds = 0;
	connect_fails(&p, "error 37)");
	strcpy(p.version, "3.12"); /* has no word for 37 */
	connect_fails(&p, "error 5)");
	p = ok;
	p.rate = 1000001;
	connect_fails(&p, "error 27): the rate is beyond its limit");
	p.rate = 0;
	p.udp = 1;
	connect_fails(&p, "error 27)");
	p = ok;
	p.streams = 129;
	connect_fails(&p, "error 6)");
	/* One at a time. */
	iperf3_client_init(&first);
	if (iperf3_client_connect(&first, "127.0.0.1", server.port, &ok, NULL, NULL, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	connect_fails(&ok, "is busy with another test");
	iperf3_client_close(&first);
	end();
	assert_int_equal(server.totals.refused, 1);
}

static int dial(int type, const char *from)
{
	struct ipb_sock_options o = { .bind_host = from, .dscp = -1 };
	int fd = ipb_sock_connect("127.0.0.1", server.port, type, &o, &err);

	if (fd < 0)
		fail_msg("%s", ipb_error_text(&err));
	return fd;
}

/* A stream is taken from the address of the control connection alone; nothing is sent to others. */
static void strangers_get_no_stream(void **state)
{
	struct iperf3_params p = { .streams = 1, .seconds = 5, .block = 1000, .reverse = 1 };
	struct iperf3_client c;
	uint8_t hello[4], got[4];

	(void)state;
	begin_with(2, 10, 0);
	iperf3_client_init(&c);
	assert_int_equal(iperf3_client_connect(&c, "127.0.0.1", server.port, &p, NULL, NULL, &err), 0);
	int fd = dial(SOCK_STREAM, "127.0.0.2");
	assert_int_equal(iperf3_write(fd, c.cookie, IPERF3_COOKIE, ipb_now_ns() + 1000000000, NULL), 0);
	assert_int_equal(iperf3_read(fd, got, 1, ipb_now_ns() + 2000000000ull, NULL), 0);
	assert_int_equal((int8_t)got[0], IPERF3_ACCESS_DENIED);
	close(fd);
	iperf3_client_close(&c);
	p.udp = 1;
	assert_int_equal(iperf3_client_connect(&c, "127.0.0.1", server.port, &p, NULL, NULL, &err), 0);
	fd = dial(SOCK_DGRAM, "127.0.0.2");
	iperf3_hello(hello);
	assert_int_equal(send(fd, hello, 4, 0), 4);
	assert_int_equal(iperf3_wait(fd, POLLIN, ipb_now_ns() + 300000000, NULL), 0);
	close(fd);
	iperf3_client_close(&c);
	/* Without any test, a hello has no answer; the last test ends as soon as its thread sees that its client has gone. */
	int answered = 1;
	for (int tries = 0; answered && tries < 20; tries++) {
		fd = dial(SOCK_DGRAM, "127.0.0.1");
		assert_int_equal(send(fd, hello, 4, 0), 4);
		answered = iperf3_wait(fd, POLLIN, ipb_now_ns() + 300000000, NULL);
		close(fd);
	}
	assert_false(answered);
	end();
}

/* Connections that say nothing, nonsense, or half of something do not disturb a test, and are closed. */
static void nonsense_does_no_harm(void **state)
{
	static const struct iperf3_params ok = { .streams = 1, .seconds = 5, .block = 1000 };
	static const char cookie[IPERF3_COOKIE] = "stranger";
	static const uint8_t huge[] = { 0x7f, 0xff, 0xff, 0xff }, json[] = { 0, 0, 0, 3, '{', '{', '{' };
	uint8_t got[16];
	int silent[300];

	(void)state;
	begin_with(3, 60, 0);
	for (int i = 0; i < 3; i++) {
		int fd = dial(SOCK_STREAM, "127.0.0.1");
		uint64_t soon = ipb_now_ns() + 5000000000ull;
		assert_int_equal(iperf3_write(fd, cookie, IPERF3_COOKIE, soon, NULL), 0);
		assert_int_equal(iperf3_read(fd, got, 1, soon, NULL), 0);
		assert_int_equal(got[0], IPERF3_PARAM_EXCHANGE);
		if (i == 0)
			iperf3_write(fd, huge, sizeof huge, soon, NULL);
		if (i == 1)
			iperf3_write(fd, json, sizeof json, soon, NULL);
		if (i == 1) { /* told why */
			assert_int_equal(iperf3_read(fd, got, 9, soon, NULL), 0);
			assert_int_equal((int8_t)got[0], IPERF3_SERVER_ERROR);
			assert_int_equal(ipb_get_be(got + 1, 4), IPERF3_E_PARAMS);
		}
		if (i < 2)
			assert_true(iperf3_read(fd, got, 1, soon, NULL) != 0);
		close(fd);
	}
	for (int i = 0; i < 300; i++)
		silent[i] = dial(SOCK_STREAM, "127.0.0.1");
	one(&ok);
	for (int i = 0; i < 300; i++)
		close(silent[i]);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree), cmocka_unit_test(limits_are_kept), cmocka_unit_test(strangers_get_no_stream),
		cmocka_unit_test(nonsense_does_no_harm),
	};

	if (iperf3_json_ready(&err) < 0) {
		printf("# skipped: %s\n", ipb_error_text(&err));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
