/* The frames that a tester over AF_XDP sends and receives: headers and checksums made here.  SPDX-License-Identifier: MIT */
#ifndef IPB_XDP_FRAMES_H
#define IPB_XDP_FRAMES_H

#include <stdint.h>
#include <sys/socket.h>

#include "ipb_sched.h"
#include "ipb_xdp.h"

#define IPB_XDP_HEADERS_MAX 62u /* bytes: Ethernet, IPv6, UDP */
/* Bytes at a packet's start that change from packet to packet; what is behind is the pattern. */
#define IPB_XDP_CHANGES IPB_HEADER_SIZE

/* What does not change from packet to packet of a size. */
struct ipb_xdp_size {
	uint32_t size;   /* of the payload */
	uint64_t sum;    /* of the pattern behind its start, of the UDP header without ports, and of what IP adds */
	uint16_t ip_sum; /* IPv4: the header's checksum, as it is in memory */
};

struct ipb_xdp_frames {
	int raw, six;
	uint32_t headers;                      /* bytes before the payload */
	uint8_t start[64];                     /* of every frame; lengths, checksums and own port are filled in */
	struct ipb_xdp_size sizes[IPB_SIZES_MAX];
	uint32_t size_count, fixed;            /* fixed: bytes at a payload's start that are copied into each frame */
	const uint8_t *pattern;
};

/* Where frames go and come from. */
struct ipb_xdp_path {
	uint8_t own_mac[6], next_mac[6];
	struct sockaddr_storage own, target; /* UDP */
	uint8_t hops, tos;
	int may_fragment;                      /* IPv4: packets do not carry "do not fragment" */
};

/* The path of packets of a connected UDP socket: addresses, hops and class as the kernel would use them, the next hop's address; and
 * the interface that they leave by, whose MTU `largest` bytes of payload have to fit. engine: its name, for the sentence. 0, or
 * -1 and a sentence. */
int ipb_xdp_path(struct ipb_xdp_path *p, struct ipb_xdp_device *d, int fd, const struct sockaddr_storage *target, uint32_t largest,
                 const char *engine, struct ipb_error *err);

/* raw: Ethernet alone. pattern: as ipb_header's, kept. */
void ipb_xdp_frames_init(struct ipb_xdp_frames *f, const struct ipb_xdp_path *p, const struct ipb_sizes *sizes, uint32_t overhead,
                         int raw, uint16_t ether_type, uint32_t changes, const uint8_t *pattern);
/* Fills a frame's place with the pattern behind the headers, once: later frames there only change its start. */
void ipb_xdp_frames_prepare(const struct ipb_xdp_frames *f, uint8_t *frame, uint32_t room);
/* Writes a UDP frame around a payload, or a raw one with its Ethernet header; port: own, in network byte order. whole: the payload is
 * copied to its end, and the place need not be prepared. Returns the frame's size. */
uint32_t ipb_xdp_frames_write(const struct ipb_xdp_frames *f, uint8_t *frame, const uint8_t *payload, uint32_t size, uint16_t port,
                              int whole);
/* The one's complement sum of bytes as 16-bit words in memory order, continuing from `sum`; not folded. */
uint64_t ipb_xdp_sum(uint64_t sum, const void *data, uint32_t size);
uint16_t ipb_xdp_fold(uint64_t sum);

#endif
