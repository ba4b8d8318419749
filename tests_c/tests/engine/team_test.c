/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Several threads of one test: counts that add up against what the echo did, and memory that no two of them write to.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "ipb_team_private.h"
#include "quiet.h"

#define SOURCES_MAX 64

/* One that sends to the echo: it does to each by itself the same things, every tenth packet. */
struct source {
	struct sockaddr_in from;
	uint64_t packets, dropped, doubled, damaged, overtaken;
	uint8_t held[256];
	ssize_t held_size;
};

struct echo {
	int fd, over, faithful; /* over: atomic */
	pthread_t thread;
	struct source sources[SOURCES_MAX];
	uint32_t count;
};

static struct source *source_of(struct echo *e, const struct sockaddr_in *from)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (e->sources[i].from.sin_port == from->sin_port)
			return &e->sources[i];
	assert_true(e->count < SOURCES_MAX);
	e->sources[e->count].from = *from;
	return &e->sources[e->count++];
}

static void give(const struct echo *e, const struct source *s, const uint8_t *bytes, ssize_t size)
{
	sendto(e->fd, bytes, (size_t)size, 0, (const struct sockaddr *)&s->from, sizeof s->from);
}

static void answer(struct echo *e, struct source *s, uint8_t *bytes, ssize_t size)
{
	switch (e->faithful ? 0 : s->packets++ % 10) {
	case 1:
		s->dropped++;
		return;
	case 3:
		s->doubled++;
		give(e, s, bytes, size);
		break;
	case 5:
		s->damaged++;
		bytes[size - 1] ^= 1;
		break;
	case 7: /* goes out after the next one */
		memcpy(s->held, bytes, (size_t)size);
		s->held_size = size;
		return;
	default:
		break;
	}
	give(e, s, bytes, size);
	if (s->held_size > 0) {
		s->overtaken++;
		give(e, s, s->held, s->held_size);
		s->held_size = 0;
	}
}

static void *serve(void *context)
{
	struct echo *e = context;
	uint8_t bytes[256];

	while (!__atomic_load_n(&e->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = e->fd, .events = POLLIN };
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t n;
		if (poll(&p, 1, 30) == 0)
			for (uint32_t i = 0; i < e->count; i++) { /* nothing comes any more */
				if (e->sources[i].held_size > 0)
					give(e, &e->sources[i], e->sources[i].held, e->sources[i].held_size);
				e->sources[i].held_size = 0;
			}
		while ((n = recvfrom(e->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) > 0)
			answer(e, source_of(e, &from), bytes, n);
	}
	return NULL;
}

static struct echo *running;

static void end_echo(void)
{
	if (running == NULL)
		return;
	__atomic_store_n(&running->over, 1, __ATOMIC_RELAXED);
	pthread_join(running->thread, NULL);
	close(running->fd);
	running = NULL;
}

static void begin_echo(struct echo *e, int faithful)
{
	struct ipb_sock_options options = { .rcvbuf = 8 << 20, .dscp = -1 };
	struct ipb_error err = { 0 };

	memset(e, 0, sizeof *e);
	e->faithful = faithful;
	e->fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &options, &err);
	assert_true(e->fd >= 0);
	assert_int_equal(pthread_create(&e->thread, NULL, serve, e), 0);
	running = e;
	quiet_cleanup = end_echo;
}

static uint64_t total(const struct echo *e, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < e->count; i++)
		sum += *(const uint64_t *)((const char *)&e->sources[i] + offset);
	return sum;
}
#define TOTAL(e, field) total(e, offsetof(struct source, field))

struct team_run {
	struct ipb_args args;
	struct ipb_engine_config config;
	struct ipb_threads threads;
	struct ipb_team *team;
	struct ipb_engine_result r;
	char *json;
};

static void open_team(struct team_run *t, const char *text, const char *host, uint16_t port)
{
	struct ipb_error err = { 0 };

	if (ipb_args_parse(&t->args, latency_options, LATENCY_OPTION_COUNT, text, 0, &err) < 0 ||
	    latency_configure(&t->config, &t->args, host, port, 0, &err) < 0 ||
	    ipb_threads_plan(&t->threads, &t->args, 1, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	t->config.run_id = 77;
	t->team = ipb_team_open(&t->config, &t->threads, &err);
	if (t->team == NULL)
		fail_msg("%s", ipb_error_text(&err));
}

static void report_team(struct team_run *t)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_engine_report(ipb_team_engine(t->team, 0), &j);
	ipb_json_end_object(&j);
	free(t->json);
	t->json = ipb_json_take(&j);
	assert_non_null(t->json);
	assert_int_equal(ipb_json_check(t->json, strlen(t->json)), 0);
}

static void run_team(struct team_run *t, const char *text, uint16_t port)
{
	static struct ipbench_progress progress;
	struct ipb_error err = { 0 };

	open_team(t, text, "127.0.0.1", port);
	memset(&progress, 0, sizeof progress);
	assert_int_equal(ipb_team_run(t->team, &progress, &err), 0);
	const struct ipb_engine *e = ipb_team_engine(t->team, 0);
	ipb_engine_result(e, &t->r);
	/* The last report of the progress is of all threads. */
	assert_int_equal(progress.phase, IPBENCH_PHASE_DONE);
	assert_int_equal(progress.sent, t->r.counts.sent);
	assert_int_equal(progress.ok, t->r.counts.ok);
	assert_int_equal(progress.lost, t->r.counts.lost);
	report_team(t);
}

static void end_team(struct team_run *t)
{
	ipb_team_close(t->team);
	ipb_args_free(&t->args);
	free(t->json);
}

/* The numbers behind "key": in a text, from there on, added up; how many there were into *n. */
static uint64_t sum_of(const char *text, const char *key, uint32_t *n)
{
	uint64_t sum = 0;

	*n = 0;
	for (const char *at = text; (at = strstr(at, key)) != NULL; ++*n)
		sum += strtoull(at += strlen(key), NULL, 10);
	return sum;
}

static void counts_add_up(const struct team_run *t, uint32_t threads)
{
	const struct ipb_counts *c = &t->r.counts;
	const char *mine = strstr(t->json, "\"threads\":[");
	uint32_t n;

	assert_int_equal(c->ok + c->lost + c->late + c->corrupt, c->sent);
	assert_int_equal(t->r.response->count, c->ok);
	assert_int_equal(t->r.service->count, c->ok);
	assert_int_equal(t->r.lateness->count, c->sent);
	assert_non_null(mine);
	assert_int_equal(sum_of(mine, "\"sent\":", &n), c->sent);
	assert_int_equal(n, threads);
	assert_int_equal(sum_of(mine, "\"ok\":", &n), c->ok);
	assert_int_equal(sum_of(mine, "\"lost\":", &n), c->lost);
	assert_int_equal(sum_of(mine, "\"late\":", &n), c->late);
	assert_int_equal(sum_of(mine, "\"corrupt\":", &n), c->corrupt);
	assert_int_equal(sum_of(mine, "\"duplicate\":", &n), c->duplicate);
	/* Rates are whole bit/s here, less what is cut off of each. */
	assert_in_range(sum_of(mine, "\"requested_bps\":", &n), (uint64_t)t->r.requested_bps - threads, (uint64_t)t->r.requested_bps);
	assert_in_range(sum_of(mine, "\"sent_bps\":", &n) + threads, (uint64_t)t->r.sent_bps, (uint64_t)t->r.sent_bps + threads);
	assert_in_range(sum_of(mine, "\"received_bps\":", &n) + threads, (uint64_t)t->r.received_bps,
	                (uint64_t)t->r.received_bps + threads);
	assert_int_equal(sum_of(mine, "\"gaps\":", &n), ipb_team_engine(t->team, 0)->gaps.count);
	assert_int_equal(sum_of(mine, "\"gap_sum_ns\":", &n), ipb_team_engine(t->team, 0)->gaps.sum_ns);
	/* The series holds the same packets. */
	const char *series = strstr(t->json, "\"series\":[");
	char *copy = strndup(series, (size_t)(strchr(series, ']') - series));
	assert_int_equal(sum_of(copy, "\"sent\":", &n), c->sent);
	assert_int_equal(sum_of(copy, "\"ok\":", &n), c->ok);
	assert_int_equal(sum_of(copy, "\"lost\":", &n), c->lost);
	free(copy);
}

/* What a thread counts is what the echo did with the packets of that thread's ports. The first one's engine has those of all
 * by now: its own are what is left. */
static void each_thread_counts_its_own(struct team_run *t, const struct echo *s, uint32_t threads)
{
	for (uint32_t i = 1; i < threads; i++) {
		const struct ipb_engine *e = ipb_team_engine(t->team, i);
		uint64_t packets = 0, dropped = 0, doubled = 0, damaged = 0;
		for (uint32_t k = 0; k < e->config.flows; k++) {
			struct sockaddr_in own;
			socklen_t size = sizeof own;
			assert_int_equal(getsockname(e->fds[k], (struct sockaddr *)&own, &size), 0);
			for (uint32_t f = 0; f < s->count; f++) {
				const struct source *one = &s->sources[f];
				const int mine = one->from.sin_port == own.sin_port;
				packets += mine ? one->packets : 0;
				dropped += mine ? one->dropped : 0;
				doubled += mine ? one->doubled : 0;
				damaged += mine ? one->damaged : 0;
			}
		}
		assert_int_equal(e->track.counts.sent, packets);
		assert_int_equal(e->track.counts.lost, dropped);
		assert_int_equal(e->track.counts.duplicate, doubled);
		assert_int_equal(e->track.counts.corrupt, damaged);
		char wanted[200];
		snprintf(wanted, sizeof wanted, "{\"thread\":%u,\"cpu\":%d,\"flows\":%u,\"first_flow\":%u,\"counts\":{\"sent\":%llu,", i,
		         t->threads.cpu[i], e->config.flows, i * e->config.flows, (unsigned long long)packets);
		assert_non_null(strstr(t->json, wanted));
	}
}

/* What the echo did wrong with each flow, it counted: losses, copies, damages, replies that were overtaken. */
static void faults_are_counted_exactly(void **state)
{
	static const struct {
		uint32_t threads, flows;
		const char *extra;
	} cases[] = { { 2, 2, "" }, { 4, 4, "" }, { 8, 8, "" }, { 2, 8, ",flows=8" }, { 4, 4, ",arrival=poisson" },
		      { 2, 2, ",arrival=burst:10,engine=mmsg" } };
	static struct echo s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct team_run t = { 0 };
		char text[300];
		begin_echo(&s, 0);
		quiet_note();
		snprintf(text, sizeof text, "socktype=udp,threads=%u,bps=2M,size=100,noise=0,warmup=0,cooldown=0,duration=1,drain=0.5,"
		         "late=0.2%s", cases[i].threads, cases[i].extra);
		run_team(&t, text, ipb_sock_port(s.fd));
		end_echo();
		counts_add_up(&t, cases[i].threads);
		each_thread_counts_its_own(&t, &s, cases[i].threads);
		assert_timely(t.r.unsent == 0);
		if (strstr(cases[i].extra, "poisson") == NULL)
			assert_int_equal(t.r.counts.sent + t.r.unsent, 2500);
		assert_int_equal(TOTAL(&s, packets), t.r.counts.sent);
		assert_int_equal(s.count, cases[i].flows);
		assert_int_equal(t.r.stray, 0);
		assert_int_equal(t.r.counts.lost, TOTAL(&s, dropped));
		assert_int_equal(t.r.counts.corrupt, TOTAL(&s, damaged));
		assert_int_equal(t.r.counts.duplicate, TOTAL(&s, doubled));
		assert_timely(t.r.counts.reordered == TOTAL(&s, overtaken)); /* an echo that changes its processor overtakes itself */
		assert_true(TOTAL(&s, dropped) > 200 && TOTAL(&s, overtaken) > 200);
		end_team(&t);
	}
}

/* A number of samples is collected by all: they end at one instant, and each has sent all that was due until then. */
static void samples_are_collected_together(void **state)
{
	static struct echo s;
	struct team_run t = { 0 };

	(void)state;
	begin_echo(&s, 1);
	quiet_note();
	run_team(&t, "socktype=udp,threads=3,bps=2.4M,size=100,noise=0,warmup=0.2,cooldown=0.1,samples=2000,keep_samples=1",
	         ipb_sock_port(s.fd));
	end_echo();
	counts_add_up(&t, 3);
	assert_true(t.r.counts.ok >= 2000);
	assert_int_equal(t.r.counts.lost, 0);
	assert_int_equal(t.r.samples_kept, t.r.counts.ok);
	uint64_t sum = 0;
	for (uint64_t i = 0; i < t.r.samples_kept; i++)
		sum += t.r.samples_ns[i];
	assert_true((unsigned __int128)sum == t.r.service->sum);
	const struct ipb_engine *first = ipb_team_engine(t.team, 0);
	int together = 1;
	for (uint32_t i = 1; i < 3; i++) {
		const struct ipb_engine *e = ipb_team_engine(t.team, i);
		assert_int_equal(e->measure_ns, first->measure_ns);
		assert_int_equal(e->interval_ns, first->interval_ns);
		together &= e->end_ns == first->end_ns;
	}
	assert_timely(together);
	/* A millisecond between one thread's packets: as many as milliseconds, for each. */
	if (together) {
		assert_int_equal((first->end_ns - first->measure_ns) % 1000000, 0);
		assert_int_equal(t.r.counts.sent + t.r.unsent, 3 * (first->end_ns - first->measure_ns) / 1000000);
	}
	end_team(&t);
}

/* One half of the mean's interval, as a share of it: 30 batches of one round trip each, by hand: Student's t with 29 degrees of freedom
 * is 2.0452, the deviation of 1 … 30 is 8.803, their mean 15.5. */
static void the_interval_is_that_of_all_threads(void **state)
{
	struct ipb_sum rising[30], falling[30], both[30];

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		rising[i] = (struct ipb_sum){ 1, i + 1 };
		falling[i] = (struct ipb_sum){ 1, 30 - i };
		both[i] = (struct ipb_sum){ 2, 31 };
	}
	const double expected = 2.0452 * 8.803 / sqrt(30) / 15.5;
	assert_true(fabs(ipb_engine_sums_half_width(rising, 30) / expected - 1) < 1e-3);
	assert_true(fabs(ipb_engine_sums_half_width(falling, 30) / expected - 1) < 1e-3);
	assert_true(ipb_engine_sums_half_width(both, 30) == 0);
	assert_true(isinf(ipb_engine_sums_half_width(both, 9)));
	assert_true(isinf(ipb_engine_sums_half_width(both, 0)));
}

/* The mean's interval decides for all at one instant, whether a length or a number of samples was the most; what is in the document
 * is made of the round trips of all. */
static void all_end_when_the_mean_is_known(void **state)
{
	static const char *const most[] = { "duration=60", "samples=300000" };
	static struct echo s;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct team_run t = { 0 };
		char text[200];
		begin_echo(&s, 1);
		quiet_note();
		snprintf(text, sizeof text, "socktype=udp,threads=3,bps=2.4M,size=100,noise=0,warmup=0.2,cooldown=0.1,until_ci=100%%,%s", most[i]);
		run_team(&t, text, ipb_sock_port(s.fd));
		end_echo();
		counts_add_up(&t, 3);
		const struct ipb_engine *first = ipb_team_engine(t.team, 0);
		const uint64_t length_ns = first->end_ns - first->measure_ns;
		assert_timely(length_ns < 50 * IPB_NS_PER_S);
		assert_null(reason_of(&t.r, "samples-missing"));
		assert_int_equal(t.r.counts.lost, 0);
		assert_int_equal(first->deadline_missed, 0);
		int together = 1;
		for (uint32_t k = 1; k < 3; k++)
			together &= ipb_team_engine(t.team, k)->end_ns == first->end_ns;
		assert_timely(together);
		if (together)
			assert_int_equal(t.r.counts.sent + t.r.unsent, 3 * length_ns / 1000000);
		struct ipb_sum *all = calloc(first->interval_count, sizeof *all);
		uint64_t ok = 0, asked = 0;
		for (uint32_t k = 0; k < first->interval_count; k++) {
			all[k] = (struct ipb_sum){ first->intervals[k].ok, first->intervals[k].sum_ns };
			ok += all[k].ok;
			asked += t.team->sums[k].ok; /* what it was decided by, a few milliseconds before the end */
			assert_true(t.team->sums[k].ok <= all[k].ok && t.team->sums[k].sum_ns <= all[k].sum_ns * (1 + 1e-9));
		}
		assert_int_equal(ok, t.r.counts.ok);
		assert_timely(asked > 0.9 * (double)ok);
		const double half = ipb_engine_sums_half_width(all, first->interval_count);
		assert_true(fabs((t.r.mean.high_ns - t.r.mean.estimate_ns) / t.r.mean.estimate_ns - half) < 1e-9);
		assert_timely(half * 2 <= 1.5);
		free(all);
		end_team(&t);
	}
}

static void connections_are_shared_out(void **state)
{
	struct team_run t = { 0 };
	struct ipb_error err = { 0 };
	const int fd = ipb_sock_listen("127.0.0.1", 0, SOCK_STREAM, NULL, &err);

	(void)state;
	assert_true(fd >= 0);
	/* Nobody takes them: the kernel accepts, and nothing comes back. */
	quiet_note();
	run_team(&t, "socktype=tcp,threads=2,flows=4,bps=1M,size=100,noise=0,warmup=0,cooldown=0,duration=0.3,drain=0.2,late=0",
	         ipb_sock_port(fd));
	counts_add_up(&t, 2);
	/* The thread that ended first may have ended long before the other: what that sent is still in the series. */
	struct ipb_engine *first = ipb_team_engine(t.team, 0);
	first->end_ns = first->measure_ns + 1;
	report_team(&t);
	counts_add_up(&t, 2);
	assert_int_equal(t.r.counts.ok, 0);
	assert_true(t.r.broken && t.r.invalid);
	assert_true(t.r.reason_count > 0);
	assert_non_null(strstr(t.r.reasons[0].text, "thread "));
	assert_string_equal(t.r.reasons[0].code, "target-silent");
	assert_non_null(strstr(t.json, "\"flows\":4,"));
	end_team(&t);
	close(fd);
}

/* What an engine writes to while it runs. */
static uint32_t blocks_of(struct ipb_engine *e, struct iovec *to)
{
	uint32_t n = 0;
#define BLOCK(at, size) to[n++] = (struct iovec){ (void *)(at), (size) }
	struct ipb_hist *const hists[] = { &e->response, &e->service, &e->lateness, &e->excused };

	BLOCK(e, sizeof *e);
	BLOCK(e->frames, IPB_ENGINE_BATCH * (size_t)e->config.sizes.largest);
	BLOCK(e->intervals, e->interval_count * sizeof *e->intervals);
	BLOCK(e->coarse, (size_t)e->interval_count * IPB_COARSE_LENGTH * sizeof *e->coarse);
	if (e->told_sums != NULL)
		BLOCK(e->told_sums, e->interval_count * sizeof *e->told_sums);
	BLOCK(e->samples, (e->samples_room + 1) * sizeof *e->samples);
	BLOCK(e->track.flow, e->track.flows * sizeof *e->track.flow);
	BLOCK(e->track.places, (e->track.mask + 1) * sizeof *e->track.places);
	BLOCK(e->track.trains, (e->track.mask + 1) * sizeof *e->track.trains);
	BLOCK(e->track.states, e->track.states_count / 4 + 1);
	BLOCK(e->io, 1); /* its inside is io's: it begins at a boundary, as all that is allocated there */
	for (size_t i = 0; i < sizeof hists / sizeof *hists; i++)
		BLOCK(hists[i]->counts, IPB_HIST_LENGTH * sizeof(uint64_t));
#undef BLOCK
	return n;
}

static void no_line_is_written_by_two_threads(void **state)
{
	static const char *const ways[] = { "socktype=udp,engine=mmsg", "socktype=udp,engine=socket", "socktype=udp,engine=gso",
		                            "socktype=tcp,flows=8", "socktype=udp,timestamps=kernel", "socktype=udp,until_ci=0.1" };
	struct iovec blocks[4][64];
	uint32_t counts[4];
	struct ipb_error err = { 0 };

	(void)state;
	for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
		struct team_run t = { 0 };
		char text[200];
		const int fd = ipb_sock_listen("127.0.0.1", 0, strstr(ways[w], "tcp") ? SOCK_STREAM : SOCK_DGRAM, NULL, &err);
		snprintf(text, sizeof text, "threads=4,noise=0,keep_samples=1,samples=100,%s", ways[w]);
		open_team(&t, text, "127.0.0.1", ipb_sock_port(fd));
		for (uint32_t i = 0; i < 4; i++) {
			struct ipb_engine *e = ipb_team_engine(t.team, i);
			counts[i] = blocks_of(e, blocks[i]);
			assert_int_equal((uintptr_t)&t.team->members[i] % IPB_APART, 0);
			for (uint32_t k = 0; k < counts[i]; k++) {
				assert_non_null(blocks[i][k].iov_base);
				assert_int_equal((uintptr_t)blocks[i][k].iov_base % IPB_APART, 0);
			}
		}
		/* In lines: no block of one thread has one that a block of another has. */
		for (uint32_t a = 0; a < 4; a++)
			for (uint32_t b = a + 1; b < 4; b++)
				for (uint32_t i = 0; i < counts[a]; i++)
					for (uint32_t k = 0; k < counts[b]; k++) {
						const uintptr_t x = (uintptr_t)blocks[a][i].iov_base / IPB_APART, y = (uintptr_t)blocks[b][k].iov_base / IPB_APART;
						const uintptr_t x_end = ((uintptr_t)blocks[a][i].iov_base + blocks[a][i].iov_len - 1) / IPB_APART;
						const uintptr_t y_end = ((uintptr_t)blocks[b][k].iov_base + blocks[b][k].iov_len - 1) / IPB_APART;
						assert_true(x_end < y || y_end < x);
					}
		/* What the team and an engine tell each other is in lines of its own, too. */
		struct ipb_engine *e = ipb_team_engine(t.team, 1);
		assert_int_equal((uintptr_t)&e->told_ok % IPB_APART, 0);
		assert_int_equal((uintptr_t)&e->told_end_ns % IPB_APART, 0);
		assert_true((char *)&e->told_end_ns - (char *)&e->told_ok >= (int)IPB_APART);
		assert_true((char *)&e->told_answer - (char *)&e->told_ok < (int)IPB_APART);
		assert_true((char *)&e->told_question - (char *)&e->told_end_ns < (int)IPB_APART);
		end_team(&t);
		close(fd);
	}
	_Static_assert(sizeof(struct ipb_team_member) % IPB_APART == 0, "members of an array share no line");
	_Static_assert(sizeof(struct ipb_engine) % IPB_APART == 0, "nor does what is behind an engine");
}

/* What the tester did wrong is said of the thread that did it. */
static void reasons_name_their_thread(void **state)
{
	static struct echo s;
	struct team_run t = { 0 };
	const struct ipb_reason *reason;

	(void)state;
	begin_echo(&s, 1);
	open_team(&t, "socktype=udp,threads=4,cpus=\"0,0\",noise=0,duration=1", "127.0.0.1", ipb_sock_port(s.fd));
	for (uint32_t i = 0; i < 4; i++) {
		struct ipb_engine *e = ipb_team_engine(t.team, i);
		e->measure_ns = 1;
		e->end_ns = IPB_NS_PER_S + 1;
		e->track.counts.ok = e->track.counts.sent = 100;
		e->window_sent_bytes = 1;
	}
	ipb_engine_reason(ipb_team_engine(t.team, 3), 0, "send-lateness", "late");
	ipb_engine_reason(ipb_team_engine(t.team, 1), 0, "rate-not-reached", "slow");
	ipb_engine_reason(ipb_team_engine(t.team, 2), 1, "rate-not-reached", "slower");
	ipb_engine_reason(ipb_team_engine(t.team, 0), 0, "scheduling-gaps", "stood still");
	ipb_team_figures(t.team);
	ipb_team_merge(t.team);
	ipb_team_judge(t.team);
	ipb_engine_result(ipb_team_engine(t.team, 0), &t.r);
	assert_int_equal(t.r.counts.sent, 400);
	assert_non_null(reason = reason_of(&t.r, "send-lateness"));
	assert_string_equal(reason->text, "thread 3 on processor 0 was at its limit: late");
	assert_non_null(reason = reason_of(&t.r, "rate-not-reached"));
	assert_string_equal(reason->text, "2 of 4 threads were at their limit; thread 2 on processor 0: slower");
	assert_true(reason->invalid);
	assert_non_null(reason = reason_of(&t.r, "scheduling-gaps"));
	assert_string_equal(reason->text, "thread 0 on processor 0: stood still");
	end_echo();
	end_team(&t);
}

static void *stop_soon(void *team)
{
	nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
	ipb_team_stop(team);
	return NULL;
}

static void a_team_is_stopped(void **state)
{
	static struct echo s;
	struct team_run t = { 0 };
	struct ipb_error err = { 0 };
	pthread_t thread;

	(void)state;
	begin_echo(&s, 1);
	quiet_note();
	const uint64_t begin = ipb_now_ns();
	open_team(&t, "socktype=udp,threads=2,noise=0,warmup=0,duration=20,bps=1M", "127.0.0.1", ipb_sock_port(s.fd));
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, t.team), 0);
	assert_int_equal(ipb_team_run(t.team, NULL, &err), 0);
	pthread_join(thread, NULL);
	assert_timely(ipb_now_ns() - begin < 2 * IPB_NS_PER_S);
	ipb_engine_result(ipb_team_engine(t.team, 0), &t.r);
	assert_non_null(reason_of(&t.r, "stopped"));
	assert_true(t.r.broken);
	assert_int_equal(t.r.counts.ok + t.r.counts.lost + t.r.counts.late + t.r.counts.corrupt, t.r.counts.sent);
	end_echo();
	end_team(&t);
}

static void lists_of_processors_are_read(void **state)
{
	static const struct {
		const char *text;
		int n, last;
	} good[] = { { "0", 1, 0 }, { "0,2-3", 3, 3 }, { "0;2-3", 3, 3 }, { "7-7,1", 2, 1 }, { "0-1023", 1024, 1023 } };
	static const char *const bad[] = { "", ",", "1,", "a", "1-", "-1", "3-2", "1024", "0 1", "1,,2", "0-1023,5", "99999999999999999999" };
	int list[IPB_THREADS_CPUS_MAX];
	struct ipb_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(ipb_threads_list(good[i].text, list, &err), good[i].n);
		assert_int_equal(list[good[i].n - 1], good[i].last);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(ipb_threads_list(bad[i], list, &err), -1);
}

static void what_threads_cannot_do_is_refused(void **state)
{
	static const struct {
		const char *args, *text;
	} cases[] = {
		{ "threads=2,flows=3", "argument flows: 3 flows cannot be shared out evenly among 2 threads: give a multiple of 2" },
		{ "threads=2,cpu=0", "argument cpu: 2 threads are not to be on one processor; give cpus instead" },
		{ "cpu=0,cpus=0", "argument cpus: give either cpu or cpus" },
		{ "cpus=x", "argument cpus: \"x\" is no list of processors" },
		{ "threads=65", "argument threads" },
	};
	struct ipb_engine_config config;
	struct ipb_args args;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ipb_error err = { 0 };
		int status = ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, cases[i].args, 0, &err);
		if (status == 0) {
			status = latency_configure(&config, &args, NULL, 0, 0, &err);
			ipb_args_free(&args);
		}
		assert_int_equal(status, -1);
		if (strstr(ipb_error_text(&err), cases[i].text) == NULL)
			fail_msg("%s: %s", cases[i].args, ipb_error_text(&err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_processors_are_read),
		cmocka_unit_test(what_threads_cannot_do_is_refused),
		cmocka_unit_test(faults_are_counted_exactly),
		cmocka_unit_test(samples_are_collected_together),
		cmocka_unit_test(the_interval_is_that_of_all_threads),
		cmocka_unit_test(all_end_when_the_mean_is_known),
		cmocka_unit_test(connections_are_shared_out),
		cmocka_unit_test(no_line_is_written_by_two_threads),
		cmocka_unit_test(reasons_name_their_thread),
		cmocka_unit_test(a_team_is_stopped),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
