/*
 * Sends numbered packets at a rate.  SPDX-License-Identifier: MIT
 */
#ifndef SENDER_H
#define SENDER_H

#include "discard.h"
#include "ipb_error.h"
#include "ipb_sched.h"
#include "ipb_stop.h"

#define SENDER_BATCH 64                     /* packets handed over in one call, when that many are due */
#define SENDER_BEHIND_NS 100000000ull       /* further behind than this, the missed packets are given up */
#define SENDER_SPIN_NS 60000ull             /* the last stretch before a packet is due is spun, not slept */
#define SENDER_BUFFER (8 << 20)             /* bytes of socket buffer */
#define SENDER_ENDS 3                       /* closing packets, so that the receiver learns the count */
#define SENDER_FRAME_MAX 1514               /* bytes of a raw frame */

struct sender {
	/* what to do */
	double bps;
	uint32_t size;      /* bytes of a packet; raw: of the whole frame */
	uint64_t rampup_ns, warmup_ns, test_ns, cooldown_ns;
	uint64_t run_id;
	uint32_t flow;
	/* what with */
	int fd, raw;
	uint8_t ethernet[DISCARD_ETHERNET];
	uint8_t *packets;   /* SENDER_BATCH of size bytes */
	struct ipb_stop stopping;
	/* what came of it; the sending thread writes */
	uint64_t sequence, measured, again, failed, given_up;
	uint64_t handed_over; /* packets that the kernel took */
	int failure;        /* error number of the last of those that failed; 0: none did */
	uint64_t window_start_ns, window_end_ns;
};

/* Opens the socket: raw when iface is given to a MAC address, else UDP to host:port. 0, or -1 and a sentence. */
int sender_open_udp(struct sender *s, const char *host, uint16_t port, struct ipb_error *err);
int sender_open_raw(struct sender *s, const char *mac, const char *iface, uint16_t ether_type, struct ipb_error *err);
/* Runs all phases; report is called a few times a second. 0, or -1 and a sentence. */
int sender_run(struct sender *s, void (*report)(const struct sender *s, enum discard_phase phase, uint64_t elapsed_ns),
               struct ipb_error *err);
void sender_close(struct sender *s);

#endif
