/*
 * The echo in the driver: an XDP program that turns UDP packets and raw frames round where they arrive.
 * SPDX-License-Identifier: MIT
 *
 * What is answered, and what is not, is what echo_udp.c and echo_raw.c do, but for one thing: what the program does not
 * understand (fragments, IP options, extension headers, VLAN tags) it passes to the kernel, where the UDP server of the same
 * echo answers it.
 */
#ifndef ECHO_XDP_H
#define ECHO_XDP_H

#include <stdint.h>

#include "ipb_asm.h"
#include "ipb_error.h"
#include "ipb_xdp.h"

#define ECHO_XDP_ADDRESSES_MAX 16 /* of an interface, that are answered */
#define ECHO_XDP_SLOTS 4096u      /* packets that a processor remembers, to see which go round */

/* What a processor has counted, in the kernel's map. */
struct echo_xdp_counts {
	uint64_t udp_packets, udp_bytes; /* of the payload */
	uint64_t raw_packets, raw_bytes; /* of the frame */
	uint64_t ignored, rounds, checked;
};

/* What the program remembers of a packet; see echo_guard.h, whose struct guard_packet this is. A packet has a slot when it has come
 * twice. Every packet has one of as many places, 8 bytes that are always at hand: its tag, and a weight, which grows with each time that
 * it comes and shrinks with each other packet that comes there. At 0 the next one takes the place: so one that comes more often than all
 * others that share its place together is never forgotten. */
struct echo_xdp_slot {
	uint64_t tag, first_ns, last_ns, late_from_ns, silent_until_ns, trusted_until_ns;
	uint32_t count, late;
	uint16_t needed;
	uint8_t trusted, sent_anew;
	uint32_t unused;
};

/* Of what the program is made. */
struct echo_xdp_plan {
	struct ipb_xdp_device device;
	struct echo_xdp_address {
		int family;        /* AF_INET or AF_INET6 */
		uint8_t bytes[16]; /* in network byte order */
	} addresses[ECHO_XDP_ADDRESSES_MAX];
	unsigned address_count;
	uint16_t port;
	int udp, raw, broadcast, check, reflect_dscp;
	uint32_t spoil;
	uint64_t seed;     /* nobody is to know which packets share a place */
	int counts, tags, slots; /* maps, arrays per CPU: one struct echo_xdp_counts, places, and slots */
};

/* Writes the program for a mode; ends with a verdict for every frame. */
void echo_xdp_program(struct ipb_asm *a, const struct echo_xdp_plan *p, enum ipb_xdp_mode mode);

/* Part of it: jumps to `round` for a packet that may be going round, else goes on behind. The packet's tag is in BPF_REG_9; its
 * hops are counted unless `endless` (1) or, with -1, when the word at stack offset hops_at is its last hop. */
void echo_xdp_guard(struct ipb_asm *a, const struct echo_xdp_plan *p, int endless, int16_t hops_at, uint32_t round);

/* Makes the maps. 0, or -1 and a sentence. */
int echo_xdp_maps(struct echo_xdp_plan *p, struct ipb_error *err);
/* The counts of all processors together. 0, or -1 with errno. */
int echo_xdp_read(const struct echo_xdp_plan *p, struct echo_xdp_counts *sum);

/* What a veth needs, for a sentence about it. */
#define ECHO_XDP_VETH ": a veth sends them only while its other end has an XDP program, too: that of a tester with engine=xdp, or, " \
	"for others, \"ipbench echo --udp 0 --xdp OTHER_END\" there"

/* A running echo; with link.fd -1 there is none, and the functions below do nothing. */
struct echo_xdp {
	struct echo_xdp_plan plan;
	struct ipb_xdp_link link;
	struct echo_xdp_counts counts; /* as read last */
	int has_errors;                /* the driver counts answers that it did not send */
	uint64_t errors_before, errors;
	int told;                      /* of those errors */
};

/* Attaches the program; plan's udp, port, raw, broadcast, check, reflect_dscp and spoil are set. ip: the address that is answered
 * alone; "": those that the interface has now. 0, or -1 and a sentence. */
int echo_xdp_open(struct echo_xdp *x, const char *iface, const char *ip, struct ipb_error *err);
/* Reads the counts; warns once on standard error when the driver does not send the answers. */
void echo_xdp_poll(struct echo_xdp *x);
/* Takes the program off the interface, and reads the counts for the last time. */
void echo_xdp_end(struct echo_xdp *x);

#endif
