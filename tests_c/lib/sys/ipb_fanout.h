/*
 * Several AF_PACKET sockets of one interface, among which the kernel shares out the frames that come.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_FANOUT_H
#define IPB_FANOUT_H

#include <stdint.h>

#include "ipb_error.h"

/* What tells senders at one Ethernet address apart: behind the Ethernet header a magic number at that byte, and a flow's number
 * behind it, both of four bytes in network byte order. */
struct ipb_fanout_flows {
	uint32_t magic, magic_at;
};

/* Opens count sockets (at most IPB_THREADS_MAX) for one Ethernet type, as ipb_sock_raw does one. Each frame comes to one of them:
 * all frames of a source address and a flow to the same, flows that follow one another to sockets that do. Frames without the
 * magic go by their source address. mac as for ipb_sock_raw. 0, or -1 and a sentence: then none is open. */
int ipb_fanout_open(int *fds, uint32_t count, const char *iface, uint16_t ether_type, const struct ipb_fanout_flows *flows,
                    uint8_t *mac, struct ipb_error *err);

#endif
