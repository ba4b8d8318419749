/*
 * On which way packets were lost, doubled or overtaken, by the numbers that a stateful reflector gives its answers.
 * SPDX-License-Identifier: MIT
 *
 * A reflector that keeps state counts what it answers: an answer's number r is how many packets of its session came before.
 * Packets s that were not answered, and numbers r that never came: between two answers after which both sequences begin
 * anew, as many packets were lost on the way back as numbers are missing, and the others on the way out. Where a packet is of
 * the measured phase and its neighbours are not, it may not be possible to tell which of them it was that was lost where:
 * those are counted apart.
 *
 * All packets of all phases are remembered, 8 bytes each; no more than DIRECTIONS_MAX.
 */
#ifndef STAMP_DIRECTIONS_H
#define STAMP_DIRECTIONS_H

#include <stdint.h>

#include "ipb_error.h"

#define DIRECTIONS_MAX (1ull << 26) /* packets: 512 MiB, of which as much is used as packets are sent */

struct direction_counts {
	uint64_t lost_forward, lost_backward, lost_unknown; /* of the measured phase; their sum is what was not answered */
	uint64_t duplicate_forward, duplicate_backward;     /* of all phases */
	uint64_t reordered_forward, reordered_backward;     /* of all phases: RFC 4737's type-P-reordered */
};

struct direction_flow {
	int64_t first_r;     /* of the first answer; -1: none came */
	int64_t last_r;      /* the youngest, with its wraps */
	int64_t highest_r;
};

struct directions {
	uint64_t room;       /* packets */
	uint32_t flows;
	uint32_t *by_s;      /* the answer's r - first_r + ROOM_BEFORE + 1; 0: none */
	uint32_t *by_r;      /* s + 1 of the packet that it answers; 0: it never came */
	struct direction_flow *flow;
	uint64_t answers, equal; /* of which r is s */
	uint64_t duplicate_backward, reordered_backward;
	int again;           /* a number came for two packets: the reflector began to count anew */
	int full;            /* there were more packets than room */
};

/* 0, or -1 and a sentence. packets: of all phases at most; more than DIRECTIONS_MAX leaves `full` set, and no counts. */
int directions_open(struct directions *d, uint64_t packets, uint32_t flows, struct ipb_error *err);
void directions_close(struct directions *d);

/* Packet s of a flow was answered with number r; damaged: it was, but r cannot be relied on. */
void directions_answer(struct directions *d, uint32_t flow, uint64_t s, uint32_t r, int damaged);

/* Whether all answers so far have their packets' own number: the reflector keeps no state, or has lost nothing. */
static inline int directions_are_equal(const struct directions *d) { return d->answers > 0 && d->equal == d->answers; }

/* Counts packets first..end - 1 (over all flows: packet k is of flow k % flows). sent: how many packets there were. 0, or -1
 * when they cannot be counted (full, again). */
int directions_count(const struct directions *d, uint64_t first, uint64_t end, uint64_t sent, struct direction_counts *c);

#endif
