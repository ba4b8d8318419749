/* The sending half of the engine's loop: what is due is prepared, sent and accounted for in batches, so that what
 * a packet costs beside its system call stays small.  SPDX-License-Identifier: MIT */
#include "ipb_engine_private.h"

#define CAUGHT_UP_NS 100000ull /* a packet that is less late than this waits for no other */
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
	const uint64_t until = now_ns < e->stop_ns ? now_ns + 1 : e->stop_ns;
	const uint32_t flow = e->config.flows > 1 ? (uint32_t)(e->track.next % e->config.flows) : 0;
	uint32_t sizes[IPB_ENGINE_BATCH], n;

	if (e->config.flows > 1)
		limit = 1;
	else if (e->layers.used)
		limit = ipb_layers_limit(e, limit);
	n = ipb_sched_take(&e->sched, until, e->due_ns, sizes, limit);
	for (uint32_t i = 0; i < n; i++) {
		e->slots[i].flow = flow;
		e->slots[i].size = sizes[i];
	}
	write_headers(e, n);
	e->ready_from = 0;
	e->ready = n;
}

/* When packets have left: the first at start_ns, each step_ns after the one before it. */
struct departure {
	uint64_t start_ns, step_ns;
};

static uint64_t left_at(const struct departure *d, uint32_t i) { return d->start_ns + i * d->step_ns; }

static void record_lateness(struct ipb_hist *h, const uint64_t *due_ns, uint32_t n, const struct departure *d)
{
	if (d->step_ns == 0) {
		ipb_hist_record_ages(h, d->start_ns, due_ns, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		ipb_hist_record(h, left_at(d, i) - due_ns[i]);
}

/* Packets of the measured phase have left: lateness, time series, totals. */
static void account_measured(struct ipb_engine *e, const uint64_t *due_ns, const uint32_t *sizes, uint32_t n,
                             const struct departure *d)
{
	for (uint32_t i = 0, from = 0; i < n; from = i) {
		if (due_ns[i] >= e->sending_until_ns) { /* due times only grow: one division an interval, not one a packet */
			e->sending = ipb_engine_interval(e, due_ns[i]);
			e->sending_until_ns = e->measure_ns + ((due_ns[i] - e->measure_ns) / e->interval_ns + 1) * e->interval_ns;
		}
		if (due_ns[n - 1] < e->sending_until_ns)
			i = n;
		else
			while (due_ns[i] < e->sending_until_ns)
				i++;
		e->sending->sent += i - from;
	}
	record_lateness(&e->lateness, due_ns, n, d);
	if (ipb_engine_excuses(e, d->start_ns))
		record_lateness(&e->excused, due_ns, n, d);
	e->last_measured_send_ns = left_at(d, n - 1);
	while (n > 0 && left_at(d, n - 1) >= e->end_ns)
		n--;
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes += sizes[i];
	e->sent_in_window += n;
	e->window_sent_bytes += (double)bytes;
}

/* The next n ready slots, all of the measured phase or all not, have left. 0, or -1 when there was no room for them. */
static int account_alike(struct ipb_engine *e, uint32_t n, const struct departure *d, int measured)
{
	const uint64_t *due_ns = &e->due_ns[e->ready_from];
	const struct ipb_slot *s = &e->slots[e->ready_from];
	uint32_t sizes[IPB_ENGINE_BATCH];

	for (uint32_t i = 0; i < n; i++)
		sizes[i] = s[i].size;
	e->ready_from += n;
	if (measured && ipb_track_room(&e->track) < n)
		return ipb_engine_fail(e, "too-many-packets", "the measured phase had more packets than there was room for");
	ipb_track_sent(&e->track, due_ns, sizes, n, d->start_ns, d->step_ns, measured);
	if (measured)
		account_measured(e, due_ns, sizes, n, d);
	return 0;
}

/* The next n ready slots have left; stamped: the kernel was asked for the first one's time. */
static void account(struct ipb_engine *e, uint32_t n, const struct departure *d, int stamped)
{
	const uint32_t from = e->ready_from, end = from + n, flow = e->slots[from].flow;
	const uint64_t first = e->track.next;

	if (e->sends_since_reply == 0)
		e->silent_since_ns = d->start_ns;
	e->sends_since_reply += n;
	e->last_send_ns = left_at(d, n - 1);
	while (e->ready_from < end) {
		const int measured = ipb_engine_measures(e, e->due_ns[e->ready_from]);
		const struct departure alike = { left_at(d, e->ready_from - from), d->step_ns };
		/* Due times only grow: where the first one and the last one are measured, all are. */
		uint32_t next = measured && ipb_engine_measures(e, e->due_ns[end - 1]) ? end : e->ready_from + 1;
		while (next < end && ipb_engine_measures(e, e->due_ns[next]) == measured)
			next++;
		if (account_alike(e, next - e->ready_from, &alike, measured) < 0)
			return;
	}
	if (stamped)
		ipb_layers_sent(e, first, flow, d->start_ns);
}

void ipb_engine_unblocked(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t since = e->blocked_since_ns, end = now_ns < e->end_ns ? now_ns : e->end_ns;
	const uint64_t start = since > e->measure_ns ? since : e->measure_ns;

	if (since == 0)
		return;
	if (end > start)
		e->blocked_ns += end - start;
	/* What was held up leaves faster than it was due: that takes no longer than it was held up for, over all. */
	if (e->excused_until_ns < since)
		e->excused_until_ns = since;
	e->excused_until_ns += 2 * (now_ns - since);
	e->blocked_since_ns = 0;
}

/* Over TCP the target's window says when packets leave: that is no lateness of ours. */
static void note_acceptance(struct ipb_engine *e, int sent, uint64_t now_ns)
{
	if (sent > 0)
		ipb_engine_unblocked(e, now_ns);
	else if (e->not_accepted && e->blocked_since_ns == 0)
		e->blocked_since_ns = now_ns;
}

/* Nothing is overdue any more: what was held up has left. */
static void forget_excuse(struct ipb_engine *e, uint64_t now_ns)
{
	if (e->excused_until_ns != 0 && now_ns - e->sched.due_ns < CAUGHT_UP_NS)
		e->excused_until_ns = 0;
}

int ipb_engine_send_due(struct ipb_engine *e, uint64_t now_ns)
{
	if (e->ready == e->ready_from) {
		uint32_t limit = e->batch;
		forget_excuse(e, now_ns);
		if (now_ns - e->sched.due_ns > OVERDUE_NS && e->catch_up_ns > 0) {
			if (now_ns - e->last_send_ns < e->catch_up_ns)
				return 0;
			limit = 1;
		}
		prepare(e, now_ns, limit);
		if (e->ready == 0)
			return 0;
	}
	const uint32_t n = e->ready - e->ready_from;
	const int stamped = n == 1 && e->layers.used && ipb_layers_wants(e);
	/* Headers take time, and the packets of one call leave one after another: their times are spread over the call. */
	struct departure d = { n > 1 ? ipb_clock_now(&e->clock) : now_ns, 0 };
	e->not_accepted = 0;
	int sent = e->x->send(e, n);
	if (sent > 1 && !e->x->together)
		d.step_ns = (ipb_clock_now(&e->clock) - d.start_ns) / (uint64_t)sent;
	note_acceptance(e, sent, d.start_ns);
	if (sent > 0)
		account(e, (uint32_t)sent, &d, stamped);
	return e->failed ? -1 : sent;
}
