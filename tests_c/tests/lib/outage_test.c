/* Runs of lost packets.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_outage.h"
#include "ipb_rng.h"
#include "ipb_track.h"

/* '.': answered, 'x': lost, 'r': refused. */
static void take(struct ipb_outages *o, const char *pattern, uint64_t least, uint32_t flows)
{
	struct ipb_error err = { 0 };

	assert_int_equal(ipb_outages_init(o, least, flows, &err), 0);
	for (; *pattern != '\0'; pattern++)
		if (*pattern == '.')
			ipb_outages_answered(o, 1);
		else
			ipb_outages_lost(o, *pattern == 'r');
	ipb_outages_end(o);
}

/* The example of RFC 3357, section 5.5: of ten packets the 2nd, 5th, 7th, 9th and 10th are lost, which are four loss
 * periods of 1, 1, 1 and 2 packets (section 6.3). */
static void loss_periods_are_rfc_3357s(void **state)
{
	struct ipb_outages o;

	(void)state;
	take(&o, ".x..x.x.xx", 2, 1);
	assert_int_equal(o.runs, 4);
	assert_int_equal(o.lost, 5);
	assert_int_equal(o.last_lost, 9); /* numbers are from 0 */
	assert_int_equal(o.lengths[0], 3);
	assert_int_equal(o.lengths[1], 1);
	assert_int_equal(o.length_packets[1], 2);
	assert_int_equal(o.sum.count, 1);
	assert_int_equal(o.list.count, 1);
	assert_int_equal(o.list.kept[0].first, 8);
	assert_int_equal(o.list.kept[0].packets, 2);
	ipb_outages_free(&o);
}

static void a_refused_packet_is_dark_too(void **state)
{
	struct ipb_outages o;

	(void)state;
	take(&o, "..xrrx.rr.", 3, 1);
	assert_int_equal(o.sum.count, 1);
	assert_int_equal(o.sum.packets, 4);
	assert_int_equal(o.sum.refused, 2);
	assert_int_equal(o.sum.longest, 4);
	assert_int_equal(o.lost, 6);
	ipb_outages_free(&o);
}

static void lengths_are_counted_without_gaps(void **state)
{
	uint64_t from, to, before = 0;

	(void)state;
	for (uint32_t place = 0; place < IPB_OUTAGE_LENGTHS; place++) {
		struct ipb_outages o;
		struct ipb_error err = { 0 };
		ipb_outage_lengths(place, &from, &to);
		assert_int_equal(from, before + 1);
		before = to;
		for (uint64_t length = from; place < 24 && length <= to; length += to > from ? to - from : 1) {
			assert_int_equal(ipb_outages_init(&o, 1, 1, &err), 0);
			for (uint64_t i = 0; i < length; i++)
				ipb_outages_lost(&o, 0);
			ipb_outages_end(&o);
			assert_int_equal(o.lengths[place], 1);
			assert_int_equal(o.length_packets[place], length);
			ipb_outages_free(&o);
		}
	}
}

/* Flow 1 of 3 is dark for longer than the tester, flow 2 all by itself, flow 0 never. */
static void one_flow_is_told_from_all(void **state)
{
	struct ipb_outages o;

	(void)state;
	/* flows  012 012 012 012 012 012 012 012 012 012 */
	take(&o, "...xxxxxx.x..x..x.......x..x..x", 3, 3);
	assert_int_equal(o.sum.count, 1);
	assert_int_equal(o.sum.longest, 6);
	assert_int_equal(o.flow_sum[0].count, 1); /* the last three of flow 0 */
	assert_int_equal(o.flow_sum[1].count, 1);
	assert_int_equal(o.flow_sum[1].packets, 5);
	assert_int_equal(o.flow_sum[2].count, 0); /* two packets are too few */
	assert_int_equal(o.flow_list.count, 2);
	assert_int_equal(o.flow_list.kept[0].flow, 1);
	assert_int_equal(o.flow_list.kept[0].first, 4);
	assert_int_equal(o.flow_list.kept[1].flow, 0);
	assert_int_equal(o.flow_list.kept[1].first, 24);
	ipb_outages_free(&o);
	/* All flows are dark together: nothing to say of one. */
	take(&o, "...xxxxxxxxx...", 3, 3);
	assert_int_equal(o.sum.count, 1);
	assert_int_equal(o.flow_sum[1].count, 1);
	assert_int_equal(o.flow_list.count, 0);
	ipb_outages_free(&o);
}

static void the_longest_are_kept(void **state)
{
	struct ipb_outages o;
	struct ipb_error err = { 0 };

	(void)state;
	assert_int_equal(ipb_outages_init(&o, 1, 1, &err), 0);
	for (uint64_t i = 0; i < 3 * IPB_OUTAGES_KEPT; i++) {
		for (uint64_t n = 0; n < 1 + i * 7 % (3 * IPB_OUTAGES_KEPT); n++) /* 7 and 600 have no common divisor */
			ipb_outages_lost(&o, 0);
		ipb_outages_answered(&o, 1);
	}
	ipb_outages_end(&o);
	assert_int_equal(o.sum.count, 3 * IPB_OUTAGES_KEPT);
	assert_int_equal(o.list.count, IPB_OUTAGES_KEPT);
	assert_int_equal(o.list.left_out, 2 * IPB_OUTAGES_KEPT);
	for (uint32_t i = 0; i < o.list.count; i++) {
		assert_in_range(o.list.kept[i].packets, 2 * IPB_OUTAGES_KEPT + 1, 3 * IPB_OUTAGES_KEPT);
		assert_true(i == 0 || o.list.kept[i].first > o.list.kept[i - 1].first);
	}
	ipb_outages_free(&o);
}

/* Any pattern, told packet by packet through the tracker, late and overtaken and refused ones included, against a plain
 * count over the pattern. */
static void tracked_packets_make_the_same_runs(void **state)
{
	enum { PACKETS = 5000, BEFORE = 7 };
	struct ipb_rng rng;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct ipb_track t;
		struct ipb_outages o;
		struct ipb_error err = { 0 };
		char fate[PACKETS];
		ipb_rng_seed(&rng, seed);
		assert_int_equal(ipb_track_init(&t, 1024, PACKETS, 1, 1000, &err), 0);
		for (uint64_t i = 0; i < PACKETS; i++) {
			const uint32_t draw = ipb_rng_below(&rng, 100);
			const char again = i > 0 ? fate[i - 1] : '.';
			fate[i] = draw < 80 ? again : draw < 90 ? '.' : draw < 95 ? 'x' : seed % 2 && draw < 98 ? 'r' : 'l';
		}
		for (uint64_t i = 0; i < BEFORE; i++)
			ipb_track_sent(&t, i, 64, i, 0);
		for (uint64_t i = 0; i < PACKETS; i++) {
			if (fate[i] == 'r')
				ipb_track_refused(&t, BEFORE + i, 64, BEFORE + i, 1);
			else
				ipb_track_sent(&t, BEFORE + i, 64, BEFORE + i, 1);
			/* Answers overtake one another by three. */
			if (i >= 3 && (fate[i - 3] == '.' || fate[i - 3] == 'l'))
				ipb_track_reply(&t, BEFORE + i - 3, 0, 0, fate[i - 3] == '.' ? BEFORE + i : BEFORE + i + 5000);
		}
		for (uint64_t i = PACKETS - 3; i < PACKETS; i++)
			if (fate[i] == '.' || fate[i] == 'l')
				ipb_track_reply(&t, BEFORE + i, 0, 0, BEFORE + i + 1);
		ipb_track_finish(&t);
		assert_int_equal(ipb_outages_init(&o, 2, 1, &err), 0);
		assert_int_equal(ipb_track_told(&t), PACKETS);
		for (uint64_t i = 0, n; i < PACKETS; i += n) {
			n = ipb_track_all_answered(&t, i, PACKETS);
			if (n > 0)
				ipb_outages_answered(&o, n);
			else
				ipb_track_tell(&t, i, &o);
			n = n > 0 ? n : 1;
		}
		ipb_outages_end(&o);
		uint64_t runs = 0, lost = 0, longest = 0, length = 0, outages = 0;
		for (uint64_t i = 0; i <= PACKETS; i++) {
			const int dark = i < PACKETS && (fate[i] == 'x' || fate[i] == 'r');
			length += (uint64_t)dark;
			lost += (uint64_t)dark;
			if (dark || length == 0)
				continue;
			runs++;
			outages += length >= 2;
			longest = length > longest ? length : longest;
			length = 0;
		}
		assert_true(longest > 5);
		assert_int_equal(o.next, PACKETS);
		assert_int_equal(o.runs, runs);
		assert_int_equal(o.lost, lost);
		assert_int_equal(o.sum.count, outages);
		assert_int_equal(o.sum.longest, longest);
		ipb_outages_free(&o);
		ipb_track_free(&t);
	}
}

static void the_longest_stalls_are_kept(void **state)
{
	struct ipb_stalls s = { .limit_ns = 100 };

	(void)state;
	ipb_stalls_add(&s, &(struct ipb_stall){ 5, 104, 0 });
	assert_int_equal(s.count, 0);
	for (uint64_t i = 2 * IPB_OUTAGES_KEPT; i > 0; i--)
		ipb_stalls_add(&s, &(struct ipb_stall){ i * 1000, i * 1000 + 100 + i, 0 });
	ipb_stalls_sort(&s);
	assert_int_equal(s.count, 2 * IPB_OUTAGES_KEPT);
	assert_int_equal(s.left_out, IPB_OUTAGES_KEPT);
	assert_int_equal(s.longest_ns, 100 + 2 * IPB_OUTAGES_KEPT);
	assert_int_equal(s.kept[0].start_ns, (IPB_OUTAGES_KEPT + 1) * 1000);
	assert_int_equal(s.kept[IPB_OUTAGES_KEPT - 1].start_ns, 2 * IPB_OUTAGES_KEPT * 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_periods_are_rfc_3357s),
		cmocka_unit_test(a_refused_packet_is_dark_too),
		cmocka_unit_test(lengths_are_counted_without_gaps),
		cmocka_unit_test(one_flow_is_told_from_all),
		cmocka_unit_test(the_longest_are_kept),
		cmocka_unit_test(tracked_packets_make_the_same_runs),
		cmocka_unit_test(the_longest_stalls_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
