/* Requests of the core that get no response, and what takes them along.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipb_requests_private.h"

enum ipb_req_failure ipb_req_kind_of(struct ipb_requests *r, int error)
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
		if (r->other[0] == '\0' && error == EPROTO && r->config.io != NULL && r->config.io->why != NULL)
			snprintf(r->other, sizeof r->other, "%s", r->config.io->why(r->config.io_state));
		else if (r->other[0] == '\0')
			snprintf(r->other, sizeof r->other, "%s", strerror_r(error, text, sizeof text));
		return IPB_REQ_OTHER;
	}
}

void ipb_req_conn_take_out(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot)
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

void ipb_req_conn_lose(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot, enum ipb_req_failure why)
{
	ipb_req_conn_take_out(r, k, slot);
	r->slots[slot].answered = 0;
	ipb_req_lost(r, &r->slots[slot], why);
	ipb_req_freed(r, slot);
}

/* UDP: an ICMP error, which anybody may have sent, about a request that may be answered all the same. It counts if that is not. */
void ipb_req_conn_rejected(struct ipb_requests *r, struct ipb_req_conn *k, int error)
{
	uint32_t slot = k->head;

	while (slot != k->to_send && r->slots[slot].rejected > 0)
		slot = r->slots[slot].next;
	if (slot != k->to_send)
		r->slots[slot].rejected = (uint8_t)(ipb_req_kind_of(r, error) + 1);
}

/* A connection is gone, and with it all that was out on it. */
void ipb_req_conn_fail(struct ipb_requests *r, uint32_t c, enum ipb_req_failure why)
{
	struct ipb_req_conn *k = &r->conns[c];

	if (k->state != IPB_REQ_UP)
		r->hold_ns = r->now_ns + IPB_REQ_HOLD_NS;
	ipb_req_conn_close(r, c, 1);
	while (k->head != IPB_REQ_NONE)
		ipb_req_conn_lose(r, k, k->head, why);
	ipb_req_conn_forget(k);
}
