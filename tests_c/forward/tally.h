/*
 * Counts what came from one sender: each packet once, by what became of it.  SPDX-License-Identifier: MIT
 *
 * Every packet of the measured phase that came is one of ok, late, corrupt (the first copy decides); further copies are
 * duplicates. Reordered are those whose number is below one that came before, of the same flow (RFC 4737, section 3); their
 * extent is how many packets before it the first such one came (section 4.2.1). Lost is what its sender reports that it sent,
 * less those: the controller puts both together.
 */
#ifndef FORWARD_TALLY_H
#define FORWARD_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_oneway.h"
#include "packet.h"

#define FORWARD_WINDOW_BITS 27           /* so many packets back a duplicate is known from a new one: 134 million */
#define FORWARD_RECORDS 1024u            /* record numbers kept for the extent of reordering, of each flow; a power of two */
#define FORWARD_RECORD_FLOWS 64u         /* flows that have them */

struct forward_flow {
	uint64_t ok, late, corrupt, duplicate, reordered, bytes;
	uint64_t next;                       /* highest number that came + 1; 0: none yet */
	uint64_t arrived;                    /* packets, without copies */
	uint64_t extent;                     /* of the most reordered one */
	struct forward_record *records;      /* a ring: packets that were the highest when they came; NULL: not kept */
	uint64_t record_count;               /* how many there were */
};

struct forward_record {
	uint64_t number, place;
};

struct forward_interval {
	uint64_t ok, bytes, delayed, max_ns;
	double sum_ns;                       /* of `delayed` delays; max_ns is of them, too */
};

struct forward_tally {
	uint32_t sender;
	int announced;                       /* control is what it reported */
	int same_clock;                      /* its CLOCK_MONOTONIC is ours */
	struct forward_control control;
	uint64_t highest, first;             /* numbers of all phases; first: lowest measured one so far, UINT64_MAX: none */
	int started;                         /* highest is known */
	uint64_t last_measured;              /* highest measured number */
	uint64_t last_due;                   /* when the last measured packet was due, by its sender's clock */
	uint64_t *seen;                      /* bits */
	struct forward_flow *flows;          /* FORWARD_FLOWS_MAX of them; in use are */
	uint32_t flow_count;
	uint64_t timeout_ns;                 /* a packet that takes longer is late; of two clocks, longer than the shortest one */
	uint64_t all;                        /* packets of all phases that were whole */
	uint64_t corrupt_unknown;            /* damaged ones, in the measured phase as it seems, whose number is not known */
	uint64_t too_old;                    /* beyond the window */
	uint64_t learned, ended;             /* control packets that came */
	uint64_t told;                       /* packets that it reports that it sent; known when ended > 0 */
	uint64_t told_first, told_numbers;   /* the numbers that these had; likewise */
	int measuring;                       /* the last packet was of the measured phase */
	uint64_t first_ns, last_ns;          /* when the first and the last measured one came */
	struct ipb_oneway delay;             /* from the hand-over to the kernel; of announced senders */
	struct forward_interval *intervals;
	uint32_t interval_count;
};

/* 0, or -1 without memory. */
int forward_tally_init(struct forward_tally *t, uint32_t sender, uint64_t timeout_ns);
void forward_tally_free(struct forward_tally *t);

/* What LEARN or END reported; own_clock: forward_clock(). What cannot be true is ignored. */
void forward_tally_control(struct forward_tally *t, const struct forward_packet *p, uint64_t own_clock);

/* A packet of this sender came, whole or damaged, at now_ns of CLOCK_MONOTONIC; got: its bytes as the test counts them. */
void forward_tally_add(struct forward_tally *t, const struct forward_packet *p, int corrupt, uint32_t got, uint64_t now_ns);

/* The sums over its flows. */
struct forward_sums {
	uint64_t ok, late, corrupt, duplicate, reordered, bytes, extent;
};
struct forward_sums forward_tally_sums(const struct forward_tally *t);

/* Whether a packet came, in whatever state; its number is within the window. */
int forward_tally_has(const struct forward_tally *t, uint64_t number);

/* Everything that it reported that it sent is in. */
int forward_tally_is_complete(const struct forward_tally *t);

#endif
