/* Confidence intervals.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>

#include "ipb_rng.h"
#include "ipb_stats.h"

static double normal(struct ipb_rng *r)
{
	double u = ipb_rng_unit(r), v = ipb_rng_unit(r);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* x[t] = phi x[t-1] + e[t], mean 0: does the interval of its batch means contain 0? */
static int covers(struct ipb_rng *r, double phi, uint32_t length)
{
	double batches[IPB_BATCHES] = { 0 }, x = normal(r) / sqrt(1 - phi * phi), mean;
	uint32_t each = length / IPB_BATCHES;

	for (uint32_t b = 0; b < IPB_BATCHES; b++) {
		for (uint32_t i = 0; i < each; i++) {
			batches[b] += x / each;
			x = phi * x + normal(r);
		}
	}
	double half = ipb_batch_half_width(batches, NULL, IPB_BATCHES, &mean);
	return mean - half <= 0 && 0 <= mean + half;
}

static void batch_means_cover(void **state)
{
	static const double phis[] = { 0, 0.5, 0.9 };
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 2026);
	for (size_t k = 0; k < sizeof phis / sizeof *phis; k++) {
		int covered = 0;
		for (int run = 0; run < 1000; run++)
			covered += covers(&r, phis[k], 15000);
		print_message("# AR(1) phi %.1f: %.1f %% covered\n", phis[k], covered / 10.0);
		assert_in_range(covered, 930, 970);
	}
}

static void student_is_known(void **state)
{
	(void)state;
	assert_true(fabs(ipb_student_975(1) - 12.706) < 0.001);
	assert_true(fabs(ipb_student_975(10) - 2.228) < 0.001);
	assert_true(fabs(ipb_student_975(11) - 2.201) < 0.002);
	assert_true(fabs(ipb_student_975(29) - 2.045) < 0.001);
	assert_true(fabs(ipb_student_975(1000) - 1.962) < 0.001);
	assert_true(isinf(ipb_student_975(0)));
}

static void weights_count(void **state)
{
	double values[] = { 10, 20 }, weights[] = { 3, 1 }, mean;

	(void)state;
	assert_true(isfinite(ipb_batch_half_width(values, weights, 2, &mean)));
	assert_true(fabs(mean - 12.5) < 1e-12);
	assert_true(isinf(ipb_batch_half_width(values, NULL, 1, &mean)));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(batch_means_cover), cmocka_unit_test(student_is_known),
		                            cmocka_unit_test(weights_count) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
