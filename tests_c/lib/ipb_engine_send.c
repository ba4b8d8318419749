/* The sending half of the engine's loop: what is due is prepared, sent and accounted for in batches, so that what
 * a packet costs beside its system call stays small.  SPDX-License-Identifier: MIT */
#include "ipb_engine_private.h"

#define OVERDUE_NS 2000000ull /* packets later than this are caught up with in steps of catch_up_ns */

static void write_headers(struct ipb_engine *e, uint32_t n)
{
	uint64_t number = e->track.next;

	if (e->expected != 0 && e->config.flows == 1) {
		ipb_header_write_run(&e->header, e->slots[0].packet, (size_t)(e->slots[1].packet - e->slots[0].packet),
		                     e->expected, number, e->config.flow_base, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct ipb_slot *s = &e->slots[i];
		ipb_header_write(&e->header, s->packet, s->size - e->offset, number + i, e->config.flow_base + s->flow);
	}
}

/* Puts the packets of the schedule that are due, at most limit, into the slots. */
static void prepare(struct ipb_engine *e, uint64_t now_ns, uint32_t limit)
{
	const uint64_t until = now_ns < e->stop_ns ? now_ns + 1 : e->stop_ns, from = e->measure_ns, end = e->end_ns;
	const uint32_t flow = e->config.flows > 1 ? (uint32_t)(e->track.next % e->config.flows) : 0;
	uint64_t due_ns[IPB_ENGINE_BATCH];
	uint32_t sizes[IPB_ENGINE_BATCH], n;

	if (e->config.flows > 1 || (e->layers.used && ipb_layers_wants(e)))
		limit = 1;
	n = ipb_sched_take(&e->sched, until, due_ns, sizes, limit);
	for (uint32_t i = 0; i < n; i++) {
		struct ipb_slot *s = &e->slots[i];
		s->flow = flow;
		s->size = sizes[i];
		s->due_ns = due_ns[i];
		s->measured = due_ns[i] >= from && due_ns[i] < end;
	}
	write_headers(e, n);
	e->ready_from = 0;
	e->ready = n;
}

/* Packets of the measured phase have left: lateness, time series, totals. */
static void account_measured(struct ipb_engine *e, const uint64_t *due_ns, uint64_t bytes, uint32_t n, uint64_t now_ns)
{
	uint64_t late_ns[IPB_ENGINE_BATCH];

	for (uint32_t i = 0, from = 0; i < n; from = i) {
		if (due_ns[i] >= e->sending_until_ns) { /* due times only grow: one division an interval, not one a packet */
			e->sending = ipb_engine_interval(e, due_ns[i]);
			e->sending_until_ns = e->measure_ns + ((due_ns[i] - e->measure_ns) / e->interval_ns + 1) * e->interval_ns;
		}
		for (const uint64_t until = e->sending_until_ns; i < n && due_ns[i] < until; i++)
			late_ns[i] = now_ns - due_ns[i];
		e->sending->sent += i - from;
	}
	ipb_hist_record_many(&e->lateness, late_ns, n);
	e->last_measured_send_ns = now_ns;
	if (now_ns < e->end_ns) {
		e->sent_in_window += n;
		e->window_sent_bytes += (double)bytes;
	}
}

/* The next n ready slots have left; stamped: the kernel was asked for the first one's time. */
static void account(struct ipb_engine *e, uint32_t n, uint64_t now_ns, int stamped)
{
	const struct ipb_slot *s = &e->slots[e->ready_from], *end = s + n;
	uint64_t due_ns[IPB_ENGINE_BATCH], first = e->track.next;
	uint32_t sizes[IPB_ENGINE_BATCH], flow = s->flow;

	e->ready_from += n;
	if (e->sends_since_reply == 0)
		e->silent_since_ns = now_ns;
	e->sends_since_reply += n;
	e->last_send_ns = now_ns;
	while (s < end) {
		const int measured = s->measured;
		uint64_t bytes = 0;
		for (n = 0; s < end && s->measured == measured; s++, n++) {
			due_ns[n] = s->due_ns;
			sizes[n] = s->size;
			bytes += s->size;
		}
		if (measured && ipb_track_room(&e->track) < n) {
			ipb_engine_fail(e, "too-many-packets", "the measured phase had more packets than there was room for");
			return;
		}
		ipb_track_sent(&e->track, due_ns, sizes, n, now_ns, measured);
		if (measured)
			account_measured(e, due_ns, bytes, n, now_ns);
	}
	if (stamped)
		ipb_layers_sent(e, first, flow, now_ns);
}

int ipb_engine_send_due(struct ipb_engine *e, uint64_t now_ns)
{
	if (e->ready == e->ready_from) {
		uint32_t limit = e->batch;
		if (now_ns - e->sched.due_ns > OVERDUE_NS && e->catch_up_ns > 0) {
			if (now_ns - e->last_send_ns < e->catch_up_ns)
				return 0;
			limit = 1;
		}
		prepare(e, now_ns, limit);
		if (e->ready == 0)
			return 0;
	}
	int stamped = e->layers.used && ipb_layers_wants(e);
	int sent = e->x->send(e, e->ready - e->ready_from);
	if (sent > 0)
		account(e, (uint32_t)sent, now_ns, stamped);
	return e->failed ? -1 : sent;
}
