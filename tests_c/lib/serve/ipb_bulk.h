/*
 * The target's half of bulk transfers: takes what clients send and sends what they ask for.  SPDX-License-Identifier: MIT
 *
 * A session begins with its control connection and ends with it, or when its time is over: with it go its streams, its
 * threads and its sockets. All functions are for the thread of ipb_serve_run, but ipb_bulk_counts.
 */
#ifndef IPB_BULK_H
#define IPB_BULK_H

#include "ipb_serve.h"

#define IPB_BULK_SESSIONS_MAX 64
#define IPB_BULK_STREAMS_ALL 8192      /* of all sessions together */
#define IPB_BULK_IDLE_MS 30000         /* a session whose client does nothing for so long is ended */
#define IPB_BULK_DRAIN_MAX_NS 2000000000ull /* longest time after the end for what is under way */
#define IPB_BULK_JOIN_ANSWERS_MAX 64u  /* datagrams that one stream's joining is answered with at most */

struct ipb_bulk;

/* The service; NULL without memory. ipb_bulk_free ends it after the loop has ended. */
struct ipb_bulk *ipb_bulk_new(uint32_t idle_ms); /* 0: IPB_BULK_IDLE_MS */
/* Threads of a session in each direction, 0: as many as processors; and processors of these, 0: any. */
void ipb_bulk_use_threads(struct ipb_bulk *b, uint32_t threads, const int *cpus, uint32_t cpu_count);
struct ipb_service *ipb_bulk_service(struct ipb_bulk *b);
void ipb_bulk_free(struct ipb_bulk *b);

struct ipb_bulk_counts {
	uint64_t sessions, streams;  /* so far */
	uint64_t received, sent;     /* bytes */
	uint64_t ended;              /* sessions that did not come to their end */
};
/* Any thread. */
void ipb_bulk_counts(struct ipb_bulk *b, struct ipb_bulk_counts *c);

#endif
