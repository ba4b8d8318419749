/* TCP: packets one after another in a stream, one connection a flow.  SPDX-License-Identifier: MIT */
#include "ipb_tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BATCH 32u
#define BUFFER (256u << 10)
#define FLOWS_AT_ONCE 64u
#define ROOM_MIN 256u /* packets of one flow that may be out, where the ring has fewer for it */

static struct ipb_tcp_stream *stream(const struct ipb_engine *e, uint32_t flow) { return &((struct ipb_tcp *)e->io)->streams[flow]; }

/* EAGAIN: the connection takes no more, because the target does not. */
static int send_failed(struct ipb_engine *e)
{
	e->not_accepted = errno == EAGAIN;
	return ipb_engine_io_error(e, errno, "send");
}

static int flush_tail(struct ipb_engine *e, uint32_t flow)
{
	struct ipb_tcp_stream *s = stream(e, flow);

	if (s->tail_from == s->tail_size)
		return 1;
	ssize_t n = send(e->fds[flow], s->tail + s->tail_from, s->tail_size - s->tail_from, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return send_failed(e);
	s->tail_from += (uint32_t)n;
	return s->tail_from == s->tail_size;
}

/* Packets of different sizes are cut from the stream by their sizes: none of these may be overwritten before its reply is
 * there. */
static int sizes_are_full(const struct ipb_engine *e, const struct ipb_tcp_stream *s, uint32_t n)
{
	return s->sizes != NULL && s->sent - s->answered + n > ((const struct ipb_tcp *)e->io)->room;
}

int ipb_tcp_write(struct ipb_engine *e, uint32_t flow, const struct ipb_slot *slots, uint32_t n)
{
	struct iovec iov[BATCH];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	struct ipb_tcp_stream *s = stream(e, flow);
	const uint32_t mask = ((struct ipb_tcp *)e->io)->room - 1;
	int flushed = flush_tail(e, flow);

	if (flushed <= 0)
		return flushed;
	if (sizes_are_full(e, s, n)) {
		e->not_accepted = 1;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){ slots[i].packet, slots[i].size };
	ssize_t sent = sendmsg(e->fds[flow], &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return send_failed(e);
	int packets = 0;
	for (uint32_t i = 0; i < n && sent > 0; i++, packets++, s->sent++) {
		if (s->sizes != NULL)
			s->sizes[s->sent & mask] = slots[i].size;
		if ((size_t)sent >= slots[i].size) {
			sent -= (ssize_t)slots[i].size;
			continue;
		}
		s->tail_from = 0;
		s->tail_size = slots[i].size - (uint32_t)sent;
		memcpy(s->tail, slots[i].packet + sent, s->tail_size);
		sent = 0;
		ipb_tcp_watch(e, flow);
	}
	return packets;
}

static int tcp_send(struct ipb_engine *e, uint32_t n)
{
	const struct ipb_slot *slots = &e->slots[e->ready_from];
	const uint32_t flow = slots->flow;
	struct ipb_tcp_stream *s = stream(e, flow);
	const int sent = s->held_count > 0 ? 0 : ipb_tcp_write(e, flow, slots, n);

	if (sent == 0 && e->config.flows > 1) {
		e->not_accepted = 0; /* by one connection: the others go on */
		return ipb_tcp_hold(e, flow);
	}
	for (int i = 0; i < sent; i++)
		s->measured += (uint64_t)ipb_engine_measures(e, ipb_engine_due(e, e->ready_from + (uint32_t)i));
	return sent;
}

/* Hands over each whole reply. Returns how many, -1 when the stream makes no sense any more. */
static int parse(struct ipb_engine *e, uint32_t flow, uint64_t now_ns)
{
	const uint32_t mask = ((struct ipb_tcp *)e->io)->room - 1;
	struct ipb_tcp_stream *s = stream(e, flow);
	uint32_t at = 0;
	int n = 0;

	while (at < s->in_size) {
		if (s->answered >= s->sent)
			return ipb_engine_fail(e, "target-talks", "the target sent more bytes than it got: this is no echo");
		const uint32_t size = s->sizes == NULL ? e->expected : s->sizes[s->answered & mask];
		if (s->in_size - at < size)
			break;
		ipb_engine_reply(e, flow, s->in + at, size, now_ns, 0);
		at += size;
		s->answered++;
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
	struct ipb_tcp_stream *s = stream(e, flow);

	if (flush_tail(e, flow) < 0 || (s->watched && ipb_tcp_release(e, flow) < 0))
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
	uint32_t n = 0;

	*packets = 0;
	for (uint32_t i = 0; e->io != NULL && i < e->config.flows; i++) {
		const struct ipb_tcp_stream *s = stream(e, i);
		if (s->answered > 0 || s->in_size > 0 || s->sent == 0)
			continue; /* it answered, or nothing was sent by it */
		n++;
		*packets += s->measured;
	}
	return n;
}

static void tcp_close(struct ipb_engine *e)
{
	struct ipb_tcp *t = e->io;

	for (uint32_t i = 0; t != NULL && t->streams != NULL && i < e->config.flows; i++) {
		free(t->streams[i].tail);
		free(t->streams[i].in);
		free(t->streams[i].sizes);
		free(t->streams[i].held);
	}
	if (t != NULL) {
		free(t->streams);
		free(t->scratch);
	}
	free(t);
	e->io = NULL;
}

static const struct ipb_xport tcp_xport = { "socket", tcp_send, tcp_receive, tcp_close, BATCH, NULL };

static int open_stream(struct ipb_engine *e, struct ipb_tcp *t, struct ipb_tcp_stream *s)
{
	s->tail = ipb_apart_raw(e->config.sizes.largest);
	s->in = ipb_apart_raw(BUFFER);
	if (s->tail == NULL || s->in == NULL)
		return -1;
	if (e->expected == 0 && (s->sizes = ipb_apart_array(t->room, sizeof *s->sizes)) == NULL)
		return -1;
	/* What nothing has touched takes no memory as long as nothing waits. */
	if (e->config.flows > 1 && (s->held = ipb_apart_raw(t->room * sizeof *s->held)) == NULL)
		return -1;
	return 0;
}

int ipb_tcp_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct ipb_tcp *t = ipb_apart(sizeof *t);

	e->io = t;
	e->x = &tcp_xport;
	snprintf(e->io_why, sizeof e->io_why, "a TCP stream is written by sendmsg and read by recv");
	if (t == NULL)
		return ipb_error(err, "no memory");
	for (t->room = ROOM_MIN; (uint64_t)t->room * e->config.flows <= e->track.mask; t->room *= 2)
		;
	t->streams = ipb_apart_array(e->config.flows, sizeof *t->streams);
	t->scratch = ipb_apart(e->config.sizes.largest);
	if (t->streams == NULL || t->scratch == NULL)
		return ipb_error(err, "no memory for %u connections", e->config.flows);
	memcpy(t->scratch, e->pattern, e->config.sizes.largest);
	for (uint32_t i = 0; i < e->config.flows; i++)
		if (open_stream(e, t, &t->streams[i]) < 0)
			return ipb_error(err, "no memory for %u connections", e->config.flows);
	return ipb_flows_connect(e, SOCK_STREAM, err);
}
