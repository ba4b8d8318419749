/*
 * The target's half of rr with peer=ipbench: to every so many bytes of a connection as its hello says, so many bytes back.
 * SPDX-License-Identifier: MIT
 *
 * Over TCP alone: whoever has connected is there, so that nobody is sent more than he sent without having asked for it.
 * A connection that does not read is not read from, either. All functions are for the thread of ipb_serve_run, but
 * ipb_answers_counts.
 */
#ifndef IPB_ANSWERS_H
#define IPB_ANSWERS_H

#include "ipb_serve.h"

#define IPB_ANSWERS_IDLE_NS 60000000000ull /* a connection on which nothing came for so long is closed */

struct ipb_answers;

/* The service; NULL without memory. ipb_answers_free ends it after the loop has ended. */
struct ipb_answers *ipb_answers_new(void);
struct ipb_service *ipb_answers_service(struct ipb_answers *a);
void ipb_answers_free(struct ipb_answers *a);

/* So far: connections, whole requests, and responses that were sent whole. Any thread. */
struct ipb_answers_counts {
	uint64_t connections, requests, responses;
};
void ipb_answers_counts(struct ipb_answers *a, struct ipb_answers_counts *c);

#endif
