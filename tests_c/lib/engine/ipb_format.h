/*
 * Test packets of another protocol than ipbench's own (ipb_header.h), which the engine sends and tracks all the same.
 * SPDX-License-Identifier: MIT
 *
 * The engine numbers packets from 0, over all flows in turn: packet k is of flow k % flows. All functions are called on the
 * engine's thread, and do not allocate or wait.
 */
#ifndef IPB_FORMAT_H
#define IPB_FORMAT_H

#include <stdint.h>

#include "ipb_header.h"
#include "ipb_track.h"

struct ipb_json;
struct ipb_clock;

/* A reply that is one to a packet of this run. */
struct ipb_format_reply {
	const uint8_t *packet;
	uint32_t size, flow;
	uint64_t number;
	enum ipb_verdict_reply verdict; /* what it turned out to be */
	int held;                /* sent_ns is known: the packet is still in the engine's ring */
	uint64_t sent_ns, now_ns; /* when it left and when its reply was read, of the engine's clock */
	int stamped;             /* the kernel has been asked when it left; `stamped` below may follow */
};

struct ipb_format {
	const char *name;
	/* The run begins: this clock is the engine's. kernel: the kernel stamps packets, some at least. */
	void (*begin)(void *state, const struct ipb_clock *clock, int kernel);
	/* Writes a packet of that size, all but what depends on when it leaves. */
	void (*write)(void *state, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow);
	/* Writes that: it leaves now. May be called again, when it could not. */
	void (*depart)(void *state, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow, uint64_t now_ns);
	/* What a reply is; next: number of the next packet to be sent. */
	enum ipb_reply (*read)(void *state, const uint8_t *packet, uint32_t got, uint32_t flow, uint64_t next, uint64_t *number);
	/* A reply has been accounted for. Returns for how many ns the far end had its packet, which are no part of the round
	 * trip. */
	uint64_t (*reply)(void *state, const struct ipb_format_reply *r);
	/* The kernel's stamps of a packet and its reply, of the engine's clock. May come before or after `reply`. */
	void (*stamped)(void *state, uint64_t number, uint64_t out_ns, uint64_t in_ns);
	/* Members of the result document, into the open object. */
	void (*report)(void *state, struct ipb_json *j);
};

#endif
