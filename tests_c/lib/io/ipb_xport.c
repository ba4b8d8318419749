/* Choosing a way to send and receive, and what the ways share.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ipb_engine_private.h"

#define ROUND_ROBIN_FLOWS 2u /* with more sockets than this, epoll finds which can be read */
#define EVENTS_MAX 64

int ipb_xport_open(struct ipb_engine *e, struct ipb_error *err)
{
	enum ipb_io io = e->config.io;

	if (e->config.proto == IPB_TCP) {
		if (io != IPB_IO_AUTO && io != IPB_IO_SOCKET)
			return ipb_error(err, "argument engine: TCP is sent with engine=socket only");
		return ipb_tcp_open(e, err);
	}
	if (io == IPB_IO_XDP)
		return ipb_xdp_io_open(e, err);
	if (e->config.proto == IPB_RAW) {
		if (io == IPB_IO_GSO)
			return ipb_error(err, "argument engine: gso is for UDP");
		return ipb_raw_open(e, err);
	}
	if (io == IPB_IO_RING)
		return ipb_error(err, "argument engine: ring is for socktype=raw");
	return io == IPB_IO_GSO ? ipb_gso_open(e, err) : ipb_udp_open(e, err);
}

void ipb_fds_close(struct ipb_engine *e)
{
	for (uint32_t i = 0; e->fds != NULL && i < e->config.flows; i++)
		if (e->fds[i] >= 0)
			close(e->fds[i]);
	free(e->fds);
	e->fds = NULL;
	if (e->epoll >= 0)
		close(e->epoll);
	e->epoll = -1;
}

static int find_addresses(struct ipb_engine *e, int type, struct ipb_error *err)
{
	const char *host = e->config.host;

	if (e->config.port == 0)
		return ipb_error(err, "no port was given for %s", host != NULL ? host : "the target");
	for (int i = 0; i < e->config.address_count; i++)
		e->addresses[e->address_count++] = e->config.addresses[i];
	if (e->address_count > 0)
		return 0;
	const int n = ipb_sock_resolve(host, e->config.port, type, 0, e->addresses, IPB_SOCK_ADDRESSES_MAX, err);
	e->address_count = n < 0 ? 0 : n;
	return n < 0 ? -1 : 0;
}

int ipb_flows_connect(struct ipb_engine *e, int type, struct ipb_error *err)
{
	struct ipb_sock_options options = e->config.sock;
	uint32_t flows = e->config.flows;

	const int first = e->address_count == 0;
	if (first && find_addresses(e, type, err) < 0)
		return -1;
	const int candidates = first ? e->address_count : 1;
	e->fds = malloc(flows * sizeof *e->fds);
	if (e->fds == NULL)
		return ipb_error(err, "no memory for %u flows", flows);
	for (uint32_t i = 0; i < flows; i++)
		e->fds[i] = -1;
	const int polled = flows > (type == SOCK_STREAM ? 1 : ROUND_ROBIN_FLOWS); /* TCP: it reports what takes more, too */
	if (polled && (e->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return ipb_error_errno(err, errno, "cannot open an epoll instance");
	for (uint32_t i = 0; i < flows; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
		int chosen = 0;
		e->fds[i] = ipb_sock_connect_to(e->addresses + e->address, i == 0 ? candidates : 1, e->config.host, e->config.port, type,
		                                &options, &chosen, err);
		if (e->fds[i] < 0)
			return -1;
		e->address += chosen;
		if (type == SOCK_DGRAM && ipb_trouble_listen(e->fds[i]) < 0)
			return ipb_error_errno(err, errno, "cannot watch a socket for ICMP errors");
		if (options.bind_port != 0)
			options.bind_port++;
		if (e->epoll >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->fds[i], &event) < 0)
			return ipb_error_errno(err, errno, "cannot watch a socket");
	}
	return 0;
}

uint32_t ipb_flows_readable(struct ipb_engine *e, uint32_t *to, uint32_t max)
{
	struct epoll_event events[EVENTS_MAX];

	if (e->epoll < 0) {
		for (uint32_t i = 0; i < e->config.flows; i++)
			to[i] = i;
		return e->config.flows;
	}
	int n = epoll_wait(e->epoll, events, max < EVENTS_MAX ? (int)max : EVENTS_MAX, 0);
	for (int i = 0; i < n; i++)
		to[i] = events[i].data.u32;
	return n > 0 ? (uint32_t)n : 0;
}
