/*
 * What a STAMP reflector makes of a packet (RFC 8762, section 4.3; RFC 8972): no sockets, no clocks.
 * SPDX-License-Identifier: MIT
 *
 * ipb_stamp_prepare makes the answer but for its time, ipb_stamp_finish writes that and the HMAC right before it is sent.
 * An answer has as many bytes as its packet; only packets smaller than a base packet, as TWAMP Light senders send them
 * (RFC 8762, section 4.6), get a longer one: 14 bytes or more get 44.
 *
 * Sessions are kept in a table of fixed size, by the sender's address and port, the address that was asked, and the session
 * identifier (RFC 8972, section 3). Strangers can fill it. A new session has IPB_STAMP_PROBES places, which nobody can foresee; when all
 * are taken, one that has been idle for IPB_STAMP_ROOM_IDLE_NS makes room, else one of the host that has the most of them, and where no
 * host has more than IPB_STAMP_FAIR, the one whose last packet is the longest ago.
 */
#ifndef IPB_STAMP_REFLECT_H
#define IPB_STAMP_REFLECT_H

#include <stdint.h>
#include <sys/socket.h>

#include "ipb_stamp.h"

#define IPB_STAMP_SESSIONS_MAX 65536u
#define IPB_STAMP_PROBES 32u              /* places of the table that one session may have */
#define IPB_STAMP_FAIR 4u                 /* of these places that one host may have before it is one with many */
#define IPB_STAMP_IDLE_NS 900000000000ll  /* TWAMP's REFWAIT (RFC 5357, section 3.1): a session that sent nothing for so long is over */
#define IPB_STAMP_ROOM_IDLE_NS 30000000000ll /* one that was idle for so long makes room before others do */

/* An address and port of either family; IPv4's in IPv6's form, so that they can be compared as bytes. */
struct ipb_stamp_end {
	uint8_t address[16];
	uint16_t port;
	uint8_t v6; /* it is not IPv4's */
};
void ipb_stamp_end_of(struct ipb_stamp_end *e, const struct sockaddr_storage *a);

struct ipb_stamp_session {
	struct ipb_stamp_end from, to;
	uint16_t ssid;
	uint8_t used, followed; /* followed: it has been answered before */
	uint32_t next;          /* sequence number of the next answer */
	uint64_t received, sent;
	int64_t last_ns;        /* when a packet came last */
	uint32_t last_sequence; /* of the answer before, */
	uint64_t last_stamp;    /* … and when it left */
};

struct ipb_stamp_reflector {
	/* Set by the caller. */
	int authenticated;       /* packets without a right HMAC are not answered */
	int stateless;           /* an answer has its packet's sequence number, and no session is kept */
	int allow_cos;           /* answers get the DSCP that a class of service TLV asks for */
	int tell_location;       /* a Location TLV is filled */
	int ssid;                /* only this session identifier is answered; -1: any */
	struct ipb_hmac *key;    /* NULL: none */
	struct ipb_stamp_format format;
	uint16_t estimate;       /* of the own clock, now */
	uint8_t source;          /* enum ipb_stamp_source */
	uint8_t method_in;       /* enum ipb_stamp_method of the receive stamps */
	/* Its own. */
	struct ipb_stamp_session *sessions;
	uint64_t secret;         /* where sessions have their places */
	uint32_t session_count;
	uint64_t answered, too_short, forged, displaced, other_session; /* displaced: sessions in use that made room for others */
	uint64_t unrecognized, malformed, integrity; /* TLVs, and packets whose TLVs' HMAC was wrong or missing */
};

/* 0, or -1 without memory. */
int ipb_stamp_reflector_open(struct ipb_stamp_reflector *r);
void ipb_stamp_reflector_close(struct ipb_stamp_reflector *r);

/* A packet and what came with it. */
struct ipb_stamp_arrival {
	const uint8_t *packet;
	uint32_t size;
	int64_t at_ns;
	struct ipb_stamp_end from, to;
	int ttl;       /* 0..255 */
	int tos;       /* DSCP and ECN as they came */
};

struct ipb_stamp_answer {
	uint32_t size;
	int dscp;      /* that it is to be sent with */
	struct ipb_stamp_session *session; /* NULL: none */
	uint32_t sequence;
};

/* Makes the answer in out, which has room for at least IPB_STAMP_SIZE_MAX bytes and does not overlap the packet. 1, or 0
 * when there is none. */
int ipb_stamp_prepare(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *out, struct ipb_stamp_answer *answer);
/* Writes its time and HMAC. 0, or -1 when that could not be made. */
int ipb_stamp_finish(struct ipb_stamp_reflector *r, const struct ipb_stamp_answer *answer, uint8_t *out, int64_t now_ns);

/* The TLVs of an answer, which are at `base` of size bytes: flags, fields, HMAC. Returns the DSCP that a class of service TLV
 * asks for, or -1. */
int ipb_stamp_reflect_tlvs(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *out, uint32_t size,
                           const struct ipb_stamp_session *session);

#endif
