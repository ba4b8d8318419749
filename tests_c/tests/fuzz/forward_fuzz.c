/* What comes to a tester that receives: packets of anybody, in any order.  SPDX-License-Identifier: MIT */
/* link: forward/packet.o forward/tally.o -I../forward */
#include <stdlib.h>
#include <string.h>

#include "ipb_header.h"
#include "packet.h"
#include "tally.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a list of packets, each behind a byte of how it is to be treated and two of its size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t pattern[FORWARD_PACKET_MAX];
	static struct forward_run run;
	struct forward_tally t;
	uint64_t now = 1;

	if (pattern[1] == 0) {
		ipb_header_pattern(pattern, sizeof pattern);
		forward_run_init(&run, 1);
	}
	if (forward_tally_init(&t, 0, 1000) < 0)
		abort();
	while (size >= 3) {
		const uint8_t how = data[0];
		uint32_t got = (uint32_t)data[1] << 8 | data[2];
		struct forward_packet p;
		data += 3;
		size -= 3;
		got = got < size ? got : (uint32_t)size;
		uint8_t *packet = malloc(got + 1); /* so that a byte too far is seen */
		if (packet == NULL)
			abort();
		memcpy(packet, data, got);
		/* Most inputs are nobody's packets; some get what is in them sealed as ours. */
		if ((how & 1) != 0 && got >= FORWARD_LEAST)
			forward_write(&run, packet, got, how & 2 ? FORWARD_MEASURED : FORWARD_AROUND, how >> 4,
			              (uint64_t)packet[0] << 24 | packet[1], now, packet[2]);
		if ((how & 5) == 4 && got >= FORWARD_CONTROL_SIZE) {
			struct forward_control c;
			memcpy(&c, packet, sizeof c);
			got = FORWARD_CONTROL_SIZE;
			forward_write_control(&run, packet, how & 2 ? FORWARD_END : FORWARD_LEARN, 0, now, &c);
		}
		const enum forward_kind kind = forward_read(&run, packet, got, pattern, &p);
		if (kind == FORWARD_OK && p.type >= FORWARD_LEARN)
			forward_tally_control(&t, &p, how);
		else if (kind != FORWARD_STRAY)
			forward_tally_add(&t, &p, kind == FORWARD_CORRUPT, got, now);
		now += how;
		free(packet);
		data += got;
		size -= got;
	}
	const struct forward_sums s = forward_tally_sums(&t);
	if (s.bytes < s.ok)
		abort();
	forward_tally_free(&t);
	return 0;
}
