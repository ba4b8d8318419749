/* The connections of the requests' core.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_requests_private.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define UDP_TRIES 4 /* sends of a datagram: an ICMP error about an earlier one makes the next call fail */

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

/* abort: with a reset, so that nothing is left of it. */
void ipb_req_conn_close(struct ipb_requests *r, uint32_t c, int abort)
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

void ipb_req_conn_forget(struct ipb_req_conn *k)
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

static int open_socket(struct ipb_requests *r, struct ipb_req_conn *k)
{
	const struct ipb_sock_options udp = { .dscp = -1, .df = IPB_DF_OFF };
	const struct ipb_requests_config *cf = &r->config;
	int yes = 1;

	k->fd = socket(r->target.storage.ss_family, (cf->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return -1;
	if (cf->udp && ipb_sock_apply(k->fd, r->target.storage.ss_family, &udp, NULL) < 0)
		return -1;
	if (!cf->udp && cf->sock.nodelay && setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0)
		return -1;
	if (cf->sock.sockopts != NULL && cf->sock.sockopts[0] != '\0' && ipb_sock_apply_text(k->fd, cf->sock.sockopts, NULL) < 0)
		return -1;
	if (r->source_count == 0)
		return 0;
	k->source = (uint8_t)(r->source_next++ % r->source_count);
	const struct ipb_address *from = &r->sources[k->source];
	if (!cf->udp) {
		setsockopt(k->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		setsockopt(k->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
	}
	return bind(k->fd, (const struct sockaddr *)&from->storage, from->size);
}

/* Begins to connect. 0, or -1 and errno. */
int ipb_req_conn_open(struct ipb_requests *r, uint32_t c)
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
	r->config.protocol->begin(r->config.app, ipb_req_state_of(r, c));
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

int ipb_req_conn_watch(struct ipb_requests *r, uint32_t c)
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
void ipb_req_conn_finish(struct ipb_requests *r, uint32_t c, int corrupt, int last)
{
	struct ipb_req_conn *k = &r->conns[c];
	const uint32_t slot = k->head;

	last |= !r->slots[slot].written; /* the rest of the request would be taken for the next one */
	ipb_req_conn_take_out(r, k, slot);
	r->slots[slot].answered = 1;
	if (last || r->config.fresh) {
		ipb_req_conn_close(r, c, 0);
		ipb_req_tick(r);
	}
	ipb_req_answered(r, &r->slots[slot], corrupt);
	ipb_req_freed(r, slot);
	if (k->fd < 0)
		while (k->head != IPB_REQ_NONE)
			ipb_req_conn_lose(r, k, k->head, IPB_REQ_CLOSED);
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
	int tries = 0;

	while (k->to_send != IPB_REQ_NONE) {
		struct ipb_req_slot *s = &r->slots[k->to_send];
		if (r->config.udp) {
			bytes = r->packet;
			ipb_put_be(r->packet, k->to_send, 4);
			ipb_put_be(r->packet + 4, s->number, 4);
			if (r->config.introduce != NULL)
				ipb_put_be(r->packet + 8, r->words[k->source], 8);
		}
		ssize_t n = size == 0 ? 0 : send_some(r, c, bytes + k->offset, size - k->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || (r->config.udp && errno == ENOBUFS)))
			return 0;
		if (n < 0 && r->config.udp && ++tries < UDP_TRIES) {
			ipb_req_conn_rejected(r, k, errno);
			continue;
		}
		if (n < 0) {
			enum ipb_req_failure why = ipb_req_kind_of(r, errno);
			if (r->config.udp)
				ipb_req_conn_lose(r, k, k->to_send, why);
			else
				ipb_req_conn_fail(r, c, why);
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
		tries = 0;
		k->to_send = s->next;
		s->written = 1;
		if (r->config.no_response) {
			ipb_req_tick(r);
			ipb_req_conn_finish(r, c, 0, 0);
			return 0;
		}
	}
	return 0;
}

/* What could not leave does not count as sent. */
static void never_left(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot, int error)
{
	ipb_req_conn_take_out(r, k, slot);
	ipb_req_unstarted(r, &r->slots[slot]);
	if (error == EMFILE || error == ENFILE)
		r->no_descriptor++;
	else
		r->no_port++;
	r->hold_ns = r->now_ns + IPB_REQ_HOLD_NS;
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
	s->written = s->answered = s->rejected = 0;
	append(r, k, slot);
	ipb_req_started(r, s, queued ? s->start_ns : due_ns);
	if (k->state != IPB_REQ_DOWN)
		return k->state == IPB_REQ_UP ? flush(r, c) : 0;
	if (ipb_req_conn_open(r, c) < 0) {
		if (errno == EADDRNOTAVAIL || errno == EADDRINUSE || errno == EMFILE || errno == ENFILE) {
			never_left(r, k, slot, errno);
			return -1;
		}
		ipb_req_conn_fail(r, c, ipb_req_kind_of(r, errno));
		return -1;
	}
	/* On a short way the connection is up already. */
	if (r->config.io == NULL && r->config.request_size > 0 && flush(r, c) < 0)
		return -1;
	if (k->fd >= 0 && ipb_req_conn_watch(r, c) < 0) {
		ipb_req_conn_fail(r, c, ipb_req_kind_of(r, errno));
		return -1;
	}
	return 0;
}

/* The connect has come to its end, or an event shows why not. -1: it has failed. */
int ipb_req_conn_connected(struct ipb_requests *r, uint32_t c, uint32_t events)
{
	struct ipb_req_conn *k = &r->conns[c];
	socklen_t size = sizeof(int);
	int error = 0;

	if (k->state == IPB_REQ_CONNECTING) {
		if ((events & (EPOLLERR | EPOLLHUP)) && getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
			ipb_req_conn_fail(r, c, ipb_req_kind_of(r, error));
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
			ipb_req_conn_fail(r, c, ipb_req_kind_of(r, errno));
		if (done <= 0)
			return -1;
		ipb_req_tick(r);
		note_connect(r, k);
	}
	return 0;
}

void ipb_req_event(struct ipb_requests *r, uint32_t c, uint32_t events)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->fd < 0)
		return;
	ipb_req_tick(r);
	if ((k->state == IPB_REQ_CONNECTING || k->state == IPB_REQ_SHAKING) && ipb_req_conn_connected(r, c, events) < 0)
		return;
	if (((events & EPOLLOUT) || r->config.io != NULL) && k->to_send != IPB_REQ_NONE && flush(r, c) < 0)
		return;
	if (k->fd >= 0 && (events & (EPOLLIN | IPB_REQ_OVER) || r->config.io != NULL))
		ipb_req_conn_receive(r, c, events);
}

static enum ipb_req_failure why_lost(const struct ipb_req_slot *s)
{
	return s->rejected > 0 ? (enum ipb_req_failure)(s->rejected - 1) : IPB_REQ_TIMED_OUT;
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
				ipb_req_conn_lose(r, k, k->head, why_lost(&r->slots[k->head]));
			else
				ipb_req_conn_fail(r, c, IPB_REQ_TIMED_OUT);
		}
		if (r->config.udp && k->to_send != IPB_REQ_NONE)
			flush(r, c);
	}
}

void ipb_req_abandon(struct ipb_requests *r)
{
	for (uint32_t c = 0; c < r->config.connections; c++)
		if (r->conns[c].head != IPB_REQ_NONE)
			ipb_req_conn_fail(r, c, IPB_REQ_TIMED_OUT);
		else
			ipb_req_conn_close(r, c, 0);
}
