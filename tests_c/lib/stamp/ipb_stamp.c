/* Base packets and times of STAMP; see ipb_stamp.h.  SPDX-License-Identifier: MIT */
#include "ipb_stamp.h"

#include <string.h>

#include "ipb_bytes.h"

#define NS_PER_S 1000000000ll
#define NTP_EPOCH_S 2208988800ll /* from 1900 to 1970 */
#define ERA_S (1ll << 32)
#define SCALE_MAX 63u
#define UNIT_BITS 32u /* error estimates count 2^-32 s, times 2^scale */

/* Where a field is: in plain packets and in authenticated ones. */
struct at {
	uint8_t plain, authenticated;
};
static const struct at stamp_at = { 4, 16 }, estimate_at = { 12, 24 }, ssid_at = { 14, 26 }, received_at = { 16, 32 },
                       sender_sequence_at = { 24, 48 }, sender_stamp_at = { 28, 64 }, sender_estimate_at = { 36, 72 },
                       ttl_at = { 40, 80 };

static uint32_t at(struct at field, int authenticated) { return authenticated ? field.authenticated : field.plain; }

uint64_t ipb_stamp_time(const struct ipb_stamp_format *f, int64_t ns)
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	if (f->ptp)
		return (uint64_t)(uint32_t)(s + f->tai_s) << 32 | (uint32_t)rest;
	return (uint64_t)(uint32_t)(s + NTP_EPOCH_S) << 32 |
	       (uint32_t)((((unsigned __int128)(uint64_t)rest << 32) + NS_PER_S / 2) / NS_PER_S);
}

int64_t ipb_stamp_untime(const struct ipb_stamp_format *own, int ptp, uint64_t stamp, int64_t near_ns)
{
	const int64_t ahead = ptp ? own->tai_s : NTP_EPOCH_S, near_s = near_ns / NS_PER_S + ahead;
	/* The era in which it is nearest. */
	const int64_t s = near_s + (int32_t)((uint32_t)(stamp >> 32) - (uint32_t)near_s) - ahead;
	const uint64_t part = stamp & UINT32_MAX;

	return s * NS_PER_S + (int64_t)(ptp ? part : (part * (uint64_t)NS_PER_S + (1u << 31)) >> 32);
}

uint16_t ipb_stamp_estimate(int synchronized, int ptp, uint64_t error_ns)
{
	/* In units of 2^-32 s, rounded up. */
	unsigned __int128 units = (((unsigned __int128)error_ns << UNIT_BITS) + NS_PER_S - 1) / NS_PER_S;
	unsigned scale = 0;

	while (units > 255 && scale < SCALE_MAX) {
		units = (units + 1) / 2;
		scale++;
	}
	const unsigned multiplier = units < 1 ? 1 : units > 255 ? 255 : (unsigned)units;
	return (uint16_t)((synchronized != 0) << 15 | (ptp != 0) << 14 | scale << 8 | multiplier);
}

uint64_t ipb_stamp_estimate_ns(uint16_t estimate)
{
	const unsigned scale = estimate >> 8 & SCALE_MAX, multiplier = estimate & 255;
	const unsigned __int128 units = (unsigned __int128)multiplier << scale;
	const unsigned __int128 ns = (units * NS_PER_S + ((unsigned __int128)1 << UNIT_BITS) - 1) >> UNIT_BITS;

	return multiplier == 0 || ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

void ipb_stamp_write(uint8_t *packet, int authenticated, uint32_t sequence, uint16_t estimate, uint16_t ssid)
{
	memset(packet, 0, ipb_stamp_base(authenticated));
	ipb_put_be(packet, sequence, 4);
	ipb_put_be(packet + at(estimate_at, authenticated), estimate, 2);
	ipb_put_be(packet + at(ssid_at, authenticated), ssid, 2);
}

int ipb_stamp_depart(uint8_t *packet, struct ipb_hmac *key, uint64_t stamp)
{
	ipb_put_be(packet + at(stamp_at, key != NULL), stamp, 8);
	return key != NULL ? ipb_hmac_make(key, packet, IPB_STAMP_HMAC_AT, packet + IPB_STAMP_HMAC_AT) : 0;
}

enum ipb_stamp_read ipb_stamp_read(const uint8_t *packet, uint32_t size, struct ipb_hmac *key, struct ipb_stamp_reply *r)
{
	const int a = key != NULL;
	uint8_t right[IPB_HMAC_SIZE];

	if (size < (a ? IPB_STAMP_BASE_AUTH : IPB_STAMP_TWAMP_REPLY))
		return IPB_STAMP_SHORT;
	if (a && (ipb_hmac_make(key, packet, IPB_STAMP_HMAC_AT, right) < 0 || !ipb_hmac_is(right, packet + IPB_STAMP_HMAC_AT)))
		return IPB_STAMP_FORGED;
	*r = (struct ipb_stamp_reply){
		.sequence = (uint32_t)ipb_get_be(packet, 4),
		.sender_sequence = (uint32_t)ipb_get_be(packet + at(sender_sequence_at, a), 4),
		.sent = ipb_get_be(packet + at(stamp_at, a), 8),
		.received = ipb_get_be(packet + at(received_at, a), 8),
		.sender_stamp = ipb_get_be(packet + at(sender_stamp_at, a), 8),
		.estimate = (uint16_t)ipb_get_be(packet + at(estimate_at, a), 2),
		.sender_estimate = (uint16_t)ipb_get_be(packet + at(sender_estimate_at, a), 2),
		.ssid = (uint16_t)ipb_get_be(packet + at(ssid_at, a), 2),
		.ttl = packet[at(ttl_at, a)],
	};
	return IPB_STAMP_OK;
}
