/*
 * Histogram of nanoseconds in HdrHistogram's bucket layout.  SPDX-License-Identifier: MIT
 *
 * Range 1 ns … 3,600,000,000,000 ns (1 h), 3 significant digits: a recorded value is known to 0.1 %. Values beyond
 * the range are counted at its end and in `clipped`. Exact count, minimum, maximum, mean and variance are kept
 * beside the buckets. 33,792 buckets of 8 bytes; recording costs a few ns and never allocates. One thread.
 */
#ifndef IPB_HIST_H
#define IPB_HIST_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_even.h"

#define IPB_HIST_LOWEST 1ull
#define IPB_HIST_HIGHEST 3600000000000ull
#define IPB_HIST_DIGITS 3
#define IPB_HIST_SUB_BITS 11                          /* 2,048 sub-buckets: 3 digits */
#define IPB_HIST_SUB_COUNT (1u << IPB_HIST_SUB_BITS)
#define IPB_HIST_HALF (IPB_HIST_SUB_COUNT / 2)
#define IPB_HIST_BUCKETS 32                           /* 2048 << 31 > highest */
#define IPB_HIST_LENGTH ((IPB_HIST_BUCKETS + 1) * IPB_HIST_HALF)
#define IPB_HIST_COUNT_MAX (1ull << 44)               /* so many squares of the highest value have room in 128 bits */
#define IPB_HIST_ENCODED_MAX (40 + IPB_HIST_LENGTH * 9) /* bytes that encoding can need */

struct ipb_hist {
	uint64_t count, min_ns, max_ns;     /* min_ns is UINT64_MAX while empty */
	uint64_t clipped;                   /* values that were beyond the range */
	unsigned __int128 sum, sum_squares; /* exact */
	uint64_t *counts;               /* IPB_HIST_LENGTH of them */
};

/* What is known of a distribution; all in ns, 0 when count is 0. */
struct ipb_summary {
	uint64_t count, min_ns, p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, p99999_ns, max_ns;
	double mean_ns, stddev_ns;
};

/* 0, or -1 when there is no memory. The buckets are touched, so that recording meets no page fault. */
int ipb_hist_init(struct ipb_hist *h);
void ipb_hist_free(struct ipb_hist *h);
void ipb_hist_reset(struct ipb_hist *h);
void ipb_hist_record_n(struct ipb_hist *h, uint64_t value_ns, uint64_t count);

/* ipb_hist_record of now_ns - since for each of the first n instants, at the cost of one; none is later than now. The sums
 * are those of the instants before they are cut to whole ns. */
void ipb_hist_record_even(struct ipb_hist *h, uint64_t now_ns, const struct ipb_even *since, uint32_t n);
/* Adds from to h: the same as if h had recorded all values of both. */
void ipb_hist_merge(struct ipb_hist *h, const struct ipb_hist *from);
/* The highest value equivalent to the one at this percentile (0..100), as HdrHistogram gives it, but never above
 * the maximum or below the minimum. 0 when empty. */
uint64_t ipb_hist_percentile(const struct ipb_hist *h, double percentile);
double ipb_hist_mean(const struct ipb_hist *h);
double ipb_hist_stddev(const struct ipb_hist *h); /* of the population */
void ipb_hist_summary(const struct ipb_hist *h, struct ipb_summary *s);

/* Lowest value of a bucket, and how many values it holds. */
uint64_t ipb_hist_bucket_value(uint32_t index);
uint64_t ipb_hist_bucket_width(uint32_t index);

/* HdrHistogram's V2 encoding, not compressed, at most IPB_HIST_ENCODED_MAX bytes. Returns the size, 0 when it does
 * not fit into size. */
size_t ipb_hist_encode(const struct ipb_hist *h, uint8_t *to, size_t size);
/* The same for `length` counts of HdrHistogram's layout with IPB_HIST_COARSE_DIGITS, which is that of ipb_interval.h. */
#define IPB_HIST_COARSE_DIGITS 2
size_t ipb_hist_encode_coarse(const uint32_t *counts, uint32_t length, uint8_t *to, size_t size);
/* Reads a V2 encoding with any lowest value, highest value and digits into h (initialised; emptied first). Minimum
 * and maximum, mean and variance are then those of the buckets. 0, or -1 when the bytes are not one, whole, or count
 * more than IPB_HIST_COUNT_MAX values. */
int ipb_hist_decode(struct ipb_hist *h, const uint8_t *from, size_t size);

/* After decoding: puts the exact minimum, maximum, mean and standard deviation back. 0, or -1 when they cannot belong
 * to these buckets. */
int ipb_hist_restore(struct ipb_hist *h, uint64_t min_ns, uint64_t max_ns, double mean_ns, double stddev_ns);

static inline uint32_t ipb_hist_index(uint64_t value)
{
	uint32_t bucket = (uint32_t)(64 - IPB_HIST_SUB_BITS) - (uint32_t)__builtin_clzll(value | (IPB_HIST_SUB_COUNT - 1));
	return (bucket << (IPB_HIST_SUB_BITS - 1)) + (uint32_t)(value >> bucket);
}

static inline void ipb_hist_record(struct ipb_hist *h, uint64_t value_ns)
{
	if (__builtin_expect(value_ns > IPB_HIST_HIGHEST, 0)) {
		h->clipped++;
		value_ns = IPB_HIST_HIGHEST;
	}
	h->counts[ipb_hist_index(value_ns)]++;
	h->count++;
	h->sum += value_ns;
	h->sum_squares += (unsigned __int128)value_ns * value_ns;
	if (value_ns < h->min_ns)
		h->min_ns = value_ns;
	if (value_ns > h->max_ns)
		h->max_ns = value_ns;
}

#endif
