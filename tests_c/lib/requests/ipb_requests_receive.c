/* What comes back on the connections of the requests' core.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ipb_bytes.h"
#include "ipb_requests_private.h"

/* Bytes of a stream. 0, or -1 when the connection is not the same any more. */
static int take(struct ipb_requests *r, uint32_t c, const uint8_t *bytes, size_t size)
{
	struct ipb_req_conn *k = &r->conns[c];

	while (size > 0) {
		if (k->head == IPB_REQ_NONE) {
			r->stray++;
			ipb_req_conn_fail(r, c, IPB_REQ_CLOSED);
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
		enum ipb_req_step step = r->config.protocol->input(r->config.app, ipb_req_state_of(r, c), bytes, size, &used, measured);
		if (step == IPB_REQ_BROKEN) {
			ipb_req_conn_close(r, c, 1);
			ipb_req_conn_finish(r, c, 1, 1);
			return -1;
		}
		bytes += used;
		size -= used;
		if (step == IPB_REQ_MORE)
			continue;
		k->first_seen = 0;
		ipb_req_conn_finish(r, c, step == IPB_REQ_CORRUPT, step == IPB_REQ_LAST);
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
	ipb_req_conn_take_out(r, k, (uint32_t)slot);
	s->answered = 1;
	ipb_req_answered(r, s, !good);
	ipb_req_freed(r, (uint32_t)slot);
}

/* The target sends no more on this connection. */
static void ended(struct ipb_requests *r, uint32_t c)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->head == IPB_REQ_NONE) { /* it may: the connection is opened again when it is needed */
		ipb_req_conn_close(r, c, 0);
		return;
	}
	struct ipb_req_slot *s = &r->slots[k->head];
	if (s->written && r->config.protocol->end(r->config.app, ipb_req_state_of(r, c), ipb_req_measured(r, s->due_ns)) != IPB_REQ_MORE)
		ipb_req_conn_finish(r, c, 0, 1);
	else
		ipb_req_conn_fail(r, c, IPB_REQ_CLOSED);
}

void ipb_req_conn_receive(struct ipb_requests *r, uint32_t c, uint32_t events)
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
			ipb_req_conn_rejected(r, k, errno);
			continue;
		}
		if (n < 0) {
			ipb_req_conn_fail(r, c, ipb_req_kind_of(r, errno));
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
		if (plain && n < (ssize_t)IPB_REQ_BUFFER && !(events & IPB_REQ_OVER))
			return;
	}
}
