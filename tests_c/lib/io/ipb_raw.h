/* What the two ways to send raw Ethernet share.  SPDX-License-Identifier: MIT */
#ifndef IPB_RAW_H
#define IPB_RAW_H

#include "ipb_engine_private.h"

/* Opens the one socket and writes the Ethernet headers into the slots. 0, or -1 and a sentence. */
int ipb_raw_socket(struct ipb_engine *e, int *ifindex, struct ipb_error *err);
/* Is this frame from the target and of our type? */
int ipb_raw_is_reply(const struct ipb_engine *e, const uint8_t *frame, uint32_t got);
/* Hands a frame over. */
void ipb_raw_frame(struct ipb_engine *e, const uint8_t *frame, uint32_t got, uint64_t now_ns, uint64_t stamp_ns);
/* TX_RING and RX_RING. */
int ipb_ring_open(struct ipb_engine *e, struct ipb_error *err);

#endif
