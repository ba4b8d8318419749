/*
 * What became of each packet.  SPDX-License-Identifier: MIT
 *
 * Packets are numbered from 0 in the order in which they leave. A ring keeps due and send time of the youngest ones;
 * two bits say what became of each packet of the measured phase, for the whole phase. At the end
 * sent = ok + late + corrupt + lost, exactly, lost being those of which nothing was heard.
 */
#ifndef IPB_TRACK_H
#define IPB_TRACK_H

#include <stdint.h>

#include "ipb_error.h"

#define IPB_TRACK_RING_MIN 1024u
#define IPB_TRACK_RING_MAX (1u << 22)   /* packets, 24 bytes each */
#define IPB_TRACK_STATES_MAX (1ull << 32) /* measured packets, 2 bits each */

enum ipb_fate { IPB_FATE_OUT = 0, IPB_FATE_OK = 1, IPB_FATE_LATE = 2, IPB_FATE_CORRUPT = 3 };

/* What a reply turned out to be. */
enum ipb_verdict_reply {
	IPB_TRACK_SAMPLE,     /* first good reply in time, measured phase: a round trip */
	IPB_TRACK_UNMEASURED, /* of a packet outside the measured phase */
	IPB_TRACK_LATE,
	IPB_TRACK_CORRUPT,
	IPB_TRACK_DUPLICATE
};

struct ipb_record {
	uint64_t due_ns, sent_ns;
	uint32_t size, stamp; /* stamp: for the owner's use */
};

/* Packet k belongs to flow k % flows. */
struct ipb_flow {
	uint64_t highest; /* highest number that was answered well + 1 */
	uint64_t awaited; /* the packet that is answered next if nothing is lost or overtaken */
};

struct ipb_counts {
	uint64_t sent, ok, lost, late, corrupt, duplicate, reordered;
};

struct ipb_track {
	struct ipb_record *ring;
	uint64_t mask;
	uint64_t next;           /* number of the next packet */
	uint64_t first, end;     /* the measured ones: first <= number < end; UINT64_MAX until known */
	uint64_t timeout_ns;     /* a reply that takes longer is late */
	uint8_t *states;
	uint64_t states_count;   /* how many there is room for */
	struct ipb_flow *flow;   /* one a flow */
	uint32_t flows;
	uint64_t unknown;        /* corrupt replies whose packet could not be told, and was of the measured phase */
	struct ipb_counts counts; /* lost only after ipb_track_finish */
};

/* ring: packets that may be in flight (rounded up to a power of two, within the limits above); measured: packets of
 * the measured phase at most. 0, or -1 and a sentence. */
int ipb_track_init(struct ipb_track *t, uint64_t ring, uint64_t measured, uint32_t flows, uint64_t timeout_ns,
                   struct ipb_error *err);
void ipb_track_free(struct ipb_track *t);

/* n packets have left, the first at sent_ns, each step_ns after the one before it. measured: they were due in the
 * measured phase. */
static inline void ipb_track_sent(struct ipb_track *t, const uint64_t *due_ns, const uint32_t *sizes, uint32_t n,
                                  uint64_t sent_ns, uint64_t step_ns, int measured)
{
	const uint64_t number = t->next, mask = t->mask;
	struct ipb_record *ring = t->ring;

	for (uint32_t i = 0; i < n; i++)
		ring[(number + i) & mask] = (struct ipb_record){ due_ns[i], sent_ns + i * step_ns, sizes[i], 0 };
	t->next = number + n;
	if (measured) {
		if (t->first == UINT64_MAX)
			t->first = number;
		t->counts.sent += n;
	} else if (t->first != UINT64_MAX && t->end == UINT64_MAX) {
		t->end = number;
	}
}

/* For how many more packets of the measured phase there is room. */
static inline uint64_t ipb_track_room(const struct ipb_track *t) { return t->states_count - t->counts.sent; }

/* Times of a packet still in the ring, or NULL. */
static inline struct ipb_record *ipb_track_record(struct ipb_track *t, uint64_t number)
{
	return number < t->next && t->next - number <= t->mask + 1 ? &t->ring[number & t->mask] : NULL;
}

/* A reply to packet `number` (< next) came at now_ns. */
enum ipb_verdict_reply ipb_track_reply(struct ipb_track *t, uint64_t number, uint32_t flow, int corrupt, uint64_t now_ns);

/* A damaged reply came whose packet cannot be told: it is taken for the one to the packet awaited, and counts when that
 * one is of the measured phase. */
void ipb_track_unknown(struct ipb_track *t, uint32_t flow, uint64_t now_ns);

/* The number from which on no packet was answered. */
uint64_t ipb_track_answered(const struct ipb_track *t);

/* Packets of the measured phase of which nothing was heard yet. */
static inline uint64_t ipb_track_out(const struct ipb_track *t)
{
	return t->counts.sent - t->counts.ok - t->counts.late - t->counts.corrupt;
}

/* The drain is over: decides what is lost. Damaged replies of unknown packets are taken from those not heard of, and
 * `unknown` is how many. */
void ipb_track_finish(struct ipb_track *t);

/* What became of packet number of the measured phase. */
enum ipb_fate ipb_track_fate(const struct ipb_track *t, uint64_t number);

#endif
