/*
 * The client's end of an iperf3 test.  SPDX-License-Identifier: MIT
 *
 * Steps, so that many testers can be ready before the agreed instant: iperf3_client_connect takes the server (from then on
 * it refuses others, and waits), iperf3_client_streams opens the data streams and returns when the server runs, the caller
 * sends and receives on fds[0..count), iperf3_client_end ends the test and iperf3_client_results exchanges results. Each
 * step ends within its deadline or when `stop` is asked for; a failure leaves a sentence with server, cause and remedy in
 * err. iperf3_client_close is right in every state.
 */
#ifndef IPERF3_CLIENT_H
#define IPERF3_CLIENT_H

#include "iperf3.h"
#include "ipb_sock.h"

struct iperf3_client {
	int control;                      /* -1: not connected */
	int running;                      /* streams are open: close informs the server */
	struct iperf3_params params;
	char cookie[IPERF3_COOKIE];
	char server[160];                 /* "iperf3 server at 192.0.2.1 port 5201" */
	const char *host;
	uint16_t port;
	int given;                        /* the sockets are the caller's */
	uint32_t count;                   /* streams open: those that send first, as iperf3 does */
	int fds[IPERF3_ALL_STREAMS_MAX];  /* non-blocking */
};

/* To be called first; then close is right. */
void iperf3_client_init(struct iperf3_client *c);

/* Whether stream n sends from here. */
static inline int iperf3_client_sends(const struct iperf3_client *c, uint32_t n)
{
	return c->params.bidirectional ? n < c->params.streams : !c->params.reverse;
}

/* host stays the caller's. params->block 0 with UDP becomes the control connection's MSS, as in iperf3. options: of the
 * control connection; NULL: none. */
int iperf3_client_connect(struct iperf3_client *c, const char *host, uint16_t port, const struct iperf3_params *params,
                          const struct ipb_sock_options *options, const struct ipb_stop *stop, struct ipb_error *err);

/* open: gives a socket that is connected to the server, for each stream, or -1 and a sentence; NULL: ours. */
int iperf3_client_streams(struct iperf3_client *c, int (*open)(void *context, struct ipb_error *err), void *context,
                          const struct ipb_stop *stop, struct ipb_error *err);

/* The streams' sockets are the caller's from now on: close leaves them. */
void iperf3_client_give(struct iperf3_client *c);

/* Checks, without waiting, whether the server has ended the test: 0, or -1 and why. */
int iperf3_client_check(struct iperf3_client *c, struct ipb_error *err);

/* Ends the test: when it returns, the server has stopped sending and closed its streams, so that what is still on its way
 * here can be read to the end of file. */
int iperf3_client_end(struct iperf3_client *c, const struct ipb_stop *stop, struct ipb_error *err);

/* Then: `mine` is this end's account, one for each stream in fds' order (ids are put here), *theirs becomes the server's,
 * which has the same streams in the same order; a server that reports others is an error. */
int iperf3_client_results(struct iperf3_client *c, struct iperf3_results *mine, struct iperf3_results *theirs,
                          const struct ipb_stop *stop, struct ipb_error *err);

/* Closes everything; a test that runs is given up, and the server informed. */
void iperf3_client_close(struct iperf3_client *c);

#endif
