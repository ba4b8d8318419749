/* Confidence intervals.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_engine_private.h"
#include "ipb_rng.h"
#include "ipb_stats.h"

/* Two independent normal numbers. */
static void normals(struct ipb_rng *r, double *a, double *b)
{
	double radius = sqrt(-2 * log(ipb_rng_unit(r))), angle = 6.283185307179586 * ipb_rng_unit(r);

	sincos(angle, a, b);
	*a *= radius;
	*b *= radius;
}

#define LENGTH 15000u /* round trips of one series */
#define INTERVALS 60u
#define MEAN_NS 1000000.0

/* An engine that has nothing but what its intervals of confidence are made of. */
static struct ipb_engine *series(void)
{
	struct ipb_engine *e = calloc(1, sizeof *e);

	assert_non_null(e);
	assert_int_equal(ipb_hist_init(&e->response), 0);
	e->interval_count = INTERVALS;
	e->interval_ns = LENGTH / INTERVALS;
	e->intervals = calloc(INTERVALS, sizeof *e->intervals);
	e->coarse = malloc((size_t)INTERVALS * IPB_COARSE_LENGTH * sizeof *e->coarse);
	return e;
}

static void close_series(struct ipb_engine *e)
{
	ipb_hist_free(&e->response);
	free(e->intervals);
	free(e->coarse);
	free(e);
}

/* x[t] = phi x[t-1] + e[t] around MEAN_NS, with this standard deviation, as the engine records it. least: the shortest
 * round trip of a warm-up. */
static void record_series(struct ipb_engine *e, struct ipb_rng *r, double phi, double deviation_ns, uint64_t least_ns)
{
	const double scale = sqrt(1 - phi * phi);
	double x, next[2];

	ipb_hist_reset(&e->response);
	memset(e->coarse, 0, (size_t)INTERVALS * IPB_COARSE_LENGTH * sizeof *e->coarse);
	for (uint32_t i = 0; i < INTERVALS; i++)
		e->intervals[i] = (struct ipb_interval){ .counts = e->coarse + (size_t)i * IPB_COARSE_LENGTH };
	e->least_ns = least_ns;
	e->mean = e->median = (struct ipb_confidence){ 0 };
	normals(r, &x, &next[0]);
	for (uint32_t t = 0; t < LENGTH; t++) {
		double value = MEAN_NS + deviation_ns * x;
		ipb_engine_record(e, t, value > 1 ? (uint64_t)(value + 0.5) : 1);
		if (t % 2 == 0)
			normals(r, &next[0], &next[1]);
		x = phi * x + scale * next[t % 2];
	}
	ipb_engine_confidence(e);
}

static int covers(const struct ipb_confidence *c) { return c->batches > 0 && c->low_ns <= MEAN_NS && MEAN_NS <= c->high_ns; }

/* The mean's intervals hold it in 93 to 97 % of the series. The median's are widened to whole buckets of 0.1 %, so they
 * may hold it more often: 93 to 99 %. */
static void intervals_cover(void **state)
{
	static const struct {
		double phi, deviation_ns;
		uint64_t least_ns;
		int runs;
		double mean_least, mean_most, median_most; /* % */
	} cases[] = {
		{ 0, 200000, UINT64_MAX, 1000, 93, 97, 99 },
		{ 0.5, 200000, UINT64_MAX, 1000, 93, 97, 99 },
		{ 0.9, 200000, UINT64_MAX, 1000, 93, 97, 99 },
		{ 0.9, 3000, 990000, 200, 90, 99, 100 }, /* all within 2 %: buckets of 512 ns are wide beside a deviation of 107 ns */
	};
	struct ipb_engine *e = series();
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 2026);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		int mean = 0, median = 0;
		double width = 0;
		for (int run = 0; run < cases[k].runs; run++) {
			record_series(e, &r, cases[k].phi, cases[k].deviation_ns, cases[k].least_ns);
			mean += covers(&e->mean);
			median += covers(&e->median);
			width += e->median.high_ns - e->median.low_ns;
			assert_true(e->median.batches == IPB_BATCHES && e->median.low_ns < e->median.high_ns);
		}
		const double to_percent = 100.0 / cases[k].runs;
		print_message("# AR(1) phi %.1f, deviation %.0f ns: mean %.1f %%, median %.1f %% covered, %.0f ns wide\n", cases[k].phi,
		              cases[k].deviation_ns, mean * to_percent, median * to_percent, width / cases[k].runs);
		assert_true(cases[k].mean_least <= mean * to_percent && mean * to_percent <= cases[k].mean_most);
		assert_true(93 <= median * to_percent && median * to_percent <= cases[k].median_most);
	}
	close_series(e);
}

/* Round trips of 1 ms that differ by 3 us are in one coarse bucket, unless it is known from where to count. */
static void without_resolution_the_median_has_no_interval(void **state)
{
	struct ipb_engine *e = series();
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 1);
	record_series(e, &r, 0, 300, UINT64_MAX);
	assert_int_equal(e->median.batches, 0);
	assert_int_equal(e->mean.batches, IPB_BATCHES);
	record_series(e, &r, 0, 300, 998000);
	assert_int_equal(e->median.batches, IPB_BATCHES);
	uint64_t p50 = ipb_interval_percentile(&e->intervals[7], e->base_ns, 0.5);
	assert_in_range(p50, 999800, 1000200); /* the time series knows them better, too */
	record_series(e, &r, 0, 300, 2000000); /* all are below what the warm-up's shortest lets expect */
	assert_int_equal(e->median.batches, 0);
	close_series(e);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(intervals_cover),
		                            cmocka_unit_test(without_resolution_the_median_has_no_interval), cmocka_unit_test(student_is_known),
		                            cmocka_unit_test(weights_count) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
