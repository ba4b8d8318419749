/* TLVs of a sender of STAMP packets (RFC 8972, section 4); see ipb_stamp.h.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_stamp.h"

#define LOCATION_SIZE (4u + 2 * (IPB_STAMP_TLV_HEADER + 16u)) /* two ports, two addresses */

int ipb_stamp_item(const uint8_t *bytes, uint32_t size, uint32_t at, struct ipb_stamp_item *item)
{
	if (size - at < IPB_STAMP_TLV_HEADER)
		return 0;
	*item = (struct ipb_stamp_item){ bytes[at], bytes[at + 1], (uint16_t)ipb_get_be(bytes + at + 2, 2), at };
	return item->length <= size - at - IPB_STAMP_TLV_HEADER;
}

int ipb_stamp_tlvs_hmac(struct ipb_hmac *key, const uint8_t *packet, uint32_t base, uint32_t value, uint8_t out[16])
{
	return ipb_hmac_make2(key, packet, 4, packet + base, value - IPB_STAMP_TLV_HEADER - base, out);
}

static uint32_t sizes(const struct ipb_stamp_wanted *w, uint16_t lengths[8])
{
	uint32_t size = 0;

	memset(lengths, 0, 8 * sizeof *lengths);
	lengths[IPB_STAMP_LOCATION - 1] = w->location ? LOCATION_SIZE : 0;
	lengths[IPB_STAMP_TIMESTAMP_INFO - 1] = w->timestamp_info ? 4 : 0;
	lengths[IPB_STAMP_COS - 1] = w->dscp1 >= 0 ? 4 : 0;
	lengths[IPB_STAMP_DIRECT - 1] = w->direct ? 12 : 0;
	lengths[IPB_STAMP_FOLLOW_UP - 1] = w->follow_up ? 16 : 0;
	lengths[IPB_STAMP_HMAC - 1] = w->hmac ? 16 : 0;
	for (int i = 0; i < 8; i++)
		size += lengths[i] > 0 ? IPB_STAMP_TLV_HEADER + lengths[i] : 0;
	return size;
}

uint32_t ipb_stamp_tlvs_size(const struct ipb_stamp_wanted *w)
{
	uint16_t lengths[8];

	return sizes(w, lengths);
}

static uint8_t *header(uint8_t *at, uint8_t type, uint32_t length)
{
	at[0] = IPB_STAMP_U; /* RFC 8972, section 4: a sender sets U, and no other flag */
	at[1] = type;
	ipb_put_be(at + 2, length, 2);
	return at + IPB_STAMP_TLV_HEADER;
}

/* Asks for both addresses, in sub-TLVs that the reflector fills (section 4.2.1). */
static void location(uint8_t *value)
{
	memset(value, 0, LOCATION_SIZE);
	header(value + 4, 4, 16);
	header(value + 4 + IPB_STAMP_TLV_HEADER + 16, 7, 16);
}

void ipb_stamp_tlvs_write(uint8_t *at, uint32_t room, const struct ipb_stamp_wanted *w, const uint8_t *pattern)
{
	uint16_t lengths[8];
	const uint32_t size = sizes(w, lengths);
	uint8_t *const end = at + room;

	if (room < size || room == 0)
		return;
	for (uint8_t type = 1; type <= 8; type++) {
		const uint32_t length = lengths[type - 1];
		if (length == 0)
			continue;
		uint8_t *value = header(at, type, length);
		memset(value, 0, length);
		if (type == IPB_STAMP_COS)
			value[0] = (uint8_t)(w->dscp1 << 2);
		if (type == IPB_STAMP_LOCATION)
			location(value);
		at = value + length;
	}
	/* Padding alone may stand behind the HMAC (section 4.8). */
	while (end - at >= IPB_STAMP_TLV_HEADER) {
		const uint32_t left = (uint32_t)(end - at) - IPB_STAMP_TLV_HEADER, length = left < UINT16_MAX ? left : UINT16_MAX;
		uint8_t *value = header(at, IPB_STAMP_PADDING, length);
		memcpy(value, pattern, length);
		at = value + length;
	}
}

int ipb_stamp_tlvs_depart(uint8_t *packet, uint32_t base, const struct ipb_stamp_wanted *w, uint32_t count, struct ipb_hmac *key)
{
	uint16_t lengths[8];
	uint32_t at = base;

	if (!w->direct && !w->hmac)
		return 0;
	sizes(w, lengths);
	for (uint8_t type = 1; type <= 8; type++) {
		if (lengths[type - 1] == 0)
			continue;
		if (type == IPB_STAMP_DIRECT)
			ipb_put_be(packet + at + IPB_STAMP_TLV_HEADER, count, 4);
		if (type == IPB_STAMP_HMAC &&
		    ipb_stamp_tlvs_hmac(key, packet, base, at + IPB_STAMP_TLV_HEADER, packet + at + IPB_STAMP_TLV_HEADER) < 0)
			return -1;
		at += IPB_STAMP_TLV_HEADER + lengths[type - 1];
	}
	return 0;
}

/* The HMAC TLV's verdict on all of them: 1 right or not to be verified, 0 wrong. */
static int verify(const uint8_t *packet, uint32_t size, uint32_t base, struct ipb_hmac *key)
{
	struct ipb_stamp_item item;
	uint8_t right[IPB_HMAC_SIZE];

	for (uint32_t at = base; at < size && ipb_stamp_item(packet, size, at, &item); at += IPB_STAMP_TLV_HEADER + item.length) {
		if (item.type != IPB_STAMP_HMAC)
			continue;
		const uint32_t value = at + IPB_STAMP_TLV_HEADER;
		return item.length == IPB_HMAC_SIZE && ipb_stamp_tlvs_hmac(key, packet, base, value, right) == 0 &&
		       ipb_hmac_is(right, packet + value);
	}
	return 0;
}

static void take(const struct ipb_stamp_item *item, const uint8_t *v, struct ipb_stamp_heard *h)
{
	if (item->type == IPB_STAMP_TIMESTAMP_INFO && item->length == 4) {
		h->source_in = v[0];
		h->method_in = v[1];
		h->source_out = v[2];
		h->method_out = v[3];
	} else if (item->type == IPB_STAMP_COS && item->length == 4) {
		const uint32_t word = (uint32_t)ipb_get_be(v, 2);
		h->dscp2 = (int)(word >> 4 & 63);
		h->ecn2 = (int)(word >> 2 & 3);
		h->reverse_refused = (int)(word & 3);
	} else if (item->type == IPB_STAMP_DIRECT && item->length == 12) {
		h->direct_received = (uint32_t)ipb_get_be(v + 4, 4);
		h->direct_sent = (uint32_t)ipb_get_be(v + 8, 4);
		h->has_direct = 1;
	} else if (item->type == IPB_STAMP_FOLLOW_UP && item->length == 16) {
		h->follow_sequence = (uint32_t)ipb_get_be(v, 4);
		h->follow_stamp = ipb_get_be(v + 4, 8);
		h->follow_method = v[12];
		h->has_follow_up = h->follow_stamp != 0;
	}
}

void ipb_stamp_tlvs_read(const uint8_t *packet, uint32_t size, uint32_t base, struct ipb_hmac *key, struct ipb_stamp_heard *h)
{
	struct ipb_stamp_item item;

	if (size <= base)
		return;
	h->has_direct = h->has_follow_up = 0;
	/* Before anything in them is used: section 4.8. */
	for (uint32_t at = base; at < size && ipb_stamp_item(packet, size, at, &item); at += IPB_STAMP_TLV_HEADER + item.length)
		if (item.flags & IPB_STAMP_I) {
			h->integrity++;
			return;
		}
	if (key != NULL && !verify(packet, size, base, key)) {
		h->forged++;
		return;
	}
	for (uint32_t at = base; at < size; at += IPB_STAMP_TLV_HEADER + item.length) {
		if (!ipb_stamp_item(packet, size, at, &item) || item.flags & IPB_STAMP_M) {
			h->malformed++; /* section 4: what follows is not processed */
			return;
		}
		if (item.flags & IPB_STAMP_U)
			h->unrecognized++;
		else
			take(&item, packet + at + IPB_STAMP_TLV_HEADER, h);
	}
}
