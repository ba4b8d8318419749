/* What became of each packet: sent = ok + lost + late + corrupt, whatever happens.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include "ipb_rng.h"
#include "ipb_track.h"

static void sent(struct ipb_track *t, uint64_t now_ns, int measured)
{
	ipb_track_sent(t, now_ns, 64, now_ns, measured);
}

static void each_fate_is_counted_once(void **state)
{
	struct ipb_track t;
	struct ipb_error err = { 0 };

	(void)state;
	assert_int_equal(ipb_track_init(&t, 100, 1000, 1, 1000, &err), 0);
	sent(&t, 0, 0);
	for (uint32_t i = 0; i < 10; i++)
		ipb_track_sent(&t, 10, 64 + i, 10, 1);
	sent(&t, 20, 0);
	assert_int_equal(t.first, 1);
	assert_int_equal(t.end, 11);
	assert_int_equal(ipb_track_record(&t, 3).size, 66);
	assert_int_equal(ipb_track_reply(&t, 0, 0, 0, 30), IPB_TRACK_UNMEASURED);
	assert_int_equal(ipb_track_reply(&t, 11, 0, 0, 30), IPB_TRACK_UNMEASURED);
	assert_int_equal(ipb_track_reply(&t, 2, 0, 0, 30), IPB_TRACK_SAMPLE); /* after 11: overtaken */
	assert_int_equal(ipb_track_reply(&t, 2, 0, 0, 31), IPB_TRACK_DUPLICATE);
	assert_int_equal(ipb_track_reply(&t, 3, 0, 1, 31), IPB_TRACK_CORRUPT);
	assert_int_equal(ipb_track_reply(&t, 3, 0, 0, 31), IPB_TRACK_DUPLICATE);
	assert_int_equal(ipb_track_reply(&t, 4, 0, 0, 1011), IPB_TRACK_LATE);
	assert_int_equal(ipb_track_reply(&t, 5, 0, 0, 1010), IPB_TRACK_SAMPLE);
	ipb_track_unknown(&t, 0, 40); /* 11 was answered: no packet of the measured phase is awaited any more */
	assert_int_equal(t.unknown, 0);
	ipb_track_finish(&t);
	assert_int_equal(t.counts.sent, 10);
	assert_int_equal(t.counts.ok, 2);
	assert_int_equal(t.counts.late, 1);
	assert_int_equal(t.counts.corrupt, 1);
	assert_int_equal(t.counts.lost, 6);
	assert_int_equal(t.counts.duplicate, 2);
	assert_int_equal(t.counts.reordered, 2);
	ipb_track_free(&t);
}

/* One packet a ns, answered at once; of each 20 one is dropped and one comes back as rubbish. */
static void rubbish_belongs_to_its_phase(void **state)
{
	struct ipb_track t;
	struct ipb_error err = { 0 };

	(void)state;
	for (int flows = 1; flows <= 3; flows += 2) {
		assert_int_equal(ipb_track_init(&t, 100, 1000, (uint32_t)flows, 500, &err), 0);
		for (uint64_t now = 0; now < 12000; now++) {
			sent(&t, now, now >= 5000 && now < 6000);
			uint32_t flow = (uint32_t)(now % (uint64_t)flows);
			if (now % 20 == 13)
				ipb_track_unknown(&t, flow, now);
			else if (now % 20 != 3)
				ipb_track_reply(&t, now, flow, 0, now);
		}
		ipb_track_finish(&t);
		assert_int_equal(t.counts.ok, 900);
		assert_int_equal(t.counts.corrupt, 50);
		assert_int_equal(t.counts.lost, 50);
		assert_int_equal(ipb_track_answered(&t), 12000);
		ipb_track_free(&t);
	}
}

static void rubbish_alone_is_told_apart_too(void **state)
{
	struct ipb_track t;
	struct ipb_error err = { 0 };

	(void)state;
	assert_int_equal(ipb_track_init(&t, 100, 1000, 1, 50, &err), 0);
	for (uint64_t now = 0; now < 12000; now++) {
		sent(&t, now, now >= 5000 && now < 6000);
		if (now % 2 == 0) /* the others are lost, and given up when their time is over */
			ipb_track_unknown(&t, 0, now);
	}
	ipb_track_finish(&t);
	assert_in_range(t.counts.corrupt, 450, 550);
	assert_int_equal(t.counts.lost, 1000 - t.counts.corrupt);
	ipb_track_free(&t);
}

static void the_sum_always_holds(void **state)
{
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 4);
	for (int run = 0; run < 50; run++) {
		struct ipb_track t;
		struct ipb_error err = { 0 };
		assert_int_equal(ipb_track_init(&t, 100, 20000, 3, 500, &err), 0);
		for (uint64_t now = 0; now < 20000; now++) {
			sent(&t, now, now >= 1000 && now < 15000);
			for (uint32_t k = ipb_rng_below(&r, 4); k > 0; k--) {
				uint64_t back = ipb_rng_below(&r, 2500);
				if (back < t.next)
					ipb_track_reply(&t, t.next - 1 - back, ipb_rng_below(&r, 3), ipb_rng_below(&r, 10) == 0, now);
			}
			if (ipb_rng_below(&r, 1000) == 0)
				ipb_track_unknown(&t, ipb_rng_below(&r, 3), now);
		}
		uint64_t fates[4] = { 0 };
		for (uint64_t i = t.first; i < t.end; i++)
			fates[ipb_track_fate(&t, i)]++;
		assert_true(fates[IPB_FATE_OK] == t.counts.ok && fates[IPB_FATE_LATE] == t.counts.late &&
		            fates[IPB_FATE_CORRUPT] == t.counts.corrupt);
		ipb_track_finish(&t);
		const struct ipb_counts *c = &t.counts;
		assert_int_equal(c->sent, 14000);
		assert_int_equal(c->ok + c->lost + c->late + c->corrupt, c->sent);
		ipb_track_free(&t);
	}
}

static void packets_out_of_the_ring_are_late(void **state)
{
	struct ipb_track t;
	struct ipb_error err = { 0 };

	(void)state;
	assert_int_equal(ipb_track_init(&t, 1, 5000, 1, UINT64_MAX, &err), 0);
	for (int i = 0; i < 3000; i++)
		sent(&t, 0, 1);
	assert_false(ipb_track_holds(&t, 3000 - IPB_TRACK_RING_MIN - 1));
	assert_true(ipb_track_holds(&t, 3000 - IPB_TRACK_RING_MIN));
	assert_int_equal(ipb_track_reply(&t, 0, 0, 0, 1), IPB_TRACK_LATE);
	assert_int_equal(ipb_track_reply(&t, 2999, 0, 0, 1), IPB_TRACK_SAMPLE);
	ipb_track_free(&t);
	assert_int_equal(ipb_track_init(&t, 1, IPB_TRACK_STATES_MAX + 1, 1, 1, &err), -1);
}

/* Trains of all lengths, across the rings' ends, among packets that leave alone: each has the times that it would have
 * had alone. */
static void packets_of_a_train_have_times_of_their_own(void **state)
{
	enum { PACKETS = 20000 };
	static uint64_t due_ns[PACKETS], sent_ns[PACKETS];
	struct ipb_track t;
	struct ipb_error err = { 0 };
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 6);
	assert_int_equal(ipb_track_init(&t, 1, PACKETS, 1, UINT64_MAX, &err), 0);
	t.step_ns = 16;
	t.step_fraction = UINT64_MAX / 3;
	struct ipb_even due = { 1000, 0, t.step_ns, t.step_fraction };
	while (t.next + IPB_TRACK_TRAIN_MAX < PACKETS) {
		const uint32_t n = 1 + ipb_rng_below(&r, IPB_TRACK_TRAIN_MAX);
		const uint64_t now_ns = t.next * 20;
		for (uint32_t i = 0; i < n; i++) {
			due_ns[t.next + i] = ipb_even_at(&due, i);
			sent_ns[t.next + i] = now_ns;
		}
		if (ipb_rng_below(&r, 3) > 0)
			ipb_track_sent_train(&t, &(struct ipb_train){ due.start_ns, due.start_fraction, now_ns, n, 0 }, n, 1);
		else
			for (uint32_t i = 0; i < n; i++)
				ipb_track_sent(&t, ipb_even_at(&due, i), n, now_ns, 1);
		due = ipb_even_from(&due, n);
		assert_int_equal(ipb_track_record(&t, t.next - 1).size, n);
		for (uint64_t i = t.next > IPB_TRACK_RING_MIN ? t.next - IPB_TRACK_RING_MIN : 0; i < t.next; i++) {
			const struct ipb_record record = ipb_track_record(&t, i);
			assert_true(ipb_track_holds(&t, i) && record.due_ns == due_ns[i] && record.sent_ns == sent_ns[i]);
		}
	}
	assert_int_equal(t.counts.sent, t.next);
	ipb_track_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_fate_is_counted_once),
		                            cmocka_unit_test(rubbish_belongs_to_its_phase),
		                            cmocka_unit_test(rubbish_alone_is_told_apart_too),
		                            cmocka_unit_test(the_sum_always_holds),
		                            cmocka_unit_test(packets_of_a_train_have_times_of_their_own),
		                            cmocka_unit_test(packets_out_of_the_ring_are_late) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
