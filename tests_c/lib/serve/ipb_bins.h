/*
 * Bytes by time, in a fixed amount of memory.  SPDX-License-Identifier: MIT
 *
 * Bins of 2^20 ns (1.05 ms) at first; when time runs beyond the last one, two become one, so that a bin is never longer
 * than a 2,048th of the time that has passed, or 2^20 ns. One thread writes; reading is for afterwards.
 */
#ifndef IPB_BINS_H
#define IPB_BINS_H

#include <stdint.h>

#define IPB_BINS 4096u         /* a power of two */
#define IPB_BINS_SHIFT_MIN 20u

struct ipb_bins {
	uint64_t base_ns; /* what came before counts as of then */
	uint64_t total;
	uint32_t shift;   /* a bin is 2^shift ns long */
	uint64_t *counts; /* IPB_BINS of them */
};

/* 0, or -1 without memory. */
int ipb_bins_init(struct ipb_bins *b, uint64_t base_ns);
void ipb_bins_free(struct ipb_bins *b);
void ipb_bins_fold(struct ipb_bins *b, uint64_t elapsed_ns);

static inline void ipb_bins_add(struct ipb_bins *b, uint64_t now_ns, uint64_t amount)
{
	const uint64_t elapsed = now_ns > b->base_ns ? now_ns - b->base_ns : 0;

	if (__builtin_expect(elapsed >> b->shift >= IPB_BINS, 0))
		ipb_bins_fold(b, elapsed);
	b->counts[elapsed >> b->shift] += amount;
	b->total += amount;
}

/* How much came in [from_ns, to_ns): a bin that lies in it in part counts in proportion. */
double ipb_bins_sum(const struct ipb_bins *b, uint64_t from_ns, uint64_t to_ns);

#endif
