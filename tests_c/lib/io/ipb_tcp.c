/* TCP: packets one after another in a stream, one connection a flow.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "ipb_engine_private.h"

#define BATCH 32u
#define BUFFER (256u << 10)
#define FLOWS_AT_ONCE 64u

struct stream {
	uint8_t *tail;       /* what is left of a packet that went out in part */
	uint32_t tail_from, tail_size;
	uint8_t *in;         /* replies as they come */
	uint32_t in_size;
	uint64_t expects;    /* number of the packet whose reply comes next */
};

/* EAGAIN: the connection takes no more, because the target does not. */
static int send_failed(struct ipb_engine *e)
{
	e->not_accepted = errno == EAGAIN;
	return ipb_engine_io_error(e, errno, "send");
}

/* Packets of different sizes are cut from the stream by the sizes in the ring: none of them may be overwritten before
 * its reply is there. */
static int ring_is_full(const struct ipb_engine *e, uint32_t n)
{
	const struct stream *s = e->io;
	const uint64_t end = e->track.next + n, room = e->track.mask + 1;

	return e->expected == 0 && end > room && s[(end - room - 1) % e->config.flows].expects < end - room;
}

static int flush_tail(struct ipb_engine *e, uint32_t flow)
{
	struct stream *s = (struct stream *)e->io + flow;

	if (s->tail_from == s->tail_size)
		return 1;
	ssize_t n = send(e->fds[flow], s->tail + s->tail_from, s->tail_size - s->tail_from, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return send_failed(e);
	s->tail_from += (uint32_t)n;
	return s->tail_from == s->tail_size;
}

static int tcp_send(struct ipb_engine *e, uint32_t n)
{
	struct iovec iov[BATCH];
	const struct ipb_slot *slots = &e->slots[e->ready_from];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	struct stream *s = (struct stream *)e->io + slots->flow;
	int flushed = flush_tail(e, slots->flow);

	if (flushed <= 0)
		return flushed;
	if (ring_is_full(e, n)) {
		e->not_accepted = 1;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ slots[i].packet, slots[i].size };
	ssize_t sent = sendmsg(e->fds[slots->flow], &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return send_failed(e);
	int packets = 0;
	for (uint32_t i = 0; i < n && sent > 0; i++, packets++) {
		if ((size_t)sent >= slots[i].size) {
			sent -= (ssize_t)slots[i].size;
			continue;
		}
		s->tail_from = 0;
		s->tail_size = slots[i].size - (uint32_t)sent;
		memcpy(s->tail, slots[i].packet + sent, s->tail_size);
		sent = 0;
	}
	return packets;
}

/* Hands over each whole reply. Returns how many, -1 when the stream makes no sense any more. */
static int parse(struct ipb_engine *e, uint32_t flow, uint64_t now_ns)
{
	struct stream *s = (struct stream *)e->io + flow;
	uint32_t at = 0;
	int n = 0;

	while (at < s->in_size) {
		if (s->expects >= e->track.next)
			return ipb_engine_fail(e, "target-talks", "the target sent more bytes than it got: this is no echo");
		if (e->expected == 0 && !ipb_track_holds(&e->track, s->expects))
			return ipb_engine_fail(e, "target-behind", "the target's replies are over %llu packets behind, and their sizes are "
			                       "not known any more: lower the rate", (unsigned long long)e->track.mask);
		const uint32_t size = e->expected != 0 ? e->expected : ipb_track_train(&e->track, s->expects)->size;
		if (s->in_size - at < size)
			break;
		ipb_engine_reply(e, flow, s->in + at, size, now_ns, 0);
		at += size;
		s->expects += e->config.flows;
		n++;
	}
	if (at > 0) {
		memmove(s->in, s->in + at, s->in_size - at);
		s->in_size -= at;
	}
	return n;
}

static int receive_flow(struct ipb_engine *e, uint32_t flow)
{
	struct stream *s = (struct stream *)e->io + flow;

	if (flush_tail(e, flow) < 0)
		return -1;
	ssize_t n = recv(e->fds[flow], s->in + s->in_size, BUFFER - s->in_size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : ipb_engine_io_error(e, errno, "recv");
	if (n == 0)
		return ipb_engine_fail(e, "target-closed", "the target closed the connection after %llu round trips",
		                       (unsigned long long)e->track.counts.ok);
	uint64_t now = ipb_clock_now(&e->clock);
	s->in_size += (uint32_t)n;
	return parse(e, flow, now);
}

static int tcp_receive(struct ipb_engine *e)
{
	uint32_t flows[FLOWS_AT_ONCE];
	uint32_t n = ipb_flows_readable(e, flows, FLOWS_AT_ONCE);
	int got = 0;

	for (uint32_t i = 0; i < n; i++) {
		int one = receive_flow(e, flows[i]);
		if (one < 0)
			return -1;
		got += one;
	}
	return got;
}

uint32_t ipb_tcp_unanswered(const struct ipb_engine *e, uint64_t *packets)
{
	const struct stream *s = e->io;
	const uint64_t first = e->track.first, flows = e->config.flows;
	uint32_t n = 0;

	*packets = 0;
	for (uint64_t i = 0; s != NULL && i < flows; i++) {
		if (s[i].expects != i || s[i].in_size > 0 || e->track.next <= i)
			continue; /* it answered, or nothing was sent by it */
		n++;
		if (first == UINT64_MAX || e->track.counts.sent == 0)
			continue;
		const uint64_t next = first + (i + flows - first % flows) % flows, end = first + e->track.counts.sent;
		*packets += next < end ? (end - 1 - next) / flows + 1 : 0; /* of the measured phase, packet k by flow k % flows */
	}
	return n;
}

static void tcp_close(struct ipb_engine *e)
{
	struct stream *s = e->io;

	for (uint32_t i = 0; s != NULL && i < e->config.flows; i++) {
		free(s[i].tail);
		free(s[i].in);
	}
	free(s);
	e->io = NULL;
}

static const struct ipb_xport tcp_xport = { "socket", tcp_send, tcp_receive, tcp_close, BATCH, NULL };

int ipb_tcp_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct stream *s = calloc(e->config.flows, sizeof *s);

	e->io = s;
	e->x = &tcp_xport;
	snprintf(e->io_why, sizeof e->io_why, "a TCP stream is written by sendmsg and read by recv");
	if (s == NULL)
		return ipb_error(err, "no memory");
	for (uint32_t i = 0; i < e->config.flows; i++) {
		s[i].tail = malloc(e->config.sizes.largest);
		s[i].in = malloc(BUFFER);
		s[i].expects = i;
		if (s[i].tail == NULL || s[i].in == NULL)
			return ipb_error(err, "no memory for %u connections", e->config.flows);
	}
	return ipb_flows_connect(e, SOCK_STREAM, err);
}
