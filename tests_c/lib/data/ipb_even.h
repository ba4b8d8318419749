/*
 * Evenly spaced instants, without drift: in ns and 2^-64 ns.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_EVEN_H
#define IPB_EVEN_H

#include <stdint.h>

struct ipb_even {
	uint64_t start_ns, start_fraction;
	uint64_t step_ns, step_fraction;
};

/* The same instants from number k on. */
static inline struct ipb_even ipb_even_from(const struct ipb_even *v, uint64_t k)
{
	const unsigned __int128 parts = (unsigned __int128)v->step_fraction * k + v->start_fraction;

	return (struct ipb_even){ v->start_ns + v->step_ns * k + (uint64_t)(parts >> 64), (uint64_t)parts, v->step_ns,
		                  v->step_fraction };
}

/* Instant k, the first being 0, in whole ns. */
static inline uint64_t ipb_even_at(const struct ipb_even *v, uint64_t k) { return ipb_even_from(v, k).start_ns; }

#endif
