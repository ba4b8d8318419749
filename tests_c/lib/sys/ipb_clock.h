/*
 * Time in nanoseconds.  SPDX-License-Identifier: MIT
 *
 * ipb_now_ns reads CLOCK_MONOTONIC. `struct ipb_clock` gives the same time from the processor's time stamp counter,
 * for loops that read it with every packet: calibrated against CLOCK_MONOTONIC in this process, never cached in a
 * file, and only where the counter is invariant (same rate on all cores in all power states). On arm64 that counter is
 * the generic timer's virtual count (Arm Architecture Reference Manual, CNTVCT_EL0), used where the system itself keeps
 * its time by it. Elsewhere it falls back to CLOCK_MONOTONIC. One writer (ipb_clock_init), then any number of readers.
 */
#ifndef IPB_CLOCK_H
#define IPB_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif
#if defined(__x86_64__) || defined(__aarch64__)
#define IPB_CLOCK_HAS_COUNTER 1
#endif

#define IPB_NS_PER_S 1000000000ull
#define IPB_CLOCK_CALIBRATION_NS 40000000ull /* how long ipb_clock_init takes where it uses the counter */

struct ipb_clock {
	uint64_t base_tsc, base_ns;
	uint64_t first_tsc, first_ns; /* the first reading of both, which the rate is computed from */
	uint64_t mult;     /* ns per tick, 32 fraction bits */
	uint64_t spread_ns; /* uncertainty of one reference reading at calibration */
	int tsc;           /* non-zero: the counter is used */
	const char *source; /* "tsc", "cntvct" or "clock_monotonic", with the reason beside it in `why` */
	const char *why;
};

static inline uint64_t ipb_clock_gettime_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * IPB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* CLOCK_MONOTONIC, in ns. */
static inline uint64_t ipb_now_ns(void) { return ipb_clock_gettime_ns(CLOCK_MONOTONIC); }

#if defined(IPB_CLOCK_HAS_COUNTER)
/* The processor's counter, whether it is invariant or not. */
static inline uint64_t ipb_clock_counter(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	uint64_t count;
	/* Without the barrier it may be read before what a stamp is to come after: the kernel reads it like this, too. */
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
	return count;
#endif
}
#endif

/* Calibrates; blocks for IPB_CLOCK_CALIBRATION_NS. want_tsc 0 forces CLOCK_MONOTONIC. */
void ipb_clock_init(struct ipb_clock *c, int want_tsc);

/* Sets the base again, so that the reading equals CLOCK_MONOTONIC now; takes under 10 µs. The reading jumps. */
void ipb_clock_anchor(struct ipb_clock *c);

/* Computes the rate again, from all the time since the first calibration: the longer that is, the better (two readings
 * of ± 50 ns are 2.5 ppm after 40 ms, 0.01 ppm after 10 s). The reading does not jump; only its rate changes. Takes
 * under 10 µs. */
void ipb_clock_refine(struct ipb_clock *c);

/* How far the reading is from CLOCK_MONOTONIC now: positive when it is ahead. */
int64_t ipb_clock_error_ns(const struct ipb_clock *c);

/* CLOCK_REALTIME minus the reading of c, from the narrowest of a few tries; *spread_ns (may be NULL) is its bound. */
int64_t ipb_clock_realtime_offset_ns(const struct ipb_clock *c, uint64_t *spread_ns);

/* The time, in ns of CLOCK_MONOTONIC. */
static inline uint64_t ipb_clock_now(const struct ipb_clock *c)
{
#if defined(IPB_CLOCK_HAS_COUNTER)
	if (__builtin_expect(c->tsc, 1))
		return c->base_ns + (uint64_t)(((unsigned __int128)(ipb_clock_counter() - c->base_tsc) * c->mult) >> 32);
#endif
	(void)c;
	return ipb_now_ns();
}

/* Hints to the processor that this is a spin loop. */
static inline void ipb_clock_relax(void)
{
#if defined(__x86_64__)
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
