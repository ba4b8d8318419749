/* Packets that wait for a connection that takes no more; see ipb_tcp.h.  SPDX-License-Identifier: MIT */
#include <sys/epoll.h>

#include "ipb_tcp.h"

#define RELEASE_MAX 8 /* packets of one flow that leave before the others have their turn */

void ipb_tcp_watch(struct ipb_engine *e, uint32_t flow)
{
	struct ipb_tcp_stream *s = &((struct ipb_tcp *)e->io)->streams[flow];
	const int wanted = s->held_count > 0 || s->tail_from != s->tail_size;
	struct epoll_event event = { .events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.u32 = flow };

	if (e->epoll < 0 || s->watched == wanted)
		return;
	if (epoll_ctl(e->epoll, EPOLL_CTL_MOD, e->fds[flow], &event) == 0)
		s->watched = wanted;
}

/* Nothing waits for the flow any more, or the time for that is over. */
static void unblocked(struct ipb_engine *e, struct ipb_tcp_stream *s, uint64_t now_ns)
{
	const uint64_t start = s->blocked_since_ns > e->measure_ns ? s->blocked_since_ns : e->measure_ns;
	const uint64_t end = now_ns < e->end_ns ? now_ns : e->end_ns;
	struct ipb_tcp *t = e->io;

	if (s->blocked_since_ns == 0)
		return;
	t->blocked_ns += end > start ? end - start : 0;
	e->blocked_ns = t->blocked_ns / e->config.flows;
	e->blocked_flows--;
	s->blocked_since_ns = 0;
}

static void drop_oldest(struct ipb_engine *e, struct ipb_tcp_stream *s)
{
	struct ipb_tcp *t = e->io;
	const struct ipb_tcp_held *h = &s->held[s->held_from];

	ipb_track_give_up(&e->track, h->number, h->measured);
	e->unaccepted += (uint64_t)h->measured;
	s->held_from = (s->held_from + 1) & (t->room - 1);
	s->held_count--;
}

int ipb_tcp_hold(struct ipb_engine *e, uint32_t flow)
{
	struct ipb_tcp *t = e->io;
	struct ipb_tcp_stream *s = &t->streams[flow];
	const uint64_t due_ns = ipb_engine_due(e, e->ready_from);
	const uint32_t size = e->slots[e->ready_from].size;
	const int measured = ipb_engine_measures(e, due_ns);

	if (measured && ipb_track_room(&e->track) == 0)
		return ipb_engine_fail(e, "too-many-packets", "the measured phase had more packets than there was room for");
	if (s->held_count == t->room)
		drop_oldest(e, s);
	s->held[(s->held_from + s->held_count++) & (t->room - 1)] =
		(struct ipb_tcp_held){ e->track.next, due_ns, size, measured };
	if (measured)
		ipb_engine_note_first(e, due_ns, 0);
	ipb_track_hold(&e->track, due_ns, size, measured);
	e->ready_from++;
	if (s->blocked_since_ns == 0) {
		s->blocked_since_ns = ipb_clock_now(&e->clock);
		e->blocked_flows++;
		e->flows_ever_blocked += (uint32_t)!s->ever_blocked;
		s->ever_blocked = 1;
	}
	ipb_tcp_watch(e, flow);
	return 0;
}

/* It has left after all: as account() in ipb_engine_send.c, for one packet that is late because its connection was. */
static void account(struct ipb_engine *e, const struct ipb_tcp_held *h, uint64_t left_ns)
{
	ipb_track_release(&e->track, h->number, left_ns, h->measured);
	if (e->sends_since_reply == 0)
		e->silent_since_ns = left_ns;
	e->sends_since_reply++;
	e->last_send_ns = left_ns;
	if (!h->measured)
		return;
	ipb_engine_interval(e, h->due_ns)->sent++;
	ipb_engine_note_late(e, h->due_ns, left_ns);
	ipb_hist_record(&e->lateness, left_ns - h->due_ns);
	ipb_hist_record(&e->excused, left_ns - h->due_ns);
	e->last_measured_send_ns = left_ns;
	if (left_ns < e->end_ns) {
		e->sent_in_window++;
		e->window_sent_bytes += h->size;
	}
}

int ipb_tcp_release(struct ipb_engine *e, uint32_t flow)
{
	struct ipb_tcp *t = e->io;
	struct ipb_tcp_stream *s = &t->streams[flow];

	for (int left = RELEASE_MAX; left > 0 && s->held_count > 0; left--) {
		const struct ipb_tcp_held h = s->held[s->held_from];
		if (!ipb_track_holds(&e->track, h.number)) { /* its record is gone: no reply to it could count */
			drop_oldest(e, s);
			continue;
		}
		const struct ipb_slot slot = { .frame = t->scratch, .packet = t->scratch, .size = h.size, .flow = flow };
		ipb_header_write(&e->header, t->scratch, h.size, h.number, e->config.flow_base + flow);
		const uint64_t now_ns = ipb_clock_now(&e->clock);
		const int sent = ipb_tcp_write(e, flow, &slot, 1);
		if (sent < 0)
			return -1;
		if (sent == 0)
			break;
		s->measured += (uint64_t)h.measured;
		s->held_from = (s->held_from + 1) & (t->room - 1);
		s->held_count--;
		account(e, &h, now_ns);
	}
	if (s->held_count == 0)
		unblocked(e, s, ipb_clock_now(&e->clock));
	ipb_tcp_watch(e, flow);
	return 0;
}

void ipb_tcp_give_up(struct ipb_engine *e, uint64_t now_ns)
{
	struct ipb_tcp *t = e->io;

	for (uint32_t i = 0; i < e->config.flows; i++) {
		while (t->streams[i].held_count > 0)
			drop_oldest(e, &t->streams[i]);
		unblocked(e, &t->streams[i], now_ns);
		ipb_tcp_watch(e, i);
	}
}
