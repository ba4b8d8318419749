/* Histogram of nanoseconds; see ipb_hist.h.  SPDX-License-Identifier: MIT */
#include "ipb_hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_apart.h"

#define EVEN_MAX 1024u /* so many ages, the oldest within the range, have sums that fit */

int ipb_hist_init(struct ipb_hist *h)
{
	h->counts = ipb_apart_raw(IPB_HIST_LENGTH * sizeof *h->counts);
	if (h->counts == NULL)
		return -1;
	ipb_hist_reset(h);
	return 0;
}

void ipb_hist_free(struct ipb_hist *h)
{
	free(h->counts);
	h->counts = NULL;
	h->count = 0;
}

void ipb_hist_reset(struct ipb_hist *h)
{
	memset(h->counts, 0, IPB_HIST_LENGTH * sizeof *h->counts);
	h->count = h->max_ns = h->clipped = 0;
	h->min_ns = UINT64_MAX;
	h->sum = h->sum_squares = 0;
}

void ipb_hist_record_n(struct ipb_hist *h, uint64_t value_ns, uint64_t count)
{
	if (count == 0)
		return;
	ipb_hist_record(h, value_ns);
	if (value_ns > IPB_HIST_HIGHEST) {
		h->clipped += count - 1;
		value_ns = IPB_HIST_HIGHEST;
	}
	const unsigned __int128 more = (unsigned __int128)value_ns * (count - 1);
	h->counts[ipb_hist_index(value_ns)] += count - 1;
	h->count += count - 1;
	h->sum += more;
	h->sum_squares += more * value_ns;
}

/* With T1 = 0 + 1 + … + (n - 1) and T2 the same of the squares, the ages a - i d add up to n a - d T1, their squares to
 * n a² - 2 a d T1 + d² T2. */
void ipb_hist_record_even(struct ipb_hist *h, uint64_t now_ns, const struct ipb_even *since, uint32_t n)
{
	if (n == 0)
		return;
	const uint64_t oldest = now_ns - since->start_ns, youngest = now_ns - ipb_even_at(since, n - 1);
	if (oldest > IPB_HIST_HIGHEST || n > EVEN_MAX) {
		for (uint32_t i = 0; i < n; i++)
			ipb_hist_record(h, now_ns - ipb_even_at(since, i));
		return;
	}
	const uint64_t t1 = (uint64_t)n * (n - 1) / 2, t2 = t1 * (2 * n - 1) / 3;
	const uint64_t less = since->step_ns * t1 + (uint64_t)((unsigned __int128)since->step_fraction * t1 >> 64);
	/* d = s + f / 2^64, so d² T2 = s² T2 + 2 s f T2 / 2^64 + f² T2 / 2^128. */
	const unsigned __int128 part = (unsigned __int128)since->step_fraction * t2;
	h->sum += oldest * n - less;
	h->sum_squares += (unsigned __int128)oldest * oldest * n - (unsigned __int128)(2 * less) * oldest +
	                  (unsigned __int128)since->step_ns * since->step_ns * t2 +
	                  ((part >> 32) * (2 * since->step_ns) >> 32) + ((part >> 64) * since->step_fraction >> 64);
	const uint32_t index = ipb_hist_index(oldest);
	if (index == ipb_hist_index(youngest))
		h->counts[index] += n;
	else
		for (uint32_t i = 0; i < n; i++)
			h->counts[ipb_hist_index(now_ns - ipb_even_at(since, i))]++;
	h->count += n;
	h->min_ns = youngest < h->min_ns ? youngest : h->min_ns;
	h->max_ns = oldest > h->max_ns ? oldest : h->max_ns;
}

void ipb_hist_merge(struct ipb_hist *h, const struct ipb_hist *from)
{
	if (from->count == 0)
		return;
	h->sum += from->sum;
	h->sum_squares += from->sum_squares;
	for (uint32_t i = 0; i < IPB_HIST_LENGTH; i++)
		h->counts[i] += from->counts[i];
	h->count += from->count;
	h->clipped += from->clipped;
	if (from->min_ns < h->min_ns)
		h->min_ns = from->min_ns;
	if (from->max_ns > h->max_ns)
		h->max_ns = from->max_ns;
}

uint64_t ipb_hist_bucket_value(uint32_t index)
{
	uint32_t bucket = index >> (IPB_HIST_SUB_BITS - 1);

	if (bucket == 0)
		return index;
	return (uint64_t)((index & (IPB_HIST_HALF - 1)) + IPB_HIST_HALF) << (bucket - 1);
}

uint64_t ipb_hist_bucket_width(uint32_t index)
{
	uint32_t bucket = index >> (IPB_HIST_SUB_BITS - 1);

	return bucket == 0 ? 1 : 1ull << (bucket - 1);
}

static uint64_t highest_of(const struct ipb_hist *h, uint32_t index)
{
	uint64_t value = ipb_hist_bucket_value(index) + ipb_hist_bucket_width(index) - 1;

	if (value > h->max_ns)
		value = h->max_ns;
	return value < h->min_ns ? h->min_ns : value;
}

/* The bucket that holds the sample of this rank (1..count), starting at *index with *seen samples below it. */
static uint64_t at_rank(const struct ipb_hist *h, uint64_t rank, uint32_t *index, uint64_t *seen)
{
	uint32_t i = *index;

	while (i < IPB_HIST_LENGTH - 1 && *seen + h->counts[i] < rank)
		*seen += h->counts[i++];
	*index = i;
	return highest_of(h, i);
}

static uint64_t rank_of(const struct ipb_hist *h, double percentile)
{
	double rank = ceil(percentile / 100.0 * (double)h->count - 1e-9);

	if (!(rank >= 1))
		return 1;
	return rank >= (double)h->count ? h->count : (uint64_t)rank;
}

uint64_t ipb_hist_percentile(const struct ipb_hist *h, double percentile)
{
	uint32_t index = 0;
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	return at_rank(h, rank_of(h, percentile), &index, &seen);
}

double ipb_hist_mean(const struct ipb_hist *h)
{
	return h->count == 0 ? 0 : (double)(h->sum / h->count) + (double)(h->sum % h->count) / (double)h->count;
}

double ipb_hist_stddev(const struct ipb_hist *h)
{
	if (h->count == 0)
		return 0;
	/* The squares of the distances from the mean's whole part, less what its fraction adds. */
	const unsigned __int128 whole = h->sum / h->count;
	const double n = (double)h->count, rest = (double)(h->sum % h->count) / n;
	const double variance = (double)(h->sum_squares + whole * whole * h->count - 2 * whole * h->sum) / n - rest * rest;

	return variance > 0 ? sqrt(variance) : 0;
}

int ipb_hist_restore(struct ipb_hist *h, uint64_t min_ns, uint64_t max_ns, double mean_ns, double stddev_ns)
{
	double n = (double)h->count;

	if (h->count == 0)
		return 0;
	if (min_ns > max_ns || max_ns > IPB_HIST_HIGHEST || !(mean_ns >= (double)min_ns * 0.999) ||
	    !(mean_ns <= (double)max_ns * 1.001 + 1) || !(stddev_ns >= 0) || !(stddev_ns <= (double)IPB_HIST_HIGHEST) ||
	    ipb_hist_index(min_ns) != ipb_hist_index(h->min_ns) || ipb_hist_index(max_ns) != ipb_hist_index(h->max_ns))
		return -1;
	h->min_ns = min_ns;
	h->max_ns = max_ns;
	const unsigned __int128 whole = (unsigned __int128)mean_ns, rest = (unsigned __int128)((mean_ns - floor(mean_ns)) * n + 0.5);
	h->sum = whole * h->count + rest;
	h->sum_squares = (unsigned __int128)(stddev_ns * stddev_ns * n + (double)rest * (double)rest / n + 0.5) +
	                 2 * whole * h->sum - whole * whole * h->count;
	return 0;
}

void ipb_hist_summary(const struct ipb_hist *h, struct ipb_summary *s)
{
	uint32_t index = 0;
	uint64_t seen = 0;

	memset(s, 0, sizeof *s);
	if (h->count == 0)
		return;
	s->count = h->count;
	s->min_ns = h->min_ns;
	s->max_ns = h->max_ns;
	s->mean_ns = ipb_hist_mean(h);
	s->stddev_ns = ipb_hist_stddev(h);
	s->p50_ns = at_rank(h, rank_of(h, 50), &index, &seen);
	s->p90_ns = at_rank(h, rank_of(h, 90), &index, &seen);
	s->p99_ns = at_rank(h, rank_of(h, 99), &index, &seen);
	s->p999_ns = at_rank(h, rank_of(h, 99.9), &index, &seen);
	s->p9999_ns = at_rank(h, rank_of(h, 99.99), &index, &seen);
	s->p99999_ns = at_rank(h, rank_of(h, 99.999), &index, &seen);
}
