/* What a STAMP reflector makes of TLVs (RFC 8972, section 4); see ipb_stamp_reflect.h.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_stamp_reflect.h"

#define HEADER IPB_STAMP_TLV_HEADER
#define ACCESS_3GPP 1
#define ACCESS_OTHER 2

/* The HMAC TLV: where its value is, 0: there is none. misplaced: something else than padding stands behind it, or it has not
 * its length. */
static uint32_t find_hmac(const uint8_t *bytes, uint32_t size, uint32_t base, int *misplaced, int *only_padding)
{
	struct ipb_stamp_item item;
	uint32_t value = 0, count = 0;

	*misplaced = 0;
	*only_padding = 1;
	for (uint32_t at = base; at < size && ipb_stamp_item(bytes, size, at, &item); at += HEADER + item.length) {
		count++;
		*only_padding &= item.type == IPB_STAMP_PADDING;
		if (value != 0 && item.type != IPB_STAMP_PADDING)
			*misplaced = 1;
		if (item.type != IPB_STAMP_HMAC || value != 0)
			continue;
		value = at + HEADER;
		*misplaced |= item.length != IPB_HMAC_SIZE;
	}
	*only_padding &= count == 1; /* section 4.8: a single TLV, and that is padding */
	return value;
}

/* Section 4.8: whether the TLVs may be used. */
static int may_use(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint32_t base, uint32_t *value)
{
	uint8_t right[IPB_HMAC_SIZE];
	int misplaced, only_padding;

	*value = find_hmac(a->packet, a->size, base, &misplaced, &only_padding);
	if (*value == 0)
		return !r->authenticated || only_padding;
	return !misplaced && r->key != NULL && ipb_stamp_tlvs_hmac(r->key, a->packet, base, *value, right) == 0 &&
	       ipb_hmac_is(right, a->packet + *value);
}

static int length_is_right(const struct ipb_stamp_item *item)
{
	static const uint16_t lengths[] = { [IPB_STAMP_TIMESTAMP_INFO] = 4, [IPB_STAMP_COS] = 4, [IPB_STAMP_DIRECT] = 12,
		                            [IPB_STAMP_ACCESS] = 4, [IPB_STAMP_FOLLOW_UP] = 16, [IPB_STAMP_HMAC] = 16 };

	if (item->type == IPB_STAMP_LOCATION)
		return item->length >= 4;
	return item->type == IPB_STAMP_PADDING || item->length == lengths[item->type];
}

static int is_known(uint8_t type) { return type >= IPB_STAMP_PADDING && type <= IPB_STAMP_HMAC; }

/* A sub-TLV that asks for an address becomes one that holds it (section 4.2.2). */
static void answer_address(uint8_t *sub, const struct ipb_stamp_end *end, uint8_t v4_type)
{
	memset(sub + HEADER, 0, 16);
	sub[1] = end->v6 ? v4_type + 1 : v4_type;
	if (end->v6)
		memcpy(sub + HEADER, end->address, 16);
	else
		memcpy(sub + HEADER, end->address + 12, 4);
}

static void location(const struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *value, uint32_t length)
{
	struct ipb_stamp_item item;
	uint32_t at = 4;

	ipb_put_be(value, r->tell_location ? a->to.port : 0, 2);
	ipb_put_be(value + 2, r->tell_location ? a->from.port : 0, 2);
	for (; at < length; at += HEADER + item.length) {
		if (!ipb_stamp_item(value, length, at, &item)) {
			value[at] = IPB_STAMP_M;
			return;
		}
		uint8_t *sub = value + at;
		const uint16_t wanted = item.type == 1 ? 8 : item.type == 4 || item.type == 7 ? 16 : 0;
		sub[0] = 0; /* section 4.2.1: I is 0 in every case */
		if (wanted == 0) {
			sub[0] = IPB_STAMP_U;
		} else if (item.length != wanted) {
			sub[0] = IPB_STAMP_M;
			return;
		} else if (item.type == 1) {
			sub[1] = 3; /* a UDP socket sees no MAC address: EUI-64 of zeroes */
			memset(sub + HEADER, 0, 8);
		} else if (r->tell_location) {
			answer_address(sub, item.type == 4 ? &a->to : &a->from, item.type + 1);
		}
	}
}

/* Section 4.4; the DSCP that the answer is to have. */
static int class_of_service(const struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *value)
{
	const unsigned dscp1 = value[0] >> 2, dscp2 = (unsigned)a->tos >> 2 & 63, ecn = (unsigned)a->tos & 3;

	ipb_put_be(value, dscp1 << 10 | dscp2 << 4 | ecn << 2 | (r->allow_cos ? 0 : 1), 2);
	ipb_put_be(value + 2, 0, 2);
	return (int)(r->allow_cos ? dscp1 : dscp2);
}

static void follow_up(const struct ipb_stamp_reflector *r, const struct ipb_stamp_session *s, uint8_t *value)
{
	memset(value, 0, 16);
	if (r->stateless || s == NULL || !s->followed)
		return;
	ipb_put_be(value, s->last_sequence, 4);
	ipb_put_be(value + 4, s->last_stamp, 8);
	value[12] = IPB_STAMP_METHOD_SOFTWARE;
}

/* Fills in what one TLV asks for; non-zero when it is not understood after all. */
static int fill(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, const struct ipb_stamp_session *s,
                const struct ipb_stamp_item *item, uint8_t *value, int *dscp)
{
	switch (item->type) {
	case IPB_STAMP_LOCATION:
		location(r, a, value, item->length);
		break;
	case IPB_STAMP_TIMESTAMP_INFO:
		value[0] = value[2] = r->source;
		value[1] = r->method_in;
		value[3] = IPB_STAMP_METHOD_SOFTWARE;
		break;
	case IPB_STAMP_COS:
		*dscp = class_of_service(r, a, value);
		break;
	case IPB_STAMP_DIRECT:
		ipb_put_be(value + 4, s != NULL ? (uint32_t)s->received : 0, 4);
		ipb_put_be(value + 8, s != NULL ? (uint32_t)s->sent : 0, 4);
		break;
	case IPB_STAMP_ACCESS:
		/* Section 4.6: a report of any other network is discarded. */
		return value[0] >> 4 != ACCESS_3GPP && value[0] >> 4 != ACCESS_OTHER;
	case IPB_STAMP_FOLLOW_UP:
		follow_up(r, s, value);
		break;
	default:
		break;
	}
	return 0;
}

/* Section 4.8: nothing in them is used, and all have the flag for that. */
static void refuse_all(struct ipb_stamp_reflector *r, uint8_t *out, uint32_t size, uint32_t base)
{
	struct ipb_stamp_item item;

	r->integrity++;
	for (uint32_t at = base; at < size; at += HEADER + item.length) {
		if (!ipb_stamp_item(out, size, at, &item)) {
			out[at] = IPB_STAMP_M | IPB_STAMP_I;
			return;
		}
		out[at] = (uint8_t)(IPB_STAMP_I | (is_known(item.type) ? 0 : IPB_STAMP_U));
	}
}

int ipb_stamp_reflect_tlvs(struct ipb_stamp_reflector *r, const struct ipb_stamp_arrival *a, uint8_t *out, uint32_t size,
                           const struct ipb_stamp_session *session)
{
	const uint32_t base = ipb_stamp_base(r->authenticated);
	struct ipb_stamp_item item;
	uint32_t value_of_hmac;
	int dscp = -1;

	if (!may_use(r, a, base, &value_of_hmac)) {
		refuse_all(r, out, size, base);
		return -1;
	}
	for (uint32_t at = base; at < size; at += HEADER + item.length) {
		if (!ipb_stamp_item(out, size, at, &item)) {
			out[at] = IPB_STAMP_M;
			r->malformed++;
			break; /* the rest is left as it came */
		}
		uint8_t *value = out + at + HEADER;
		out[at] = 0;
		if (!is_known(item.type)) {
			out[at] = IPB_STAMP_U;
			r->unrecognized++;
		} else if (!length_is_right(&item)) {
			out[at] = IPB_STAMP_M;
			r->malformed++;
			if (item.type == IPB_STAMP_FOLLOW_UP) /* section 4.7 */
				memset(value, 0, item.length < 12 ? item.length : 12);
			break;
		} else if (item.type == IPB_STAMP_HMAC) {
			if (ipb_stamp_tlvs_hmac(r->key, out, base, at + HEADER, value) < 0)
				out[at] = IPB_STAMP_I;
		} else if (fill(r, a, session, &item, value, &dscp)) {
			out[at] = IPB_STAMP_U;
			r->unrecognized++;
		}
	}
	return dscp;
}
