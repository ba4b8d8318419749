/*
 * Repeatable random numbers (xoshiro256** seeded by splitmix64; public-domain algorithms by Blackman and Vigna).
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_RNG_H
#define IPB_RNG_H

#include <stdint.h>
#include <time.h>

struct ipb_rng {
	uint64_t s[4];
};

static inline uint64_t ipb_mix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A run number, never 0, for runs whose controller gives none: two testers of such a run must not get the same. */
static inline uint64_t ipb_own_run_id(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	uint64_t state = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec << 20 ^ (uint64_t)(uintptr_t)&t;
	return ipb_mix64(&state) | 1;
}

static inline void ipb_rng_seed(struct ipb_rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = ipb_mix64(&seed);
}

static inline uint64_t ipb_rng_next(struct ipb_rng *r)
{
	uint64_t *s = r->s, m = s[1] * 5, result = (m << 7 | m >> 57) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

/* Uniform in (0, 1]: never 0, so that its logarithm exists. */
static inline double ipb_rng_unit(struct ipb_rng *r) { return (double)((ipb_rng_next(r) >> 11) + 1) * 0x1p-53; }

/* Uniform in 0..n-1, n > 0. */
static inline uint32_t ipb_rng_below(struct ipb_rng *r, uint32_t n)
{
	return (uint32_t)(((ipb_rng_next(r) >> 32) * n) >> 32);
}

#endif
