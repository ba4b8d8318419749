/*
 * Packets of STAMP, the Simple Two-Way Active Measurement Protocol (RFC 8762), with session identifiers and the TLVs of
 * RFC 8972.  SPDX-License-Identifier: MIT
 *
 * Base packets, all fields big-endian, everything else zero:
 *
 *   field                      sender, plain   authenticated    reflector, plain   authenticated
 *   sequence number (4)              0               0                 0                 0
 *   timestamp (8)                    4              16                 4                16
 *   error estimate (2)              12              24                12                24
 *   session identifier (2)          14              26                14                26
 *   receive timestamp (8)                                             16                32
 *   sender's sequence number (4)                                      24                48
 *   sender's timestamp (8)                                            28                64
 *   sender's error estimate (2)                                       36                72
 *   sender's TTL (1)                                                  40                80
 *   HMAC of bytes 0..95 (16)                        96                                  96
 *   size                            44             112                44               112
 *
 * TLVs follow: flags (1), type (1), length of the value (2), value. A reflector answers with as many bytes as came, but
 * never with fewer than a base packet has (RFC 8762, sections 4.2 and 4.6).
 *
 * Times are int64_t nanoseconds since 1970 in UTC, as the party that stamps sees them.
 */
#ifndef IPB_STAMP_H
#define IPB_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_error.h"
#include "ipb_hmac.h"

#define IPB_STAMP_PORT 862u
#define IPB_STAMP_BASE 44u       /* bytes of a base packet, */
#define IPB_STAMP_BASE_AUTH 112u /* … and of one in authenticated mode */
#define IPB_STAMP_TWAMP_LEAST 14u  /* bytes of the smallest packet that a TWAMP Light sender sends (RFC 5357, section 4.1.2) */
#define IPB_STAMP_TWAMP_REPLY 41u  /* bytes of the smallest answer of a TWAMP Light reflector (RFC 5357, section 4.2.1) */
#define IPB_STAMP_HMAC_AT 96u
#define IPB_STAMP_SIZE_MAX 65507u
#define IPB_STAMP_TLV_HEADER 4u

/* Flags of a TLV (RFC 8972, section 4). */
#define IPB_STAMP_U 0x80u /* not understood; a sender sets it */
#define IPB_STAMP_M 0x40u /* malformed */
#define IPB_STAMP_I 0x20u /* its integrity could not be verified */

enum ipb_stamp_tlv {
	IPB_STAMP_PADDING = 1,
	IPB_STAMP_LOCATION = 2,
	IPB_STAMP_TIMESTAMP_INFO = 3,
	IPB_STAMP_COS = 4,
	IPB_STAMP_DIRECT = 5,
	IPB_STAMP_ACCESS = 6,
	IPB_STAMP_FOLLOW_UP = 7,
	IPB_STAMP_HMAC = 8
};

/* RFC 8972, tables 7 and 9. */
enum ipb_stamp_source { IPB_STAMP_SOURCE_NTP = 1, IPB_STAMP_SOURCE_PTP = 2, IPB_STAMP_SOURCE_LOCAL = 5 };
enum ipb_stamp_method { IPB_STAMP_METHOD_HARDWARE = 1, IPB_STAMP_METHOD_SOFTWARE = 2 };

/* How a party writes times: as NTP's 64 bits (seconds since 1900 and their fraction), or as PTP's truncated ones (seconds
 * of TAI since 1970 and nanoseconds; IEEE 1588, the Z flag). */
struct ipb_stamp_format {
	int ptp;
	int tai_s; /* TAI less UTC, where it is known; else 0 */
};

uint64_t ipb_stamp_time(const struct ipb_stamp_format *f, int64_t ns);
/* Back again; near_ns: a time within 68 years, since both formats wrap. ptp: the writer's Z flag. */
int64_t ipb_stamp_untime(const struct ipb_stamp_format *own, int ptp, uint64_t stamp, int64_t near_ns);

/* The error estimate (RFC 4656, section 4.1.2; RFC 8186, section 2.3): the smallest that is not below error_ns, and never
 * 0. synchronized: to UTC, by an external source. */
uint16_t ipb_stamp_estimate(int synchronized, int ptp, uint64_t error_ns);
static inline int ipb_stamp_is_synchronized(uint16_t estimate) { return estimate >> 15; }
static inline int ipb_stamp_is_ptp(uint16_t estimate) { return estimate >> 14 & 1; }
/* In ns, rounded up; UINT64_MAX: a multiplier of 0, which is not allowed, or more than 584 years. */
uint64_t ipb_stamp_estimate_ns(uint16_t estimate);

static inline uint32_t ipb_stamp_base(int authenticated) { return authenticated ? IPB_STAMP_BASE_AUTH : IPB_STAMP_BASE; }

/* A sender's packet: writes the base, all but time and HMAC, zeroes where zeroes belong. */
void ipb_stamp_write(uint8_t *packet, int authenticated, uint32_t sequence, uint16_t estimate, uint16_t ssid);
/* Its time, right before it leaves; and its HMAC where key is not NULL. 0, or -1 when the HMAC could not be made. */
int ipb_stamp_depart(uint8_t *packet, struct ipb_hmac *key, uint64_t stamp);

/* What a reflector's packet holds. */
struct ipb_stamp_reply {
	uint32_t sequence, sender_sequence;
	uint64_t sent, received, sender_stamp; /* as they stand there */
	uint16_t estimate, sender_estimate, ssid;
	uint8_t ttl;
};
enum ipb_stamp_read { IPB_STAMP_OK, IPB_STAMP_SHORT, IPB_STAMP_FORGED };
/* key: not NULL in authenticated mode. A TWAMP Light reflector's 41 bytes will do without it. */
enum ipb_stamp_read ipb_stamp_read(const uint8_t *packet, uint32_t size, struct ipb_hmac *key, struct ipb_stamp_reply *r);

/* The TLVs of a sender's packet. */
struct ipb_stamp_wanted {
	int timestamp_info, direct, follow_up, location, hmac;
	int dscp1; /* class of service: the DSCP that replies are to have; -1: no such TLV */
};
/* How many bytes they take, without padding. */
uint32_t ipb_stamp_tlvs_size(const struct ipb_stamp_wanted *w);
/* Writes them, and Extra Padding that fills the rest, into room bytes behind the base: room is 0, or the TLVs' size and, if
 * more, 4 at least. pattern: what padding is filled with. */
void ipb_stamp_tlvs_write(uint8_t *at, uint32_t room, const struct ipb_stamp_wanted *w, const uint8_t *pattern);
/* Before it leaves: packets sent so far with this one, and the TLVs' HMAC. */
int ipb_stamp_tlvs_depart(uint8_t *packet, uint32_t base, const struct ipb_stamp_wanted *w, uint32_t count, struct ipb_hmac *key);

/* What a reply's TLVs held; fields of TLVs that did not come back are as they were. */
struct ipb_stamp_heard {
	uint32_t unrecognized, malformed, integrity, forged; /* TLVs with U, M, I; packets whose TLVs' HMAC was wrong */
	int source_in, method_in, source_out, method_out;     /* of the reflector's stamps; 0: not reported */
	int dscp2, ecn2, reverse_refused;                     /* as our packet arrived; -1: not reported */
	uint32_t direct_received, direct_sent;
	int has_direct, has_follow_up;
	uint32_t follow_sequence;
	uint64_t follow_stamp;
	int follow_method;
};
/* Reads the TLVs behind a reply's base. key: NULL when their HMAC is not to be verified. */
void ipb_stamp_tlvs_read(const uint8_t *packet, uint32_t size, uint32_t base, struct ipb_hmac *key, struct ipb_stamp_heard *h);

/* One TLV that is walked over. */
struct ipb_stamp_item {
	uint8_t flags, type;
	uint16_t length;
	uint32_t at; /* of its header */
};
/* The TLV at `at` of size bytes: 1, or 0 when the rest is none: shorter than its header, or than its length. */
int ipb_stamp_item(const uint8_t *bytes, uint32_t size, uint32_t at, struct ipb_stamp_item *item);
/* The HMAC of the TLVs: over the sequence number and all that stand before the HMAC TLV, whose value is at `value`. */
int ipb_stamp_tlvs_hmac(struct ipb_hmac *key, const uint8_t *packet, uint32_t base, uint32_t value, uint8_t out[16]);

#endif
