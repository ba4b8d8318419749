/*
 * When each packet is due, and how big it is.  SPDX-License-Identifier: MIT
 *
 * Due times come from the packet's number, not from the one before it: constant arrivals do not drift, whatever the
 * interval. Poisson gaps are summed with 20 fraction bits. Everything is repeatable by its seed. No clock is read.
 */
#ifndef IPB_SCHED_H
#define IPB_SCHED_H

#include <stdint.h>

#include "ipb_error.h"
#include "ipb_even.h"
#include "ipb_rng.h"

#define IPB_SIZES_MAX 16
#define IPB_BURST_MAX 1000000u
#define IPB_SCHED_STEPS_MAX 65536u /* random gaps that are drawn to skip packets, about a millisecond's worth */

enum ipb_arrival { IPB_ARRIVAL_CONSTANT, IPB_ARRIVAL_POISSON, IPB_ARRIVAL_BURST };

/* Packet sizes and how often each comes, relative to the others. */
struct ipb_sizes {
	uint32_t count;
	uint32_t size[IPB_SIZES_MAX], weight[IPB_SIZES_MAX];
	uint32_t total; /* of the weights */
	uint32_t largest, smallest;
	double mean;
	double cv; /* coefficient of variation: standard deviation / mean */
};

struct ipb_sched {
	enum ipb_arrival arrival;
	uint32_t burst;             /* packets due together, 1 unless IPB_ARRIVAL_BURST */
	double interval_ns;         /* mean time between packets */
	uint64_t step_ns;           /* whole part of the time between bursts */
	uint64_t step_fraction;     /* the rest, in 2^-64 ns */
	uint64_t start_ns;
	uint64_t number;            /* of the next packet */
	uint64_t due_ns;            /* of the next packet */
	uint32_t in_burst;
	unsigned __int128 sum;      /* Poisson: time since start in 2^-20 ns */
	uint64_t ramp_ns, ramp_number; /* the rate rises for so long; packets sent in it */
	double overload;            /* in the ramp the rate is so many times the one after it; 0: it rises from nothing */
	uint64_t fraction;          /* constant: fraction reached, in 2^-64 ns */
	uint32_t size;              /* of the next packet */
	struct ipb_sizes sizes;
	struct ipb_rng gaps, picks; /* apart, so that sizes do not depend on the arrival model */
};

/* "64", "64,512:2,1400" (size[:weight]) or "IMIX". Separators: comma, semicolon or space. IMIX is the usual simple one:
 * Ethernet frames of 64, 594 and 1518 bytes, 7:4:1 (IP packets of up to 46, 576 and 1500 bytes); overhead is how many
 * of a frame's bytes are not the packet's: its checksum, and headers that the sender does not write. Where nothing
 * would be left, the smallest size is used. 0, or -1 and a sentence. */
int ipb_sizes_parse(struct ipb_sizes *s, const char *text, uint32_t smallest, uint32_t largest, uint32_t overhead,
                    struct ipb_error *err);

/* "constant", "poisson", "burst:N". 0, or -1 and a sentence. */
int ipb_arrival_parse(enum ipb_arrival *arrival, uint32_t *burst, const char *text, struct ipb_error *err);

/* Packets per second = rate_bps / (8 * mean size). rate_bps > 0. The first packet is due at start_ns (Poisson: one
 * gap after it). ramp_ns: the rate first rises from 0 for so long, evenly spaced. */
void ipb_sched_init(struct ipb_sched *s, enum ipb_arrival arrival, uint32_t burst, double rate_bps,
                    const struct ipb_sizes *sizes, uint64_t seed, uint64_t start_ns,
                    uint64_t ramp_ns);

/* Right after ipb_sched_init: for the time of the ramp the rate does not rise, but is `factor` times the rate after it. The first
 * packet behind the ramp is due at its end. factor 0: it rises. */
void ipb_sched_overload(struct ipb_sched *s, double factor);

/* Steps to the packet after the current one. */
void ipb_sched_next(struct ipb_sched *s);

/* Drops the packets that are due before until_ns, however many they are, in an instant. Returns how many: exactly where
 * due times are arithmetic (constant, bursts, a ramp). With Poisson arrivals the first IPB_SCHED_STEPS_MAX are those that
 * would have come; for the rest of the time as many are counted as are due in it on average, and what follows is a
 * Poisson process again. Sizes of dropped packets are not drawn. */
uint64_t ipb_sched_skip(struct ipb_sched *s, uint64_t until_ns);

/* When the first packet of the schedule is due that is due at from_ns or later. */
uint64_t ipb_sched_due_from(const struct ipb_sched *s, uint64_t from_ns);

/* Constant, of one size and without a ramp (any more). */
static inline int ipb_sched_is_even(const struct ipb_sched *s)
{
	return s->arrival == IPB_ARRIVAL_CONSTANT && s->sizes.count == 1 && s->ramp_ns == 0;
}

/* When the packets of an even schedule are due, from the next one on. */
static inline struct ipb_even ipb_sched_even(const struct ipb_sched *s)
{
	return (struct ipb_even){ s->due_ns, s->fraction, s->step_ns, s->step_fraction };
}

/* Takes the packets of an even schedule that are due before until_ns, at most n. Returns how many. */
uint32_t ipb_sched_take_even(struct ipb_sched *s, uint64_t until_ns, uint32_t n);

/* Takes the packets of any schedule that are due before until_ns, at most n: their due times and sizes. Returns how
 * many. */
uint32_t ipb_sched_take(struct ipb_sched *s, uint64_t until_ns, uint64_t *due_ns, uint32_t *sizes, uint32_t n);

#endif
