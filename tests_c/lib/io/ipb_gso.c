/* UDP in trains: one call sends up to 64 packets (UDP_SEGMENT) and receives many (UDP_GRO). For load and
 * back-to-back tests, never for paced latency: packets of a train leave together.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_engine_private.h"
#include "ipb_sock.h"

#define BUFFER 65536u
#define TRAIN_BYTES 65000u /* of one call */
#define RECEIVE_MAX 4      /* trains handled before packets are sent again */
#define IPV4_HEADER 20u    /* bytes */
#define IPV6_HEADER 40u
/* Nothing was there: so many trains leave before the next read, which costs a tenth of one. */
#define PAUSE_TRAINS 8u
#define PAUSE_TRAINS_UNANSWERED 64u /* before the first reply of all: perhaps there will be none */

struct gso {
	uint8_t *in;
	uint32_t most; /* packets in a train */
	uint64_t pause; /* packets to be sent before it polls for replies again */
	uint64_t looked_at, sent_before; /* packets sent at the last read and at the last call */
};

/* Whether a packet fits the path's MTU as far as the kernel knows it. */
static int fits(const struct ipb_engine *e, uint32_t flow)
{
	const uint32_t size = e->config.sizes.largest + (uint32_t)sizeof(struct udphdr);
	int family = AF_INET, mtu = 0;
	socklen_t length = sizeof family;

	getsockopt(e->fds[flow], SOL_SOCKET, SO_DOMAIN, &family, &length);
	length = sizeof mtu;
	if (family == AF_INET6)
		return getsockopt(e->fds[flow], IPPROTO_IPV6, IPV6_MTU, &mtu, &length) < 0 || size + IPV6_HEADER <= (uint32_t)mtu;
	return getsockopt(e->fds[flow], IPPROTO_IP, IP_MTU, &mtu, &length) < 0 || size + IPV4_HEADER <= (uint32_t)mtu;
}

/* A train is not fragmented: packets that do not fit the path in one piece leave one by one. */
static int end_trains(struct ipb_engine *e)
{
	struct gso *g = e->io;
	int none = 0;

	for (uint32_t i = 0; i < e->config.flows; i++)
		setsockopt(e->fds[i], SOL_UDP, UDP_SEGMENT, &none, sizeof none);
	g->most = e->batch = 1;
	snprintf(e->io_why, sizeof e->io_why, "asked for; but packets of %u bytes do not fit the path in one piece, so that there "
	         "were no trains from then on", e->config.sizes.largest);
	return 0;
}

static int gso_send(struct ipb_engine *e, uint32_t n)
{
	struct gso *g = e->io;
	const struct ipb_slot *s = &e->slots[e->ready_from];

	n = n < g->most ? n : g->most;
	/* All packets have the size of a slot, so the slots lie one behind the other: one piece of memory. */
	if (send(e->fds[s->flow], s->packet, (size_t)n * s->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		const int error = errno;
		if (n > 1 && (error == EINVAL || error == EMSGSIZE) && !fits(e, s->flow))
			return ipb_engine_is_refused(e) ? end_trains(e) : 0;
		return ipb_engine_send_error(e, error, "send");
	}
	e->trains |= n > 1;
	return (int)n;
}

static uint32_t segment_size(struct ipb_engine *e, struct msghdr *m, uint32_t all)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size;
			memcpy(&size, CMSG_DATA(c), sizeof size);
			all = size > 0 ? (uint32_t)size : all;
		}
	ipb_layers_stamp(e, m);
	return all > 0 ? all : 1;
}

static int gso_receive(struct ipb_engine *e)
{
	struct gso *g = e->io;
	const uint64_t sent = e->track.next;
	int got = 0;

	if (sent != g->sent_before && sent - g->looked_at < g->pause) {
		g->sent_before = sent;
		return 0;
	}
	g->looked_at = g->sent_before = sent;
	for (uint32_t flow = 0; flow < e->config.flows; flow++)
		for (int k = 0; k < RECEIVE_MAX; k++) {
			char control[IPB_LAYERS_CONTROL];
			struct iovec iov = { g->in, BUFFER };
			struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			                    .msg_controllen = sizeof control };
			ssize_t n = recvmsg(e->fds[flow], &m, MSG_DONTWAIT);
			if (n < 0) {
				if (errno != EAGAIN && ipb_engine_receive_error(e, flow, errno, "recvmsg") < 0)
					return -1;
				break;
			}
			uint64_t now = ipb_clock_now(&e->clock);
			uint32_t size = segment_size(e, &m, (uint32_t)n);
			uint32_t at = 0;
			do { /* a datagram may be empty, too */
				ipb_engine_reply(e, flow, g->in + at, (uint32_t)n - at < size ? (uint32_t)n - at : size, now, 0);
				at += size;
				got++;
			} while (at < (uint32_t)n);
		}
	g->pause = got > 0 ? 0 : (e->received_all > 0 ? PAUSE_TRAINS : PAUSE_TRAINS_UNANSWERED) * g->most;
	return got;
}

static void gso_close(struct ipb_engine *e)
{
	struct gso *g = e->io;

	if (g != NULL)
		free(g->in);
	free(g);
	e->io = NULL;
}

static const struct ipb_xport gso_xport = { "gso", gso_send, gso_receive, gso_close, IPB_ENGINE_BATCH, NULL };

int ipb_gso_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct gso *g = ipb_apart(sizeof *g);
	int size = (int)e->config.sizes.largest, yes = 1;

	e->io = g;
	e->x = &gso_xport;
	if (g == NULL || (g->in = ipb_apart_raw(BUFFER)) == NULL)
		return ipb_error(err, "no memory");
	if (e->config.sizes.count != 1)
		return ipb_error(err, "argument engine: gso needs packets of one size");
	g->most = TRAIN_BYTES / (uint32_t)size;
	g->most = g->most < 1 ? 1 : g->most > IPB_ENGINE_BATCH ? IPB_ENGINE_BATCH : g->most;
	e->batch = g->most; /* else every second train would be a short one */
	if (ipb_flows_connect(e, SOCK_DGRAM, err) < 0)
		return -1;
	for (uint32_t i = 0; i < e->config.flows; i++) {
		if (setsockopt(e->fds[i], SOL_UDP, UDP_SEGMENT, &size, sizeof size) < 0)
			return ipb_error_errno(err, errno, "argument engine: this kernel has no UDP segmentation; use engine=mmsg");
		setsockopt(e->fds[i], SOL_UDP, UDP_GRO, &yes, sizeof yes);
	}
	snprintf(e->io_why, sizeof e->io_why, "asked for; up to %u packets in one call, which leave together: for load, not for "
	         "latency", g->most);
	return 0;
}
