/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Several threads of one test: counts that add up against what the echo did, and memory that no two of them write to.
 * SPDX-License-Identifier: MIT */
#include "team_run.h"

#include <stdio.h>
#include <sys/uio.h>

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
		cmocka_unit_test(connections_are_shared_out),
		cmocka_unit_test(no_line_is_written_by_two_threads),
		cmocka_unit_test(reasons_name_their_thread),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
