/*
 * The target's half of rr with peer=ipbench: to every so many bytes of a connection as its hello says, so many bytes back.
 * SPDX-License-Identifier: MIT
 *
 * Over TCP whoever has connected is really there, so that nobody receives more than they sent without having asked for it. Over UDP
 * a request is answered when it comes from a host that has a connection here, with the token that was sent to that connection:
 * somebody else can neither let this target send to a stranger, nor to a tester that did not ask.
 * A connection that does not read is not read from, either. All functions are for the thread of ipb_serve_run, but
 * ipb_answers_counts.
 */
#ifndef IPB_ANSWERS_H
#define IPB_ANSWERS_H

#include "ipb_serve.h"

#define IPB_ANSWERS_IDLE_NS 60000000000ull /* a TCP connection on which nothing came for so long is closed */
#define IPB_ANSWERS_ASKERS_MAX 1024        /* that ask over UDP */

struct ipb_answers;

/* The service; NULL without memory. ipb_answers_free ends it after the loop has ended. */
struct ipb_answers *ipb_answers_new(void);
struct ipb_service *ipb_answers_service(struct ipb_answers *a);
void ipb_answers_free(struct ipb_answers *a);

/* So far: connections, whole requests, and responses that were sent whole. Any thread. */
struct ipb_answers_counts {
	uint64_t connections, requests, responses;
	uint64_t strangers; /* datagrams that had no right to an answer */
};
void ipb_answers_counts(struct ipb_answers *a, struct ipb_answers_counts *c);

#endif
