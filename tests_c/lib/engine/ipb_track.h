/*
 * What became of each packet.  SPDX-License-Identifier: MIT
 *
 * Packets are numbered from 0 in the order in which they leave. Rings keep due and send time of the youngest ones: one
 * record a packet, or one a train of evenly spaced packets that left together, so that millions of packets a second do
 * not stream through the caches. Two bits record what became of each packet of the measured phase, for the whole phase. At the end
 * sent = ok + late + corrupt + lost, exactly, lost being those that were never answered. A packet that the kernel
 * refused keeps its number and never counts as sent.
 */
#ifndef IPB_TRACK_H
#define IPB_TRACK_H

#include <stdint.h>

#include "ipb_error.h"
#include "ipb_even.h"

#define IPB_TRACK_RING_MIN 1024u
#define IPB_TRACK_RING_MAX (1u << 22)   /* packets, 36 bytes each */
#define IPB_TRACK_TRAIN_BITS 6
#define IPB_TRACK_TRAIN_MAX (1u << IPB_TRACK_TRAIN_BITS) /* packets */
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

/* A packet, or several that left together. */
struct ipb_train {
	uint64_t due_ns, fraction; /* of the first one, in ns and 2^-64 ns; the others are due a step of the schedule apart */
	uint64_t sent_ns;
	uint32_t size, stamp;      /* stamp: for the owner's use */
};

/* What is known of one packet. */
struct ipb_record {
	uint64_t due_ns, sent_ns;
	uint32_t size, stamp;
};

/* Packet k belongs to flow k % flows. */
struct ipb_flow {
	uint64_t highest; /* highest number that was answered well + 1 */
	uint64_t awaited; /* the packet that is answered next if nothing is lost or overtaken */
};

struct ipb_counts {
	uint64_t sent, ok, lost, late, corrupt, duplicate, reordered;
};

void ipb_counts_add(struct ipb_counts *to, const struct ipb_counts *from);

struct ipb_track {
	uint32_t *places;        /* a packet's place: its train << IPB_TRACK_TRAIN_BITS | how many of the train come before */
	struct ipb_train *trains;
	uint64_t mask;           /* of both rings */
	uint64_t next;           /* number of the next packet */
	uint32_t next_train;
	uint64_t step_ns, step_fraction; /* between packets of a train; to be set before one leaves */
	uint64_t first, end;     /* the measured ones: first <= number < end; UINT64_MAX until known */
	uint64_t timeout_ns;     /* a reply that takes longer is late */
	uint8_t *states;
	uint64_t states_count;   /* how many there is room for */
	struct ipb_flow *flow;   /* one a flow */
	uint32_t flows;
	uint64_t refused;        /* numbers of the measured phase whose packets never left */
	uint64_t held;           /* numbers of the measured phase whose packets wait to leave, */
	uint64_t given_up;       /* and of those that waited and never left */
	uint8_t *refusals;       /* which those are: one bit a packet of the measured phase; untouched, it takes no memory */
	uint64_t unplaced;       /* of those, what is more than the packets that were not answered */
	uint64_t unknown;        /* corrupt replies whose packet could not be identified, and was of the measured phase */
	struct ipb_counts counts; /* lost only after ipb_track_finish */
};

/* ring: packets that may be in flight (rounded up to a power of two, within the limits above); measured: packets of
 * the measured phase at most. 0, or -1 and a sentence. */
int ipb_track_init(struct ipb_track *t, uint64_t ring, uint64_t measured, uint32_t flows, uint64_t timeout_ns,
                   struct ipb_error *err);
void ipb_track_free(struct ipb_track *t);

static inline void ipb_track_place(struct ipb_track *t, uint32_t n, const struct ipb_train *train)
{
	const uint32_t at = t->next_train++ & (uint32_t)t->mask, place = at << IPB_TRACK_TRAIN_BITS;
	const uint64_t start = t->next & t->mask, room = t->mask + 1 - start;
	const uint32_t before = n < room ? n : (uint32_t)room; /* the ring's end */
	uint32_t *places = &t->places[start];

	t->trains[at] = *train;
	for (uint32_t i = 0; i < before; i++)
		places[i] = place + i;
	for (uint32_t i = before; i < n; i++)
		t->places[i - before] = place + i;
}

static inline void ipb_track_count(struct ipb_track *t, uint32_t n, int measured)
{
	if (measured) {
		if (t->first == UINT64_MAX)
			t->first = t->next;
		t->counts.sent += n;
	} else if (t->first != UINT64_MAX && t->end == UINT64_MAX) {
		t->end = t->next;
	}
	t->next += n;
}

/* A packet has left alone. measured: it was due in the measured phase. */
static inline void ipb_track_sent(struct ipb_track *t, uint64_t due_ns, uint32_t size, uint64_t sent_ns, int measured)
{
	ipb_track_place(t, 1, &(struct ipb_train){ due_ns, 0, sent_ns, size, 0 });
	ipb_track_count(t, 1, measured);
}

/* The same for a train of n packets, at most IPB_TRACK_TRAIN_MAX, all in the measured phase or none. */
static inline void ipb_track_sent_train(struct ipb_track *t, const struct ipb_train *train, uint32_t n, int measured)
{
	ipb_track_place(t, n, train);
	ipb_track_count(t, n, measured);
}

/* The next packet was refused by the kernel and never leaves: it keeps its number, and no reply to it counts. */
void ipb_track_refused(struct ipb_track *t, uint64_t due_ns, uint32_t size, uint64_t now_ns, int measured);

/* The next packet waits to leave: it has its number and place, and is not sent yet. Later: it has left at sent_ns, when it is
 * still in the rings; or it never will, and no reply counts. */
void ipb_track_hold(struct ipb_track *t, uint64_t due_ns, uint32_t size, int measured);
void ipb_track_release(struct ipb_track *t, uint64_t number, uint64_t sent_ns, int measured);
void ipb_track_give_up(struct ipb_track *t, uint64_t number, int measured);

/* For how many more packets of the measured phase there is room. */
static inline uint64_t ipb_track_room(const struct ipb_track *t)
{
	return t->states_count - t->counts.sent - t->refused - t->held - t->given_up;
}

/* Whether a packet is still in the rings. */
static inline int ipb_track_holds(const struct ipb_track *t, uint64_t number)
{
	return number < t->next && t->next - number <= t->mask + 1;
}

/* The record of a packet, or of the train with it. It must still be in the rings. */
static inline struct ipb_train *ipb_track_train(const struct ipb_track *t, uint64_t number)
{
	return &t->trains[t->places[number & t->mask] >> IPB_TRACK_TRAIN_BITS];
}

static inline struct ipb_record ipb_track_record(const struct ipb_track *t, uint64_t number)
{
	const struct ipb_train *train = ipb_track_train(t, number);
	const struct ipb_even due = { train->due_ns, train->fraction, t->step_ns, t->step_fraction };
	const uint32_t before = t->places[number & t->mask] & (IPB_TRACK_TRAIN_MAX - 1);

	return (struct ipb_record){ ipb_even_at(&due, before), train->sent_ns, train->size, train->stamp };
}

/* A reply to packet `number` (< next) came at now_ns. */
enum ipb_verdict_reply ipb_track_reply(struct ipb_track *t, uint64_t number, uint32_t flow, int corrupt, uint64_t now_ns);

/* A damaged reply came whose packet cannot be identified: it is taken for the one to the packet awaited, and counts when that
 * one is of the measured phase. */
void ipb_track_unknown(struct ipb_track *t, uint32_t flow, uint64_t now_ns);

/* The number from which on no packet was answered. */
uint64_t ipb_track_answered(const struct ipb_track *t);

/* Packets of the measured phase that are not answered yet. */
static inline uint64_t ipb_track_out(const struct ipb_track *t)
{
	return t->counts.sent - t->counts.ok - t->counts.late - t->counts.corrupt;
}

/* The drain is over: decides what is lost. Damaged replies of unknown packets are taken from those not answered, and
 * `unknown` is how many. */
void ipb_track_finish(struct ipb_track *t);

/* How many of the measured packets from <= n < end were not answered, counted from the first measured one; both are
 * multiples of IPB_TRACK_SCAN_STEP, and end packets have left. */
#define IPB_TRACK_SCAN_STEP 32u
uint64_t ipb_track_unanswered(const struct ipb_track *t, uint64_t from, uint64_t end);

/* After ipb_track_finish: of how many measured packets it is known what became of them; those that never left are among
 * them. */
uint64_t ipb_track_told(const struct ipb_track *t);
/* How many from index on, counted from the first measured one, were answered; 0 where that has to be found one by one. */
uint64_t ipb_track_all_answered(const struct ipb_track *t, uint64_t index, uint64_t end);
/* Records in o what became of one. */
struct ipb_outages;
void ipb_track_tell(const struct ipb_track *t, uint64_t index, struct ipb_outages *o);

/* What became of packet number of the measured phase. */
enum ipb_fate ipb_track_fate(const struct ipb_track *t, uint64_t number);

#endif
