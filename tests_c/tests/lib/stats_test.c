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
#define INTERVALS_MOST 400u
#define MEAN_NS 1000000.0

/* An engine that has nothing but what its intervals of confidence are made of. */
static struct ipb_engine *series(void)
{
	struct ipb_engine *e = calloc(1, sizeof *e);

	assert_non_null(e);
	assert_int_equal(ipb_hist_init(&e->response), 0);
	e->interval_count = INTERVALS;
	e->interval_ns = LENGTH / INTERVALS;
	e->intervals = calloc(INTERVALS_MOST, sizeof *e->intervals);
	e->coarse = malloc((size_t)INTERVALS_MOST * IPB_COARSE_LENGTH * sizeof *e->coarse);
	return e;
}

static void close_series(struct ipb_engine *e)
{
	ipb_hist_free(&e->response);
	free(e->intervals);
	free(e->coarse);
	free(e);
}

static void empty(struct ipb_engine *e)
{
	ipb_hist_reset(&e->response);
	memset(e->coarse, 0, (size_t)e->interval_count * IPB_COARSE_LENGTH * sizeof *e->coarse);
	for (uint32_t i = 0; i < e->interval_count; i++)
		e->intervals[i] = (struct ipb_interval){ .counts = e->coarse + (size_t)i * IPB_COARSE_LENGTH };
	e->mean = e->median = (struct ipb_confidence){ 0 };
}

/* x[t] = phi x[t-1] + e[t] around MEAN_NS, with this standard deviation. */
struct autoregression {
	struct ipb_rng *r;
	double phi, deviation_ns, x, next[2];
	unsigned at;
};

static uint64_t next_value(struct autoregression *a)
{
	const double value = MEAN_NS + a->deviation_ns * a->x;

	if (a->at % 2 == 0)
		normals(a->r, &a->next[0], &a->next[1]);
	a->x = a->phi * a->x + sqrt(1 - a->phi * a->phi) * a->next[a->at++ % 2];
	return value > 1 ? (uint64_t)(value + 0.5) : 1;
}

/* As the engine records it. least: the shortest round trip of a warm-up. */
static void record_series(struct ipb_engine *e, struct ipb_rng *r, double phi, double deviation_ns, uint64_t least_ns)
{
	struct autoregression a = { r, phi, deviation_ns, 0, { 0 }, 0 };

	empty(e);
	e->least_ns = least_ns;
	normals(r, &a.x, &a.next[0]);
	for (uint32_t t = 0; t < LENGTH; t++)
		ipb_engine_record(e, t, next_value(&a));
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

#define MOST_NS (60 * IPB_NS_PER_S)
#define EVERY_NS (IPB_NS_PER_S / 100) /* from one round trip to the next */

/* A run that until_ci ends, or the longest time. Whether it was until_ci. */
static int run_until_narrow(struct ipb_engine *e, struct ipb_rng *r, double phi)
{
	struct autoregression a = { r, phi, 200000, 0, { 0 }, 0 };
	uint64_t now_ns = 0;

	empty(e);
	e->until_ci_due_ns = 0;
	normals(r, &a.x, &a.next[0]);
	for (; now_ns < MOST_NS; now_ns += EVERY_NS) {
		if (ipb_engine_is_narrow(e, now_ns))
			break;
		ipb_engine_record(e, now_ns, next_value(&a));
	}
	ipb_engine_confidence(e);
	return now_ns < MOST_NS;
}

/* Stopping where the interval happens to be narrow makes it cover the mean less often; how much less is bounded here. (Looking four
 * times a second, from 10 batches on, at nothing but the width stopped 80 % of the series with phi = 0.999, of which 10 % were
 * covered, and half of those with 0.99 were.) With 0.9, 0.99 and 0.999 the round trips of 0.1, 1 and 10 s are alike. */
static void stopped_intervals_cover(void **state)
{
	static const struct {
		double phi, share;
		double stopped_least, stopped_most, covered_least; /* % */
	} cases[] = {
		{ 0, 0.02, 95, 100, 92 },
		{ 0.5, 0.03, 95, 100, 92 },
		{ 0.9, 0.05, 50, 100, 90 },
		{ 0.97, 0.1, 50, 100, 82 },
		{ 0.99, 0.1, 1, 30, 80 },
		{ 0.999, 0.05, 0, 2, 0 }, /* even the longest run is too short for that */
	};
	struct ipb_engine *e = series();
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 2026);
	e->interval_count = INTERVALS_MOST;
	e->interval_ns = MOST_NS / INTERVALS_MOST;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		int stopped = 0, covered = 0;
		e->config.until_ci = cases[k].share;
		for (int run = 0; run < 400; run++) {
			stopped += run_until_narrow(e, &r, cases[k].phi);
			covered += covers(&e->mean);
		}
		print_message("# until_ci=%.0f %%, AR(1) phi %.3f: %.1f %% stopped, %.1f %% of all covered\n", cases[k].share * 100,
		              cases[k].phi, stopped / 4.0, covered / 4.0);
		assert_true(cases[k].stopped_least <= stopped / 4.0 && stopped / 4.0 <= cases[k].stopped_most);
		assert_true(covered / 4.0 >= cases[k].covered_least && covered / 4.0 <= 98);
	}
	close_series(e);
}

static void correlation_is_known(void **state)
{
	double rising[] = { 1, 2, 3, 4, 5 }, mixed[] = { 1, -1, 1, -1 }, alike[] = { 3, 3 }, weights[] = { 1, 1, 1, 1, 0 };

	(void)state;
	assert_true(fabs(ipb_batch_correlation(rising, NULL, 5) - 0.4) < 1e-12); /* (2 + 0 + 0 + 2) / (4 + 1 + 0 + 1 + 4) */
	assert_true(fabs(ipb_batch_correlation(rising, weights, 5) - 0.25) < 1e-12); /* 1 … 4: (0.75 - 0.25 + 0.75) / 5 */
	assert_true(fabs(ipb_batch_correlation(mixed, NULL, 4) + 0.75) < 1e-12);
	assert_true(ipb_batch_correlation(alike, NULL, 2) == 0);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(intervals_cover), cmocka_unit_test(stopped_intervals_cover), cmocka_unit_test(correlation_is_known),
		                            cmocka_unit_test(without_resolution_the_median_has_no_interval), cmocka_unit_test(student_is_known),
		                            cmocka_unit_test(weights_count) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
