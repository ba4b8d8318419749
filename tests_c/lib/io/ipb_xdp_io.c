/* UDP and raw Ethernet through AF_XDP: frames that the kernel's network stack does not see.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_xdp_io.h"

#define BATCH 32u             /* the kernel sends so many in one call */
#define RECEIVE_MAX 64u       /* frames handled before packets are sent again */
#define ERRORS_NS 1000000ull  /* how often a flow is asked for ICMP errors, in turn */

/* Sends the frame at u->whole in as many frames as it needs, `ahead` descriptors from the next one; how many those are, 0: there
 * are too few. */
static uint32_t put_several(struct xdp *u, struct ipb_xsk *s, uint32_t size, uint32_t ahead)
{
	const uint32_t n = (size + s->frame_size - 1) / s->frame_size;

	if (n > s->unused_count || n > IPB_XDP_PACKET_FRAMES)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t from = i * s->frame_size, part = size - from < s->frame_size ? size - from : s->frame_size;
		const uint64_t address = s->unused[--s->unused_count];
		memcpy(ipb_xsk_frame(s, address), u->whole + from, part);
		*ipb_xsk_out(s, ahead + i) = (struct xdp_desc){ .addr = address, .len = part, .options = i + 1 < n ? XDP_PKT_CONTD : 0 };
	}
	return n;
}

static uint32_t put_one(struct ipb_engine *e, struct xdp *u, struct ipb_xsk *s, const struct ipb_slot *slot, uint32_t ahead)
{
	const uint32_t size = slot->size - e->offset;
	const uint16_t port = u->flow_ports != NULL ? u->flow_ports[slot->flow] : 0;

	if (size + u->frames.headers > s->frame_size)
		return put_several(u, s, ipb_xdp_frames_write(&u->frames, u->whole, slot->packet, size, port, 1), ahead);
	if (s->unused_count == 0)
		return 0;
	const uint64_t address = s->unused[--s->unused_count];
	/* Where packets of several frames are sent, too, a frame does not hold the pattern for ever. */
	const uint32_t length = ipb_xdp_frames_write(&u->frames, ipb_xsk_frame(s, address), slot->packet, size, port, s->several);
	*ipb_xsk_out(s, ahead) = (struct xdp_desc){ .addr = address, .len = length };
	return 1;
}

/* Has the kernel send what waits. Copying, it sends 32 frames in a call. */
static int kick(struct ipb_engine *e, struct ipb_xsk *s)
{
	if (ipb_xsk_kick(s) == 0)
		return 0;
	switch (errno) {
	case EBUSY:   /* the interface dropped one: its counter has it */
		e->turned_away++;
		e->busy++;
		return 0;
	case EAGAIN:  /* it takes no more for now, and what is in the ring waits */
	case ENOBUFS:
	case ENETDOWN:
	case ENXIO:
		e->busy++;
		return 0;
	default:
		return ipb_engine_io_error(e, errno, "sendto on the AF_XDP socket");
	}
}

static int xdp_send(struct ipb_engine *e, uint32_t n)
{
	struct xdp *u = e->io;
	struct ipb_xsk *s = &u->queues[0];
	const uint32_t room = IPB_XSK_SEND_FRAMES - ipb_xsk_waiting(s);
	uint32_t used = 0, sent = 0;

	ipb_xsk_reclaim(s);
	for (; sent < n && used + IPB_XDP_PACKET_FRAMES <= room; sent++) {
		const uint32_t frames = put_one(e, u, s, &e->slots[e->ready_from + sent], used);
		if (frames == 0)
			break;
		used += frames;
	}
	if (sent == 0) {
		e->busy++;
		e->not_accepted = 1;
	}
	ipb_xsk_submit(s, used);
	return kick(e, s) < 0 ? -1 : (int)sent;
}

/* One damaged byte leaves one of the two right. */
static int fits(const struct ipb_xdp_key *key, const uint8_t *payload, uint32_t there)
{
	uint64_t number;

	memcpy(&number, payload, sizeof number);
	return (uint32_t)(number >> 32) == key->high ||
	       (key->has_run && there >= IPB_HEADER_SIZE && ipb_get_be(payload + IPB_HEADER_RUN_AT, 8) == key->run);
}

/* Whose frame it is; the first thread gets what belongs to none, too: damaged frames, and strangers'. */
static uint32_t owner(const struct xdp *u, const uint8_t *payload, uint32_t there)
{
	const struct ipb_xdp_share *s = u->share;

	if (!u->frames.raw) {
		const uint32_t thread = s->thread_of[(uint32_t)payload[-6] << 8 | payload[-5]];
		return thread > 0 ? thread - 1 : 0;
	}
	for (uint32_t i = 0; there >= 8 && i < s->threads; i++)
		if (fits(&s->keys[i], payload, there))
			return i;
	return 0;
}

/* A frame of a reply to this thread. */
static void take(struct ipb_engine *e, struct xdp *u, const uint8_t *payload, uint32_t there, uint64_t now_ns)
{
	if (u->frames.raw) {
		ipb_engine_reply(e, 0, payload, there, now_ns, 0);
		return;
	}
	const uint32_t length = (uint32_t)payload[-4] << 8 | payload[-3], size = length > 8 ? length - 8 : 0;
	uint32_t flow = 0;
	if (u->flow_of != NULL) {
		flow = u->flow_of[(uint32_t)payload[-6] << 8 | payload[-5]];
		if (flow-- == 0) {
			e->stray++;
			return;
		}
	}
	/* Behind a short packet is what fills the frame up. */
	ipb_engine_reply(e, flow, payload, size < there ? size : there, now_ns, 0);
}

/* A frame that the program has given to us: of a reply, as far as it checked. */
static void sort_out(struct ipb_engine *e, struct xdp *u, const uint8_t *frame, uint32_t got, uint64_t now_ns)
{
	if (got < u->frames.headers) {
		e->stray++;
		return;
	}
	const uint32_t there = got - u->frames.headers;
	const uint8_t *payload = frame + u->frames.headers;
	const uint32_t whose = u->share->threads > 1 ? owner(u, payload, there) : 0;
	if (whose != u->thread)
		ipb_xdp_share_post(u->share, whose, frame, got, now_ns);
	else if (!u->over)
		take(e, u, payload, there, now_ns);
}

/* What came by another thread's queue. */
static uint32_t read_mail(struct ipb_engine *e, struct xdp *u)
{
	const struct ipb_xdp_letter *l;
	uint32_t n = 0;

	while (n < RECEIVE_MAX && (l = ipb_xdp_share_letter(u->share, u->thread, n)) != NULL) {
		take(e, u, l->frame + u->frames.headers, l->size - u->frames.headers, l->now_ns);
		n++;
	}
	if (n > 0)
		ipb_xdp_share_read(u->share, u->thread, n);
	return n;
}

/* Puts the frames of one packet together; n is how many they are. 0 when its end has not come. */
static uint32_t gather(struct xdp *u, const struct ipb_xsk *s, uint32_t from, uint32_t ready, uint32_t *n)
{
	uint32_t size = 0;

	for (*n = 0; from + *n < ready;) {
		const struct xdp_desc *d = ipb_xsk_in(s, from + *n);
		(*n)++;
		if (size + d->len > (IPB_XDP_PACKET_FRAMES + 1) * s->frame_size)
			continue;
		memcpy(u->whole + size, ipb_xsk_frame(s, d->addr), d->len);
		size += d->len;
		if (!(d->options & XDP_PKT_CONTD))
			return size;
	}
	return 0;
}

static uint32_t receive_queue(struct ipb_engine *e, struct xdp *u, struct ipb_xsk *s)
{
	uint32_t ready = ipb_xsk_ready(s), got = 0, done = 0;

	if (ready == 0) {
		ipb_xsk_wake(s);
		return 0;
	}
	const uint64_t now = ipb_clock_now(&e->clock); /* all of them are here */
	while (done < ready && got < RECEIVE_MAX) {
		const struct xdp_desc *d = ipb_xsk_in(s, done);
		uint32_t frames = 1;
		if (__builtin_expect(d->options & XDP_PKT_CONTD, 0)) {
			const uint32_t size = gather(u, s, done, ready, &frames);
			if (size == 0)
				break;
			sort_out(e, u, u->whole, size, now);
		} else {
			sort_out(e, u, ipb_xsk_frame(s, d->addr), d->len, now);
		}
		done += frames;
		got++;
	}
	ipb_xsk_release(s, done);
	return got;
}

/* ICMP errors come to the sockets behind the flows; one of those is asked at a time. */
static void look_for_errors(struct ipb_engine *e, struct xdp *u)
{
	const uint64_t now = ipb_clock_now(&e->clock);

	if (u->frames.raw || now < u->errors_due_ns)
		return;
	u->errors_due_ns = now + ERRORS_NS;
	ipb_engine_read_errors(e, u->errors_flow);
	u->errors_flow = (u->errors_flow + 1) % e->config.flows;
}

static int xdp_receive(struct ipb_engine *e)
{
	struct xdp *u = e->io;
	uint32_t got = 0;

	for (uint32_t i = 0; i < u->queue_count; i++)
		got += receive_queue(e, u, &u->queues[i]);
	if (u->share->threads > 1)
		got += read_mail(e, u);
	if (got > 0)
		return (int)got;
	look_for_errors(e, u);
	return ipb_xsk_waiting(&u->queues[0]) > 0 && kick(e, &u->queues[0]) < 0 ? -1 : 0;
}

static uint64_t xdp_drops(struct ipb_engine *e)
{
	struct xdp *u = e->io;
	uint64_t drops = 0;

	for (uint32_t i = 0; i < u->queue_count; i++)
		drops += ipb_xsk_drops(&u->queues[i]);
	const uint64_t mail = ipb_xdp_share_dropped(u->share, u->thread), more = mail - u->mail_dropped;
	u->mail_dropped = mail;
	return drops + more;
}

void ipb_xdp_io_serve(struct ipb_engine *e)
{
	struct xdp *u = e->io;

	u->over = 1;
	for (uint32_t i = 0; i < u->queue_count; i++)
		receive_queue(e, u, &u->queues[i]);
}

static void xdp_close(struct ipb_engine *e)
{
	struct xdp *u = e->io;

	if (u == NULL)
		return;
	ipb_xdp_share_close(u->own); /* first, so that no more frames come */
	for (uint32_t i = 0; i < u->queue_count; i++)
		ipb_xsk_close(&u->queues[i]);
	free(u->flow_ports);
	free(u->flow_of);
	free(u->whole);
	free(u);
	e->io = NULL;
}

const struct ipb_xport ipb_xdp_xport = { "xdp", xdp_send, xdp_receive, xdp_close, BATCH, xdp_drops };
