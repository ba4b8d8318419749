/* Counting what came, against a count of the same packets that keeps them all.  SPDX-License-Identifier: MIT */
/* link: forward/packet.o forward/tally.o -I../forward */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_rng.h"
#include "tally.h"

#define CLOCK 7
#define STEP_NS 1000
#define MEASURE_NS (1ull << 41) /* more bits than a packet carries of a time */
#define DELAY_NS 250
#define TIMEOUT_NS 1000000ull

static struct forward_tally t;

static void begin(uint32_t flows)
{
	struct forward_packet p = { .type = FORWARD_LEARN,
		                    .control = { MEASURE_NS, 1000000, 100000, CLOCK, 0, 0, 0, flows } };

	assert_int_equal(forward_tally_init(&t, 3, TIMEOUT_NS), 0);
	forward_tally_control(&t, &p, CLOCK);
	assert_true(t.announced && t.same_clock);
}

static void add(uint64_t number, int measured, int corrupt, int known, uint64_t delay_ns)
{
	const uint64_t sent = MEASURE_NS + number * STEP_NS;
	struct forward_packet p = { .type = measured ? FORWARD_MEASURED : FORWARD_AROUND, .number = (uint32_t)number,
		                    .time = sent & FORWARD_TIME_MASK, .known = known };

	forward_tally_add(&t, &p, corrupt, 100, sent + delay_ns);
}

/* RFC 4737, section 3.3 and 4.2.1, by their definitions: each packet is compared with all that came before. */
struct model {
	uint64_t reordered, extent;
};

static struct model by_definition(const uint64_t *arrived, size_t n, uint32_t flows, uint32_t flow)
{
	struct model m = { 0 };
	uint64_t *own = calloc(n + 1, sizeof *own), next = 0;
	size_t count = 0;

	assert_non_null(own);
	for (size_t i = 0; i < n; i++)
		if (arrived[i] % flows == flow)
			own[count++] = arrived[i];
	for (size_t i = 0; i < count; i++) {
		if (own[i] >= next) {
			next = own[i] + 1;
			continue;
		}
		m.reordered++;
		for (size_t j = 0; j < i; j++)
			if (own[j] > own[i]) {
				m.extent = i - j > m.extent ? i - j : m.extent;
				break;
			}
	}
	free(own);
	return m;
}

static void random_streams(void **state)
{
	enum { N = 3000 };
	static uint64_t order[N], arrived[N];
	static uint8_t seen[N];

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		uint64_t mix = seed, duplicate = 0, corrupt = 0, ok = 0;
		const uint32_t flows = 1 + (uint32_t)(seed % 5);
		size_t n = 0;
		begin(flows);
		memset(seen, 0, sizeof seen);
		for (uint64_t i = 0; i < N; i++)
			order[i] = i;
		for (uint64_t i = 0; i + 1 < N; i++) { /* some are swapped with one a little further on */
			const uint64_t with = i + ipb_mix64(&mix) % 40;
			if (ipb_mix64(&mix) % 10 == 0 && with < N) {
				const uint64_t other = order[i];
				order[i] = order[with];
				order[with] = other;
			}
		}
		for (uint64_t i = 0; i < N; i++) {
			const uint64_t dice = ipb_mix64(&mix) % 20;
			const int copies = dice == 0 ? 0 : dice == 1 ? 2 : dice == 2 ? 3 : 1, damaged = dice == 3;
			for (int k = 0; k < copies; k++) {
				add(order[i], 1, damaged, 1, DELAY_NS);
				duplicate += seen[order[i]];
				if (!seen[order[i]]) {
					arrived[n++] = order[i];
					corrupt += (uint64_t)damaged;
					ok += (uint64_t)!damaged;
				}
				seen[order[i]] = 1;
			}
		}
		const struct forward_sums s = forward_tally_sums(&t);
		assert_int_equal(s.ok, ok);
		assert_int_equal(s.corrupt, corrupt);
		assert_int_equal(s.duplicate, duplicate);
		assert_int_equal(s.bytes, ok * 100);
		assert_int_equal(s.ok + s.corrupt + s.late, n);
		for (uint32_t f = 0; f < flows; f++) {
			const struct model m = by_definition(arrived, n, flows, f);
			assert_int_equal(t.flows[f].reordered, m.reordered);
			assert_int_equal(t.flows[f].extent, m.extent);
		}
		forward_tally_free(&t);
	}
}

/* Before and after the measured phase nothing counts; damaged packets without a number count while it lasts. */
static void phases(void **state)
{
	(void)state;
	begin(1);
	add(0, 0, 0, 1, DELAY_NS);
	add(1, 0, 1, 0, DELAY_NS); /* damaged, before it */
	add(2, 1, 0, 1, DELAY_NS);
	add(3, 1, 1, 0, DELAY_NS);
	add(4, 1, 0, 1, DELAY_NS);
	add(5, 0, 0, 1, DELAY_NS);
	add(6, 0, 1, 0, DELAY_NS);
	const struct forward_sums s = forward_tally_sums(&t);
	assert_int_equal(s.ok, 2);
	assert_int_equal(t.corrupt_unknown, 1);
	assert_int_equal(t.first, 2);
	assert_int_equal(t.last_measured, 4);
	assert_false(forward_tally_is_complete(&t));
	struct forward_packet end = { .type = FORWARD_END, .control = { MEASURE_NS, 1000000, 100000, CLOCK, 2, 0, 0, 1 } };
	forward_tally_control(&t, &end, CLOCK);
	assert_true(forward_tally_is_complete(&t));
	forward_tally_free(&t);
}

static void late_and_delays(void **state)
{
	(void)state;
	begin(1);
	add(0, 1, 0, 1, 300);
	add(1, 1, 0, 1, TIMEOUT_NS);
	add(2, 1, 0, 1, TIMEOUT_NS + 1);
	add(3, 1, 0, 1, 100);
	const struct forward_sums s = forward_tally_sums(&t);
	assert_int_equal(s.ok, 3);
	assert_int_equal(s.late, 1);
	assert_int_equal(ipb_oneway_min(&t.delay), 100);
	assert_int_equal(ipb_oneway_max(&t.delay), TIMEOUT_NS);
	assert_int_equal(ipb_oneway_count(&t.delay), 3);
	forward_tally_free(&t);
}

/* The time series is by when packets were due, whenever they came. */
static void series(void **state)
{
	(void)state;
	begin(1);
	for (uint64_t i = 0; i < 1000; i++)
		add(i, 1, 0, 1, i % 7 == 0 ? 150000 : 10);
	assert_int_equal(t.interval_count, 11);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(t.intervals[i].ok, 100);
	assert_int_equal(t.intervals[10].ok, 0);
	assert_int_equal(t.intervals[0].max_ns, 150000);
	forward_tally_free(&t);
}

/* Numbers beyond 32 bits, and beyond the window. */
static void long_runs(void **state)
{
	const uint64_t window = 1ull << FORWARD_WINDOW_BITS;

	(void)state;
	begin(1);
	add(0, 1, 0, 1, 1);
	for (uint64_t n = 1; n < 40; n++)
		add(n << 27, 1, 0, 1, 1);
	assert_int_equal(t.highest, 39ull << 27);
	assert_int_equal(forward_tally_sums(&t).ok, 40);
	add(39ull << 27, 1, 0, 1, 1);
	assert_int_equal(forward_tally_sums(&t).duplicate, 1);
	add((39ull << 27) - window, 1, 0, 1, 1);
	assert_int_equal(t.too_old, 1);
	add((39ull << 27) - window + 1, 1, 0, 1, 1);
	assert_int_equal(t.too_old, 1);
	assert_int_equal(forward_tally_sums(&t).ok, 41);
	assert_int_equal(forward_tally_sums(&t).duplicate, 1);
	forward_tally_free(&t);
}

/* What a stranger says in a frame of learning breaks nothing, and the first one counts. */
static void announcements_that_cannot_be(void **state)
{
	static const struct forward_control wrong[] = {
		{ 1, 1, 0, CLOCK, 0, 0, 0, 1 },
		{ 1, UINT64_MAX, 1, CLOCK, 0, 0, 0, 1 },
		{ 1, 1000000, 1, CLOCK, 0, 0, 0, 1 },
		{ 1, 1000, 100, CLOCK, 0, 0, 0, 0 },
		{ 1, 1000, 100, CLOCK, 0, 0, 0, FORWARD_FLOWS_MAX + 1 },
	};

	(void)state;
	assert_int_equal(forward_tally_init(&t, 3, TIMEOUT_NS), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct forward_packet p = { .type = FORWARD_LEARN, .control = wrong[i] };
		forward_tally_control(&t, &p, CLOCK);
		assert_false(t.announced);
	}
	add(5, 1, 0, 1, 1); /* counted all the same */
	assert_int_equal(forward_tally_sums(&t).ok, 1);
	struct forward_packet first = { .type = FORWARD_LEARN, .control = { MEASURE_NS, 1000, 100, CLOCK + 1, 0, 0, 0, 2 } };
	struct forward_packet second = { .type = FORWARD_LEARN, .control = { 5, 2000, 100, CLOCK, 0, 0, 0, 1 } };
	forward_tally_control(&t, &first, CLOCK);
	forward_tally_control(&t, &second, CLOCK);
	assert_int_equal(t.flow_count, 2);
	assert_false(t.same_clock);
	forward_tally_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_streams), cmocka_unit_test(phases), cmocka_unit_test(late_and_delays),
		cmocka_unit_test(series), cmocka_unit_test(long_runs), cmocka_unit_test(announcements_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
