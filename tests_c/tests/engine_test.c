/* link: ../latency/options.c ../latency/marshal.c ../latency/output.c ../../tests/fixtures/fault_echo/faults.c */
/* The engine and the marshalled forms, against a spoiling echo in a thread of its own. Rates are low: sanitizers and a
 * busy machine must not decide.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../tests/fixtures/fault_echo/faults.h"
#include "../latency/latency.h"
#include "ipb_clock.h"
#include "ipb_engine_private.h"
#include "ipb_json.h"
#include "ipb_rng.h"

struct server {
	int fd;
	struct faults faults;
	struct sockaddr_storage from;
	socklen_t from_size;
	pthread_t thread;
	int over, silent; /* atomic */
	uint16_t seen[16];
	uint32_t ports;   /* different ones that packets came from */
};

static void answer(void *context, const uint8_t *frame, uint32_t size)
{
	struct server *s = context;

	sendto(s->fd, frame, size, 0, (struct sockaddr *)&s->from, s->from_size);
}

static void note_port(struct server *s, uint16_t port)
{
	for (uint32_t i = 0; i < s->ports; i++)
		if (s->seen[i] == port)
			return;
	if (s->ports < sizeof s->seen / sizeof *s->seen)
		s->seen[s->ports++] = port;
}

static void *serve(void *context)
{
	static uint8_t frame[FAULTS_FRAME_MAX];
	struct server *s = context;

	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		poll(&p, 1, 2);
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		ssize_t n;
		while ((n = recvfrom(s->fd, frame, sizeof frame, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) >= 0) {
			s->from = from;
			s->from_size = size;
			note_port(s, ((struct sockaddr_in *)&from)->sin_port);
			if (!__atomic_load_n(&s->silent, __ATOMIC_RELAXED))
				faults_handle(&s->faults, frame, (uint32_t)n, ipb_now_ns());
			size = sizeof from;
		}
		faults_tick(&s->faults, ipb_now_ns());
	}
	return NULL;
}

static void begin(struct server *s, const char *faults, uint32_t every, int check)
{
	struct ipb_error err = { 0 };

	memset(s, 0, sizeof *s);
	s->faults = (struct faults){ .every = every, .delay_ns = 1500000000ull, .twice_ns = 5000000, .rng = 1, .check = check,
	                             .send = answer, .context = s };
	assert_int_equal(faults_parse(&s->faults, faults) | faults_init(&s->faults), 0);
	struct ipb_sock_options options = { .rcvbuf = 8 << 20, .dscp = -1 };
	s->fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &options, &err);
	assert_true(s->fd >= 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end(struct server *s)
{
	__atomic_store_n(&s->over, 1, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (; s->faults.delayed.count > 0; s->faults.delayed.count--)
		free(s->faults.delayed.items[(s->faults.delayed.first + s->faults.delayed.count - 1) % FAULTS_HELD_MAX].bytes);
	for (; s->faults.again.count > 0; s->faults.again.count--)
		free(s->faults.again.items[(s->faults.again.first + s->faults.again.count - 1) % FAULTS_HELD_MAX].bytes);
	free(s->faults.delayed.items);
	free(s->faults.again.items);
}

/* Opens and runs; the arguments must outlive the engine. */
static struct ipb_engine *run(struct ipb_args *args, const char *text, uint16_t port)
{
	struct ipb_engine_config config;
	struct ipb_error err = { 0 };

	if (ipb_args_parse(args, latency_options, LATENCY_OPTION_COUNT, text, 0, &err) < 0 ||
	    latency_configure(&config, args, "127.0.0.1", port, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	config.run_id = 77;
	struct ipb_engine *e = ipb_engine_open(&config, &err);
	if (e == NULL)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	return e;
}

static const struct ipb_reason *reason_of(const struct ipb_engine_result *r, const char *code)
{
	for (uint32_t i = 0; i < r->reason_count; i++)
		if (strcmp(r->reasons[i].code, code) == 0)
			return &r->reasons[i];
	return NULL;
}

#define FAULTS "drop,duplicate,twice,delay,reorder,corrupt,truncate,alien,short-alien,stump"

/* How many of some packets get each fault: the echo sees all phases, and spoils in a fixed order. */
static void count_faults(const struct server *s, uint64_t first, uint64_t count, uint64_t *n)
{
	const struct faults *f = &s->faults;

	memset(n, 0, FAULT_KINDS * sizeof *n);
	for (uint64_t i = first; i < first + count; i++)
		if ((i + 1) % f->every == 0)
			n[f->list[i / f->every % f->listed]]++;
}

/* Non-zero when every packet reached the echo, was overtaken where it should be, and no reply was dropped on the way: a crowded machine drops some, and
 * such a run compares nothing. */
static int compare_counts(const char *extra, int last)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_result r;
	char text[300];
	uint64_t n[FAULT_KINDS], all[FAULT_KINDS];

	begin(&s, FAULTS, 5, 0);
	snprintf(text, sizeof text, "socktype=udp,noise=0,drain=1,late=2,%s", extra);
	struct ipb_engine *e = run(&args, text, ipb_sock_port(s.fd));
	ipb_engine_result(e, &r);
	end(&s);
	count_faults(&s, 0, e->track.next, all);
	if (!last && (s.faults.packets != e->track.next || s.faults.counts[FAULT_REORDER] != all[FAULT_REORDER] ||
	              reason_of(&r, "receive-drops") || reason_of(&r, "host-receive-errors"))) {
		ipb_engine_close(e);
		ipb_args_free(&args);
		return 0;
	}
	count_faults(&s, e->track.first, e->track.counts.sent, n);
	assert_true(r.counts.sent > 1000);
	assert_int_equal(s.faults.packets, e->track.next);
	assert_int_equal(r.counts.lost, n[FAULT_DROP]);
	assert_int_equal(r.counts.late, n[FAULT_DELAY]);
	assert_int_equal(r.counts.corrupt, n[FAULT_CORRUPT] + n[FAULT_TRUNCATE] + n[FAULT_STUMP]);
	assert_int_equal(r.counts.duplicate, n[FAULT_DUPLICATE] + n[FAULT_TWICE]);
	assert_int_equal(r.counts.reordered, n[FAULT_REORDER]);
	assert_int_equal(r.stray, s.faults.counts[FAULT_ALIEN] + s.faults.counts[FAULT_SHORT_ALIEN]);
	assert_int_equal(r.counts.ok + r.counts.lost + r.counts.late + r.counts.corrupt, r.counts.sent);
	assert_int_equal(r.response->count, r.counts.ok);
	assert_int_equal(r.service->count, r.counts.ok);
	assert_int_equal(r.lateness->count, r.counts.sent);
	ipb_engine_close(e);
	ipb_args_free(&args);
	return 1;
}

static void counts_are_exact(const char *extra)
{
	for (int left = 3; left >= 0 && !compare_counts(extra, left == 0); left--)
		;
}

static void every_fault_is_counted(void **state)
{
	(void)state;
	counts_are_exact("bps=1M,size=64,duration=1,warmup=0,cooldown=0");
}

static void every_fault_is_counted_in_batches(void **state)
{
	(void)state;
	counts_are_exact("engine=mmsg,bps=2M,size=200,arrival=burst:16,duration=1,warmup=0.3,cooldown=0");
}

static void every_fault_is_counted_with_mixed_sizes(void **state)
{
	(void)state;
	counts_are_exact("sizes=\"64:7,594:4,1400:1\",bps=5M,arrival=poisson,duration=1,warmup=0.2,cooldown=0.3");
}

static void faults_of_other_phases_do_not_count(void **state)
{
	(void)state;
	counts_are_exact("bps=1M,size=64,duration=0.7,warmup=0.7,cooldown=2.5");
}

/* Small packets carry no length of their own. */
static void a_cut_reply_of_mixed_sizes_is_corrupt(void **state)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	begin(&s, "truncate", 5, 0);
	struct ipb_engine *e = run(&args, "socktype=udp,sizes=\"16:7,200:4,1400:1\",bps=2M,noise=0,warmup=0,cooldown=0,duration=0.4",
	                           ipb_sock_port(s.fd));
	ipb_engine_result(e, &r);
	end(&s);
	assert_true(s.faults.counts[FAULT_TRUNCATE] > 50);
	assert_in_range(r.counts.corrupt + r.counts.lost, s.faults.counts[FAULT_TRUNCATE], UINT64_MAX);
	assert_in_range(r.counts.ok, 1, s.faults.packets - s.faults.counts[FAULT_TRUNCATE]);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

/* A member of a summary in a document, such as "wire":{…"mean_ns":1.5…}. */
static double figure(const char *document, const char *summary, const char *member)
{
	char key[64];

	snprintf(key, sizeof key, "\"%s\":{", summary);
	const char *at = strstr(document, "\"layers\":{");
	assert_non_null(at);
	assert_non_null(at = strstr(at, key));
	snprintf(key, sizeof key, "\"%s\":", member);
	assert_non_null(at = strstr(at, key));
	return strtod(at + strlen(key), NULL);
}

static void a_stamped_round_trip_adds_up(void **state)
{
	static const char *const parts[] = { "send_path", "wire", "receive_path" };
	struct server s;
	struct ipb_args args;
	struct ipb_json j;
	double sum = 0;

	(void)state;
	begin(&s, "drop", 100, 0);
	struct ipb_engine *e = run(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=0.5,timestamps=kernel",
	                           ipb_sock_port(s.fd));
	end(&s);
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_engine_report(e, &j);
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	assert_int_equal(ipb_json_check(text, strlen(text)), 0);
	assert_non_null(strstr(text, "\"used\":\"kernel\""));
	assert_true(figure(text, "user", "count") > 100);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		assert_true(figure(text, parts[i], "count") == figure(text, "user", "count"));
		sum += figure(text, parts[i], "mean_ns");
	}
	const double user = figure(text, "user", "mean_ns"), error = sum / user - 1;
	if (error > 1e-6 || error < -1e-6)
		fail_msg("the parts' means are %.3f ns together, the whole's is %.3f ns", sum, user);
	free(text);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

/* One in four packets is stamped, and a burst has four: each of them has its turn. With two flows, too. */
static void stamps_do_not_beat_with_bursts(void **state)
{
	static const char *const cases[] = { "arrival=burst:4", "flows=2" };

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct server s;
		struct ipb_args args;
		char text[200];
		uint32_t turns[4] = { 0 }, all = 0;
		begin(&s, "drop", 1000000, 0);
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.3,late=0,bps=20M,duration=0.2,"
		         "timestamps=kernel,%s", cases[c]);
		struct ipb_engine *e = run(&args, text, ipb_sock_port(s.fd));
		end(&s);
		assert_int_equal(e->layers.every, 4);
		for (uint32_t i = 0; i < e->layers.next && i < IPB_LAYERS_PENDING; i++, all++)
			turns[e->layers.entries[i].number % 4]++;
		assert_true(all > 500);
		for (int i = 0; i < 4; i++)
			assert_in_range(turns[i], all / 8, all / 2);
		assert_in_range(e->track.next / e->layers.asked, 3, 5);
		ipb_engine_close(e);
		ipb_args_free(&args);
	}
}

/* The packets of one call have times of their own; those of a train leave together, which the result says. */
static void packets_of_a_batch_leave_one_after_another(void **state)
{
	static const char *const engines[] = { "mmsg", "gso" };

	(void)state;
	for (int gso = 0; gso < 2; gso++) {
		struct server s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[200];
		uint32_t bursts = 0, spread = 0;
		begin(&s, "drop", 1000000, 0);
		snprintf(text, sizeof text, "socktype=udp,engine=%s,noise=0,warmup=0,cooldown=0,drain=0.3,late=0,size=64,bps=819200,"
		         "arrival=burst:16,duration=0.3", engines[gso]);
		struct ipb_engine *e = run(&args, text, ipb_sock_port(s.fd));
		end(&s);
		for (uint64_t i = 0; i + 16 <= e->track.next && i + 16 <= IPB_TRACK_RING_MIN; i += 16, bursts++) {
			const struct ipb_record *b = &e->track.ring[i];
			for (int k = 1; k < 16; k++)
				assert_true(b[k].sent_ns >= b[k - 1].sent_ns && b[k].due_ns == b[0].due_ns);
			spread += b[15].sent_ns > b[0].sent_ns + 1000; /* a packet takes a good deal more than 70 ns */
		}
		ipb_engine_result(e, &r);
		assert_true(bursts > 10);
		assert_int_equal(reason_of(&r, "trains") != NULL, gso);
		if (!gso)
			assert_int_equal(spread, bursts);
		assert_int_equal(r.lateness->count, r.counts.sent);
		ipb_engine_close(e);
		ipb_args_free(&args);
	}
}

/* Runs against a target that goes wrong: says so, and ends within warm-up, requested time, drain (0.5 s) and 2 s. */
static void dies_as(const char *code, const char *extra, double longest_s, uint16_t port, struct ipb_engine_result *r)
{
	struct ipb_args args;
	char text[300];

	snprintf(text, sizeof text, "noise=0,drain=0.5,%s", extra);
	uint64_t before = ipb_now_ns();
	struct ipb_engine *e = run(&args, text, port);
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
	struct server s;
	struct ipb_engine_result r;

	(void)state;
	begin(&s, "drop", 1, 0);
	dies_as("target-silent", "socktype=udp,warmup=0.2,cooldown=5,bps=100k,samples=200", 1.3, ipb_sock_port(s.fd), &r);
	/* 4 packets a second are too few to tell; a dead target is named all the same, and the cool-down is cut. */
	dies_as("no-answers", "socktype=udp,warmup=0,cooldown=20,bps=2048,duration=0.5", 0.5, ipb_sock_port(s.fd), &r);
	end(&s);
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
	__atomic_store_n(&((struct server *)context)->silent, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *go_away(void *context)
{
	struct timespec pause = { 0, 400000000 };

	nanosleep(&pause, NULL);
	end(context);
	return NULL;
}

static void a_target_that_dies_is_named(void **state)
{
	static const struct {
		const char *code, *args;
		double longest_s;
		void *(*kill)(void *server);
	} cases[] = {
		{ "target-died", "socktype=udp,warmup=0,cooldown=5,bps=200k,duration=20", 0.4, fall_silent },
		{ "target-died", "socktype=udp,warmup=0,cooldown=0,bps=200k,duration=0.9", 0.9, fall_silent },
		{ "target-died", "socktype=udp,warmup=0.1,cooldown=0.2,bps=200k,flows=3,duration=0.6", 0.9, fall_silent },
		{ "target-died", "socktype=udp,warmup=0,cooldown=0,bps=200k,late=60,duration=0.9", 0.9, fall_silent },
		{ "target-unreachable", "socktype=udp,warmup=0,cooldown=0,bps=200k,duration=0.9", 0.9, go_away },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s;
		struct ipb_engine_result r;
		pthread_t thread;
		begin(&s, "drop", 1000000, 0);
		assert_int_equal(pthread_create(&thread, NULL, cases[i].kill, &s), 0);
		dies_as(cases[i].code, cases[i].args, cases[i].longest_s, ipb_sock_port(s.fd), &r);
		pthread_join(thread, NULL);
		assert_true(r.counts.ok > 0 && r.counts.lost > 0);
		if (cases[i].kill == fall_silent)
			end(&s);
	}
}

/* A packet is lost, and the next one is due a second later; the last one of a burst is lost. */
static void a_loss_is_no_death(void **state)
{
	static const char *const cases[] = { "bps=512,duration=2.5", "bps=102400,arrival=burst:150,duration=1.6" };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct server s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[200];
		begin(&s, "drop", 2, 0);
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.2,late=0,%s", cases[i]);
		struct ipb_engine *e = run(&args, text, ipb_sock_port(s.fd));
		end(&s);
		ipb_engine_result(e, &r);
		assert_false(r.broken);
		assert_int_equal(r.counts.lost, s.faults.counts[FAULT_DROP]);
		ipb_engine_close(e);
		ipb_args_free(&args);
	}
}

static void a_narrow_interval_ends_the_measurement(void **state)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	begin(&s, "drop", 1000000, 0);
	struct ipb_engine *e = run(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=60,until_ci=100%",
	                           ipb_sock_port(s.fd));
	ipb_engine_result(e, &r);
	assert_true(r.window_end_ns - r.window_start_ns < 50 * IPB_NS_PER_S);
	assert_true(r.mean.batches >= 10 && r.mean.low_ns <= r.mean.estimate_ns && r.mean.estimate_ns <= r.mean.high_ns);
	assert_true(r.median.low_ns <= r.median.estimate_ns && r.median.estimate_ns <= r.median.high_ns);
	assert_true(r.median.half_share >= 0 && r.median.half_share < 1);
	end(&s);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

static void several_flows_are_several_ports(void **state)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	begin(&s, "drop", 10, 0);
	struct ipb_engine *e = run(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=0.5,flows=5,drain=2",
	                           ipb_sock_port(s.fd));
	ipb_engine_result(e, &r);
	end(&s);
	assert_int_equal(s.ports, 5);
	assert_int_equal(r.counts.lost, s.faults.counts[FAULT_DROP]);
	assert_int_equal(r.counts.ok, r.counts.sent - r.counts.lost);
	ipb_engine_close(e);
	ipb_args_free(&args);
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
	struct ipb_engine *e = run(&args, text, ipb_sock_port(t.fd));
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

/* Every cut and many mutations of a result are refused or read, and never harm. */
static void torture(const char *data, int size)
{
	struct ipb_error err = { 0 };
	struct ipb_rng rng;
	char *copy = malloc((size_t)size + 100);

	for (int cut = 0; cut < size; cut += cut < 400 ? 1 : 37) {
		char *exact = malloc((size_t)cut + 1); /* so that a read beyond the end is seen */
		memcpy(exact, data, (size_t)cut);
		char *shrunk = realloc(exact, cut > 0 ? (size_t)cut : 1);
		assert_null(latency_unmarshal(shrunk, (size_t)cut, &err));
		free(shrunk);
	}
	memcpy(copy, data, (size_t)size);
	memset(copy + size, 0, 100);
	assert_null(latency_unmarshal(copy, (size_t)size + 3, &err));
	ipb_rng_seed(&rng, 5);
	for (int i = 0; i < 3000; i++) {
		memcpy(copy, data, (size_t)size);
		for (uint32_t k = 0; k <= ipb_rng_below(&rng, 3); k++)
			copy[ipb_rng_below(&rng, (uint32_t)(size < 600 ? size : 600))] = (char)ipb_rng_next(&rng);
		struct latency_result *r = latency_unmarshal(copy, (size_t)size, &err);
		if (r != NULL)
			free(latency_json(r));
		latency_result_free(r);
	}
	free(copy);
}

static void both_forms_come_back(void **state)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };
	char *data;
	int size;

	(void)state;
	begin(&s, "drop", 50, 0);
	struct ipb_engine *e = run(&args, "socktype=udp,keep_samples=1,noise=0,warmup=0,cooldown=0.1,drain=0.5,bps=500k,samples=400",
	                           ipb_sock_port(s.fd));
	end(&s);
	ipb_engine_result(e, &r);
	assert_true(r.counts.ok >= 400);

	assert_int_equal(latency_marshal_original(&r, 400, &data, &size), 0);
	assert_int_equal(size, 8 * (8 + 400));
	struct latency_result *back = latency_unmarshal(data, (size_t)size, &err);
	assert_non_null(back);
	assert_true(back->samples == 400 && back->sends == r.counts.sent && back->recvs == r.counts.ok && back->size == 64);
	assert_int_equal(back->sample_ns[7], r.samples_ns[7] / 1000 * 1000);
	latency_result_free(back);
	torture(data, size);
	free(data);

	assert_int_equal(latency_marshal_extended(&r, e, 1, 0, &data, &size), 0);
	back = latency_unmarshal(data, (size_t)size, &err);
	if (back == NULL)
		fail_msg("%s", ipb_error_text(&err));
	assert_memory_equal(&back->counts, &r.counts, sizeof r.counts);
	struct ipb_hist response;
	assert_int_equal(ipb_hist_init(&response), 0);
	assert_int_equal(latency_hist_open(&back->response, &response), 0);
	assert_memory_equal(response.counts, r.response->counts, IPB_HIST_LENGTH * sizeof(uint64_t));
	ipb_hist_free(&response);
	const struct ipb_summary *service = &back->service.summary;
	assert_true(service->min_ns == r.service->min_ns && service->max_ns == r.service->max_ns);
	/* A controller holds a thousand of them: none may keep its counters. */
	assert_true(back->response.size + back->service.size + back->lateness.size < 16384);
	assert_int_equal(back->samples, r.samples_kept);
	assert_int_equal(back->sample_ns[7], r.samples_ns[7]);
	char *json = latency_json(back);
	assert_int_equal(ipb_json_check(json, strlen(json)), 0);
	free(json);
	latency_result_free(back);
	torture(data, size);
	free(data);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

struct stopper {
	struct ipb_engine *e;
};

static void *stop_soon(void *context)
{
	struct timespec pause = { 0, 200000000 };

	nanosleep(&pause, NULL);
	ipb_engine_stop(((struct stopper *)context)->e);
	return NULL;
}

static void stop_ends_it(void **state)
{
	struct server s;
	struct ipb_args args;
	struct ipb_engine_config config;
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };
	pthread_t thread;

	(void)state;
	begin(&s, "drop", 1000000, 0);
	assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, "socktype=udp,noise=0,warmup=60,bps=100k", 0,
	                                &err), 0);
	assert_int_equal(latency_configure(&config, &args, "127.0.0.1", ipb_sock_port(s.fd), &err), 0);
	struct stopper stopper = { ipb_engine_open(&config, &err) };
	assert_non_null(stopper.e);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stopper), 0);
	uint64_t before = ipb_now_ns();
	ipb_engine_run(stopper.e, NULL);
	assert_true(ipb_now_ns() - before < 20 * IPB_NS_PER_S);
	pthread_join(thread, NULL);
	ipb_engine_result(stopper.e, &r);
	assert_non_null(reason_of(&r, "stopped"));
	ipb_engine_close(stopper.e);
	ipb_args_free(&args);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_counted),
		cmocka_unit_test(every_fault_is_counted_in_batches),
		cmocka_unit_test(every_fault_is_counted_with_mixed_sizes),
		cmocka_unit_test(a_cut_reply_of_mixed_sizes_is_corrupt),
		cmocka_unit_test(faults_of_other_phases_do_not_count),
		cmocka_unit_test(a_stamped_round_trip_adds_up),
		cmocka_unit_test(stamps_do_not_beat_with_bursts),
		cmocka_unit_test(packets_of_a_batch_leave_one_after_another),
		cmocka_unit_test(a_silent_target_is_named),
		cmocka_unit_test(an_unreachable_target_is_named),
		cmocka_unit_test(a_target_that_dies_is_named),
		cmocka_unit_test(a_loss_is_no_death),
		cmocka_unit_test(a_narrow_interval_ends_the_measurement),
		cmocka_unit_test(several_flows_are_several_ports),
		cmocka_unit_test(tcp_end_of_file_is_named),
		cmocka_unit_test(tcp_reset_is_named),
		cmocka_unit_test(a_slow_tcp_target_is_no_fault_of_the_tester),
		cmocka_unit_test(both_forms_come_back),
		cmocka_unit_test(stop_ends_it),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
