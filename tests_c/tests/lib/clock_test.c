/* The calibrated clock against CLOCK_MONOTONIC.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

#include "ipb_clock.h"

#define MS 1000000ll
#define TRIES 5 /* a crowded machine interrupts two readings that belong together */

static int64_t away(const struct ipb_clock *c) { return llabs(ipb_clock_error_ns(c)); }

/* Spins, as the engine does: so long that an error of the rate shows. */
static void spin(int64_t ns)
{
	uint64_t end = ipb_now_ns() + (uint64_t)ns;

	while (ipb_now_ns() < end)
		ipb_clock_relax();
}

static void refining_mends_the_rate_and_does_not_jump(void **state)
{
	struct ipb_clock c;
	int good = 0;

	(void)state;
	for (int i = 0; i < TRIES && !good; i++) {
		ipb_clock_init(&c, 1);
		if (!c.tsc)
			skip();
		c.mult += c.mult / 5000; /* 200 ppm fast */
		spin(50 * MS);
		int64_t spoilt = ipb_clock_error_ns(&c);
		ipb_clock_refine(&c);
		int64_t kept = ipb_clock_error_ns(&c);
		spin(50 * MS);
		int64_t drift = ipb_clock_error_ns(&c) - kept;
		print_message("# 200 ppm fast: %lld ns; refined: %lld ns, and %lld ns more in 50 ms\n", (long long)spoilt,
		              (long long)kept, (long long)drift);
		good = spoilt > 5000 && llabs(kept - spoilt) < 1000 && llabs(drift) < 1000; /* 20 ppm */
	}
	assert_true(good);
}

/* What no calibration explains is left to the verdict: a clock that stood still is not calibrated by. */
static void a_clock_that_stood_still_is_not_believed(void **state)
{
	struct ipb_clock c;

	(void)state;
	ipb_clock_init(&c, 1);
	if (!c.tsc)
		skip();
	uint64_t mult = c.mult;
	c.first_ns += 10 * MS;
	ipb_clock_refine(&c);
	assert_int_equal(c.mult, mult);
}

static void anchoring_sets_it_right(void **state)
{
	struct ipb_clock c;
	int good = 0;

	(void)state;
	ipb_clock_init(&c, 1);
	for (int i = 0; i < TRIES && !good; i++) {
		c.base_ns += 50 * MS;
		ipb_clock_anchor(&c);
		good = away(&c) < 2000;
	}
	assert_true(good);
}

static void without_a_counter_it_is_the_monotonic_clock(void **state)
{
	struct ipb_clock c;

	(void)state;
	ipb_clock_init(&c, 0);
	assert_string_equal(c.source, "clock_monotonic");
	ipb_clock_refine(&c);
	ipb_clock_anchor(&c);
	uint64_t before = ipb_now_ns(), now = ipb_clock_now(&c), after = ipb_now_ns();
	assert_true(before <= now && now <= after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refining_mends_the_rate_and_does_not_jump),
		cmocka_unit_test(a_clock_that_stood_still_is_not_believed),
		cmocka_unit_test(anchoring_sets_it_right),
		cmocka_unit_test(without_a_counter_it_is_the_monotonic_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
