/* The half that receives; see receiver.h.  SPDX-License-Identifier: MIT */
#include "receiver.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_header.h"
#include "ipb_link.h"
#include "ipb_sock.h"

#define BATCH 64u
#define ROOM 66000u           /* bytes of one packet */
#define CONTROL 256u
#define WAIT_MS 10            /* in poll, when nothing comes */
#define REAL_NS 20000000ull   /* how often the offset of the real-time clock is read again */
#define LIVE_NS 200000000ull  /* how often what can be watched is brought up to date */
#define SETTLE_NS 50000000ull /* waits so long for second copies when all is in */
#define HERE_NS 10000000000ull /* how often a bridge is shown again where the address is */
#define HERE_FIRST 3          /* frames that show it at the beginning */

struct reading {
	struct mmsghdr in[BATCH];
	struct iovec parts[BATCH];
	uint8_t *buffers;
	uint8_t (*control)[CONTROL];
	int64_t real_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t real_due_ns, live_due_ns, here_due_ns, all_in_ns, overflow_at_ns;
};

static int open_tallies(struct forward_receiver *r, const struct forward_config *c, struct ipb_error *err)
{
	r->tally_of = calloc(FORWARD_SENDERS_MAX, sizeof *r->tally_of);
	r->tallies = calloc(c->from_count, sizeof *r->tallies);
	r->pattern = malloc(FORWARD_PACKET_MAX);
	if (r->tally_of == NULL || r->tallies == NULL || r->pattern == NULL)
		return ipb_error(err, "no memory for %u senders", c->from_count);
	ipb_header_pattern(r->pattern, FORWARD_PACKET_MAX);
	for (uint32_t i = 0; i < c->from_count; i++) {
		r->tally_count++;
		r->tally_of[c->from[i]] = (uint16_t)r->tally_count;
		if (forward_tally_init(&r->tallies[i], c->from[i], c->drain_ns) < 0)
			return ipb_error(err, "no memory for %u senders", c->from_count);
	}
	return 0;
}

int forward_receiver_open(struct forward_receiver *r, const struct forward_config *c, uint64_t run, uint32_t own,
                          uint16_t port, struct ipb_error *err)
{
	int yes = 1;

	memset(r, 0, sizeof *r);
	r->fd = -1;
	if (c->from_count == 0)
		return 0;
	r->raw = c->engine.proto == IPB_RAW;
	r->kernel_stamps = c->kernel_stamps;
	r->own = own;
	r->clock = forward_clock();
	r->vlan_count = c->engine.vlan_count;
	memcpy(r->vlan_type, c->engine.vlan_type, sizeof r->vlan_type);
	memcpy(r->vlan_tag, c->engine.vlan_tag, sizeof r->vlan_tag);
	r->offset = r->raw ? IPB_ENGINE_FRAME_HEADER + r->vlan_count * IPB_ENGINE_VLAN_TAG : 0;
	forward_run_init(&r->run, run);
	if (c->has_mac)
		memcpy(r->mac, c->mac, sizeof r->mac);
	else
		forward_made_mac(run, own, r->mac);
	if (open_tallies(r, c, err) < 0 || (r->raw ? forward_open_raw(r, c, err) : forward_open_udp(r, c, port, err)) < 0)
		return -1;
	if (r->kernel_stamps && setsockopt(r->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) < 0)
		return ipb_error_errno(err, errno, "argument timestamps: the kernel stamps no packets; say timestamps=user");
	if (!r->raw && r->iface[0] == '\0')
		forward_tell_interface(r, 1);
	ipb_sysmon_read(&r->before, r->iface);
	return 0;
}

static int reading_open(struct reading *g)
{
	memset(g, 0, sizeof *g);
	g->buffers = malloc((size_t)BATCH * ROOM);
	g->control = calloc(BATCH, sizeof *g->control);
	if (g->buffers == NULL || g->control == NULL)
		return -1;
	for (uint32_t i = 0; i < BATCH; i++) {
		g->parts[i] = (struct iovec){ g->buffers + (size_t)i * ROOM, ROOM };
		g->in[i].msg_hdr = (struct msghdr){ .msg_iov = &g->parts[i], .msg_iovlen = 1 };
	}
	return 0;
}

static void reading_close(struct reading *g)
{
	free(g->buffers);
	free(g->control);
}

/* What the kernel reports with a packet. */
struct beside {
	uint64_t stamp_ns;      /* CLOCK_MONOTONIC; 0: none */
	int tagged;
	uint16_t tag, tag_type;
	unsigned ifindex;       /* 0: not known */
};

static struct beside beside_of(const struct reading *g, struct msghdr *m)
{
	struct beside b = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(c), sizeof t);
			b.stamp_ns = (uint64_t)((int64_t)t.tv_sec * 1000000000 + t.tv_nsec - g->real_offset_ns);
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			struct tpacket_auxdata a;
			memcpy(&a, CMSG_DATA(c), sizeof a);
			b.tagged = (a.tp_status & TP_STATUS_VLAN_VALID) != 0;
			b.tag = a.tp_vlan_tci;
			b.tag_type = a.tp_status & TP_STATUS_VLAN_TPID_VALID ? a.tp_vlan_tpid : FORWARD_TAG_VLAN;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo i;
			memcpy(&i, CMSG_DATA(c), sizeof i);
			b.ifindex = (unsigned)i.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo i;
			memcpy(&i, CMSG_DATA(c), sizeof i);
			b.ifindex = i.ipi6_ifindex;
		}
	}
	return b;
}

/* Tags of a frame, the outer one as the kernel gives it, and where its packet begins; 0 when it is none of ours. */
static uint32_t behind_tags(struct forward_receiver *r, const uint8_t *frame, uint32_t got, const struct beside *b)
{
	uint16_t types[IPB_ENGINE_VLANS_MAX + 2], tags[IPB_ENGINE_VLANS_MAX + 2];
	uint32_t at = 12, count = 0;

	if (b->tagged) {
		types[count] = b->tag_type;
		tags[count++] = b->tag;
	}
	for (; at + 2 <= got && count < IPB_ENGINE_VLANS_MAX + 1; at += IPB_ENGINE_VLAN_TAG) {
		const uint16_t type = (uint16_t)ipb_get_be(frame + at, 2);
		if ((type != FORWARD_TAG_VLAN && type != FORWARD_TAG_SERVICE) || at + 4 > got)
			break;
		types[count] = type;
		tags[count++] = (uint16_t)ipb_get_be(frame + at + 2, 2);
	}
	if (at + 2 > got || ipb_get_be(frame + at, 2) != IPB_ENGINE_ETHER_TYPE)
		return 0;
	int same = count == r->vlan_count;
	for (uint32_t i = 0; same && i < count; i++)
		same = types[i] == r->vlan_type[i] && (tags[i] & 0xfff) == (r->vlan_tag[i] & 0xfff);
	r->other_vlan += (uint64_t)!same;
	return at + 2;
}

static void take(struct forward_receiver *r, const uint8_t *packet, uint32_t got, uint64_t now_ns)
{
	struct forward_packet p;
	const enum forward_kind kind = forward_read(&r->run, packet, got, r->pattern, &p);

	r->received++;
	if (kind == FORWARD_STRAY) {
		r->stray++;
		return;
	}
	if (kind == FORWARD_OK && p.type == FORWARD_HERE)
		return; /* another receiver's, which a bridge sends everywhere */
	const uint32_t place = p.sender < FORWARD_SENDERS_MAX ? r->tally_of[p.sender] : 0;
	if (place == 0 && kind == FORWARD_CORRUPT) {
		if (!p.known && !p.tagged)
			r->stray++;
		else if (p.known)
			r->misrouted += p.type == FORWARD_MEASURED;
		else if (r->tally_count == 1)
			forward_tally_add(&r->tallies[0], &p, 1, got + r->offset, now_ns);
		else
			r->corrupt_unknown++;
		return;
	}
	if (place == 0) {
		r->misrouted += p.type <= FORWARD_MEASURED;
		r->misrouted_from = p.sender;
		return;
	}
	struct forward_tally *t = &r->tallies[place - 1];
	if (p.type >= FORWARD_LEARN)
		forward_tally_control(t, &p, r->clock);
	else
		forward_tally_add(t, &p, kind == FORWARD_CORRUPT, got + r->offset, now_ns);
}

/* The first packet shows by which interface packets come in; its drops are counted from then on. */
static void know_interface(struct forward_receiver *r, unsigned ifindex)
{
	if (ifindex == 0 || r->iface[0] != '\0' || if_indextoname(ifindex, r->iface) == NULL)
		return;
	forward_tell_interface(r, 0);
	r->link_start = forward_link_drops(r->iface);
}

static int read_some(struct forward_receiver *r, struct reading *g)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		g->in[i].msg_hdr.msg_control = g->control[i];
		g->in[i].msg_hdr.msg_controllen = CONTROL;
	}
	const int n = recvmmsg(r->fd, g->in, BATCH, MSG_DONTWAIT, NULL);
	const uint64_t now = ipb_now_ns();
	for (int i = 0; i < n; i++) {
		struct msghdr *m = &g->in[i].msg_hdr;
		const struct beside b = beside_of(g, m);
		const uint8_t *at = g->parts[i].iov_base;
		know_interface(r, b.ifindex);
		uint32_t got = g->in[i].msg_len, head = r->raw ? behind_tags(r, at, got, &b) : 0;
		if (r->raw && head == 0) {
			r->received++;
			r->stray++;
			continue;
		}
		take(r, at + head, got - head, b.stamp_ns != 0 ? b.stamp_ns : now);
	}
	return n;
}

/* A frame from the address that frames come to, so that bridges on the way know where it is. */
static void say_here(struct forward_receiver *r)
{
	uint8_t frame[IPB_ENGINE_FRAME_HEADER + 2 * IPB_ENGINE_VLAN_TAG + FORWARD_CONTROL_SIZE], *at = frame + 12;
	const struct forward_control none = { .flows = 1 };

	memset(frame, 0xff, 6);
	memcpy(frame + 6, r->mac, 6);
	for (uint32_t i = 0; i < r->vlan_count; i++, at += IPB_ENGINE_VLAN_TAG) {
		ipb_put_be(at, r->vlan_type[i], 2);
		ipb_put_be(at + 2, r->vlan_tag[i], 2);
	}
	ipb_put_be(at, IPB_ENGINE_ETHER_TYPE, 2);
	forward_write_control(&r->run, at + 2, FORWARD_HERE, r->own, ipb_now_ns(), &none);
	(void)!send(r->fd, frame, (size_t)(at + 2 + FORWARD_CONTROL_SIZE - frame), MSG_DONTWAIT); /* what fails shows as loss */
}

static int is_complete(const struct forward_receiver *r)
{
	for (uint32_t i = 0; i < r->tally_count; i++)
		if (!forward_tally_is_complete(&r->tallies[i]))
			return 0;
	return 1;
}

/* What is not done with every packet. Non-zero: it is over. */
static int look_around(struct forward_receiver *r, struct reading *g, uint64_t now_ns)
{
	if (now_ns >= g->real_due_ns) {
		struct ipb_clock plain = { 0 };
		uint64_t spread = 0;
		g->real_offset_ns = ipb_clock_realtime_offset_ns(&plain, &spread);
		r->stamp_error_ns = r->kernel_stamps && spread > r->stamp_error_ns ? spread : r->stamp_error_ns;
		g->real_due_ns = now_ns + REAL_NS;
	}
	if (r->raw && now_ns >= g->here_due_ns) {
		const int first = g->here_due_ns == 0;
		for (int i = 0; i < (first ? HERE_FIRST : 1); i++)
			say_here(r);
		g->here_due_ns = now_ns + HERE_NS;
	}
	if (now_ns >= g->live_due_ns) {
		g->live_due_ns = now_ns + LIVE_NS;
		forward_receiver_update(r);
	}
	return now_ns >= r->until_ns || atomic_load_explicit(&r->stop, memory_order_acquire);
}

/* All that was announced is in, and has been for a moment. */
static int is_over(struct forward_receiver *r, struct reading *g, uint64_t now_ns)
{
	if (atomic_load_explicit(&r->hold, memory_order_acquire) || !is_complete(r)) {
		g->all_in_ns = 0;
		return 0;
	}
	if (g->all_in_ns == 0)
		g->all_in_ns = now_ns;
	r->all_in = now_ns - g->all_in_ns >= SETTLE_NS;
	return r->all_in;
}

static void *receive(void *context)
{
	struct forward_receiver *r = context;
	struct reading g;

	if (reading_open(&g) < 0) {
		r->error = ENOMEM;
		reading_close(&g);
		atomic_store_explicit(&r->done, 1, memory_order_release);
		return NULL;
	}
	r->drops_start = ipb_sock_drops(r->fd);
	r->link_start = forward_link_drops(r->iface);
	r->backlog_start = forward_backlog_drops();
	for (;;) {
		const uint64_t now = ipb_now_ns();
		if (look_around(r, &g, now))
			break;
		const int n = read_some(r, &g);
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 && errno != EAGAIN && errno != ENETDOWN) {
			r->error = errno;
			break;
		}
		if (is_over(r, &g, now))
			break;
		struct pollfd p = { .fd = r->fd, .events = POLLIN };
		poll(&p, 1, WAIT_MS);
		if (p.revents & POLLERR) { /* the interface went down: it may come back */
			int error;
			socklen_t size = sizeof error;
			getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		}
	}
	r->ended_ns = ipb_now_ns();
	r->drops = ipb_sock_drops(r->fd);
	r->link = forward_link_drops(r->iface);
	r->backlog = forward_backlog_drops();
	ipb_sysmon_read(&r->after, r->iface);
	forward_receiver_update(r);
	reading_close(&g);
	atomic_store_explicit(&r->done, 1, memory_order_release);
	return NULL;
}

int forward_receiver_start(struct forward_receiver *r, uint64_t until_ns, struct ipb_error *err)
{
	if (r->fd < 0)
		return 0;
	r->start_ns = ipb_now_ns();
	r->until_ns = until_ns;
	const int error = pthread_create(&r->thread, NULL, receive, r);
	if (error != 0)
		return ipb_error_errno(err, error, "cannot start a thread to receive");
	r->running = 1;
	return 0;
}

void forward_receiver_stop(struct forward_receiver *r) { atomic_store_explicit(&r->stop, 1, memory_order_release); }

void forward_receiver_join(struct forward_receiver *r)
{
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = 0;
}

void forward_receiver_close(struct forward_receiver *r)
{
	forward_receiver_stop(r);
	forward_receiver_join(r);
	if (r->fd >= 0)
		close(r->fd);
	for (uint32_t i = 0; i < r->tally_count; i++)
		forward_tally_free(&r->tallies[i]);
	free(r->tallies);
	free(r->tally_of);
	free(r->pattern);
	memset(r, 0, sizeof *r);
	r->fd = -1;
}
