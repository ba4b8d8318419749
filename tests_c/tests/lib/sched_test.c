/* When packets are due: drift, distribution, repeatability.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipb_sched.h"

static struct ipb_sizes sizes_of(const char *text)
{
	struct ipb_sizes s;
	struct ipb_error err = { 0 };

	assert_int_equal(ipb_sizes_parse(&s, text, 8, 65507, 0, &err), 0);
	return s;
}

static void constant_arrivals_do_not_drift(void **state)
{
	static const double rates[] = { 10e6, 512.0 * 3, 333333.3, 1e9 / 7, 51.2e9 };
	struct ipb_sizes sizes = sizes_of("64");

	(void)state;
	for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
		struct ipb_sched s;
		ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, rates[k], &sizes, 1, 1000, 0);
		uint64_t n = (uint64_t)(10 * rates[k] / 512);
		n = n > 20000000 ? 20000000 : n;
		for (uint64_t i = 0; i < n; i++)
			ipb_sched_next(&s);
		double exact = (double)n * 512e9 / rates[k], got = (double)(s.due_ns - 1000);
		assert_true(fabs(got - exact) <= 1 + exact * 1e-9); /* the claim is 1e-4 */
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Largest distance between the gaps' distribution and the exponential one. */
static double ks_distance(uint64_t seed, int n, double *gaps)
{
	struct ipb_sizes sizes = sizes_of("64");
	struct ipb_sched s;
	double d = 0;
	uint64_t last = 0;

	ipb_sched_init(&s, IPB_ARRIVAL_POISSON, 1, 512e3, &sizes, seed, 0, 0); /* 1,000 packets a second */
	for (int i = 0; i < n; i++) {
		gaps[i] = (double)(s.due_ns - last) / 1e6;
		last = s.due_ns;
		ipb_sched_next(&s);
	}
	qsort(gaps, (size_t)n, sizeof *gaps, compare);
	for (int i = 0; i < n; i++) {
		double f = 1 - exp(-gaps[i]);
		d = fmax(d, fmax(fabs(f - (double)i / n), fabs((double)(i + 1) / n - f)));
	}
	return d;
}

static void poisson_gaps_are_exponential(void **state)
{
	enum { N = 10000, RUNS = 200 };
	double *gaps = malloc(N * sizeof *gaps);
	int rejected = 0;

	(void)state;
	for (int run = 0; run < RUNS; run++)
		rejected += ks_distance((uint64_t)run + 1, N, gaps) > 1.628 / sqrt(N); /* 1 % level */
	free(gaps);
	assert_in_range(rejected, 0, 8); /* 2 expected; more than 8 of 200 happens once in 4,000 */
}

static void poisson_rate_is_kept(void **state)
{
	struct ipb_sizes sizes = sizes_of("64");
	struct ipb_sched s;

	(void)state;
	ipb_sched_init(&s, IPB_ARRIVAL_POISSON, 1, 51.2e6, &sizes, 9, 0, 0);
	for (int i = 0; i < 1000000; i++)
		ipb_sched_next(&s);
	assert_true(fabs((double)s.due_ns / 1e10 - 1) < 0.004); /* four standard deviations */
}

static void bursts_come_together(void **state)
{
	struct ipb_sizes sizes = sizes_of("64");
	struct ipb_sched s;

	(void)state;
	ipb_sched_init(&s, IPB_ARRIVAL_BURST, 8, 512e3, &sizes, 1, 0, 0);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(s.due_ns, (uint64_t)(i / 8) * 8000000);
		ipb_sched_next(&s);
	}
}

static void sizes_keep_their_weights(void **state)
{
	struct ipb_sizes sizes = sizes_of("IMIX");
	struct ipb_sched s;
	int counts[3] = { 0 };

	(void)state;
	assert_int_equal(sizes.count, 3);
	assert_true(fabs(sizes.mean - (64 * 7 + 594 * 4 + 1518) / 12.0) < 1e-9);
	assert_true(fabs(sizes.cv * sizes.mean - sqrt((64 * 64 * 7 + 594 * 594 * 4 + 1518 * 1518) / 12.0 - sizes.mean * sizes.mean)) < 1e-6);
	ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 1e6, &sizes, 5, 0, 0);
	for (int i = 0; i < 120000; i++) {
		for (int k = 0; k < 3; k++)
			counts[k] += s.size == sizes.size[k];
		ipb_sched_next(&s);
	}
	assert_int_equal(counts[0] + counts[1] + counts[2], 120000);
	assert_in_range(counts[0], 69000, 71000);
	assert_in_range(counts[1], 39000, 41000);
	assert_in_range(counts[2], 9500, 10500);
}

static void imix_fits_each_carrier(void **state)
{
	static const struct {
		uint32_t least, most, overhead, size[3];
	} carriers[] = {
		{ 22, 1514, 4, { 60, 590, 1514 } },  /* raw: all but the checksum */
		{ 8, 65507, 46, { 18, 548, 1472 } }, /* UDP over IPv4 */
		{ 8, 65507, 66, { 8, 528, 1452 } },  /* over IPv6, where the smallest frame has no room for UDP */
		{ 16, 65507, 66, { 16, 528, 1452 } }, /* latency-check */
	};

	(void)state;
	for (size_t k = 0; k < sizeof carriers / sizeof *carriers; k++) {
		struct ipb_sizes s;
		struct ipb_error err = { 0 };
		assert_int_equal(ipb_sizes_parse(&s, "imix", carriers[k].least, carriers[k].most, carriers[k].overhead, &err), 0);
		assert_memory_equal(s.size, carriers[k].size, sizeof carriers[k].size);
		assert_true(s.weight[0] == 7 && s.weight[1] == 4 && s.weight[2] == 1 && s.count == 3);
	}
}

static void same_seed_same_packets(void **state)
{
	struct ipb_sizes sizes = sizes_of("64:1,128:2,1000");
	struct ipb_sched a, b, c;
	int differ = 0;

	(void)state;
	ipb_sched_init(&a, IPB_ARRIVAL_POISSON, 1, 1e6, &sizes, 77, 5, 0);
	ipb_sched_init(&b, IPB_ARRIVAL_POISSON, 1, 1e6, &sizes, 77, 5, 0);
	ipb_sched_init(&c, IPB_ARRIVAL_POISSON, 1, 1e6, &sizes, 78, 5, 0);
	for (int i = 0; i < 1000; i++) {
		assert_true(a.due_ns == b.due_ns && a.size == b.size);
		differ += a.due_ns != c.due_ns;
		ipb_sched_next(&a);
		ipb_sched_next(&b);
		ipb_sched_next(&c);
	}
	assert_true(differ > 900);
}

static void taken_at_once_or_one_by_one(void **state)
{
	static const enum ipb_arrival models[] = { IPB_ARRIVAL_CONSTANT, IPB_ARRIVAL_POISSON, IPB_ARRIVAL_BURST };
	const char *const size_lists[] = { "64", "64:1,128:2,1000" };
	uint64_t due[64];
	uint32_t taken[64];

	(void)state;
	for (uint32_t k = 0; k < 12; k++) {
		struct ipb_sizes sizes = sizes_of(size_lists[k % 2]);
		struct ipb_sched a, b;
		ipb_sched_init(&a, models[k / 4], k / 4 == 2 ? 7 : 1, 3.3e9, &sizes, k, 1000, k / 2 % 2 * 20000);
		b = a;
		uint64_t until = 1000;
		for (int round = 0; round < 200; round++) {
			uint32_t n = ipb_sched_take(&a, until, due, taken, 1 + (uint32_t)round % 64);
			for (uint32_t i = 0; i < n; i++) {
				assert_true(due[i] == b.due_ns && taken[i] == b.size && due[i] < until);
				ipb_sched_next(&b);
			}
			assert_true(n == 1 + (uint32_t)round % 64 || b.due_ns >= until);
			assert_true(a.due_ns == b.due_ns && a.number == b.number);
			until += 5000;
		}
		assert_true(a.number > 100);
	}
}

/* Evenly spaced instants are the schedule's own, to the last bit, after any number of steps. */
static void even_packets_are_taken_at_once(void **state)
{
	struct ipb_sizes sizes = sizes_of("64");

	(void)state;
	for (uint32_t k = 0; k < 6; k++) {
		struct ipb_sched a, b;
		uint64_t until = 1000;
		ipb_sched_init(&a, IPB_ARRIVAL_CONSTANT, 1, 3.3e9 * (k + 1), &sizes, k, 1000, k % 2 * 5000);
		while (!ipb_sched_is_even(&a))
			ipb_sched_next(&a);
		b = a;
		for (int round = 0; round < 500; round++, until += 3000) {
			const struct ipb_even due = ipb_sched_even(&a);
			const uint32_t limit = (uint32_t)round % 65, n = ipb_sched_take_even(&a, until, limit);
			for (uint32_t i = 0; i < n; i++) {
				assert_true(b.due_ns < until);
				assert_int_equal(ipb_even_at(&due, i), b.due_ns);
				ipb_sched_next(&b);
			}
			assert_true(n == limit || b.due_ns >= until);
			assert_true(a.due_ns == b.due_ns && a.fraction == b.fraction && a.number == b.number);
		}
		assert_true(a.number > 100);
	}
}

static void ramp_rises_evenly(void **state)
{
	struct ipb_sizes sizes = sizes_of("64");
	struct ipb_sched s;
	int first_half = 0, second_half = 0;
	uint64_t last = 0;

	(void)state;
	ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 512e3, &sizes, 1, 0, 1000000000);
	while (s.due_ns < 1000000000) {
		assert_true(s.due_ns >= last);
		last = s.due_ns;
		first_half += s.due_ns < 500000000;
		second_half += s.due_ns >= 500000000;
		ipb_sched_next(&s);
	}
	assert_in_range(first_half, 123, 126);  /* a quarter of the 500 */
	assert_in_range(second_half, 373, 376);
	ipb_sched_next(&s);
	assert_int_equal(s.due_ns, 1001000000);
}

/* 512 kbit/s of 64 bytes are 1000 packets a second: 2200 in a second of overload, and 1000 in the one after it, which begins
 * with a packet. */
static void overload_is_even_and_ends_on_time(void **state)
{
	struct ipb_sizes sizes = sizes_of("64");
	struct ipb_sched s;
	uint64_t last = 0;
	int during = 0, after = 0;

	(void)state;
	ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 512e3, &sizes, 1, 0, 1000000000);
	ipb_sched_overload(&s, 2.2);
	for (; s.due_ns < 1000000000; during++, ipb_sched_next(&s)) {
		assert_in_range(s.due_ns - last, 454544, 454547);
		last = s.due_ns;
	}
	assert_in_range(during, 2199, 2200);
	assert_int_equal(s.due_ns, 1000000000);
	for (; s.due_ns < 2000000000; after++, ipb_sched_next(&s))
		assert_int_equal(s.due_ns, 1000000000 + (uint64_t)after * 1000000);
	assert_int_equal(after, 1000);
	/* Without a ramp there is no time for it. */
	ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 512e3, &sizes, 1, 5, 0);
	ipb_sched_overload(&s, 2.2);
	assert_int_equal(s.due_ns, 5);
	ipb_sched_next(&s);
	assert_int_equal(s.due_ns, 1000005);
}

/* Skipping is the same as stepping, to the last bit of the due times, where these are arithmetic; with few packets it is
 * for Poisson arrivals, too. */
static void skipping_is_stepping(void **state)
{
	static const struct {
		enum ipb_arrival arrival;
		uint32_t burst;
		uint64_t ramp_ns;
		double overload;
	} models[] = { { IPB_ARRIVAL_CONSTANT, 1, 0, 0 }, { IPB_ARRIVAL_CONSTANT, 1, 300000, 0 }, { IPB_ARRIVAL_BURST, 7, 0, 0 },
		       { IPB_ARRIVAL_BURST, 7, 300000, 0 }, { IPB_ARRIVAL_POISSON, 1, 0, 0 }, { IPB_ARRIVAL_POISSON, 1, 300000, 0 },
		       { IPB_ARRIVAL_CONSTANT, 1, 300000, 2.2 }, { IPB_ARRIVAL_BURST, 7, 300000, 0.3 } };
	static const double rates[] = { 3.3e6, 512e6, 3.3e9, 1e12 };
	struct ipb_sizes sizes = sizes_of("64");

	(void)state;
	for (size_t m = 0; m < sizeof models / sizeof *models; m++)
		for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
			struct ipb_sched a, b;
			uint64_t until = 1000;
			ipb_sched_init(&a, models[m].arrival, models[m].burst, rates[k], &sizes, 3, 1000, models[m].ramp_ns);
			ipb_sched_overload(&a, models[m].overload);
			b = a;
			for (uint64_t round = 0; round < 300; round++) {
				const uint64_t step = 1 + round * round * 7919 % 40000, before = b.number;
				until += rates[k] > 1e11 ? step / 64 : step;
				assert_true(ipb_sched_due_from(&a, until) >= until);
				while (b.due_ns < until)
					ipb_sched_next(&b);
				assert_int_equal(ipb_sched_skip(&a, until), b.number - before);
				assert_true(a.due_ns == b.due_ns && a.number == b.number && a.fraction == b.fraction);
				ipb_sched_next(&a); /* so that some begin in the middle of a burst */
				ipb_sched_next(&b);
			}
		}
}

/* 10 Gbit/s of 64 bytes for a minute: 1,171,875,000 packets, by arithmetic. Packet k of a ramp to the rate r in the time
 * t is due at sqrt(2kt/r): r t / 2 packets in all. */
static void a_billion_packets_are_skipped_at_once(void **state)
{
	const char *const size_lists[] = { "64", "32:1,96:1" };
	const uint64_t minute = 60000000000;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct ipb_sizes sizes = sizes_of(size_lists[k]);
		struct ipb_sched s;
		struct timespec before, after;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
		ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 10e9, &sizes, 1, 0, 0);
		assert_int_equal(ipb_sched_skip(&s, minute), 1171875000);
		assert_int_equal(s.due_ns, minute);
		ipb_sched_init(&s, IPB_ARRIVAL_BURST, 1000, 10e9, &sizes, 1, 0, 0);
		assert_int_equal(ipb_sched_skip(&s, minute), 1171875000);
		ipb_sched_init(&s, IPB_ARRIVAL_CONSTANT, 1, 10e9, &sizes, 1, 0, minute);
		assert_in_range(ipb_sched_skip(&s, minute), 1171875000 / 2 - 1, 1171875000 / 2);
		assert_int_equal(s.due_ns, minute);
		ipb_sched_init(&s, IPB_ARRIVAL_POISSON, 1, 10e9, &sizes, 1, 0, 0);
		const double four_deviations = 4 * sqrt(IPB_SCHED_STEPS_MAX); /* of what was drawn; the rest is what is expected */
		assert_true(fabs((double)ipb_sched_skip(&s, minute) - 1171875000) < four_deviations);
		assert_in_range(s.due_ns, minute, minute + 10000);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
		assert_true((double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9 < 0.5);
	}
}

static void wrong_words_are_named(void **state)
{
	struct ipb_sizes sizes;
	struct ipb_error err = { 0 };
	enum ipb_arrival arrival;
	uint32_t burst;

	(void)state;
	assert_int_equal(ipb_sizes_parse(&sizes, "64:x", 8, 1500, 0, &err), -1);
	assert_int_equal(ipb_sizes_parse(&sizes, "", 8, 1500, 0, &err), -1);
	assert_int_equal(ipb_sizes_parse(&sizes, "7", 8, 1500, 0, &err), -1);
	assert_int_equal(ipb_sizes_parse(&sizes, "64:0", 8, 1500, 0, &err), -1);
	assert_int_equal(ipb_arrival_parse(&arrival, &burst, "burst:0", &err), -1);
	assert_int_equal(ipb_arrival_parse(&arrival, &burst, "sometimes", &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "sometimes"));
	assert_int_equal(ipb_arrival_parse(&arrival, &burst, "burst:16", &err), 0);
	assert_int_equal(burst, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant_arrivals_do_not_drift), cmocka_unit_test(poisson_gaps_are_exponential),
		cmocka_unit_test(poisson_rate_is_kept),           cmocka_unit_test(bursts_come_together),
		cmocka_unit_test(imix_fits_each_carrier),     cmocka_unit_test(sizes_keep_their_weights),       cmocka_unit_test(same_seed_same_packets),
		cmocka_unit_test(taken_at_once_or_one_by_one),
		cmocka_unit_test(even_packets_are_taken_at_once),
		cmocka_unit_test(skipping_is_stepping),           cmocka_unit_test(a_billion_packets_are_skipped_at_once),
		cmocka_unit_test(overload_is_even_and_ends_on_time),
		cmocka_unit_test(ramp_rises_evenly),              cmocka_unit_test(wrong_words_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
