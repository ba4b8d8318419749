/*
 * Sends numbered packets at a rate.  SPDX-License-Identifier: MIT
 */
#ifndef SENDER_H
#define SENDER_H

#include "discard.h"
#include "ipb_apart.h"
#include "ipb_error.h"
#include "ipb_sched.h"
#include "ipb_stop.h"

#define SENDER_BATCH 64                     /* packets handed over in one call, when that many are due */
#define SENDER_BEHIND_NS 100000000ull       /* further behind than this, the missed packets are given up */
#define SENDER_SPIN_NS 60000ull             /* the last stretch before a packet is due is spun, not slept */
#define SENDER_BUFFER (8 << 20)             /* bytes of socket buffer */
#define SENDER_TOO_LONG 8                   /* calls in a row that fail with "message too long" */
#define SENDER_ENDS 3                       /* closing packets, so that the receiver knows the count */
#define SENDER_FRAME_MAX 1514               /* bytes of a raw frame */
#define SENDER_INJECT_MAX 3072u             /* bytes of a frame that the kernel makes */

/* How far a sender is, for others to read while it runs: written a few times a second. */
struct sender_progress {
	_Atomic uint32_t phase;
	_Atomic uint64_t sequence, measured;
};

/* One of each thread: nothing that it writes is in a cache line of another's. */
struct sender {
	/* what to do */
	_Alignas(IPB_APART)
	double bps;
	uint32_t size;      /* bytes of a packet; raw: of the whole frame */
	uint64_t rampup_ns, warmup_ns, test_ns, cooldown_ns;
	uint64_t run_id;
	uint32_t flow;
	uint64_t start_ns;  /* CLOCK_MONOTONIC; when the phases begin; 0: at once */
	double stagger;     /* so much of an interval later each packet is due */
	/* what with */
	int fd, raw;
	uint8_t ethernet[DISCARD_ETHERNET];
	uint8_t *packets;   /* SENDER_BATCH of size bytes */
	struct inject *inject; /* NULL: packets are sent by the socket; else the kernel makes them (inject.h) */
	const struct ipb_stop *stopping; /* the owner's */
	struct sender_progress progress;
	uint64_t reported_ns; /* since the start */
	/* what came of it; the sending thread writes */
	uint64_t sequence, measured, again, failed, given_up;
	uint64_t handed_over; /* packets that the kernel took */
	int failure;        /* error number of the last of those that failed; 0: none did */
	uint64_t window_start_ns, window_end_ns; /* as they were: a sender that is asked to stop measures no longer than until then */
};

/* Opens the socket: raw frames to a MAC address, or UDP to host:port. 0, or -1 and a sentence. */
int sender_open_udp(struct sender *s, const char *host, uint16_t port, struct ipb_error *err);
int sender_open_raw(struct sender *s, const char *mac, const char *iface, uint16_t ether_type, struct ipb_error *err);
/* Runs all phases. 0, or -1 and a sentence. */
int sender_run(struct sender *s, struct ipb_error *err);
void sender_close(struct sender *s);

/* For the ways to send. What discard's header has of all packets of a sender; number, count and phase are zero. */
void sender_header(const struct sender *s, uint8_t *to);
void sender_wait_until(uint64_t due_ns);
/* Reports its progress, at most every so often. */
void sender_report(struct sender *s, uint64_t elapsed_ns);

#endif
