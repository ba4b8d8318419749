/* Histogram of nanoseconds; see ipb_hist.h.  SPDX-License-Identifier: MIT */
#include "ipb_hist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int ipb_hist_init(struct ipb_hist *h)
{
	h->counts = malloc(IPB_HIST_LENGTH * sizeof *h->counts);
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
	h->sum = h->sum_squares = h->shift = 0;
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
	double d = (double)value_ns - h->shift, more = (double)(count - 1);
	h->counts[ipb_hist_index(value_ns)] += count - 1;
	h->count += count - 1;
	h->sum += d * more;
	h->sum_squares += d * d * more;
}

void ipb_hist_record_ages(struct ipb_hist *h, uint64_t now_ns, const uint64_t *since_ns, uint32_t n)
{
	if (n == 0)
		return;
	const uint64_t oldest = now_ns - since_ns[0], youngest = now_ns - since_ns[n - 1];
	const uint32_t index = ipb_hist_index(oldest);
	if (oldest > IPB_HIST_HIGHEST) {
		for (uint32_t i = 0; i < n; i++)
			ipb_hist_record(h, now_ns - since_ns[i]);
		return;
	}
	if (h->count == 0)
		h->shift = (double)oldest;
	double sum = h->sum, sum_squares = h->sum_squares;
	for (uint32_t i = 0; i < n; i++) {
		const double d = (double)(int64_t)(now_ns - since_ns[i]) - h->shift;
		sum += d;
		sum_squares += d * d;
	}
	h->sum = sum;
	h->sum_squares = sum_squares;
	if (index == ipb_hist_index(youngest))
		h->counts[index] += n;
	else
		for (uint32_t i = 0; i < n; i++)
			h->counts[ipb_hist_index(now_ns - since_ns[i])]++;
	h->count += n;
	h->min_ns = youngest < h->min_ns ? youngest : h->min_ns;
	h->max_ns = oldest > h->max_ns ? oldest : h->max_ns;
}

void ipb_hist_merge(struct ipb_hist *h, const struct ipb_hist *from)
{
	if (from->count == 0)
		return;
	if (h->count == 0)
		h->shift = from->shift;
	double move = from->shift - h->shift, n = (double)from->count;
	h->sum_squares += from->sum_squares + 2 * move * from->sum + move * move * n;
	h->sum += from->sum + move * n;
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
	return h->count == 0 ? 0 : h->shift + h->sum / (double)h->count;
}

double ipb_hist_stddev(const struct ipb_hist *h)
{
	if (h->count == 0)
		return 0;
	double n = (double)h->count, mean = h->sum / n, variance = h->sum_squares / n - mean * mean;

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
	h->shift = mean_ns;
	h->sum = 0;
	h->sum_squares = stddev_ns * stddev_ns * n;
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
