/* Bytes by time; see ipb_bins.h.  SPDX-License-Identifier: MIT */
#include "ipb_bins.h"

#include <stdlib.h>
#include <string.h>

int ipb_bins_init(struct ipb_bins *b, uint64_t base_ns)
{
	b->base_ns = base_ns;
	b->total = 0;
	b->shift = IPB_BINS_SHIFT_MIN;
	b->counts = calloc(IPB_BINS, sizeof *b->counts);
	return b->counts != NULL ? 0 : -1;
}

void ipb_bins_free(struct ipb_bins *b)
{
	free(b->counts);
	b->counts = NULL;
}

void ipb_bins_fold(struct ipb_bins *b, uint64_t elapsed_ns)
{
	while (elapsed_ns >> b->shift >= IPB_BINS) {
		for (uint32_t i = 0; i < IPB_BINS / 2; i++)
			b->counts[i] = b->counts[2 * i] + b->counts[2 * i + 1];
		memset(b->counts + IPB_BINS / 2, 0, IPB_BINS / 2 * sizeof *b->counts);
		b->shift++;
	}
}

double ipb_bins_sum(const struct ipb_bins *b, uint64_t from_ns, uint64_t to_ns)
{
	const uint64_t from = from_ns > b->base_ns ? from_ns - b->base_ns : 0, to = to_ns > b->base_ns ? to_ns - b->base_ns : 0;
	double sum = 0;

	if (b->counts == NULL)
		return 0;
	for (uint64_t i = from >> b->shift; i < IPB_BINS && i << b->shift < to; i++) {
		const uint64_t start = i << b->shift, end = start + (1ull << b->shift);
		const uint64_t first = start > from ? start : from, last = end < to ? end : to;
		if (last > first)
			sum += (double)b->counts[i] * (double)(last - first) / (double)(end - start);
	}
	return sum;
}
