/* What the files of the engine's AF_XDP have in common.  SPDX-License-Identifier: MIT */
#ifndef IPB_XDP_IO_H
#define IPB_XDP_IO_H

#include "ipb_engine_private.h"
#include "ipb_xdp_frames.h"
#include "ipb_xdp_share.h"
#include "ipb_xsk.h"

#define IPB_XDP_PACKET_FRAMES 17u /* frames that a packet can have: the kernel's MAX_SKB_FRAGS */

struct xdp {
	struct ipb_xdp_share *share, *own; /* own: the share is this engine's alone, else NULL */
	uint32_t thread;
	struct ipb_xdp_device device;
	struct ipb_redirect redirect;
	struct ipb_xdp_frames frames;
	struct ipb_xsk queues[IPB_XSK_QUEUES_MAX]; /* of several threads each has every so many-th; the first one sends */
	uint32_t queue_count;
	uint16_t *flow_ports;  /* in network byte order */
	uint16_t *flow_of;     /* by own port: flow + 1, 0: none; NULL: one flow, of the only thread */
	uint8_t *whole;        /* room to put a packet of several frames together; and to write it */
	uint64_t errors_due_ns, mail_dropped;
	uint32_t errors_flow;
	int over;              /* the run is: only other threads' frames are of interest */
};

extern const struct ipb_xport ipb_xdp_xport;

#endif
