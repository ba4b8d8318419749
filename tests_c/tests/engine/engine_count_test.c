/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* What the engine counts, against a spoiling echo. Rates are low: sanitizers and a busy machine must not decide.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS "drop,duplicate,twice,delay,reorder,corrupt,truncate,alien,short-alien,stump"

/* How many of some packets get each fault: the echo sees all phases, and spoils in a fixed order. */
static void count_faults(const struct spoiler *s, uint64_t first, uint64_t count, uint64_t *n)
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
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	char text[300];
	uint64_t n[FAULT_KINDS], all[FAULT_KINDS];

	snprintf(text, sizeof text, "socktype=udp,noise=0,drain=1,late=2,%s", extra);
	struct ipb_engine *e = engine_run_spoiled(&s, FAULTS, 5, &args, text, &r);
	count_faults(&s, 0, e->track.next, all);
	if (!last && (s.faults.packets != e->track.next || s.faults.counts[FAULT_REORDER] != all[FAULT_REORDER] ||
	              reason_of(&r, "receive-drops") || reason_of(&r, "host-receive-errors"))) {
		engine_close(e, &args);
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
	engine_close(e, &args);
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
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	struct ipb_engine *e = engine_run_spoiled(&s, "truncate", 5, &args,
	                                          "socktype=udp,sizes=\"16:7,200:4,1400:1\",bps=2M,noise=0,warmup=0,cooldown=0,duration=0.4", &r);
	assert_true(s.faults.counts[FAULT_TRUNCATE] > 50);
	assert_in_range(r.counts.corrupt + r.counts.lost, s.faults.counts[FAULT_TRUNCATE], UINT64_MAX);
	assert_in_range(r.counts.ok, 1, s.faults.packets - s.faults.counts[FAULT_TRUNCATE]);
	engine_close(e, &args);
}

static void several_flows_are_several_ports(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	struct ipb_engine *e = engine_run_spoiled(&s, "drop", 10, &args,
	                                          "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=0.5,flows=5,drain=2", &r);
	assert_int_equal(s.ports, 5);
	assert_int_equal(r.counts.lost, s.faults.counts[FAULT_DROP]);
	assert_int_equal(r.counts.ok, r.counts.sent - r.counts.lost);
	engine_close(e, &args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_counted),
		cmocka_unit_test(every_fault_is_counted_in_batches),
		cmocka_unit_test(every_fault_is_counted_with_mixed_sizes),
		cmocka_unit_test(faults_of_other_phases_do_not_count),
		cmocka_unit_test(a_cut_reply_of_mixed_sizes_is_corrupt),
		cmocka_unit_test(several_flows_are_several_ports),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
