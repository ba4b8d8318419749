/*
 * An interval of a time series: what left in it, what became of that, and a small histogram (128 steps an octave, 29 KB) of the
 * times.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_INTERVAL_H
#define IPB_INTERVAL_H

#include <math.h>
#include <stdint.h>

#define IPB_COARSE_BITS 8
#define IPB_COARSE_LENGTH ((64 - IPB_COARSE_BITS + 2) << (IPB_COARSE_BITS - 1))

static inline uint32_t ipb_coarse_index(uint64_t v)
{
	uint32_t bucket = (uint32_t)(64 - IPB_COARSE_BITS) - (uint32_t)__builtin_clzll(v | ((1u << IPB_COARSE_BITS) - 1));
	return (bucket << (IPB_COARSE_BITS - 1)) + (uint32_t)(v >> bucket);
}

/* Highest value of a bucket. */
static inline uint64_t ipb_coarse_highest(uint32_t index)
{
	uint32_t bucket = index >> (IPB_COARSE_BITS - 1), half = 1u << (IPB_COARSE_BITS - 1);

	if (bucket == 0)
		return index;
	return ((uint64_t)((index & (half - 1)) + half + 1) << (bucket - 1)) - 1;
}

/* What this share of so many samples did not exceed; 0 of none. */
static inline uint64_t ipb_coarse_percentile(const uint32_t *counts, uint64_t total, double share)
{
	uint64_t seen = 0, rank = (uint64_t)ceil((double)total * share);

	for (uint32_t i = 0; total > 0 && i < IPB_COARSE_LENGTH; i++)
		if ((seen += counts[i]) >= rank)
			return ipb_coarse_highest(i);
	return 0;
}

/* One interval of the measured phase. */
struct ipb_interval {
	uint64_t sent, ok, bad; /* bad: what came back late or corrupt; the rest is lost */
	double sum_ns; /* of response times */
	uint64_t max_ns;
	uint32_t *counts; /* IPB_COARSE_LENGTH */
};

/* Adds what another thread did in the same interval; both histograms count from one value. */
static inline void ipb_interval_add(struct ipb_interval *to, const struct ipb_interval *from)
{
	to->sent += from->sent;
	to->ok += from->ok;
	to->bad += from->bad;
	to->sum_ns += from->sum_ns;
	to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
	for (uint32_t k = 0; k < IPB_COARSE_LENGTH; k++)
		to->counts[k] += from->counts[k];
}

static inline uint64_t ipb_interval_lost(const struct ipb_interval *i)
{
	return i->sent > i->ok + i->bad ? i->sent - i->ok - i->bad : 0;
}

/* Response time that this share of an interval's samples did not exceed; base_ns: the value from which its counts count. */
uint64_t ipb_interval_percentile(const struct ipb_interval *v, uint64_t base_ns, double share);

/* Intervals of a measured phase of length_ns, and how they are reported. */
struct ipb_series {
	const struct ipb_interval *intervals;
	uint32_t count;
	uint64_t interval_ns, length_ns, base_ns;
	int times; /* each with its response times, as far as there is room */
};

struct ipb_json;

/* The member "series". Where one thread ended a little after the others, what it sent until then may lie behind the end of the
 * phase; it counts, so its intervals are of the series, too. */
void ipb_series_report(const struct ipb_series *s, struct ipb_json *j);

#endif
