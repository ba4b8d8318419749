/*
 * A small histogram (128 steps an octave, 18 KB) for each interval of a time series.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_COARSE_H
#define IPB_COARSE_H

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

#endif
