/* Raw Ethernet through AF_PACKET's memory-mapped rings (TPACKET_V2).  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "ipb_raw.h"

#define FRAME 2048u
#define FRAMES 8192u      /* in each ring */
#define BLOCK (FRAME * 32u)
#define BATCH 64u
#define RECEIVE_MAX 64    /* frames handled before packets are sent again */

struct ring {
	uint8_t *map, *in, *out;
	size_t size;
	uint32_t in_at, out_at;
	uint32_t in_flight; /* frames given to the kernel whose send call has not been made */
};

static struct tpacket2_hdr *frame_at(uint8_t *ring, uint32_t index) { return (void *)(ring + (size_t)index * FRAME); }

static uint32_t status_of(struct tpacket2_hdr *h) { return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE); }

static int kick(struct ipb_engine *e)
{
	struct ring *r = e->io;

	if (r->in_flight == 0)
		return 0;
	if (send(e->fds[0], NULL, 0, MSG_DONTWAIT) < 0) {
		if (errno != ENETDOWN && errno != ENXIO)
			return ipb_engine_io_error(e, errno, "send on the ring");
		e->busy++; /* the interface is down: the frames wait in the ring */
		return 0;
	}
	r->in_flight = 0;
	return 0;
}

static int ring_send(struct ipb_engine *e, uint32_t n)
{
	const size_t data_at = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);
	struct ring *r = e->io;
	int sent = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct ipb_slot *s = &e->slots[e->ready_from + i];
		struct tpacket2_hdr *h = frame_at(r->out, r->out_at);
		uint32_t status = status_of(h);
		if (status == TP_STATUS_WRONG_FORMAT)
			return ipb_engine_fail(e, "socket-error", "the packet ring refused a frame of %u bytes", s->size);
		if (status != TP_STATUS_AVAILABLE)
			break;
		memcpy((uint8_t *)h + data_at, s->frame, s->size);
		h->tp_len = s->size;
		__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
		r->out_at = (r->out_at + 1) % FRAMES;
		r->in_flight++;
		sent++;
	}
	if (sent == 0) {
		e->busy++;
		e->not_accepted = 1;
	}
	return kick(e) < 0 ? -1 : sent;
}

static int ring_receive(struct ipb_engine *e)
{
	struct ring *r = e->io;
	int got = 0;

	for (; got < RECEIVE_MAX; got++) {
		struct tpacket2_hdr *h = frame_at(r->in, r->in_at);
		uint32_t status = status_of(h);
		if (!(status & TP_STATUS_USER))
			break;
		uint64_t now = ipb_clock_now(&e->clock);
		ipb_raw_frame(e, (uint8_t *)h + h->tp_mac, h->tp_snaplen, now, 0);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		r->in_at = (r->in_at + 1) % FRAMES;
	}
	return got == 0 && kick(e) < 0 ? -1 : got;
}

static uint64_t ring_drops(struct ipb_engine *e)
{
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof stats;

	return getsockopt(e->fds[0], SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 ? stats.tp_drops : 0;
}

static void ring_close(struct ipb_engine *e)
{
	struct ring *r = e->io;

	if (r != NULL && r->map != NULL)
		munmap(r->map, r->size);
	free(r);
	e->io = NULL;
}

static const struct ipb_xport ring_xport = { "ring", ring_send, ring_receive, ring_close, BATCH, ring_drops };

int ipb_ring_open(struct ipb_engine *e, struct ipb_error *err)
{
	struct tpacket_req request = { .tp_block_size = BLOCK, .tp_frame_size = FRAME,
	                               .tp_block_nr = FRAMES * FRAME / BLOCK, .tp_frame_nr = FRAMES };
	struct ring *r = ipb_apart(sizeof *r);
	int version = TPACKET_V2, yes = 1;

	e->io = r;
	e->x = &ring_xport;
	snprintf(e->io_why, sizeof e->io_why, "asked for; TPACKET_V2, %u frames each way", FRAMES);
	if (r == NULL)
		return ipb_error(err, "no memory");
	if (ipb_raw_socket(e, NULL, err) < 0)
		return -1;
	int fd = e->fds[0];
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof request) < 0)
		return ipb_error_errno(err, errno, "argument engine: this kernel gives no packet ring on %s; use engine=mmsg",
		                       e->config.iface);
	/* Frames that the driver cannot take are dropped and not waited for. */
	setsockopt(fd, SOL_PACKET, PACKET_LOSS, &yes, sizeof yes);
	r->size = 2ul * FRAMES * FRAME;
	void *map = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return ipb_error_errno(err, errno, "cannot map the packet ring of %s", e->config.iface);
	r->map = r->in = map;
	r->out = r->map + (size_t)FRAMES * FRAME;
	return 0;
}
