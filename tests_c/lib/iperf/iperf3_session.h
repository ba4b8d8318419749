/* One test of the iperf3 server, on a thread of its own; private to it.  SPDX-License-Identifier: MIT */
#ifndef IPERF3_SESSION_H
#define IPERF3_SESSION_H

#include "iperf3_server.h"

enum iperf3_stage { IPERF3_TALKING, IPERF3_OPENING, IPERF3_RUNNING, IPERF3_ENDED };

struct iperf3_flow {
	int fd;
	int sends, open;
	uint64_t bytes, omitted;   /* sent or received; omitted: before the end of what does not count */
	uint64_t omitted_retransmits;
	uint64_t packets;          /* writes, or datagrams, sent */
	uint64_t due_ns;           /* when the next paced write is due */
	struct iperf3_udp udp;
};

struct iperf3_session {
	struct iperf3_server *server;
	pthread_t thread;
	int control, wake;          /* wake: an eventfd, when something was queued */
	struct sockaddr_storage peer;
	char cookie[IPERF3_COOKIE];
	struct iperf3_params params;

	/* guarded by the server's lock */
	enum iperf3_stage stage;
	uint64_t serial;            /* order of arrival */
	uint32_t wanted, queued, taken;
	int queue[IPERF3_ALL_STREAMS_MAX];

	/* the thread's own */
	struct iperf3_flow flows[IPERF3_ALL_STREAMS_MAX];
	uint32_t count;
	uint64_t begin_ns, end_ns, counted_ns; /* counted_ns: where what counts began */
	double cpu[2];              /* s of user and system time at the beginning */
	uint8_t *buffer;
};

/* Whether two addresses are of the same machine: ports and IPv6's form of an IPv4 address do not matter. */
int iperf3_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* The thread: takes a struct iperf3_session whose control connection has sent its cookie. */
void *iperf3_session_thread(void *session);

/* Sends and receives until the client ends the test: 0; -1: it is over otherwise, and *code is what to send the client,
 * or 0 (iperf3_flows.c). */
int iperf3_flows_run(struct iperf3_session *s, int *code);

/* Reads what has already arrived, and sums up (iperf3_flows.c). */
void iperf3_flows_end(struct iperf3_session *s, struct iperf3_results *r);

#endif
