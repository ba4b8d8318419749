/*
 * Runs of packets that did not get through, and how long it was dark.  SPDX-License-Identifier: MIT
 *
 * Packets are recorded in the order in which they were due, their flows in turn; whatever came of them later, late or
 * overtaken answers included, is known by then. A run of packets in a row that were not answered is a loss period
 * (R. Koodli and R. Ravikanth, RFC 3357, section 5.1: it begins with a lost packet behind one that was received); all of
 * them are counted, by their length. One of at least `least` packets is an outage. Its length in time follows from the
 * number of packets at a constant rate, as RFC 6201 measures a reset and RFC 6412 a loss of connectivity:
 * n packets lost, an interval apart, lie within a darkness of n - 1 to n + 1 intervals, so that n intervals are right to
 * one interval.
 */
#ifndef IPB_OUTAGE_H
#define IPB_OUTAGE_H

#include <stdint.h>

#include "ipb_error.h"

#define IPB_OUTAGE_LEAST 3u        /* packets in a row, unless asked for otherwise */
#define IPB_OUTAGES_KEPT 200u       /* the longest ones, of the tester and of its flows each */
#define IPB_OUTAGE_LENGTHS 40u      /* 1 to 16 packets each by itself, then up to 32, 64, … */
#define IPB_OUTAGE_EXACT 16u
#define IPB_OUTAGE_FLOWS_SHOWN 64u  /* those that were dark longest */

struct ipb_outage {
	uint64_t first, packets; /* number of the first packet, from 0; how many of the run were lost */
	uint64_t refused;        /* of them: those that never left */
	uint32_t flow;           /* of a flow's; else 0 */
};

/* The longest of some outages. */
struct ipb_outage_list {
	struct ipb_outage kept[IPB_OUTAGES_KEPT];
	uint32_t count, shortest; /* how many; which of them is the shortest, when there is no more room */
	uint64_t left_out;
};

/* Outages of the tester, or of one flow. */
struct ipb_outage_sum {
	uint64_t count, packets, refused, longest; /* packets */
};

struct ipb_outage_run {
	uint64_t first, packets, refused;
};

struct ipb_outages {
	uint64_t least;          /* packets in a row that are an outage */
	uint32_t flows;
	uint64_t next;           /* number of the next packet */
	uint32_t shift;          /* the flow of packet 0; the others follow in turn, */
	uint32_t *order;         /* unless there is a table of the first `flows` packets' flows, which goes on like that */
	uint32_t dark_flows;     /* flows whose last packet was lost */
	struct ipb_outage_run run, last;     /* the tester's that goes on; its last outage */
	struct ipb_outage_run *flow_run;     /* one a flow; NULL with one flow */
	struct ipb_outage_sum sum, *flow_sum;
	struct ipb_outage_list list, flow_list; /* of single flows: those that the tester as a whole did not have */
	uint64_t lengths[IPB_OUTAGE_LENGTHS], length_packets[IPB_OUTAGE_LENGTHS]; /* of all runs of the tester */
	uint64_t runs, lost;     /* all of them, and their packets */
	uint64_t last_lost;      /* number of the last lost packet, where there is one */
};

/* 0, or -1 without memory. */
int ipb_outages_init(struct ipb_outages *o, uint64_t least, uint32_t flows, struct ipb_error *err);
void ipb_outages_free(struct ipb_outages *o);

/* The next n packets were answered. */
void ipb_outages_answered(struct ipb_outages *o, uint64_t n);
/* The next packet was not; refused: it did not even leave. */
void ipb_outages_lost(struct ipb_outages *o, int refused);
/* There are no more. Lists are sorted by their first packets. */
void ipb_outages_end(struct ipb_outages *o);

/* Times in which nothing came back although nothing was lost: a TCP connection that repeats what it sent, a link that accepts
 * nothing. */
struct ipb_stall {
	uint64_t start_ns, end_ns;
	int open; /* it had not ended when the measured phase did */
};

struct ipb_stalls {
	uint64_t limit_ns;       /* shorter ones are none */
	uint64_t count, sum_ns, longest_ns, left_out;
	struct ipb_stall kept[IPB_OUTAGES_KEPT]; /* the longest, in no order before ipb_stalls_sort */
	uint32_t kept_count, shortest;
};

/* A time without answers; too short ones are passed over. */
void ipb_stalls_add(struct ipb_stalls *s, const struct ipb_stall *one);
void ipb_stalls_sort(struct ipb_stalls *s);

/* The run lengths that a place of `lengths` counts: from..to packets. */
void ipb_outage_lengths(uint32_t place, uint64_t *from, uint64_t *to);

struct ipb_json;
/* Writes one outage as an object; flows: of how many packets each is one of its flow, 1 for an outage of the tester. */
typedef void ipb_outage_writer(const void *context, struct ipb_json *j, const struct ipb_outage *one, uint32_t flows);
void ipb_outage_write_list(struct ipb_json *j, const char *key, const struct ipb_outage_list *l, uint32_t flows,
                           ipb_outage_writer *write, const void *context);
/* count, packets, sum_ns, longest_ns and longest_packets, into the open object, and refused where it is known which packets never
 * left. step_ns: between its packets. */
void ipb_outage_write_sum(struct ipb_json *j, const struct ipb_outage_sum *s, double step_ns, int tells_refused);
/* Of the flows that had outages those that were dark longest, and outages of single flows, into the open object. base: number of
 * the first flow; step_ns: between two packets of the tester. */
void ipb_outage_write_flows(struct ipb_json *j, const struct ipb_outages *o, uint32_t base, double step_ns, int tells_refused,
                            ipb_outage_writer *write, const void *context);
/* Writes RFC 3357's loss periods, by their length, into the open object. */
void ipb_outage_runs(struct ipb_json *j, const struct ipb_outages *o);

#endif
