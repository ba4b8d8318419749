/* Raw Ethernet by single calls or sendmmsg on an AF_PACKET socket.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_bytes.h"
#include "ipb_engine_private.h"
#include "ipb_raw.h"

#define BATCH 32u
#define HOT 4u
#define ROOM 2048u

struct raw {
	struct mmsghdr out[BATCH], in[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	uint8_t (*buffers)[ROOM];
	uint8_t (*control)[IPB_LAYERS_CONTROL];
	uint32_t hot;
	int may_batch;
};

int ipb_raw_is_reply(const struct ipb_engine *e, const uint8_t *frame, uint32_t got)
{
	return got >= IPB_ENGINE_FRAME_HEADER && memcmp(frame + 6, e->config.target_mac, 6) == 0 &&
	       ipb_get_be(frame + 12, 2) == IPB_ENGINE_ETHER_TYPE;
}

int ipb_raw_socket(struct ipb_engine *e, int *ifindex, struct ipb_error *err)
{
	uint8_t own[6];
	int yes = 1;

	if (e->config.flows != 1)
		return ipb_error(err, "argument flows: raw Ethernet has one flow");
	e->fds = malloc(sizeof *e->fds);
	if (e->fds == NULL)
		return ipb_error(err, "no memory");
	/* One way there are no replies, and what else comes is none of this socket's. */
	e->fds[0] = ipb_sock_raw(e->config.iface, e->config.one_way == NULL ? IPB_ENGINE_ETHER_TYPE : 0, ifindex, own, err);
	if (e->fds[0] < 0 || ipb_sock_apply(e->fds[0], AF_PACKET, &e->config.sock, err) < 0)
		return -1;
	setsockopt(e->fds[0], SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
	for (uint32_t i = 0; i < IPB_ENGINE_BATCH; i++) {
		uint8_t *at = e->slots[i].frame;
		memcpy(at, e->config.target_mac, 6);
		memcpy(at + 6, own, 6);
		at += 12;
		for (uint32_t k = 0; k < e->config.vlan_count; k++, at += IPB_ENGINE_VLAN_TAG) {
			ipb_put_be(at, e->config.vlan_type[k], 2);
			ipb_put_be(at + 2, e->config.vlan_tag[k], 2);
		}
		ipb_put_be(at, IPB_ENGINE_ETHER_TYPE, 2);
	}
	return 0;
}

static int raw_send(struct ipb_engine *e, uint32_t n)
{
	struct raw *u = e->io;
	const struct ipb_slot *s = &e->slots[e->ready_from];

	if (n == 1) {
		ssize_t one = e->layers.used && ipb_layers_wants(e) ? ipb_layers_send(e, e->fds[0], s->frame, s->size)
		                                                    : send(e->fds[0], s->frame, s->size, MSG_DONTWAIT);
		return one >= 0 ? 1 : ipb_engine_send_error(e, errno, "send");
	}
	for (uint32_t i = 0; i < n; i++)
		u->out_iov[i] = (struct iovec){ s[i].frame, s[i].size };
	int sent = sendmmsg(e->fds[0], u->out, n, MSG_DONTWAIT);
	e->turned_away += sent >= 0 && (uint32_t)sent < n; /* the error that ended it is not reported */
	return sent >= 0 ? sent : ipb_engine_send_error(e, errno, "sendmmsg");
}

void ipb_raw_frame(struct ipb_engine *e, const uint8_t *frame, uint32_t got, uint64_t now_ns, uint64_t stamp_ns)
{
	if (!ipb_raw_is_reply(e, frame, got)) {
		e->stray++;
		return;
	}
	ipb_engine_reply(e, 0, frame + IPB_ENGINE_FRAME_HEADER, got - IPB_ENGINE_FRAME_HEADER, now_ns, stamp_ns);
}

static int raw_receive(struct ipb_engine *e)
{
	struct raw *u = e->io;
	uint32_t most = u->may_batch && u->hot >= HOT ? BATCH : 1;

	for (uint32_t i = 0; i < most; i++) {
		u->in[i].msg_hdr.msg_control = e->layers.used ? u->control[i] : NULL;
		u->in[i].msg_hdr.msg_controllen = e->layers.used ? IPB_LAYERS_CONTROL : 0;
	}
	int n = most > 1 ? recvmmsg(e->fds[0], u->in, most, MSG_DONTWAIT, NULL)
	                 : (int)recvmsg(e->fds[0], &u->in[0].msg_hdr, MSG_DONTWAIT);
	if (n < 0) {
		u->hot = 0;
		return errno == EAGAIN ? 0 : ipb_engine_receive_error(e, 0, errno, "recv");
	}
	uint64_t now = ipb_clock_now(&e->clock);
	if (most == 1) {
		u->in[0].msg_len = (uint32_t)n;
		n = 1;
	}
	for (int i = 0; i < n; i++) {
		uint64_t stamp = ipb_layers_stamp(e, &u->in[i].msg_hdr);
		ipb_raw_frame(e, u->buffers[i], u->in[i].msg_len, now, stamp);
	}
	u->hot = most == 1 ? u->hot + 1 : (uint32_t)n > 1 ? HOT : 0;
	return n;
}

static void raw_close(struct ipb_engine *e)
{
	struct raw *u = e->io;

	if (u != NULL) {
		free(u->buffers);
		free(u->control);
	}
	free(u);
	e->io = NULL;
}

static const struct ipb_xport socket_xport = { "socket", raw_send, raw_receive, raw_close, 1, NULL };
static const struct ipb_xport mmsg_xport = { "mmsg", raw_send, raw_receive, raw_close, BATCH, NULL };

int ipb_raw_open(struct ipb_engine *e, struct ipb_error *err)
{
	if (e->config.io == IPB_IO_RING)
		return ipb_ring_open(e, err);
	struct raw *u = ipb_apart(sizeof *u);
	e->io = u;
	e->x = e->config.io == IPB_IO_SOCKET ? &socket_xport : &mmsg_xport;
	snprintf(e->io_why, sizeof e->io_why, "%s", e->config.io == IPB_IO_AUTO
	         ? "single calls while one frame at a time is due, sendmmsg and recvmmsg when several are"
	         : "asked for");
	if (u == NULL)
		return ipb_error(err, "no memory");
	u->may_batch = e->config.io != IPB_IO_SOCKET;
	u->buffers = ipb_apart_array(BATCH, sizeof *u->buffers);
	u->control = ipb_apart_array(BATCH, sizeof *u->control);
	if (u->buffers == NULL || u->control == NULL)
		return ipb_error(err, "no memory for frames");
	for (uint32_t i = 0; i < BATCH; i++) {
		u->in_iov[i] = (struct iovec){ u->buffers[i], ROOM };
		u->in[i].msg_hdr = (struct msghdr){ .msg_iov = &u->in_iov[i], .msg_iovlen = 1 };
		u->out[i].msg_hdr = (struct msghdr){ .msg_iov = &u->out_iov[i], .msg_iovlen = 1 };
	}
	return ipb_raw_socket(e, NULL, err);
}
