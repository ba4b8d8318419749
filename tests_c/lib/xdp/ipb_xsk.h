/*
 * AF_XDP sockets: frames in memory that the kernel and the program share, one socket a receive queue.
 * SPDX-License-Identifier: MIT
 *
 * See the kernel's Documentation/networking/af_xdp.rst. One thread uses a socket.
 */
#ifndef IPB_XSK_H
#define IPB_XSK_H

#include <linux/if_xdp.h>
#include <stddef.h>
#include <stdint.h>

#include "ipb_error.h"
#include "ipb_xdp.h"

/* Since Linux 6.6; older headers lack them. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

#define IPB_XSK_SEND_FRAMES 2048u    /* a power of two, as are all rings */
#define IPB_XSK_RECEIVE_FRAMES 4096u
#define IPB_XSK_QUEUES_MAX 64u
#define IPB_XSK_ONE_FRAME_MTU 1500u  /* bytes; with more, frames have a page, and packets may have several */

/* A ring; its entries and both indices lie in memory of the kernel's. */
struct ipb_xsk_ring {
	uint32_t *producer, *consumer, *flags;
	void *entries, *map;
	size_t map_size;
	uint32_t mask, at; /* at: next entry of ours */
};

struct ipb_xsk {
	int fd; /* -1: not open */
	uint8_t *umem;
	size_t umem_size;
	uint32_t frame_size, send_frames;
	struct ipb_xsk_ring fill, completion, in, out;
	uint64_t *unused; /* frames that can be sent with, as a stack */
	uint32_t unused_count;
	int zero_copy, several; /* several: a packet may have several frames (XDP_USE_SG) */
	uint64_t dropped;       /* as reported last */
};

/* Opens the socket of a receive queue; send: whether it has frames to send with, too. Zero-copy where the driver has it and
 * the program is native, else copying. busy_poll_us: 0, or SO_PREFER_BUSY_POLL for so long. 0, or -1 and a sentence; close it in
 * both cases. */
int ipb_xsk_open(struct ipb_xsk *x, const struct ipb_xdp_device *d, uint32_t queue, enum ipb_xdp_mode mode, int send,
                 int busy_poll_us, struct ipb_error *err);
void ipb_xsk_close(struct ipb_xsk *x);

/* Takes back frames that have left, so that unused_count grows. */
void ipb_xsk_reclaim(struct ipb_xsk *x);
/* Has the kernel send what is in the ring. 0, or -1 with errno, EAGAIN or EBUSY when some of it waits or was dropped. */
int ipb_xsk_kick(struct ipb_xsk *x);
/* Frames of the sending ring that the kernel has not taken yet. */
uint32_t ipb_xsk_waiting(const struct ipb_xsk *x);
/* Packets that came and found no frame or no room in the ring, since the last call. */
uint64_t ipb_xsk_drops(struct ipb_xsk *x);

static inline uint8_t *ipb_xsk_frame(const struct ipb_xsk *x, uint64_t address) { return x->umem + address; }

static inline struct xdp_desc *ipb_xsk_out(const struct ipb_xsk *x, uint32_t ahead)
{
	return (struct xdp_desc *)x->out.entries + ((x->out.at + ahead) & x->out.mask);
}

/* The next n descriptors of the sending ring are the kernel's. */
static inline void ipb_xsk_submit(struct ipb_xsk *x, uint32_t n)
{
	x->out.at += n;
	__atomic_store_n(x->out.producer, x->out.at, __ATOMIC_RELEASE);
}

/* How many frames have come, and each of them. */
static inline uint32_t ipb_xsk_ready(const struct ipb_xsk *x)
{
	return __atomic_load_n(x->in.producer, __ATOMIC_ACQUIRE) - x->in.at;
}

static inline const struct xdp_desc *ipb_xsk_in(const struct ipb_xsk *x, uint32_t ahead)
{
	return (const struct xdp_desc *)x->in.entries + ((x->in.at + ahead) & x->in.mask);
}

/* The next n frames that came have been read: they are given back. */
void ipb_xsk_release(struct ipb_xsk *x, uint32_t n);
/* Lets the kernel work when it waits for that: a driver that found no frames, or one that is polled. */
void ipb_xsk_wake(struct ipb_xsk *x);

#endif
