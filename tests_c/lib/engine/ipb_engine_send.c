/* The sending half of the engine's loop: what is due is prepared, sent and accounted for in batches, so that what
 * a packet costs beside its system call stays small.  SPDX-License-Identifier: MIT */
#include <sys/socket.h>

#include "ipb_engine_private.h"

_Static_assert(IPB_ENGINE_BATCH <= IPB_TRACK_TRAIN_MAX, "what leaves together is one train");

#define CAUGHT_UP_NS 100000ull /* a packet that is less late than this waits for no other */
#define OVERDUE_NS 2000000ull /* packets later than this are caught up with in steps of catch_up_ns */

/* Puts the packets of the schedule that are due, at most limit, into the slots. */
static void prepare(struct ipb_engine *e, uint64_t now_ns, uint32_t limit)
{
	const uint64_t until = now_ns < e->stop_ns ? now_ns + 1 : e->stop_ns, number = e->track.next;
	const uint32_t flow = e->config.flows > 1 ? (uint32_t)(number % e->config.flows) : 0;
	uint32_t sizes[IPB_ENGINE_BATCH];

	if (e->config.flows > 1)
		limit = 1;
	else if (e->layers.used)
		limit = ipb_layers_limit(e, limit);
	e->ready_from = 0;
	e->even = ipb_sched_is_even(&e->sched);
	if (e->even) {
		e->due = ipb_sched_even(&e->sched);
		e->ready = ipb_sched_take_even(&e->sched, until, limit);
	} else {
		e->ready = ipb_sched_take(&e->sched, until, e->due_ns, sizes, limit);
	}
	if (ipb_engine_are_alike(e)) {
		if (e->config.one_way == NULL)
			ipb_header_renumber(&e->header, e->slots[0].packet, (size_t)(e->slots[1].packet - e->slots[0].packet),
			                    e->expected, number, e->config.flow_base, e->ready);
		return;
	}
	for (uint32_t i = 0; i < e->ready; i++) {
		struct ipb_slot *s = &e->slots[i];
		s->flow = flow;
		s->size = e->expected != 0 ? s->size : sizes[i];
		if (e->config.one_way != NULL)
			continue;
		ipb_engine_write(e, s->packet, s->size - e->offset, number + i, flow);
	}
}

static void record_lateness(const struct ipb_engine *e, struct ipb_hist *h, uint32_t from, uint32_t n, uint64_t left_ns)
{
	if (e->even) {
		const struct ipb_even due = ipb_even_from(&e->due, from);
		ipb_hist_record_even(h, left_ns, &due, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		ipb_hist_record(h, left_ns - ipb_engine_due(e, from + i));
}

/* Slots from..from + n, of the measured phase, have left: lateness, time series, totals. */
static void account_measured(struct ipb_engine *e, uint32_t from, uint32_t n, uint64_t left_ns)
{
	const uint32_t end = from + n;

	for (uint32_t i = from, next = from; i < end; i = next) {
		const uint64_t due_ns = ipb_engine_due(e, i);
		if (due_ns >= e->sending_until_ns) { /* due times only grow: one division an interval, not one a packet */
			e->sending = ipb_engine_interval(e, due_ns);
			e->sending_until_ns = e->measure_ns + ((due_ns - e->measure_ns) / e->interval_ns + 1) * e->interval_ns;
		}
		if (ipb_engine_due(e, end - 1) < e->sending_until_ns)
			next = end;
		else
			while (ipb_engine_due(e, next) < e->sending_until_ns)
				next++;
		e->sending->sent += next - i;
	}
	ipb_engine_note_late(e, ipb_engine_due(e, from), left_ns); /* the first one's is the greatest */
	record_lateness(e, &e->lateness, from, n, left_ns);
	if (ipb_engine_excuses(e, left_ns))
		record_lateness(e, &e->excused, from, n, left_ns);
	e->last_measured_send_ns = left_ns;
	if (left_ns >= e->end_ns)
		return;
	uint64_t bytes = e->expected != 0 ? (uint64_t)n * e->slots[from].size : 0;
	for (uint32_t i = 0; i < n && e->expected == 0; i++)
		bytes += e->slots[from + i].size;
	e->sent_in_window += n;
	e->window_sent_bytes += (double)bytes;
}

/* The next n ready slots, all of the measured phase or all not, left at left_ns. 0, or -1 when there was no room for
 * them. */
static int account_alike(struct ipb_engine *e, uint32_t n, uint64_t left_ns, int measured)
{
	const uint32_t from = e->ready_from;

	e->ready_from += n;
	if (measured && ipb_track_room(&e->track) < n)
		return ipb_engine_fail(e, "too-many-packets", "the measured phase had more packets than there was room for");
	if (measured)
		ipb_engine_note_first(e, ipb_engine_due(e, from), e->even ? ipb_even_from(&e->due, from).start_fraction : 0);
	if (e->even) {
		const struct ipb_even due = ipb_even_from(&e->due, from);
		const struct ipb_train train = { due.start_ns, due.start_fraction, left_ns, e->slots[from].size, 0 };
		ipb_track_sent_train(&e->track, &train, n, measured);
	} else {
		for (uint32_t i = 0; i < n; i++)
			ipb_track_sent(&e->track, ipb_engine_due(e, from + i), e->slots[from + i].size, left_ns, measured);
	}
	if (measured)
		account_measured(e, from, n, left_ns);
	return 0;
}

/* The packets of the ready slots are about to leave. */
static void seal(struct ipb_engine *e, uint64_t left_ns)
{
	const struct ipb_one_way *w = e->config.one_way;

	for (uint32_t i = e->ready_from; i < e->ready; i++) {
		const struct ipb_slot *s = &e->slots[i];
		const uint64_t due_ns = ipb_engine_due(e, i);
		w->seal(w->context, s->packet, s->size - e->offset, e->track.next + (i - e->ready_from), due_ns, left_ns,
		        ipb_engine_measures(e, due_ns));
	}
}

/* The next n ready slots left at left_ns; stamped: the kernel was asked for the first one's time. */
static void account(struct ipb_engine *e, uint32_t n, uint64_t left_ns, int stamped)
{
	const uint32_t end = e->ready_from + n, flow = e->slots[e->ready_from].flow;
	const uint64_t first = e->track.next;

	if (e->sends_since_reply == 0)
		e->silent_since_ns = left_ns;
	e->sends_since_reply += n;
	e->last_send_ns = left_ns;
	while (e->ready_from < end) {
		const int measured = ipb_engine_measures(e, ipb_engine_due(e, e->ready_from));
		/* Due times only grow: where the first one and the last one are measured, all are. */
		uint32_t next = measured && ipb_engine_measures(e, ipb_engine_due(e, end - 1)) ? end : e->ready_from + 1;
		while (next < end && ipb_engine_measures(e, ipb_engine_due(e, next)) == measured)
			next++;
		if (measured && e->config.one_way != NULL)
			e->config.one_way->sent[flow] += next - e->ready_from;
		if (account_alike(e, next - e->ready_from, left_ns, measured) < 0)
			return;
	}
	if (stamped)
		ipb_layers_sent(e, first, flow, left_ns);
}

void ipb_engine_unblocked(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t since = e->blocked_since_ns, end = now_ns < e->end_ns ? now_ns : e->end_ns;
	const uint64_t start = since > e->measure_ns ? since : e->measure_ns;

	if (since == 0)
		return;
	ipb_engine_note_blocked(e, since, now_ns);
	if (end > start)
		e->blocked_ns += end - start;
	/* What was held up leaves faster than it was due: that takes no longer than it was held up for, over all. */
	if (e->excused_until_ns < since)
		e->excused_until_ns = since;
	e->excused_until_ns += 2 * (now_ns - since);
	e->blocked_since_ns = 0;
}

/* Over TCP the target's window decides when packets leave, else the own link: that is no lateness of the loop. */
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
	/* All packets of one call left when it began, as far as is known: how the kernel's work is shared out among them
	 * cannot be seen from here, and what a TCP stream holds may leave in one piece. A later instant may lie behind the
	 * true one, and a round trip would seem shorter than any can be. Headers of several packets take time, those of one
	 * next to none. */
	const uint64_t left_ns = n > 1 || e->config.format != NULL ? ipb_clock_now(&e->clock) : now_ns;
	if (e->config.one_way != NULL)
		seal(e, left_ns);
	for (uint32_t i = e->ready_from; e->config.format != NULL && i < e->ready; i++)
		e->config.format->depart(e->config.format_state, e->slots[i].packet, e->slots[i].size - e->offset,
		                         e->track.next + i - e->ready_from, e->slots[i].flow, left_ns);
	e->not_accepted = 0;
	const int sent = e->x->send(e, n);
	note_acceptance(e, sent, left_ns);
	if (sent > 0) {
		e->send_failures = 0;
		account(e, (uint32_t)sent, left_ns, stamped);
	}
	return e->failed ? -1 : sent;
}

int ipb_engine_send_aside(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t size)
{
	struct iovec parts[2] = { { e->slots[0].frame, e->offset }, { (void *)(uintptr_t)packet, size } };
	struct msghdr m = { .msg_iov = &parts[e->offset == 0], .msg_iovlen = e->offset == 0 ? 1 : 2 };

	return sendmsg(e->fds[flow], &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : -1;
}

void ipb_engine_rejections(const struct ipb_engine *e, char *to, size_t size)
{
	ipb_trouble_text(&e->troubles, 0, to, size);
}
