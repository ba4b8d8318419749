/*
 * discard's packets made by the kernel: BPF_PROG_RUN with live frames (Linux 5.18).  SPDX-License-Identifier: MIT
 *
 * The kernel makes frames in batches of 64 and runs a program on each. The program is the sender: it reads the clock, and when
 * the next packet is due writes its headers, number, phase and checksum into the frame and has the driver of the interface send it
 * (XDP's redirect); else it throws the frame away. So packets leave when they are due although a call lasts long: beginning and
 * ending one costs the kernel two RCU grace periods, some milliseconds, after which it catches up. A call is as long as a request
 * to stop may wait. The counts are the program's own.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdint.h>

#include "ipb_asm.h"
#include "ipb_error.h"
#include "ipb_xdp.h"
#include "sender.h"

#define INJECT_CALL_NS 400000000ull /* how long one call is about to last */
#define INJECT_FRACTION 12          /* bits behind the point of the times below */

/* What the program and its owner share: a map's only value. Times are 2^-12 ns since start_ns. */
struct inject_state {
	uint64_t start_ns;                /* CLOCK_MONOTONIC */
	uint64_t now;                     /* as read last */
	uint64_t due, interval, until;    /* of the next packet; packets due from `until` on are not sent */
	uint64_t ends[3];                 /* of warm-up, measured phase and cool-down */
	uint64_t sequence, measured, given_up;
};

/* What the program writes into each frame. */
struct inject_frame {
	uint8_t bytes[SENDER_INJECT_MAX]; /* a whole one, number, phase and packets measured before it zero */
	uint32_t size, payload;           /* payload: where discard's header begins */
	int udp;                          /* the two bytes before the payload are the checksum */
};

/* Writes the program: frames leave by that interface. */
void inject_program(struct ipb_asm *a, const struct inject_frame *f, int state, uint32_t ifindex);

/* Has packets of a sender, whose socket is open, made by the kernel; iface: raw frames leave by it, NULL: UDP. 0, or -1 and a
 * sentence. */
int inject_open(struct sender *s, const char *iface, struct ipb_error *err);
void inject_close(struct sender *s);
/* The interface that its packets leave by. */
const struct ipb_xdp_device *inject_device(const struct sender *s);
/* Sends what is due in all phases from start_ns on. 0, or -1 and a sentence. */
int inject_run(struct sender *s, uint64_t start_ns, struct ipb_error *err);
/* Sends one closing packet, after that. 0, or -1 and a sentence. */
int inject_end(struct sender *s, struct ipb_error *err);

#endif
