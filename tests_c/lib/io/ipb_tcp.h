/* What the files of TCP's way to send share.  SPDX-License-Identifier: MIT
 *
 * With several connections, one that takes no more delays none of the others: its packets wait here, in the order in which
 * they were due, and leave when it takes them. A packet that waits has its number and its place in the rings, and counts as
 * sent when it leaves; one that never does counts as unaccepted. */
#ifndef IPB_TCP_H
#define IPB_TCP_H

#include "ipb_engine_private.h"

struct ipb_tcp_held {
	uint64_t number, due_ns;
	uint32_t size;
	int measured;
};

struct ipb_tcp_stream {
	uint8_t *tail;            /* what is left of a packet that went out in part */
	uint32_t tail_from, tail_size;
	uint8_t *in;              /* replies as they come */
	uint32_t in_size;
	uint64_t sent, answered;  /* packets given to the connection, replies cut from it */
	uint64_t measured;        /* of sent: those of the measured phase */
	uint32_t *sizes;          /* where packets differ: of those that are out, a ring of `room` by their order; else NULL */
	struct ipb_tcp_held *held; /* a ring of `room`, oldest first */
	uint32_t held_from, held_count;
	uint64_t blocked_since_ns; /* something waits since then; 0: nothing does */
	int ever_blocked;
	int watched;              /* epoll reports when it takes more */
};

struct ipb_tcp {
	struct ipb_tcp_stream *streams; /* one a flow */
	uint32_t room;            /* packets of one flow that may be out, and that may wait; a power of two */
	uint8_t *scratch;         /* a packet that has waited */
	uint64_t blocked_ns;      /* of the measured phase, all flows together */
};

/* Writes n packets of the flow. Returns how many went out, in part at least; 0: it takes none now; -1: the run is over. */
int ipb_tcp_write(struct ipb_engine *e, uint32_t flow, const struct ipb_slot *slots, uint32_t n);

/* The next ready slot's packet waits. -1 when the run is over. */
int ipb_tcp_hold(struct ipb_engine *e, uint32_t flow);
/* Sends what waits for the flow, a few packets at most. -1 when the run is over. */
int ipb_tcp_release(struct ipb_engine *e, uint32_t flow);
/* Has epoll report when the flow takes more, or not any more. */
void ipb_tcp_watch(struct ipb_engine *e, uint32_t flow);

#endif
