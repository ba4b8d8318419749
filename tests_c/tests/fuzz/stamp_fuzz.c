/* link: stamp/directions.o */
/* Any bytes as a packet to a STAMP reflector, as its answer, and as numbers of answers. The first byte chooses.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../../stamp/directions.h"
#include "ipb_stamp_reflect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An answer has its packet's size, or a base packet's, and its TLVs can be read. */
static void reflect(const uint8_t *data, size_t size, int flags)
{
	static struct ipb_stamp_reflector r;
	static uint8_t out[IPB_STAMP_SIZE_MAX + 1];
	struct ipb_stamp_answer answer;
	struct ipb_stamp_heard heard = { 0 };

	if (r.sessions == NULL && (ipb_stamp_reflector_open(&r) < 0 || (r.key = ipb_hmac_open("key", 3, 0, NULL)) == NULL))
		return;
	if (size > IPB_STAMP_SIZE_MAX)
		return;
	r.authenticated = flags & 1;
	r.stateless = flags >> 1 & 1;
	r.allow_cos = flags >> 2 & 1;
	r.tell_location = flags >> 3 & 1;
	r.format.ptp = flags >> 4 & 1;
	r.estimate = 1;
	r.ssid = -1;
	const struct ipb_stamp_arrival a = { .packet = data, .size = (uint32_t)size, .at_ns = 1764417265000000000ll, .ttl = 64 };
	if (!ipb_stamp_prepare(&r, &a, out, &answer))
		return;
	const uint32_t base = ipb_stamp_base(r.authenticated);
	if (answer.size != (size > base ? size : base) || ipb_stamp_finish(&r, &answer, out, a.at_ns + 1000) < 0)
		abort();
	ipb_stamp_tlvs_read(out, answer.size, base, r.key, &heard);
	struct ipb_stamp_reply reply;
	if (ipb_stamp_read(out, answer.size, r.authenticated ? r.key : NULL, &reply) != IPB_STAMP_OK)
		abort();
}

static void answers(const uint8_t *data, size_t size)
{
	struct ipb_stamp_heard heard = { 0 };
	struct ipb_stamp_reply reply;

	if (size > IPB_STAMP_SIZE_MAX)
		return;
	const struct ipb_stamp_format f = { 0, 0 };
	if (ipb_stamp_read(data, (uint32_t)size, NULL, &reply) == IPB_STAMP_OK) {
		ipb_stamp_untime(&f, ipb_stamp_is_ptp(reply.estimate), reply.sent, 1764417265000000000ll);
		ipb_stamp_estimate_ns(reply.estimate);
	}
	ipb_stamp_tlvs_read(data, (uint32_t)size, IPB_STAMP_BASE, NULL, &heard);
}

/* Whatever the reflector's numbers are: no more packets are called lost than were not answered. */
static void numbers(const uint8_t *data, size_t size)
{
	struct directions d;
	struct direction_counts c;
	uint8_t answered[64] = { 0 };
	uint64_t lost = 0;

	if (directions_open(&d, 64, 1, NULL) < 0)
		return;
	for (size_t i = 0; i + 5 < size; i += 5) {
		uint32_t r;
		memcpy(&r, data + i + 1, sizeof r);
		answered[data[i] & 63] = 1;
		directions_answer(&d, 0, data[i] & 63, data[i] & 64 ? r : r & 127, data[i] >> 7);
	}
	for (int i = 0; i < 64; i++)
		lost += !answered[i];
	if (directions_count(&d, 0, 64, 64, &c) == 0 && c.lost_forward + c.lost_backward + c.lost_unknown != lost)
		abort();
	directions_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] % 3 == 0)
		reflect(data + 2, size - 2, data[1]);
	else if (data[0] % 3 == 1)
		answers(data + 2, size - 2);
	else
		numbers(data + 2, size - 2);
	return 0;
}
