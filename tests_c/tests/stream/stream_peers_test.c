/* link: stream/options.o stream/connect.o stream/peer_ipbench.o stream/peer_old.o stream/peer_iperf2.o stream/iperf2_back.o stream/peer_iperf3.o stream/told.o stream/run.o stream/figures.o stream/threads.o stream/judge.o stream/result.o */
/* stream against targets that fail in every way, and against a service that discards.  SPDX-License-Identifier: MIT */
#include "stream_run.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum fault { SILENT, CLOSES, RUBBISH };

struct faulty {
	int fd;
	enum fault fault;
	struct ipb_stop stop;
};

static void *be_faulty(void *arg)
{
	struct faulty *f = arg;
	int held[16], count = 0;

	while (!ipb_stop_asked(&f->stop)) {
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		if (poll(&p, 1, 20) <= 0)
			continue;
		const int fd = accept(f->fd, NULL, NULL);
		if (fd < 0)
			continue;
		if (f->fault == RUBBISH) {
			char rubbish[1000];
			memset(rubbish, 'x', sizeof rubbish);
			send(fd, rubbish, sizeof rubbish, MSG_NOSIGNAL);
		}
		if (f->fault != CLOSES && count < 16)
			held[count++] = fd;
		else
			close(fd);
	}
	while (count > 0)
		close(held[--count]);
	return NULL;
}

/* How long it took to give up, in seconds. */
static double refused_by(enum fault fault, const char *args)
{
	struct faulty f = { .fd = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, NULL, &err), .fault = fault };
	const uint64_t begin_ns = ipb_now_ns();
	pthread_t thread;
	struct outcome o;

	assert_true(f.fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, be_faulty, &f), 0);
	assert_int_equal(run(args, ipb_sock_port(f.fd), &o), -1);
	ipb_stop_ask(&f.stop);
	pthread_join(thread, NULL);
	close(f.fd);
	return (double)(ipb_now_ns() - begin_ns) / 1e9;
}

static void targets_that_are_none_are_told(void **state)
{
	(void)state;
	assert_true(refused_by(CLOSES, SHORT) < 2);
	assert_non_null(strstr(ipb_error_text(&err), "does not answer as stream_target does"));
	assert_true(refused_by(RUBBISH, SHORT) < 2);
	assert_non_null(strstr(ipb_error_text(&err), "is no stream_target"));
	const double seconds = refused_by(SILENT, SHORT);
	assert_true(seconds > STREAM_ANSWER_MS / 1e3 - 0.1 && seconds < STREAM_ANSWER_MS / 1e3 + 2);
	assert_non_null(strstr(ipb_error_text(&err), "does not answer as stream_target does"));
}

static void nobody_there_is_told(void **state)
{
	const int fd = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, NULL, &err);
	const uint16_t port = ipb_sock_port(fd);
	struct outcome o;

	(void)state;
	close(fd);
	assert_int_equal(run(SHORT, port, &o), -1);
	assert_non_null(strstr(ipb_error_text(&err), "refused"));
	assert_int_equal(run(SHORT ",peer=discard", port, &o), -1);
	assert_non_null(strstr(ipb_error_text(&err), "refused"));
}

/* A service that discards, and after some bytes ends in its own way. */
struct discarder {
	int fd;
	size_t most;       /* bytes until it ends */
	int resets, stops; /* stops: reads nothing more */
	struct ipb_stop stop;
	size_t got;
};

static void *discard(void *arg)
{
	struct discarder *d = arg;
	static char buffer[65536];
	struct pollfd p = { .fd = d->fd, .events = POLLIN };
	const struct linger now = { .l_onoff = 1 };

	if (poll(&p, 1, 5000) <= 0)
		return NULL;
	close(accept(d->fd, NULL, NULL)); /* which finds the address */
	poll(&p, 1, 5000);
	const int fd = accept(d->fd, NULL, NULL);
	while (!ipb_stop_asked(&d->stop)) {
		if (d->stops && d->got >= d->most) {
			usleep(10000);
			continue;
		}
		const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		if (n <= 0)
			break;
		d->got += (size_t)n;
		if (d->got >= d->most && !d->stops)
			break;
	}
	if (d->resets)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
	return NULL;
}

static void against(struct discarder *d, const char *args, struct outcome *o)
{
	pthread_t thread;

	d->fd = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, NULL, &err);
	assert_true(d->fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, discard, d), 0);
	assert_int_equal(run(args, ipb_sock_port(d->fd), o), 0);
	ipb_stop_ask(&d->stop);
	pthread_join(thread, NULL);
	close(d->fd);
	free(o->json);
}

static void a_discard_service_gets_what_is_said(void **state)
{
	struct discarder d = { .most = SIZE_MAX };
	struct outcome o;

	(void)state;
	against(&d, "peer=discard,duration=0.5,warmup=0,bps=40M", &o);
	assert_string_equal(o.code, "");
	const double bytes = o.figures.up_bps * 0.5 / 8;
	assert_true(bytes > 0 && bytes <= (double)d.got * 1.001);
	assert_true(bytes > (double)d.got * 0.9);
}

static void a_target_that_ends_ends_the_test(void **state)
{
	struct discarder gone = { .most = 100000 }, reset = { .most = 100000, .resets = 1 };
	struct outcome o;

	(void)state;
	against(&gone, "peer=discard,duration=20,bps=10M", &o);
	assert_true(strcmp(o.code, "target-closed") == 0 || strcmp(o.code, "target-reset") == 0);
	assert_true(o.seconds < 3);
	assert_non_null(strstr(o.failure, "stream 0 of 1"));
	against(&reset, "peer=discard,duration=20,bps=10M", &o);
	assert_string_equal(o.code, "target-reset");
	assert_true(o.seconds < 3);
}

/* It takes nothing any more: the test still ends on time, and says what arrived. */
static void a_target_that_stops_reading_holds_nobody_up(void **state)
{
	struct discarder stuck = { .most = 0, .stops = 1 };
	struct outcome o;

	(void)state;
	against(&stuck, "peer=discard,duration=1,warmup=1", &o);
	assert_true(o.seconds < 4);
	assert_true(o.figures.up_bps == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_that_are_none_are_told),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(a_discard_service_gets_what_is_said),
		cmocka_unit_test(a_target_that_ends_ends_the_test),
		cmocka_unit_test(a_target_that_stops_reading_holds_nobody_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
