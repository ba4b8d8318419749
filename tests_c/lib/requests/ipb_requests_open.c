/* Sets up the connections of the requests' core: memory, addresses, and kept connections.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ipb_requests_private.h"

#define CONNECT_NS 10000000000ull /* for all kept connections together, when the target answers */
#define HANDSHAKE_NS 6000000ull  /* … and for each that has a handshake of its own, on both sides */
#define AT_ONCE 64u              /* connects under way in set-up: fewer than a listener's usual queue of 128 */

static int resolve_sources(struct ipb_requests *r, struct ipb_error *err)
{
	char copy[2048], *rest = copy;

	if (r->config.sources == NULL)
		return 0;
	if (strlen(r->config.sources) >= sizeof copy)
		return ipb_error(err, "argument bind: the list is longer than %zu bytes", sizeof copy - 1);
	strcpy(copy, r->config.sources);
	for (char *word; (word = strtok_r(rest, "; ", &rest)) != NULL;) {
		struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];
		int fd, status;
		if (r->source_count == IPB_REQ_SOURCES_MAX)
			return ipb_error(err, "argument bind: at most %u addresses", IPB_REQ_SOURCES_MAX);
		if (ipb_sock_resolve(word, 0, r->config.udp ? SOCK_DGRAM : SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, err) < 0)
			return -1;
		if (found[0].storage.ss_family != r->target.storage.ss_family)
			return ipb_error(err, "argument bind: \"%s\" is of another family of addresses than the target", word);
		fd = socket(found[0].storage.ss_family, (r->config.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
		status = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&found[0].storage, found[0].size);
		if (status < 0)
			ipb_error_errno(err, errno, "argument bind: cannot use \"%s\"", word);
		if (fd >= 0)
			close(fd);
		if (status < 0)
			return -1;
		r->sources[r->source_count++] = found[0];
	}
	return 0;
}

static int no_room(struct ipb_requests *r, int error, uint32_t up, struct ipb_error *err)
{
	if (error == EADDRNOTAVAIL || error == EADDRINUSE)
		return ipb_error(err, "this machine has no free port for connection %u of %u: give several local addresses "
		                 "(bind=\"A;B\"), widen net.ipv4.ip_local_port_range, or lower connections=", up + 1,
		                 r->config.connections);
	if (error == EMFILE || error == ENFILE)
		return ipb_error(err, "this process may open no more files after %u of %u connections: raise its limit (ulimit -n, "
		                 "LimitNOFILE= of the service), or lower connections=", up, r->config.connections);
	return ipb_error_errno(err, error, "cannot connect to %s port %u (%s) with connection %u of %u", r->config.host,
	                       r->config.port, r->config.udp ? "UDP" : "TCP", up + 1, r->config.connections);
}

/* Opens all kept connections, some at a time. */
static int connect_all(struct ipb_requests *r, struct ipb_error *err)
{
	const uint32_t all = r->config.connections;
	const uint64_t most_ns = CONNECT_NS + (r->config.io != NULL ? all * HANDSHAKE_NS : 0), until_ns = ipb_req_tick(r) + most_ns;
	struct epoll_event events[AT_ONCE];
	uint32_t begun = 0, up = 0;

	while (up < all) {
		for (; begun < all && begun - up < AT_ONCE; begun++)
			if (ipb_req_conn_open(r, begun) < 0 || ipb_req_conn_watch(r, begun) < 0)
				return no_room(r, errno, up, err);
		if (r->config.udp) {
			up = begun;
			continue;
		}
		int n = epoll_wait(r->epoll, events, AT_ONCE, 100);
		for (int i = 0; i < n; i++) {
			const uint32_t c = events[i].data.u32, was = r->conns[c].state;
			socklen_t size = sizeof(int);
			int error = 0;
			if (was == IPB_REQ_CONNECTING && (events[i].events & (EPOLLERR | EPOLLHUP)))
				getsockopt(r->conns[c].fd, SOL_SOCKET, SO_ERROR, &error, &size);
			if (error != 0)
				return no_room(r, error, up, err);
			if (was == IPB_REQ_CONNECTING || was == IPB_REQ_SHAKING)
				ipb_req_conn_connected(r, c, events[i].events);
			if (r->conns[c].fd < 0)
				return ipb_error(err, "the connection to %s port %u ended while it was set up%s%s", r->config.host,
				                 r->config.port, r->other[0] != '\0' ? ": " : "", r->other);
			up += (uint32_t)(was != IPB_REQ_UP && r->conns[c].state == IPB_REQ_UP);
		}
		if (ipb_req_tick(r) > until_ns)
			return ipb_error(err, "only %u of %u connections to %s port %u stood within %u s", up, all, r->config.host,
			                 r->config.port, (unsigned)(most_ns / IPB_NS_PER_S));
	}
	return 0;
}

int ipb_req_conns_open(struct ipb_requests *r, struct ipb_error *err)
{
	const struct ipb_requests_config *cf = &r->config;
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];

	if (ipb_sock_resolve(cf->host, cf->port, cf->udp ? SOCK_DGRAM : SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, err) < 0)
		return -1;
	r->target = found[0];
	r->slot_count = cf->connections * cf->depth;
	r->conns = ipb_apart_array(cf->connections, sizeof *r->conns);
	r->states = ipb_apart_array(cf->connections, cf->protocol->state_size + 1);
	r->slots = ipb_apart_array(r->slot_count, sizeof *r->slots);
	r->free_slots = ipb_apart_array(r->slot_count, sizeof *r->free_slots);
	r->waiting = cf->rate > 0 ? ipb_apart_raw(IPB_REQ_WAITING_MAX * sizeof *r->waiting) : NULL;
	r->buffer = ipb_apart_raw(IPB_REQ_BUFFER);
	r->packet = ipb_apart_raw(cf->request_size + 8u);
	if (r->conns == NULL || r->states == NULL || r->slots == NULL || r->free_slots == NULL || r->buffer == NULL ||
	    r->packet == NULL || (cf->rate > 0 && r->waiting == NULL))
		return ipb_error(err, "no memory for %u connections", cf->connections);
	if (cf->request_size > 0)
		memcpy(r->packet, cf->request, cf->request_size);
	for (uint32_t c = 0; c < cf->connections; c++) {
		r->conns[c].fd = -1;
		ipb_req_conn_forget(&r->conns[c]);
	}
	for (uint32_t d = 0; d < cf->depth; d++)
		for (uint32_t c = 0; c < cf->connections; c++)
			r->free_slots[r->free_count++] = c * cf->depth + d;
	if (resolve_sources(r, err) < 0)
		return -1;
	for (uint32_t i = 0; cf->introduce != NULL && (i == 0 || i < r->source_count); i++)
		if (cf->introduce(cf->io_state, &r->target, i < r->source_count ? &r->sources[i] : NULL, &r->words[i], err) < 0)
			return -1;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		return ipb_error_errno(err, errno, "cannot watch connections");
	return cf->fresh ? 0 : connect_all(r, err);
}

void ipb_req_conns_close(struct ipb_requests *r)
{
	const uint32_t own = r->own_connections != 0 ? r->own_connections : r->config.connections;

	for (uint32_t c = 0; r->conns != NULL && c < own; c++)
		ipb_req_conn_close(r, c, 0);
	if (r->epoll >= 0)
		close(r->epoll);
	r->epoll = -1;
	free(r->conns);
	free(r->states);
	free(r->slots);
	free(r->free_slots);
	free(r->waiting);
	free(r->buffer);
	free(r->packet);
}
