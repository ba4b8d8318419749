/* See ipb_xsk.h.  SPDX-License-Identifier: MIT */
#include "ipb_xsk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

#define FRAME 2048u
#define FRAME_PAGE 4096u /* of a longer packet */
#define BUDGET 64        /* packets that one busy poll handles */
#define PROBE_BIND_MS 10 /* a queue that another socket has just left is not free at once */
#define BIND_TRIES 50

static int map_ring(struct ipb_xsk *x, struct ipb_xsk_ring *r, const struct xdp_ring_offset *at, uint32_t entries, size_t each,
                    uint64_t page)
{
	r->map_size = at->desc + entries * each;
	r->map = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd, (off_t)page);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -1;
	}
	r->producer = (uint32_t *)((uint8_t *)r->map + at->producer);
	r->consumer = (uint32_t *)((uint8_t *)r->map + at->consumer);
	r->flags = (uint32_t *)((uint8_t *)r->map + at->flags);
	r->entries = (uint8_t *)r->map + at->desc;
	r->mask = entries - 1;
	return 0;
}

static int register_memory(struct ipb_xsk *x)
{
	struct xdp_umem_reg about = { .addr = (uint64_t)(uintptr_t)x->umem, .len = x->umem_size, .chunk_size = x->frame_size };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &about, sizeof about) == 0)
		return 0;
	if (errno != ENOBUFS && errno != EPERM)
		return -1;
	setrlimit(RLIMIT_MEMLOCK, &all); /* the memory counts as locked */
	return setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &about, sizeof about);
}

static int open_memory(struct ipb_xsk *x, struct ipb_error *err)
{
	x->umem_size = (size_t)(IPB_XSK_RECEIVE_FRAMES + x->send_frames) * x->frame_size;
	x->umem = mmap(NULL, x->umem_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->umem == MAP_FAILED) {
		x->umem = NULL;
		return ipb_error(err, "no memory for %zu bytes of frames", x->umem_size);
	}
	x->unused = malloc((x->send_frames + 1) * sizeof *x->unused);
	if (x->unused == NULL)
		return ipb_error(err, "no memory");
	for (uint32_t i = 0; i < x->send_frames; i++)
		x->unused[i] = (uint64_t)(x->send_frames - 1 - i) * x->frame_size;
	x->unused_count = x->send_frames;
	if (register_memory(x) < 0)
		return ipb_error_errno(err, errno, "the kernel refused %zu bytes of memory for AF_XDP frames%s", x->umem_size,
		                       errno == ENOBUFS ? " (raise \"ulimit -l\")" : "");
	return 0;
}

static int open_rings(struct ipb_xsk *x, struct ipb_error *err)
{
	const uint32_t in = IPB_XSK_RECEIVE_FRAMES, out = IPB_XSK_SEND_FRAMES;
	struct xdp_mmap_offsets at;
	socklen_t size = sizeof at;

	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_FILL_RING, &in, sizeof in) < 0 ||
	    setsockopt(x->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &out, sizeof out) < 0 ||
	    setsockopt(x->fd, SOL_XDP, XDP_RX_RING, &in, sizeof in) < 0 ||
	    (x->send_frames > 0 && setsockopt(x->fd, SOL_XDP, XDP_TX_RING, &out, sizeof out) < 0) ||
	    getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) < 0)
		return ipb_error_errno(err, errno, "cannot make the rings of an AF_XDP socket");
	if (size != sizeof at)
		return ipb_error(err, "AF_XDP of this kernel is too old: it has no need-wakeup flags (Linux 5.4)");
	if (map_ring(x, &x->fill, &at.fr, in, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING) < 0 ||
	    map_ring(x, &x->completion, &at.cr, out, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING) < 0 ||
	    map_ring(x, &x->in, &at.rx, in, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING) < 0 ||
	    (x->send_frames > 0 && map_ring(x, &x->out, &at.tx, out, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING) < 0))
		return ipb_error_errno(err, errno, "cannot map the rings of an AF_XDP socket");
	for (uint32_t i = 0; i < in; i++)
		((uint64_t *)x->fill.entries)[i] = (uint64_t)(x->send_frames + i) * x->frame_size;
	x->fill.at = in;
	__atomic_store_n(x->fill.producer, in, __ATOMIC_RELEASE);
	return 0;
}

/* Zero-copy first. A queue is free again a moment after its last socket was closed. */
static int bind_queue(struct ipb_xsk *x, const struct ipb_xdp_device *d, uint32_t queue, enum ipb_xdp_mode mode)
{
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP, .sxdp_ifindex = d->ifindex, .sxdp_queue_id = queue };
	const uint16_t several = x->several ? XDP_USE_SG : 0;

	for (int zero_copy = mode == IPB_XDP_NATIVE; zero_copy >= 0; zero_copy--) {
		to.sxdp_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (zero_copy ? XDP_ZEROCOPY : XDP_COPY) | several);
		for (int i = 0; i < BIND_TRIES; i++) {
			if (bind(x->fd, (struct sockaddr *)&to, sizeof to) == 0) {
				x->zero_copy = zero_copy;
				return 0;
			}
			if (errno != EBUSY)
				break;
			usleep(PROBE_BIND_MS * 1000);
		}
	}
	return -1;
}

int ipb_xsk_open(struct ipb_xsk *x, const struct ipb_xdp_device *d, uint32_t queue, enum ipb_xdp_mode mode, int send,
                 int busy_poll_us, struct ipb_error *err)
{
	int yes = 1, budget = BUDGET;

	memset(x, 0, sizeof *x);
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0 && errno == EAFNOSUPPORT)
		return ipb_error(err, "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)");
	if (x->fd < 0)
		return ipb_error_errno(err, errno, "cannot open an AF_XDP socket, which needs root or CAP_NET_RAW");
	x->several = d->mtu > IPB_XSK_ONE_FRAME_MTU;
	x->frame_size = x->several ? FRAME_PAGE : FRAME;
	x->send_frames = send ? IPB_XSK_SEND_FRAMES : 0;
	if (open_memory(x, err) < 0 || open_rings(x, err) < 0)
		return -1;
	if (busy_poll_us > 0 && (setsockopt(x->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &yes, sizeof yes) < 0 ||
	                         setsockopt(x->fd, SOL_SOCKET, SO_BUSY_POLL, &busy_poll_us, sizeof busy_poll_us) < 0 ||
	                         setsockopt(x->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) < 0))
		return ipb_error_errno(err, errno, "argument busy_poll: this kernel does not poll AF_XDP sockets (Linux 5.11)");
	if (bind_queue(x, d, queue, mode) == 0)
		return 0;
	if (errno == EBUSY)
		return ipb_error(err, "queue %u of %s has an AF_XDP socket of another program: end that first", queue, d->name);
	if (errno == EINVAL && x->several)
		return ipb_error(err, "an AF_XDP socket for the MTU of %u of %s needs packets of several frames (Linux 6.6): \"ip link set %s "
		                 "mtu 1500\"", d->mtu, d->name, d->name);
	return ipb_error_errno(err, errno, "cannot bind an AF_XDP socket to queue %u of %s (driver %s)", queue, d->name, d->driver);
}

void ipb_xsk_close(struct ipb_xsk *x)
{
	struct ipb_xsk_ring *rings[] = { &x->fill, &x->completion, &x->in, &x->out };

	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
		if (rings[i]->map != NULL)
			munmap(rings[i]->map, rings[i]->map_size);
	if (x->fd >= 0)
		close(x->fd);
	if (x->umem != NULL)
		munmap(x->umem, x->umem_size);
	free(x->unused);
	memset(x, 0, sizeof *x);
	x->fd = -1;
}

void ipb_xsk_reclaim(struct ipb_xsk *x)
{
	const uint32_t until = __atomic_load_n(x->completion.producer, __ATOMIC_ACQUIRE);
	const uint64_t *entries = x->completion.entries;

	if (until == x->completion.at)
		return;
	while (x->completion.at != until)
		x->unused[x->unused_count++] = entries[x->completion.at++ & x->completion.mask];
	__atomic_store_n(x->completion.consumer, until, __ATOMIC_RELEASE);
}

int ipb_xsk_kick(struct ipb_xsk *x)
{
	if (!(__atomic_load_n(x->out.flags, __ATOMIC_ACQUIRE) & XDP_RING_NEED_WAKEUP))
		return 0;
	return sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? -1 : 0;
}

uint32_t ipb_xsk_waiting(const struct ipb_xsk *x)
{
	return x->out.at - __atomic_load_n(x->out.consumer, __ATOMIC_ACQUIRE);
}

uint64_t ipb_xsk_drops(struct ipb_xsk *x)
{
	struct xdp_statistics s = { 0 };
	socklen_t size = sizeof s;

	if (getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &s, &size) < 0)
		return 0;
	/* What found no frame in the fill ring is counted by its occasions in zero-copy mode and by packets in copying mode, where it
	 * is a part of rx_dropped. */
	const uint64_t all = s.rx_dropped + s.rx_ring_full, more = all - x->dropped;
	x->dropped = all;
	return more;
}

void ipb_xsk_release(struct ipb_xsk *x, uint32_t n)
{
	uint64_t *entries = x->fill.entries;

	/* The fill ring has a place for every frame that is not in it. */
	for (uint32_t i = 0; i < n; i++)
		entries[x->fill.at++ & x->fill.mask] = ipb_xsk_in(x, i)->addr & ~(uint64_t)(x->frame_size - 1);
	x->in.at += n;
	__atomic_store_n(x->fill.producer, x->fill.at, __ATOMIC_RELEASE);
	__atomic_store_n(x->in.consumer, x->in.at, __ATOMIC_RELEASE);
}

void ipb_xsk_wake(struct ipb_xsk *x)
{
	if (__atomic_load_n(x->fill.flags, __ATOMIC_ACQUIRE) & XDP_RING_NEED_WAKEUP)
		(void)!recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}
