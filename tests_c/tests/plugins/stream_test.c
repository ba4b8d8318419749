/* link: stream/options.o stream/connect.o stream/peer_ipbench.o stream/peer_old.o stream/peer_iperf2.o stream/iperf2_back.o stream/peer_iperf3.o stream/told.o stream/run.o stream/figures.o stream/threads.o stream/judge.o stream/result.o */
/* stream against the services in this process, and against targets that fail in every way.  SPDX-License-Identifier: MIT */
#include "quiet.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../stream/figures.h"
#include "ipb_bulk.h"
#include "ipb_clock.h"
#include "ipb_serve.h"

static struct ipb_error err;

/* ---- the services, until the test is over ---- */

static struct {
	struct ipb_serve *serve;
	struct ipb_bulk *bulk;
	struct ipb_stop stop;
	pthread_t thread;
	struct ipb_error err;
} target;

static void *serve(void *arg)
{
	(void)arg;
	ipb_serve_run(target.serve, &target.stop, &target.err);
	return NULL;
}

static int begin(void **state)
{
	const struct ipb_serve_options o = { .ip = "127.0.0.1" };

	(void)state;
	memset(&target, 0, sizeof target);
	target.serve = ipb_serve_open(&o, &err);
	target.bulk = ipb_bulk_new(0);
	if (target.serve == NULL || target.bulk == NULL)
		return -1;
	ipb_serve_add(target.serve, ipb_bulk_service(target.bulk));
	return pthread_create(&target.thread, NULL, serve, NULL);
}

static int end(void **state)
{
	(void)state;
	ipb_stop_ask(&target.stop);
	pthread_join(target.thread, NULL);
	ipb_serve_close(target.serve);
	ipb_bulk_free(target.bulk);
	return 0;
}

/* ---- one test ---- */

struct outcome {
	struct stream_figures figures;
	char code[32], failure[STREAM_FAILURE_TEXT], row[200];
	char *json;
	double seconds; /* that stream_run took */
	int64_t offset_ns;
	uint64_t offset_error_ns;
};

/* NULL args: the defaults. 0, or -1 when it could not be opened (err). */
static int run(const char *args, uint16_t port, struct outcome *o)
{
	struct stream_test t;
	struct ipb_args a;

	memset(o, 0, sizeof *o);
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, args, 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", port, &err), 0);
	quiet_note();
	int status = stream_open(&t, &err);
	if (status == 0) {
		const uint64_t begin_ns = ipb_now_ns();
		assert_int_equal(stream_run(&t, NULL), 0);
		o->seconds = (double)(ipb_now_ns() - begin_ns) / 1e9;
		stream_figures(&t, &o->figures);
		stream_row(&t, o->row, sizeof o->row);
		memcpy(o->code, t.failure_code, sizeof o->code);
		memcpy(o->failure, t.failure, sizeof o->failure);
		o->json = stream_json(&t);
		assert_non_null(o->json);
		assert_int_equal(ipb_json_check(o->json, strlen(o->json)), 0);
		o->offset_ns = t.offset_ns;
		o->offset_error_ns = t.offset_error_ns;
	}
	stream_close(&t);
	ipb_args_free(&a);
	return status;
}

static uint16_t served(void) { return ipb_serve_port(target.serve); }

static void it_works(const char *args, struct outcome *o)
{
	if (run(args, served(), o) != 0)
		fail_msg("%s: %s", args, ipb_error_text(&err));
	if (*o->code != '\0')
		fail_msg("%s: %s: %s", args, o->code, o->failure);
	free(o->json);
}

#define SHORT "duration=0.3,warmup=0.1"

/* Whether bytes come in the directions (IPB_UP, IPB_DOWN) that are said, and in no other, from so many senders whose TCP_INFO is
 * known. A machine that is busy with other tests may miss a short phase as a whole: then a longer one is tried. */
static void moves(const char *args, int directions, uint32_t streams)
{
	struct outcome o = { 0 };
	char text[200];

	for (double length = 0.3; length < 6; length *= 2) {
		snprintf(text, sizeof text, "duration=%.1f,warmup=%.1f,%s", length, length / 2, args);
		it_works(text, &o);
		if ((o.figures.up_bps > 1e5) == !!(directions & IPB_UP) && (o.figures.down_bps > 1e5) == !!(directions & IPB_DOWN) &&
		    o.figures.tcp_streams == streams)
			return;
	}
	fail_msg("%s: %.0f up, %.0f down, of %u streams", args, o.figures.up_bps, o.figures.down_bps, o.figures.tcp_streams);
}

static void every_way_moves_bytes(void **state)
{
	(void)state;
	moves("direction=up", IPB_UP, 1);
	moves("direction=down,copy=0", IPB_DOWN, 1);
	moves("direction=both,streams=3", IPB_BOTH, 6);
	moves("zerocopy=sendfile,cc=cubic,mss=1000,rcvbuf=64Ki,sndbuf=64Ki,dscp=8", IPB_UP, 1);
	moves("zerocopy=msg,direction=both", IPB_BOTH, 2);
}

static void fairness_lies_between_one_and_all(void **state)
{
	struct outcome o;

	(void)state;
	it_works("duration=1,warmup=0.5,streams=3", &o);
	assert_timely(o.figures.fairness_up > 0.33); /* that of one stream, while others wait */
	assert_true(o.figures.fairness_up <= 1);
	assert_true(isnan(o.figures.fairness_down));
}

/* Both ends are on one clock here, so that the offset that was found is its own error. */
static void the_offset_is_within_its_error(void **state)
{
	struct outcome o;

	(void)state;
	it_works(SHORT ",bps=10M", &o);
	assert_true((uint64_t)llabs(o.offset_ns) <= o.offset_error_ns + 1);
	assert_true(o.offset_error_ns < 50000000);
}

/* How far what arrived is from a rate of 20 Mbit/s, as a share; the best of a few, since a machine that is shared may stand
 * still for longer than what was due then is sent afterwards. */
static double off_20m(const char *args)
{
	char text[200];
	struct outcome o;
	double best = 1;

	for (int i = 0; i < 5 && best > 0.02; i++) {
		snprintf(text, sizeof text, "duration=1,warmup=0.2,bps=20M,%s", args);
		it_works(text, &o);
		const double off = fabs((o.figures.up_bps + o.figures.down_bps) / 20e6 - 1);
		best = off < best ? off : best;
	}
	return best;
}

/* A rate that is asked for is what arrives. */
static void rates_are_kept(void **state)
{
	static const char *const args[] = { "direction=up", "direction=down", "streams=4", "udp=1", "udp=1,direction=down,streams=3",
		                            "udp=1,size=100" };

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		const double off = off_20m(args[i]);
		if (off > 0.05)
			print_error("%s: %.1f %% off\n", args[i], 100 * off);
		assert_timely(off <= 0.05);
	}
}

static void datagrams_are_accounted_for(void **state)
{
	struct outcome o;

	(void)state;
	it_works("duration=1,warmup=0.5,udp=1,bps=5M,size=1000,direction=both", &o);
	assert_true(o.figures.has_udp);
	assert_timely(o.figures.datagrams_sent >= 300 && o.figures.datagrams_sent <= 2500); /* 2 × 625, and what a standstill moves */
	assert_true(o.figures.datagrams_ok == o.figures.datagrams_sent && o.figures.lost == 0);
	assert_true(o.figures.duplicate == 0 && o.figures.reordered == 0);
	it_works("duration=1,warmup=0.5,udp=1", &o);
	assert_int_equal(o.figures.datagrams_ok + o.figures.lost, o.figures.datagrams_sent);
	assert_timely(o.figures.datagrams_ok > 0);
	/* 1,000 bits each 8 s: of no datagrams none can be lost. */
	assert_int_equal(run("duration=0.1,warmup=0.1,udp=1,bps=1k,size=1000", served(), &o), 0);
	assert_true(o.figures.datagrams_sent == 0 && strstr(o.json, "\"loss\"") == NULL);
	free(o.json);
}

/* What is said of the threads of a made-up end. */
static char *said_of(const struct ipb_pump_thread *threads, uint32_t count, uint32_t streams)
{
	struct stream_test t = { .config = { .limit_cpu = 0.95 } };
	struct ipb_bulk_stream all[8] = { 0 };
	struct ipb_bulk_result r = { .count = streams, .streams = all, .use = { .known = 1, .threads = count } };
	struct ipb_json j;

	memcpy(r.use.thread, threads, count * sizeof *threads);
	for (uint32_t i = 0; i < streams; i++)
		all[i].thread = i % count;
	ipb_json_init(&j);
	ipb_json_array(&j, NULL);
	stream_judge_threads(&t, &r, "tester", "tester-processor", &j);
	ipb_json_end_array(&j);
	return ipb_json_take(&j);
}

static void a_thread_at_its_limit_is_named(void **state)
{
	static const struct {
		struct ipb_pump_thread threads[2];
		const char *says; /* NULL: nothing */
	} cases[] = {
		{ { { .cpu = -1, .running = 0.94 }, { .cpu = 3, .running = 0.5, .waiting = 0.44, .busy = 0.94, .softirq = 0.9 } }, NULL },
		{ { { .cpu = 2, .running = 0.5, .busy = 1, .waiting = 0.05 }, { .cpu = -1, .running = 0.2 } }, NULL },
		{ { { .cpu = -1 }, { .sends = 1, .cpu = -1, .running = 0.96 } },
		  "\"thread 1 of the tester, which sends 2 streams, was running for 96 % of the measured phase and waiting for its processor for "
		  "0 % (limit 95 %): the rate" },
		{ { { .cpu = 3, .running = 0.5, .waiting = 0.46, .busy = 0.99, .softirq = 0.25 }, { .cpu = -1, .running = 0.94 } },
		  "\"thread 0 on processor 3 of the tester, which receives 3 streams, was running for 50 % of the measured phase and waiting for "
		  "its processor for 46 %, which was busy for 99 %, 25 % with interrupts (softirq) (limit 95 %): the rate" },
		{ { { .cpu = 3, .running = 0.3, .busy = 0.96, .softirq = 0.6 }, { .cpu = 2, .running = 0.5, .busy = 1, .waiting = 0.25 } },
		  "\"2 of 2 threads were at their limit; thread 1 on processor 2 of the tester, which receives 2 streams, was running for 50 %" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *said = said_of(cases[i].threads, 2, 5);
		assert_non_null(said);
		if (cases[i].says == NULL ? strcmp(said, "[]") != 0 : strstr(said, cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, said);
		free(said);
	}
}

static void wrong_arguments_are_refused(void **state)
{
	static const char *const args[] = { "direction=down,peer=discard", "direction=up,peer=chargen", "udp=1,peer=discard", "streams=1001",
		                            "direction=both,streams=501", "udp=1,size=31", "udp=1,size=65508", "udp=1,cc=cubic",
		                            "udp=1,copy=0", "proto=tcp,udp=1", "mss=40", "cc=\"a name that is much too long\"" };

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		struct stream_config c;
		struct ipb_args a;
		ipb_error_clear(&err);
		int status = ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, args[i], 0, &err);
		if (status == 0) {
			status = stream_configure(&c, &a, NULL, 0, &err);
			ipb_args_free(&a);
		}
		if (status == 0)
			fail_msg("%s was taken", args[i]);
		assert_non_null(strstr(ipb_error_text(&err), "argument "));
	}
}

static void unknown_congestion_control_is_told(void **state)
{
	struct outcome o;

	(void)state;
	assert_int_equal(run(SHORT ",cc=nosuch", served(), &o), -1);
	assert_non_null(strstr(ipb_error_text(&err), "cc=nosuch: no such congestion control here; loaded are:"));
}

/* ---- targets that fail ---- */

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

static void stopping_ends_it(void **state)
{
	struct stream_test t;
	struct ipb_args a;

	(void)state;
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, "duration=30", 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", served(), &err), 0);
	assert_int_equal(stream_open(&t, &err), 0);
	ipb_stop_ask(&t.stopping);
	const uint64_t begin_ns = ipb_now_ns();
	stream_run(&t, NULL);
	assert_true(ipb_now_ns() - begin_ns < 2 * IPB_NS_PER_S);
	assert_string_equal(t.failure_code, "stopped");
	stream_close(&t);
	ipb_args_free(&a);
}

static void *stop_later(void *arg)
{
	usleep(900000);
	ipb_stop_ask(arg);
	return NULL;
}

/* The rates of a test of 30 s that ends within one are of what there was of it; what the target has not told is not 0. */
static void what_was_cut_off_is_not_counted_in(void **state)
{
	struct stream_test t;
	struct stream_figures f;
	struct ipb_args a;
	pthread_t stopper;

	(void)state;
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, "duration=30,warmup=0.1,bps=8M", 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", served(), &err), 0);
	assert_int_equal(stream_open(&t, &err), 0);
	assert_int_equal(pthread_create(&stopper, NULL, stop_later, &t.stopping), 0);
	const uint64_t begin_ns = ipb_now_ns();
	stream_run(&t, NULL);
	const uint64_t took_ns = ipb_now_ns() - begin_ns;
	pthread_join(stopper, NULL);
	stream_figures(&t, &f);
	assert_true(t.window_end_ns > t.window_start_ns && t.window_end_ns <= begin_ns + took_ns);
	assert_int_equal(t.own.steps, (t.window_end_ns - t.window_start_ns + IPB_BULK_STEP_NS - 1) / IPB_BULK_STEP_NS);
	const double bytes = ipb_bins_sum(&t.pump.streams[0].bins, t.window_start_ns, t.window_end_ns);
	const double bps = bytes * 8e9 / (double)(t.window_end_ns - t.window_start_ns);
	assert_true(bytes > 0 && fabs(f.sent_bps / bps - 1) < 1e-9);
	assert_true(isnan(f.up_bps));
	char *json = stream_json(&t);
	assert_non_null(strstr(json, "\"received_bps\":null"));
	assert_null(strstr(json, "\"goodput\",\"value\""));
	free(json);
	stream_close(&t);
	ipb_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_way_moves_bytes, begin, end),
		cmocka_unit_test_setup_teardown(fairness_lies_between_one_and_all, begin, end),
		cmocka_unit_test_setup_teardown(the_offset_is_within_its_error, begin, end),
		cmocka_unit_test_setup_teardown(rates_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(datagrams_are_accounted_for, begin, end),
		cmocka_unit_test_setup_teardown(unknown_congestion_control_is_told, begin, end),
		cmocka_unit_test_setup_teardown(stopping_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(what_was_cut_off_is_not_counted_in, begin, end),
		cmocka_unit_test(a_thread_at_its_limit_is_named),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(targets_that_are_none_are_told),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(a_discard_service_gets_what_is_said),
		cmocka_unit_test(a_target_that_ends_ends_the_test),
		cmocka_unit_test(a_target_that_stops_reading_holds_nobody_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
