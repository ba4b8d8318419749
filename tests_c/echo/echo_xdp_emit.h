/*
 * Parts of the program of the echo in the driver: each function writes one.  SPDX-License-Identifier: MIT
 *
 * Registers: R6 what this processor counts, R7 the frame's first byte, R8 behind its last one (of what is at hand), R9 for each
 * part's own use; R0 to R5 hold nothing from part to part.
 */
#ifndef ECHO_XDP_EMIT_H
#define ECHO_XDP_EMIT_H

#include <stddef.h>
#include <stdint.h>

#include "echo_xdp.h"

#define ETHERNET 14
#define UDP_HEADER 8
/* Stack. */
#define CTX_AT (-8)
#define HOPS_AT (-16) /* and the guard's key below it */
#define SUM_AT (-32)
#define COUNTS_AT (-40)
#define COUNT(member) ((int16_t)offsetof(struct echo_xdp_counts, member))

/* Where things are in a frame of a family. */
struct layout {
	int six;
	int16_t source, target, address; /* addresses and their size */
	int16_t hops, udp, payload;
};

struct emitter {
	struct ipb_asm *a;
	const struct echo_xdp_plan *p;
	enum ipb_xdp_mode mode;
	struct layout at;
	uint32_t pass, ignored, round; /* labels: the kernel's packet, nobody's, and one that goes round */
};

/* Jumps to `to` unless the frame has so many bytes. */
void xdp_need(struct emitter *e, int16_t bytes, uint32_t to);
/* One more of COUNT(what); R1 is how many that are. */
void xdp_count(struct emitter *e, int16_t what);
/* One more that is checked; to `spoilt` when it is one of those that are to come back wrong. */
void xdp_count_checked(struct emitter *e, uint32_t spoilt);

/* Goes on only when the frame's sender is one station, and not ourselves. */
void xdp_check_sender_mac(struct emitter *e);
/* Goes on only when the packet is UDP without options, whole, to one of our addresses and to our port. */
void xdp_check_headers(struct emitter *e);
/* Goes on only when an echo answers the sender: see guard_is_service and the README. */
void xdp_check_sender(struct emitter *e);

/* R9 becomes the tag of a packet: begun, with what else makes it the same one, its first bytes and its last ones. */
void xdp_tag_begin(struct emitter *e);
/* R9 += the bytes at `at`, times an odd number of their own that nobody knows. */
void xdp_tag_add(struct emitter *e, uint8_t width, int16_t at);
/* The first bytes of the packet that begins there. */
void xdp_tag_start(struct emitter *e, int16_t at);
/* The last 8 bytes of a longer packet, too: R3 is where they are, counted from the frame's first byte, above `from`. */
void xdp_tag_end(struct emitter *e, int16_t from);
/* Makes a tag of it; never 0. */
void xdp_tag_done(struct emitter *e);

/* R9: 1 when the checksum is that of the pseudo-header alone. The sender's kernel left the rest to its network card, and, as
 * between the ends of a veth, no card has done it. 0 for all others, those without a checksum included. */
void xdp_find_partial(struct emitter *e);
/* latency-check's word; the checksum follows it, unless there is none or, R9, another will be made. */
void xdp_write_word(struct emitter *e);
/* Makes a checksum whole that covers the pseudo-header alone: nobody else would. A packet that is not all at hand is passed. */
void xdp_complete(struct emitter *e);
/* One hop less than came, but never none; best effort, or the DSCP that came, and never a mark of congestion. */
void xdp_change_hops_and_class(struct emitter *e);

#endif
