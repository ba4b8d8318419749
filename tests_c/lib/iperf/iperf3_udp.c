/* iperf3's UDP streams: their handshake and the receiver's account; see iperf3.h.  SPDX-License-Identifier: MIT */
#include "iperf3.h"

#include <string.h>

/* Since 3.10 the same characters on every machine; before that, 123456789 and 987654321 in the sender's byte order. */
static const uint8_t hello_now[] = "9876", reply_now[] = "6789";
static const uint32_t hello_before = 123456789, reply_before = 987654321;

void iperf3_hello(uint8_t to[IPERF3_HELLO_SIZE]) { memcpy(to, hello_now, IPERF3_HELLO_SIZE); }

int iperf3_is_reply(const uint8_t *data, size_t size)
{
	uint32_t v;

	if (size != IPERF3_HELLO_SIZE)
		return 0;
	memcpy(&v, data, sizeof v);
	return memcmp(data, reply_now, sizeof v) == 0 || v == reply_before || v == __builtin_bswap32(reply_before);
}

int iperf3_reply(const uint8_t *hello, size_t size, uint8_t to[IPERF3_HELLO_SIZE])
{
	uint32_t v;

	if (size != IPERF3_HELLO_SIZE)
		return 0;
	memcpy(&v, hello, sizeof v);
	if (memcmp(hello, hello_now, sizeof v) == 0) {
		memcpy(to, reply_now, sizeof v);
		return 1;
	}
	if (v != hello_before && v != __builtin_bswap32(hello_before))
		return 0;
	v = v == hello_before ? reply_before : __builtin_bswap32(reply_before);
	memcpy(to, &v, sizeof v);
	return 1;
}

void iperf3_udp_take(struct iperf3_udp *u, const uint8_t *data, size_t known, size_t size, uint64_t realtime_ns, int wide)
{
	size_t header = wide ? 16 : 12;

	u->bytes += size;
	if (known < header || size < header) {
		u->short_ones++;
		return;
	}
	u->received++;
	double sent = (double)ipb_get_be(data, 4) + (double)ipb_get_be(data + 4, 4) / 1e6;
	uint64_t number = ipb_get_be(data + 8, wide ? 8 : 4);
	if (number > u->highest) {
		u->errors += number - u->highest - 1;
		u->highest = number;
	} else {
		u->out_of_order++;
		u->errors -= u->errors > 0;
	}
	double transit = (double)realtime_ns / 1e9 - sent;
	double change = u->begun ? transit - u->transit : 0;
	u->jitter += ((change < 0 ? -change : change) - u->jitter) / 16;
	u->transit = transit;
	u->begun = 1;
}

void iperf3_udp_omit(struct iperf3_udp *u)
{
	u->omitted_highest = u->highest;
	u->omitted_errors = u->errors;
	u->bytes = 0;
	u->jitter = 0;
}
