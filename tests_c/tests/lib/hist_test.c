/* The histogram: exactness, merging, encoding.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_interval.h"
#include "ipb_hist.h"
#include "ipb_rng.h"

#define MANY 2000000u /* the twenty largest are beyond the 99.999th percentile */
#define DIGIT_BITS 16
#define DIGITS 3 /* all values are below 2^48 */

/* Log-normal around 20 us, with a tail to seconds. */
static uint64_t random_ns(struct ipb_rng *r)
{
	double u = ipb_rng_unit(r), v = ipb_rng_unit(r), z = sqrt(-2 * log(u)) * cos(6.283185307179586 * v);

	return (uint64_t)(20000 * exp(1.7 * z)) + 1;
}

/* Sorts digit by digit: millions of values in a fraction of what comparing them takes. */
static void sort(uint64_t *values, uint64_t *spare, size_t n)
{
	static size_t at[1 << DIGIT_BITS];

	for (int digit = 0; digit < DIGITS; digit++) {
		const int shift = digit * DIGIT_BITS;
		size_t sum = 0;
		memset(at, 0, sizeof at);
		for (size_t i = 0; i < n; i++)
			at[values[i] >> shift & 0xffff]++;
		for (size_t d = 0; d < sizeof at / sizeof *at; d++) {
			size_t count = at[d];
			at[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			spare[at[values[i] >> shift & 0xffff]++] = values[i];
		memcpy(values, spare, n * sizeof *values);
	}
}

static void percentiles_are_within_a_thousandth(void **state)
{
	static const double wanted[] = { 0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100 };
	const size_t n = MANY;
	uint64_t *values = malloc(n * sizeof *values), *spare = malloc(n * sizeof *spare);
	struct ipb_hist h;
	struct ipb_rng r;
	double sum = 0, squares = 0;

	(void)state;
	assert_non_null(values);
	assert_non_null(spare);
	assert_int_equal(ipb_hist_init(&h), 0);
	ipb_rng_seed(&r, 42);
	for (size_t i = 0; i < n; i++) {
		values[i] = random_ns(&r);
		assert_true(values[i] >> (DIGIT_BITS * DIGITS) == 0);
		sum += (double)values[i];
		ipb_hist_record(&h, values[i]);
	}
	sort(values, spare, n);
	for (size_t i = 0; i < n; i++)
		squares += ((double)values[i] - sum / (double)n) * ((double)values[i] - sum / (double)n);
	for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
		double rank = ceil(wanted[k] / 100 * (double)n - 1e-9);
		double exact = (double)values[rank < 1 ? 0 : (size_t)rank - 1], got = (double)ipb_hist_percentile(&h, wanted[k]);
		assert_true(fabs(got - exact) <= exact * 0.001);
	}
	assert_true(h.min_ns == values[0] && h.max_ns == values[n - 1] && h.count == n);
	assert_true(fabs(ipb_hist_mean(&h) - sum / (double)n) <= 1e-9 * sum / (double)n);
	double stddev = sqrt(squares / (double)n);
	assert_true(fabs(ipb_hist_stddev(&h) - stddev) <= 1e-6 * stddev);
	ipb_hist_free(&h);
	free(spare);
	free(values);
}

static void every_bucket_contains_its_values(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < IPB_HIST_LENGTH; i++) {
		uint64_t low = ipb_hist_bucket_value(i), width = ipb_hist_bucket_width(i);
		assert_int_equal(ipb_hist_index(low), i);
		assert_int_equal(ipb_hist_index(low + width - 1), i);
		assert_true((double)(width - 1) <= 0.001 * (double)low || width == 1);
	}
}

static void merged_equals_pooled(void **state)
{
	struct ipb_hist parts[3], pooled, merged;
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 7);
	assert_int_equal(ipb_hist_init(&pooled) | ipb_hist_init(&merged), 0);
	for (int p = 0; p < 3; p++) {
		assert_int_equal(ipb_hist_init(&parts[p]), 0);
		for (int i = 0; i < 50000 * (p + 1); i++) {
			uint64_t v = random_ns(&r) << (p * 3);
			ipb_hist_record(&parts[p], v);
			ipb_hist_record(&pooled, v);
		}
		ipb_hist_merge(&merged, &parts[p]);
		ipb_hist_free(&parts[p]);
	}
	assert_memory_equal(merged.counts, pooled.counts, IPB_HIST_LENGTH * sizeof *pooled.counts);
	assert_true(merged.count == pooled.count && merged.min_ns == pooled.min_ns && merged.max_ns == pooled.max_ns);
	assert_true(merged.sum == pooled.sum && merged.sum_squares == pooled.sum_squares);
	ipb_hist_free(&merged);
	ipb_hist_free(&pooled);
}

/* The sums of many at once are of the instants before they are cut to whole ns: within 1 ns a value. */
static void many_at_once_equal_one_by_one(void **state)
{
	const uint64_t now_ns = UINT64_MAX / 2;
	struct ipb_hist one, many_at_once;
	struct ipb_rng r;

	(void)state;
	ipb_rng_seed(&r, 9);
	for (uint32_t round = 0; round < 4000; round++) {
		const uint32_t n = round % 65;
		const uint64_t oldest = round % 100 == 99 ? now_ns : random_ns(&r) << (round % 4 * 8);
		const uint64_t step = round % 3 == 0 || n == 0 ? 0 : oldest / n >> (round % 7 * 4);
		const struct ipb_even since = { now_ns - oldest, ipb_rng_next(&r), step > 0 ? step - 1 : 0, ipb_rng_next(&r) };
		if (oldest < 64)
			continue;
		assert_int_equal(ipb_hist_init(&one) | ipb_hist_init(&many_at_once), 0);
		for (int twice = 0; twice < 2; twice++) {
			for (uint32_t i = 0; i < n; i++)
				ipb_hist_record(&one, now_ns - ipb_even_at(&since, i));
			ipb_hist_record_even(&many_at_once, now_ns, &since, n);
		}
		assert_memory_equal(one.counts, many_at_once.counts, IPB_HIST_LENGTH * sizeof *one.counts);
		assert_true(one.count == 2 * n && many_at_once.count == one.count && one.clipped == many_at_once.clipped);
		assert_true(one.min_ns == many_at_once.min_ns && one.max_ns == many_at_once.max_ns);
		assert_true(fabs(ipb_hist_mean(&one) - ipb_hist_mean(&many_at_once)) <= 1);
		assert_true(fabs(ipb_hist_stddev(&one) - ipb_hist_stddev(&many_at_once)) <= 1 + ipb_hist_stddev(&one) * 1e-9);
		ipb_hist_free(&one);
		ipb_hist_free(&many_at_once);
	}
}

static void values_beyond_the_range_are_counted(void **state)
{
	struct ipb_hist h;

	(void)state;
	assert_int_equal(ipb_hist_init(&h), 0);
	ipb_hist_record(&h, 0);
	ipb_hist_record(&h, UINT64_MAX);
	ipb_hist_record_n(&h, IPB_HIST_HIGHEST + 1, 3);
	assert_int_equal(h.count, 5);
	assert_int_equal(h.clipped, 4);
	assert_int_equal(h.max_ns, IPB_HIST_HIGHEST);
	assert_int_equal(ipb_hist_percentile(&h, 0), 0);
	ipb_hist_free(&h);
}

static void encoding_survives(void **state)
{
	struct ipb_hist h, back;
	struct ipb_rng r;
	uint8_t *bytes = malloc(IPB_HIST_ENCODED_MAX);

	(void)state;
	ipb_rng_seed(&r, 3);
	assert_int_equal(ipb_hist_init(&h) | ipb_hist_init(&back), 0);
	assert_int_equal(ipb_hist_decode(&back, bytes, ipb_hist_encode(&h, bytes, IPB_HIST_ENCODED_MAX)), 0);
	assert_int_equal(back.count, 0);
	for (int i = 0; i < 100000; i++)
		ipb_hist_record(&h, random_ns(&r));
	ipb_hist_record_n(&h, 5, 1ull << 40);
	size_t size = ipb_hist_encode(&h, bytes, IPB_HIST_ENCODED_MAX);
	assert_true(size > 40);
	assert_int_equal(ipb_hist_decode(&back, bytes, size), 0);
	assert_memory_equal(back.counts, h.counts, IPB_HIST_LENGTH * sizeof *h.counts);
	for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 997)
		assert_int_equal(ipb_hist_decode(&back, bytes, cut), -1);
	assert_int_equal(ipb_hist_encode(&h, bytes, size - 1), 0);
	free(bytes);
	ipb_hist_free(&h);
	ipb_hist_free(&back);
}

/* The layout by hand: lowest 1, highest 3,600,000,000,000, 3 digits; 1 ns three times, 100 ns once. */
static void encoding_is_hdrhistograms(void **state)
{
	static const uint8_t expected[] = {
		0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x03, 0x46, 0x30, 0xb8,
		0xa0, 0x00, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x00, 0x06, 0xc3, 0x01, 0x02,
	};
	struct ipb_hist h;
	uint8_t bytes[100];

	(void)state;
	assert_int_equal(ipb_hist_init(&h), 0);
	ipb_hist_record_n(&h, 1, 3);
	ipb_hist_record(&h, 100);
	assert_int_equal(ipb_hist_encode(&h, bytes, sizeof bytes), sizeof expected);
	assert_memory_equal(bytes, expected, sizeof expected);
	ipb_hist_free(&h);
}

static void hostile_encodings_are_refused(void **state)
{
	struct ipb_hist h;
	struct ipb_rng r;
	uint8_t good[64], bad[64];
	struct ipb_writer w;

	(void)state;
	assert_int_equal(ipb_hist_init(&h), 0);
	ipb_hist_record(&h, 100);
	size_t size = ipb_hist_encode(&h, good, sizeof good);
	ipb_rng_seed(&r, 1);
	for (int i = 0; i < 100000; i++) {
		memcpy(bad, good, size);
		for (uint32_t k = 0; k <= ipb_rng_below(&r, 4); k++)
			bad[ipb_rng_below(&r, (uint32_t)size)] = (uint8_t)ipb_rng_next(&r);
		ipb_hist_decode(&h, bad, size); /* the sanitizers judge */
	}
	ipb_writer_init(&w, bad, sizeof bad);
	ipb_write_bytes(&w, good, 40);
	ipb_put_be(bad + 4, 9, 4);
	for (int i = 0; i < 9; i++) /* a count beyond 63 bits: a negative run of zeros */
		ipb_write_u8(&w, 0xff);
	assert_int_equal(ipb_hist_decode(&h, bad, ipb_writer_size(&w)), -1);
	ipb_hist_free(&h);
}

/* Far from zero and close together: squares of the values alone would leave nothing of the variance in a double. */
static void a_small_spread_far_from_zero_is_kept(void **state)
{
	struct ipb_hist h;
	const uint64_t far = 3000000000000ull;

	(void)state;
	assert_int_equal(ipb_hist_init(&h), 0);
	for (uint64_t i = 0; i < 30000; i++)
		ipb_hist_record(&h, far + i % 3);
	const double mean = (double)far + 1, stddev = sqrt(2.0 / 3);
	assert_true(ipb_hist_mean(&h) == mean);
	assert_true(fabs(ipb_hist_stddev(&h) - stddev) < 1e-12);
	assert_int_equal(ipb_hist_restore(&h, far, far + 2, mean, stddev), 0);
	assert_true(ipb_hist_mean(&h) == mean);
	assert_true(fabs(ipb_hist_stddev(&h) - stddev) < 1e-6);
	ipb_hist_record(&h, far + 1);
	assert_true(ipb_hist_mean(&h) == mean);
	ipb_hist_free(&h);
}

static void restored_figures_must_fit(void **state)
{
	struct ipb_hist h;

	(void)state;
	assert_int_equal(ipb_hist_init(&h), 0);
	ipb_hist_record(&h, 1000000);
	assert_int_equal(ipb_hist_restore(&h, 1000000, 1000000, 1000000, 0), 0);
	assert_int_equal(ipb_hist_restore(&h, 1, 1000000, 1000000, 0), -1);
	assert_int_equal(ipb_hist_restore(&h, 1000000, 1000000, NAN, 0), -1);
	assert_int_equal(ipb_hist_restore(&h, 1000000, 1000000, 1000000, -1), -1);
	assert_int_equal(ipb_hist_restore(&h, 1000001, 1000000, 1000000, 0), -1);
	ipb_hist_free(&h);
}

/* An interval's histogram is one of HdrHistogram's with two digits: read as such it has the same values. */
static void coarse_ones_are_hdrhistograms_too(void **state)
{
	static uint32_t counts[IPB_COARSE_LENGTH];
	static uint8_t bytes[40 + 5 * IPB_COARSE_LENGTH];
	struct ipb_hist h;
	uint64_t least = UINT64_MAX, most = 0;
	struct ipb_rng rng;

	(void)state;
	ipb_rng_seed(&rng, 3);
	for (int i = 0; i < 5000; i++) {
		const uint64_t v = 1000 + ipb_rng_next(&rng) % 50000000;
		counts[ipb_coarse_index(v)]++;
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	assert_int_equal(ipb_hist_init(&h), 0);
	size_t size = ipb_hist_encode_coarse(counts, IPB_COARSE_LENGTH, bytes, sizeof bytes);
	assert_true(size > 40 && size < 4000);
	assert_int_equal(ipb_hist_decode(&h, bytes, size), 0);
	assert_int_equal(h.count, 5000);
	assert_true(fabs((double)h.max_ns / (double)most - 1) < 0.008);
	assert_true(fabs((double)h.min_ns / (double)least - 1) < 0.008);
	assert_true(fabs((double)ipb_hist_percentile(&h, 50) / 25000000 - 1) < 0.05);
	assert_int_equal(ipb_hist_encode_coarse(counts, IPB_COARSE_LENGTH, bytes, size - 1), 0);
	ipb_hist_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coarse_ones_are_hdrhistograms_too),
		cmocka_unit_test(percentiles_are_within_a_thousandth),
		cmocka_unit_test(every_bucket_contains_its_values),
		cmocka_unit_test(merged_equals_pooled),
		cmocka_unit_test(a_small_spread_far_from_zero_is_kept),
		cmocka_unit_test(many_at_once_equal_one_by_one),
		cmocka_unit_test(values_beyond_the_range_are_counted),
		cmocka_unit_test(encoding_survives),
		cmocka_unit_test(encoding_is_hdrhistograms),
		cmocka_unit_test(hostile_encodings_are_refused),
		cmocka_unit_test(restored_figures_must_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
