/*
 * The program that gives a tester's replies to its AF_XDP sockets, and everything else to the kernel.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_REDIRECT_H
#define IPB_REDIRECT_H

#include <stdint.h>
#include <sys/socket.h>

#include "ipb_asm.h"
#include "ipb_error.h"
#include "ipb_xdp.h"

#define IPB_REDIRECT_PORTS_SIZE 8192u /* bytes of the map of ports: a bit each */

/* Which frames are replies. */
struct ipb_redirect {
	int raw;                 /* frames of ether_type from the Ethernet address `from`; else UDP: */
	uint16_t ether_type;
	uint8_t from[6];
	struct sockaddr_storage target, own; /* of one family; target's port is the replies' source port */
	uint32_t ports;          /* how many ports of ours there are: one is own's; with more, those in the map */
	int sockets, port_bits;  /* maps: of sockets by queue, and an array of one value, the ports' bits; -1: none */
};

/* Writes the program. */
void ipb_redirect_program(struct ipb_asm *a, const struct ipb_redirect *r);

#endif
