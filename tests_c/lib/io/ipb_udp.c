/* UDP by single calls or by sendmmsg and recvmmsg.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_engine_private.h"

#define BATCH 32u
#define HOT 4u      /* so many reads in a row gave something: read many at once */
#define FLOWS_AT_ONCE 64u

struct udp {
	struct mmsghdr out[BATCH], in[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	uint8_t *buffers;
	uint8_t (*control)[IPB_LAYERS_CONTROL];
	uint32_t room; /* of one buffer */
	uint32_t hot;
	int may_batch;
};

static int send_one(struct ipb_engine *e, const struct ipb_slot *s)
{
	ssize_t n;

	if (e->layers.used && ipb_layers_wants(e))
		n = ipb_layers_send(e, e->fds[s->flow], s->packet, s->size);
	else
		n = send(e->fds[s->flow], s->packet, s->size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n >= 0 ? 1 : ipb_engine_send_error(e, errno, "send");
}

static int udp_send(struct ipb_engine *e, uint32_t n)
{
	struct udp *u = e->io;
	const struct ipb_slot *s = &e->slots[e->ready_from];

	if (n == 1)
		return send_one(e, s);
	for (uint32_t i = 0; i < n; i++) {
		u->out_iov[i].iov_base = s[i].packet;
		u->out_iov[i].iov_len = s[i].size;
	}
	int sent = sendmmsg(e->fds[s->flow], u->out, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0 && (uint32_t)sent < n) { /* the error that ended it is not reported, and was counted by the kernel */
		e->busy++;
		e->turned_away++;
	}
	return sent >= 0 ? sent : ipb_engine_send_error(e, errno, "sendmmsg");
}

static int receive_many(struct ipb_engine *e, uint32_t flow)
{
	struct udp *u = e->io;

	for (uint32_t i = 0; i < BATCH; i++) {
		u->in[i].msg_hdr.msg_control = e->layers.used ? u->control[i] : NULL;
		u->in[i].msg_hdr.msg_controllen = e->layers.used ? IPB_LAYERS_CONTROL : 0;
	}
	int n = recvmmsg(e->fds[flow], u->in, BATCH, MSG_DONTWAIT, NULL);
	uint64_t now = ipb_clock_now(&e->clock);
	if (n < 0) {
		u->hot = 0;
		return errno == EAGAIN ? 0 : ipb_engine_receive_error(e, flow, errno, "recvmmsg");
	}
	for (int i = 0; i < n; i++) {
		uint64_t stamp = e->layers.used ? ipb_layers_stamp(e, &u->in[i].msg_hdr) : 0;
		ipb_engine_reply(e, flow, u->in_iov[i].iov_base, u->in[i].msg_len, now, stamp);
	}
	u->hot = (uint32_t)n == BATCH ? HOT : (n > 1 ? HOT / 2 : 0);
	return n;
}

static int receive_one(struct ipb_engine *e, uint32_t flow)
{
	struct udp *u = e->io;
	struct msghdr *m = &u->in[0].msg_hdr;
	ssize_t n;

	if (e->layers.used) {
		m->msg_control = u->control[0];
		m->msg_controllen = IPB_LAYERS_CONTROL;
		n = recvmsg(e->fds[flow], m, MSG_DONTWAIT);
	} else {
		n = recv(e->fds[flow], u->buffers, u->room, MSG_DONTWAIT);
	}
	if (n < 0) {
		u->hot = 0;
		return errno == EAGAIN ? 0 : ipb_engine_receive_error(e, flow, errno, "recv");
	}
	uint64_t now = ipb_clock_now(&e->clock);
	u->hot++;
	ipb_engine_reply(e, flow, u->buffers, (uint32_t)n, now, e->layers.used ? ipb_layers_stamp(e, m) : 0);
	return 1;
}

static int udp_receive(struct ipb_engine *e)
{
	struct udp *u = e->io;
	uint32_t flows[FLOWS_AT_ONCE];
	uint32_t n = ipb_flows_readable(e, flows, FLOWS_AT_ONCE);
	int got = 0;

	for (uint32_t i = 0; i < n; i++) {
		int one = u->may_batch && u->hot >= HOT ? receive_many(e, flows[i]) : receive_one(e, flows[i]);
		if (one < 0)
			return -1;
		got += one;
	}
	return got;
}

static void udp_close(struct ipb_engine *e)
{
	struct udp *u = e->io;

	if (u != NULL) {
		free(u->buffers);
		free(u->control);
	}
	free(u);
	e->io = NULL;
}

static const struct ipb_xport socket_xport = { "socket", udp_send, udp_receive, udp_close, 1, NULL };
static const struct ipb_xport mmsg_xport = { "mmsg", udp_send, udp_receive, udp_close, BATCH, NULL };

int ipb_udp_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct udp *u = ipb_apart(sizeof *u);

	e->io = u;
	e->x = e->config.io == IPB_IO_SOCKET ? &socket_xport : &mmsg_xport;
	snprintf(e->io_why, sizeof e->io_why, "%s", e->config.io == IPB_IO_AUTO
	         ? "single calls while one packet at a time is due, sendmmsg and recvmmsg when several are"
	         : "asked for");
	if (u == NULL)
		return ipb_error(err, "no memory");
	u->room = e->config.sizes.largest + 64; /* a longer reply shows as longer */
	u->may_batch = e->config.io != IPB_IO_SOCKET;
	u->buffers = ipb_apart_array(BATCH, u->room);
	u->control = ipb_apart_array(BATCH, sizeof *u->control);
	if (u->buffers == NULL || u->control == NULL)
		return ipb_error(err, "no memory for packets");
	for (uint32_t i = 0; i < BATCH; i++) {
		u->in_iov[i] = (struct iovec){ u->buffers + (size_t)i * u->room, u->room };
		u->in[i].msg_hdr = (struct msghdr){ .msg_iov = &u->in_iov[i], .msg_iovlen = 1 };
		u->out[i].msg_hdr = (struct msghdr){ .msg_iov = &u->out_iov[i], .msg_iovlen = 1 };
	}
	return ipb_flows_connect(e, SOCK_DGRAM, err);
}
