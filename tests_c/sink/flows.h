/*
 * What arrived, by sender.  SPDX-License-Identifier: MIT
 */
#ifndef FLOWS_H
#define FLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "../discard/discard.h"
#include "ipb_sequence.h"

#define FLOWS_MAX 16384         /* senders that are told apart, of 8 KiB each; packets of further ones are `untold` */
#define FLOWS_FOREIGN_MAX 8192  /* of them of other runs, where the own is known */
#define FLOW_PLACES 32768       /* of the table that finds them */

struct flow {
	uint64_t run_id;
	uint32_t number;
	uint64_t source;        /* hash of the sender's address */
	struct ipb_sequence sequence;
	uint64_t measured;      /* unique packets of the measured phase */
	uint64_t measured_sent; /* how many the sender sent, as far as its packets report */
	uint64_t measured_bytes;
	/* The first and the last of them in the sender's order that arrived: their places in it, and when. */
	uint64_t first, last, first_ns, last_ns;
};

struct flows {
	uint64_t packets, bytes;
	uint64_t unnumbered; /* packets that are not of discard */
	uint64_t untold;     /* packets of discard for whose sender there was no room: nothing else is known of them */
	uint64_t own;        /* set by the caller: the run whose senders alone count as soon as there is one; 0: all count */
	uint64_t foreign, foreign_untold; /* packets of other runs, and those of them for whose sender there was no room */
	uint32_t count, foreign_count;    /* senders, and those of them of other runs */
	struct flow *last; /* the one that the packet before belonged to */
	uint64_t seed;
	uint16_t place[FLOW_PLACES]; /* in `flow`, from 1; 0: free */
	struct flow flow[FLOWS_MAX];
};

struct flow_totals {
	uint64_t missing, duplicate, reordered, measured, measured_sent;
	uint64_t senders, untold, foreign; /* foreign: packets of other runs, which nothing here is of */
	double loss; /* share of the measured phase's packets, 0..1; NAN when no packet reported any: it is not known then */
	/* Each sender's bytes over the length of its measured phase, which is that between the first and the last packet that arrived,
	 * less or more the packets that are lost before and behind them. */
	double received_bps;
};

/* Counts one packet of size bytes (raw: of the whole frame), whose first `known` bytes of payload are at data. */
void flows_count(struct flows *f, const uint8_t *data, size_t known, size_t size, uint64_t source, uint64_t now_ns);
void flows_totals(const struct flows *f, struct flow_totals *t);
/* The same of count flows that several threads have counted; a sender's packets are all in one of them. */
void flows_totals_of(const struct flows *const *all, uint32_t count, struct flow_totals *t);
void flows_free(struct flows *f);

#endif
