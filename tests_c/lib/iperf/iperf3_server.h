/*
 * Answers unchanged iperf3 clients.  SPDX-License-Identifier: MIT
 *
 * Strangers reach it, so everything has a limit: tests at once, connections that have sent nothing yet, sizes and nesting
 * of what they write, the time of a test, the rate at which this end sends. A test's data streams are taken from the
 * address of its control connection alone; over UDP nothing is sent before that address has answered, over TCP, on its
 * control connection, so that nobody can have traffic sent to somebody else.
 *
 * One thread accepts; each test has one of its own. iperf3 runs one test at a time and refuses others; here several run
 * side by side, up to `tests`, and further ones are refused in the same way.
 */
#ifndef IPERF3_SERVER_H
#define IPERF3_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "iperf3.h"
#include "ipb_sock.h"

#define IPERF3_TESTS_MAX 64       /* at once */
#define IPERF3_PENDING_MAX 256    /* connections whose cookie has not come */
#define IPERF3_COOKIE_MS 5000     /* how long they may take for it */
#define IPERF3_GRACE_S 30         /* a test may take so much longer than announced */

struct iperf3_server_options {
	const char *ip;        /* NULL or "": all addresses */
	uint16_t port;         /* 0: a free one */
	uint32_t tests;        /* at once, 1..IPERF3_TESTS_MAX */
	uint32_t seconds;      /* longest test, with what is omitted */
	uint64_t rate;         /* bit/s that one test may have this end send or receive; 0: no limit. With it, a TCP test that names
	                        * no rate gets this one for what is sent from here */
};

/* What was done so far; each field may be read at any time. */
struct iperf3_totals {
	_Atomic uint64_t tests, failed, refused; /* ended well, ended otherwise, asked to come again */
	_Atomic uint64_t received, sent;         /* bytes of streams */
	_Atomic uint64_t datagrams, lost;        /* received over UDP, and lost by iperf3's count */
};

struct iperf3_session;

struct iperf3_server {
	struct iperf3_server_options options;
	char ip[IPB_SOCK_RESOLVE_MAX + 1]; /* options.ip points here: UDP streams get sockets at that address, too */
	int tcp, udp;
	uint16_t port;
	struct iperf3_totals totals;
	pthread_mutex_t lock;                    /* guards sessions and their stages and queues */
	struct iperf3_session *sessions[IPERF3_TESTS_MAX];
	struct ipb_stop ending;                  /* for the sessions */
};

/* Opens the ports. 0, or -1 and a sentence. What options->ip points to is copied. */
int iperf3_server_open(struct iperf3_server *s, const struct iperf3_server_options *options, struct ipb_error *err);

/* Serves until `stop` is asked for (its event must be open). Tests that run then are given up, and their clients informed. */
void iperf3_server_run(struct iperf3_server *s, struct ipb_stop *stop);

void iperf3_server_close(struct iperf3_server *s);

#endif
