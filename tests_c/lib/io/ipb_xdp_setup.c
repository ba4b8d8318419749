/* Sets AF_XDP up for the engine: addresses, program, sockets. A connected UDP socket stands behind each flow: it has the port, the
 * route and the options, and ICMP errors come to it.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bpf.h"
#include "ipb_xdp_io.h"

#define IPB_XDP_LONGER 64u /* a reply may be so much longer than a packet, and still be seen to be */

/* The packet socket sends nothing: it shows that raw Ethernet is allowed, and which address is our own. */
static int open_raw(struct ipb_engine *e, struct ipb_xdp_path *p, struct ipb_error *err)
{
	struct xdp *u = e->io;

	if (e->config.flows != 1)
		return ipb_error(err, "argument flows: raw Ethernet has one flow");
	e->fds = malloc(sizeof *e->fds);
	if (e->fds == NULL)
		return ipb_error(err, "no memory");
	e->fds[0] = ipb_sock_raw(e->config.iface, 0, NULL, p->own_mac, err);
	if (e->fds[0] < 0)
		return -1;
	memcpy(p->next_mac, e->config.target_mac, 6);
	u->redirect.raw = 1;
	u->redirect.ether_type = IPB_ENGINE_ETHER_TYPE;
	memcpy(u->redirect.from, e->config.target_mac, 6);
	return ipb_xdp_device(&u->device, e->config.iface, "argument iface", err);
}

static int open_ports(struct ipb_engine *e, struct ipb_error *err)
{
	struct xdp *u = e->io;
	const uint32_t flows = e->config.flows;

	u->flow_ports = calloc(flows, sizeof *u->flow_ports);
	const int several = flows > 1 || e->config.threads > 1;
	if (u->flow_ports == NULL || (several && (u->flow_of = calloc(IPB_XDP_PORTS, sizeof *u->flow_of)) == NULL))
		return ipb_error(err, "no memory for %u flows", flows);
	for (uint32_t i = 0; i < flows; i++) {
		const uint16_t port = ipb_sock_port(e->fds[i]);
		u->flow_ports[i] = htons(port);
		if (u->flow_of != NULL)
			u->flow_of[port] = (uint16_t)(i + 1);
	}
	return 0;
}

static int open_udp(struct ipb_engine *e, struct ipb_xdp_path *p, struct ipb_error *err)
{
	struct xdp *u = e->io;

	if (ipb_flows_connect(e, SOCK_DGRAM, err) < 0 || open_ports(e, err) < 0)
		return -1;
	/* The first address that has a route is taken: probes of several would have to be frames. */
	e->addresses[0] = e->addresses[e->address];
	e->address = 0;
	e->address_count = 1;
	if (ipb_xdp_path(p, &u->device, e->fds[0], &e->addresses[0].storage, e->config.sizes.largest, "xdp", err) < 0)
		return -1;
	p->may_fragment = e->config.sock.df == IPB_DF_OFF;
	u->redirect.target = p->target;
	u->redirect.own = p->own;
	u->redirect.ports = e->config.threads > 1 ? e->config.flows * e->config.threads : e->config.flows;
	return 0;
}

/* A socket a queue, or of several threads for every so many-th, and the program's map of them. */
static int open_queues(struct ipb_engine *e, struct ipb_error *err)
{
	struct xdp *u = e->io;
	const uint32_t threads = u->share->threads, queues = u->device.queues;

	if (queues > IPB_XSK_QUEUES_MAX)
		return ipb_error(err, "argument engine: %s has %u receive queues, and xdp has sockets for %u: \"ethtool -L %s combined %u\"",
		                 u->device.name, queues, IPB_XSK_QUEUES_MAX, u->device.name, IPB_XSK_QUEUES_MAX);
	if (threads > queues || threads > u->device.send_queues)
		return ipb_error(err, "argument threads: with engine=xdp each of %u threads needs a queue of its own, and %s has %u to receive and "
		                 "%u to send: \"ethtool -L %s combined %u\" (of a veth \"rx %u tx %u\", at both ends), or fewer threads", threads,
		                 u->device.name, queues, u->device.send_queues, u->device.name, threads, threads, threads);
	for (uint32_t i = u->thread; i < queues; i += threads) {
		struct ipb_xsk *s = &u->queues[u->queue_count];
		const int status = ipb_xsk_open(s, &u->device, i, u->share->link.mode, i == u->thread, e->config.sock.busy_poll_us, err);
		u->queue_count++;
		if (status < 0)
			return -1;
		if (ipb_bpf_update(u->share->redirect.sockets, &i, &s->fd) < 0)
			return ipb_error_errno(err, errno, "cannot tell the XDP program the socket of queue %u of %s", i, u->device.name);
	}
	return 0;
}

/* The program that gives us replies: ours alone, or that of all threads. */
static int join(struct ipb_engine *e, struct ipb_error *err)
{
	struct xdp *u = e->io;
	const uint32_t most = e->config.sizes.largest + IPB_XDP_HEADERS_MAX + IPB_XDP_LONGER;

	const struct ipb_xdp_key key = { .high = (uint32_t)(e->header.base >> 32), .has_run = e->header.full, .run = e->header.run };

	u->thread = e->config.thread;
	u->share = e->config.xdp_share;
	if (u->share == NULL)
		u->share = u->own = ipb_xdp_share_open(1, err);
	if (u->share == NULL)
		return -1;
	if (ipb_xdp_share_join(u->share, u->thread, &u->device, &u->redirect, u->flow_ports,
	                       u->flow_ports != NULL ? e->config.flows : 0, key, err) < 0)
		return -1;
	return u->own == NULL ? ipb_xdp_share_mailbox(u->share, u->thread, most, err) : 0;
}

static int open_frames(struct ipb_engine *e, const struct ipb_xdp_path *p, struct ipb_error *err)
{
	struct xdp *u = e->io;
	struct ipb_xsk *s = &u->queues[0];

	ipb_xdp_frames_init(&u->frames, p, &e->config.sizes, e->offset, e->config.proto == IPB_RAW, IPB_ENGINE_ETHER_TYPE,
	                    IPB_XDP_CHANGES, e->pattern);
	u->whole = malloc((IPB_XDP_PACKET_FRAMES + 2) * (size_t)s->frame_size);
	if (u->whole == NULL)
		return ipb_error(err, "no memory for packets");
	const uint32_t largest = u->frames.headers + e->config.sizes.largest - e->offset;
	for (uint32_t i = 0; i < s->send_frames; i++)
		ipb_xdp_frames_prepare(&u->frames, ipb_xsk_frame(s, (uint64_t)i * s->frame_size),
		                       largest < s->frame_size ? largest : s->frame_size);
	return 0;
}

int ipb_xdp_io_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct xdp *u = calloc(1, sizeof *u);
	struct ipb_xdp_path path = { 0 };

	e->io = u;
	e->x = &ipb_xdp_xport;
	if (u == NULL)
		return ipb_error(err, "no memory");
	u->redirect.sockets = u->redirect.port_bits = -1;
	if ((e->config.proto == IPB_RAW ? open_raw(e, &path, err) : open_udp(e, &path, err)) < 0 || join(e, err) < 0 ||
	    open_queues(e, err) < 0 || open_frames(e, &path, err) < 0)
		return -1;
	const struct ipb_xdp_link *link = &u->share->link;
	snprintf(e->io_why, sizeof e->io_why, "asked for; AF_XDP on %s (driver %s), %s XDP%s%s, %s, %u queue%s%s", u->device.name,
	         u->device.driver, link->mode == IPB_XDP_NATIVE ? "native" : "generic", link->why[0] != '\0' ? ": " : "", link->why,
	         u->queues[0].zero_copy ? "zero-copy" : "copying", u->device.queues, u->device.queues == 1 ? "" : "s",
	         u->share->threads > 1 ? ", shared out among the threads" : "");
	return 0;
}
