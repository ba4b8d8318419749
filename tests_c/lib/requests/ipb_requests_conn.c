/* The connections of the requests' core.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_requests_private.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define OVER (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define HOLD_NS 1000000u /* a closed loop that cannot connect tries so often */

void ipb_req_fail(struct ipb_requests *r, const char *code, const char *format, ...)
{
	va_list args;

	if (r->failed)
		return;
	r->failed = 1;
	snprintf(r->failed_code, sizeof r->failed_code, "%s", code);
	va_start(args, format);
	vsnprintf(r->failed_text, sizeof r->failed_text, format, args);
	va_end(args);
}

static void *state_of(struct ipb_requests *r, uint32_t c) { return r->states + (size_t)c * r->config.protocol->state_size; }

static enum ipb_req_failure kind_of(struct ipb_requests *r, int error)
{
	char text[64];

	switch (error) {
	case ECONNREFUSED:
		return IPB_REQ_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return IPB_REQ_RESET;
	case ETIMEDOUT:
		return IPB_REQ_TIMED_OUT;
	default:
		if (r->other[0] == '\0')
			snprintf(r->other, sizeof r->other, "%s", error == EKEYREJECTED ? "the certificate is not valid, or of another host"
			         : error == EPROTO ? "a TLS error" : error == EPROTONOSUPPORT ? "it gave no welcome for requests (is it stream_target?)"
			         : strerror_r(error, text, sizeof text));
		return IPB_REQ_OTHER;
	}
}

/* abort: with a reset, so that nothing is left of it. */
static void close_conn(struct ipb_requests *r, uint32_t c, int abort)
{
	static const struct linger at_once = { 1, 0 };
	struct ipb_req_conn *k = &r->conns[c];

	if (k->fd < 0)
		return;
	if (r->config.io != NULL)
		r->config.io->close(r->config.io_state, c);
	if (!r->config.udp && (abort || r->config.linger0))
		setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(k->fd);
	k->fd = -1;
	k->state = IPB_REQ_DOWN;
}

static void forget(struct ipb_req_conn *k)
{
	k->head = k->tail = k->to_send = IPB_REQ_NONE;
	k->offset = k->out = 0;
}

static void append(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot)
{
	r->slots[slot].next = IPB_REQ_NONE;
	if (k->tail == IPB_REQ_NONE)
		k->head = slot;
	else
		r->slots[k->tail].next = slot;
	k->tail = slot;
	if (k->to_send == IPB_REQ_NONE)
		k->to_send = slot;
	k->out++;
}

static void take_out(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot)
{
	uint32_t before = IPB_REQ_NONE, at = k->head;

	while (at != slot) {
		before = at;
		at = r->slots[at].next;
	}
	if (before == IPB_REQ_NONE)
		k->head = r->slots[slot].next;
	else
		r->slots[before].next = r->slots[slot].next;
	if (k->tail == slot)
		k->tail = before;
	if (k->to_send == slot) {
		k->to_send = r->slots[slot].next;
		k->offset = 0;
	}
	k->out--;
	r->slots[slot].busy = 0;
}

static void lose(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot, enum ipb_req_failure why)
{
	take_out(r, k, slot);
	r->slots[slot].answered = 0;
	ipb_req_lost(r, &r->slots[slot], why);
	ipb_req_freed(r, slot);
}

/* A connection is gone, and with it all that was out on it. */
static void fail_conn(struct ipb_requests *r, uint32_t c, enum ipb_req_failure why)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->state != IPB_REQ_UP)
		r->hold_ns = r->now_ns + HOLD_NS;
	close_conn(r, c, 1);
	while (k->head != IPB_REQ_NONE)
		lose(r, k, k->head, why);
	forget(k);
}

static int open_socket(struct ipb_requests *r, struct ipb_req_conn *k)
{
	const struct ipb_requests_config *cf = &r->config;
	int yes = 1;

	k->fd = socket(r->target.storage.ss_family, (cf->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return -1;
	if (!cf->udp && cf->sock.nodelay && setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0)
		return -1;
	if (cf->sock.sockopts != NULL && cf->sock.sockopts[0] != '\0' && ipb_sock_apply_text(k->fd, cf->sock.sockopts, NULL) < 0)
		return -1;
	if (r->source_count == 0)
		return 0;
	const struct ipb_address *from = &r->sources[r->source_next++ % r->source_count];
	if (!cf->udp) {
		setsockopt(k->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		setsockopt(k->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
	}
	return bind(k->fd, (const struct sockaddr *)&from->storage, from->size);
}

/* Begins to connect. 0, or -1 and errno. */
static int open_conn(struct ipb_requests *r, uint32_t c)
{
	struct ipb_req_conn *k = &r->conns[c];

	k->born_ns = r->now_ns;
	k->first_seen = k->last = 0;
	if (open_socket(r, k) < 0)
		goto fail;
	if (connect(k->fd, (struct sockaddr *)&r->target.storage, r->target.size) < 0 && errno != EINPROGRESS)
		goto fail;
	k->state = r->config.udp ? IPB_REQ_UP : IPB_REQ_CONNECTING;
	r->opened += (uint64_t)ipb_req_in_window(r);
	r->config.protocol->begin(r->config.app, state_of(r, c));
	return 0;
fail:;
	int error = errno;
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->state = IPB_REQ_DOWN;
	errno = error;
	return -1;
}

static int watch(struct ipb_requests *r, uint32_t c)
{
	struct epoll_event e = { .events = EVENTS, .data.u32 = c };

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->conns[c].fd, &e);
}

static void note_connect(struct ipb_requests *r, struct ipb_req_conn *k)
{
	k->state = IPB_REQ_UP;
	if (k->head != IPB_REQ_NONE ? ipb_req_measured(r, r->slots[k->head].due_ns) : ipb_req_in_window(r))
		ipb_hist_record(&r->connect, r->now_ns - k->born_ns);
}

/* The first request of the connection is over. last: the connection is not used again. */
static void finish(struct ipb_requests *r, uint32_t c, int corrupt, int last)
{
	struct ipb_req_conn *k = &r->conns[c];
	const uint32_t slot = k->head;

	last |= !r->slots[slot].written; /* the rest of the request would be taken for the next one */
	take_out(r, k, slot);
	r->slots[slot].answered = 1;
	if (last || r->config.fresh) {
		close_conn(r, c, 0);
		ipb_req_tick(r);
	}
	ipb_req_answered(r, &r->slots[slot], corrupt);
	ipb_req_freed(r, slot);
	if (k->fd < 0)
		while (k->head != IPB_REQ_NONE)
			lose(r, k, k->head, IPB_REQ_CLOSED);
}

static ssize_t send_some(struct ipb_requests *r, uint32_t c, const uint8_t *bytes, size_t size)
{
	const int fd = r->conns[c].fd;

	return r->config.io != NULL ? r->config.io->send(r->config.io_state, c, fd, bytes, size)
	                            : send(fd, bytes, size, MSG_NOSIGNAL);
}

/* Sends what the connection has to send. Returns -1 when it has failed. */
static int flush(struct ipb_requests *r, uint32_t c)
{
	struct ipb_req_conn *k = &r->conns[c];
	const uint32_t size = r->config.request_size;
	const uint8_t *bytes = r->config.request;

	while (k->to_send != IPB_REQ_NONE) {
		struct ipb_req_slot *s = &r->slots[k->to_send];
		if (r->config.udp) {
			bytes = r->packet;
			ipb_put_be(r->packet, k->to_send, 4);
			ipb_put_be(r->packet + 4, s->number, 4);
		}
		ssize_t n = size == 0 ? 0 : send_some(r, c, bytes + k->offset, size - k->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || (r->config.udp && errno == ENOBUFS)))
			return 0;
		if (n < 0) {
			enum ipb_req_failure why = kind_of(r, errno);
			if (r->config.udp)
				lose(r, k, k->to_send, why);
			else
				fail_conn(r, c, why);
			return -1;
		}
		if (k->state == IPB_REQ_CONNECTING) {
			ipb_req_tick(r);
			note_connect(r, k);
		}
		r->total_out += (uint64_t)n;
		r->bytes_sent += ipb_req_in_window(r) ? (uint64_t)n : 0;
		k->offset += (uint32_t)n;
		if (k->offset < size)
			continue;
		k->offset = 0;
		k->to_send = s->next;
		s->written = 1;
		if (r->config.no_response) {
			ipb_req_tick(r);
			finish(r, c, 0, 0);
			return 0;
		}
	}
	return 0;
}

/* What could not leave does not count as sent. */
static void never_left(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot, int error)
{
	take_out(r, k, slot);
	ipb_req_unstarted(r, &r->slots[slot]);
	if (error == EMFILE || error == ENFILE)
		r->no_descriptor++;
	else
		r->no_port++;
	r->hold_ns = r->now_ns + HOLD_NS;
	ipb_req_freed(r, slot);
}

int ipb_req_begin(struct ipb_requests *r, uint32_t slot, uint64_t due_ns, int queued)
{
	const uint32_t c = slot / r->config.depth;
	struct ipb_req_conn *k = &r->conns[c];
	struct ipb_req_slot *s = &r->slots[slot];

	s->due_ns = due_ns;
	s->start_ns = ipb_req_tick(r);
	s->number++;
	s->busy = 1;
	s->written = s->answered = 0;
	append(r, k, slot);
	ipb_req_started(r, s, queued ? s->start_ns : due_ns);
	if (k->state != IPB_REQ_DOWN)
		return k->state == IPB_REQ_UP ? flush(r, c) : 0;
	if (open_conn(r, c) < 0) {
		if (errno == EADDRNOTAVAIL || errno == EADDRINUSE || errno == EMFILE || errno == ENFILE) {
			never_left(r, k, slot, errno);
			return -1;
		}
		fail_conn(r, c, kind_of(r, errno));
		return -1;
	}
	/* On a short way the connection stands already. */
	if (r->config.io == NULL && r->config.request_size > 0 && flush(r, c) < 0)
		return -1;
	if (k->fd >= 0 && watch(r, c) < 0) {
		fail_conn(r, c, kind_of(r, errno));
		return -1;
	}
	return 0;
}

/* The connect has come to its end, or an event says why not. -1: it has failed. */
static int connected(struct ipb_requests *r, uint32_t c, uint32_t events)
{
	struct ipb_req_conn *k = &r->conns[c];
	socklen_t size = sizeof(int);
	int error = 0;

	if (k->state == IPB_REQ_CONNECTING) {
		if ((events & (EPOLLERR | EPOLLHUP)) && getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
			fail_conn(r, c, kind_of(r, error));
			return -1;
		}
		if (!(events & EPOLLOUT))
			return -1;
		if (r->config.io == NULL)
			note_connect(r, k);
		else
			k->state = IPB_REQ_SHAKING;
	}
	if (k->state == IPB_REQ_SHAKING) {
		int done = r->config.io->handshake(r->config.io_state, c, k->fd);
		if (done < 0)
			fail_conn(r, c, kind_of(r, errno));
		if (done <= 0)
			return -1;
		ipb_req_tick(r);
		note_connect(r, k);
	}
	return 0;
}

/* Bytes of a stream. 0, or -1 when the connection is not the same any more. */
static int take(struct ipb_requests *r, uint32_t c, const uint8_t *bytes, size_t size)
{
	struct ipb_req_conn *k = &r->conns[c];

	while (size > 0) {
		if (k->head == IPB_REQ_NONE) {
			r->stray++;
			fail_conn(r, c, IPB_REQ_CLOSED);
			return -1;
		}
		struct ipb_req_slot *s = &r->slots[k->head];
		const int measured = ipb_req_measured(r, s->due_ns);
		size_t used = size;
		if (!k->first_seen) {
			k->first_seen = 1;
			if (measured)
				ipb_hist_record(&r->first_byte, r->now_ns - (r->config.fresh ? k->born_ns : s->start_ns));
		}
		enum ipb_req_step step = r->config.protocol->input(r->config.app, state_of(r, c), bytes, size, &used, measured);
		if (step == IPB_REQ_BROKEN) {
			close_conn(r, c, 1);
			finish(r, c, 1, 1);
			return -1;
		}
		bytes += used;
		size -= used;
		if (step == IPB_REQ_MORE)
			continue;
		k->first_seen = 0;
		finish(r, c, step == IPB_REQ_CORRUPT, step == IPB_REQ_LAST);
		if (k->fd < 0)
			return -1;
	}
	return 0;
}

static void datagram(struct ipb_requests *r, uint32_t c, const uint8_t *bytes, size_t size)
{
	struct ipb_req_conn *k = &r->conns[c];
	uint64_t slot = size >= 8 ? ipb_get_be(bytes, 4) : UINT64_MAX;

	if (slot >= r->slot_count || slot / r->config.depth != c || r->slots[slot].number != (uint32_t)ipb_get_be(bytes + 4, 4)) {
		r->stray++;
		return;
	}
	struct ipb_req_slot *s = &r->slots[slot];
	if (!s->busy) {
		if (s->answered && ipb_req_measured(r, s->due_ns))
			r->counts.duplicate++;
		else
			r->stray += (uint64_t)!s->answered;
		return;
	}
	const int good = size == r->config.response_size &&
	                 (!r->config.check_response || memcmp(bytes + 8, r->config.request + 8, size - 8) == 0);
	take_out(r, k, (uint32_t)slot);
	s->answered = 1;
	ipb_req_answered(r, s, !good);
	ipb_req_freed(r, (uint32_t)slot);
}

/* The target sends no more on this connection. */
static void ended(struct ipb_requests *r, uint32_t c)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->head == IPB_REQ_NONE) { /* it may: the connection is opened again when it is needed */
		close_conn(r, c, 0);
		return;
	}
	struct ipb_req_slot *s = &r->slots[k->head];
	if (s->written && r->config.protocol->end(r->config.app, state_of(r, c), ipb_req_measured(r, s->due_ns)) != IPB_REQ_MORE)
		finish(r, c, 0, 1);
	else
		fail_conn(r, c, IPB_REQ_CLOSED);
}

static void receive(struct ipb_requests *r, uint32_t c, uint32_t events)
{
	struct ipb_req_conn *k = &r->conns[c];
	const int udp = r->config.udp, plain = r->config.io == NULL;

	for (;;) {
		ssize_t n = plain ? recv(k->fd, r->buffer, IPB_REQ_BUFFER, 0)
		                  : r->config.io->receive(r->config.io_state, c, k->fd, r->buffer, IPB_REQ_BUFFER);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		ipb_req_tick(r);
		if (n < 0 && udp) {
			if (k->head != IPB_REQ_NONE)
				lose(r, k, k->head, kind_of(r, errno));
			continue;
		}
		if (n < 0) {
			fail_conn(r, c, kind_of(r, errno));
			return;
		}
		r->total_in += (uint64_t)n;
		r->bytes_received += ipb_req_in_window(r) ? (uint64_t)n : 0;
		if (udp) {
			datagram(r, c, r->buffer, (size_t)n);
			if (k->head == IPB_REQ_NONE)
				return;
			continue;
		}
		if (n == 0) {
			ended(r, c);
			return;
		}
		if (take(r, c, r->buffer, (size_t)n) < 0)
			return;
		if (plain && n < (ssize_t)IPB_REQ_BUFFER && !(events & OVER))
			return;
	}
}

void ipb_req_event(struct ipb_requests *r, uint32_t c, uint32_t events)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->fd < 0)
		return;
	ipb_req_tick(r);
	if ((k->state == IPB_REQ_CONNECTING || k->state == IPB_REQ_SHAKING) && connected(r, c, events) < 0)
		return;
	if (((events & EPOLLOUT) || r->config.io != NULL) && k->to_send != IPB_REQ_NONE && flush(r, c) < 0)
		return;
	if (k->fd >= 0 && (events & (EPOLLIN | OVER) || r->config.io != NULL))
		receive(r, c, events);
}

void ipb_req_sweep(struct ipb_requests *r, uint32_t count)
{
	const uint64_t most_ns = r->config.drain_ns + r->config.late_ns;

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t c = r->sweep_at++ % r->config.connections;
		struct ipb_req_conn *k = &r->conns[c];
		while (k->head != IPB_REQ_NONE && r->now_ns > r->slots[k->head].start_ns &&
		       r->now_ns - r->slots[k->head].start_ns > most_ns) {
			if (r->config.udp)
				lose(r, k, k->head, IPB_REQ_TIMED_OUT);
			else
				fail_conn(r, c, IPB_REQ_TIMED_OUT);
		}
		if (r->config.udp && k->to_send != IPB_REQ_NONE)
			flush(r, c);
	}
}

void ipb_req_abandon(struct ipb_requests *r)
{
	for (uint32_t c = 0; c < r->config.connections; c++)
		if (r->conns[c].head != IPB_REQ_NONE)
			fail_conn(r, c, IPB_REQ_TIMED_OUT);
		else
			close_conn(r, c, 0);
}

/* ---- set-up ----------------------------------------------------------------------------------------------------- */

#define CONNECT_NS 10000000000ull /* for all kept connections together, when the target answers */
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
	const uint64_t until_ns = ipb_req_tick(r) + CONNECT_NS;
	struct epoll_event events[AT_ONCE];
	uint32_t begun = 0, up = 0;

	while (up < all) {
		for (; begun < all && begun - up < AT_ONCE; begun++)
			if (open_conn(r, begun) < 0 || watch(r, begun) < 0)
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
				connected(r, c, events[i].events);
			if (r->conns[c].fd < 0)
				return ipb_error(err, "the connection to %s port %u ended while it was set up%s%s", r->config.host,
				                 r->config.port, r->other[0] != '\0' ? ": " : "", r->other);
			up += (uint32_t)(was != IPB_REQ_UP && r->conns[c].state == IPB_REQ_UP);
		}
		if (ipb_req_tick(r) > until_ns)
			return ipb_error(err, "only %u of %u connections to %s port %u stood within %u s", up, all, r->config.host,
			                 r->config.port, (unsigned)(CONNECT_NS / IPB_NS_PER_S));
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
	r->conns = calloc(cf->connections, sizeof *r->conns);
	r->states = calloc(cf->connections, cf->protocol->state_size + 1);
	r->slots = calloc(r->slot_count, sizeof *r->slots);
	r->free_slots = calloc(r->slot_count, sizeof *r->free_slots);
	r->waiting = cf->rate > 0 ? malloc(IPB_REQ_WAITING_MAX * sizeof *r->waiting) : NULL;
	r->buffer = malloc(IPB_REQ_BUFFER);
	r->packet = malloc(cf->request_size + 8u);
	if (r->conns == NULL || r->states == NULL || r->slots == NULL || r->free_slots == NULL || r->buffer == NULL ||
	    r->packet == NULL || (cf->rate > 0 && r->waiting == NULL))
		return ipb_error(err, "no memory for %u connections", cf->connections);
	if (cf->request_size > 0)
		memcpy(r->packet, cf->request, cf->request_size);
	for (uint32_t c = 0; c < cf->connections; c++) {
		r->conns[c].fd = -1;
		forget(&r->conns[c]);
	}
	for (uint32_t d = 0; d < cf->depth; d++)
		for (uint32_t c = 0; c < cf->connections; c++)
			r->free_slots[r->free_count++] = c * cf->depth + d;
	if (resolve_sources(r, err) < 0)
		return -1;
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		return ipb_error_errno(err, errno, "cannot watch connections");
	return cf->fresh ? 0 : connect_all(r, err);
}

void ipb_req_conns_close(struct ipb_requests *r)
{
	for (uint32_t c = 0; r->conns != NULL && c < r->config.connections; c++)
		close_conn(r, c, 0);
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
