/* discard's program, frame by frame: the kernel runs it on each (BPF_PROG_TEST_RUN), and none is sent. Checksums are computed anew
 * here, in the plain way of RFC 1071. Needs root.  SPDX-License-Identifier: MIT */
/* link: discard.a */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../discard/inject.h"
#include "checksum.h"
#include "ipb_bpf.h"
#include "ipb_bytes.h"
#include "ipb_clock.h"

#define HEADERS 42u
#define PAYLOAD 60u
#define INTERVAL_NS 1000000ull
#define DAMAGE 0xa5

static const uint32_t key;

/* Of a UDP packet over IPv4: over the addresses, the protocol and the length, and the packet. */
static uint16_t udp_sum(const uint8_t *frame)
{
	return sum(frame + 34, PAYLOAD + 8, sum(frame + 26, 8, 17 + PAYLOAD + 8));
}

static struct inject_frame template_frame(void)
{
	struct inject_frame f = { .size = HEADERS + PAYLOAD, .payload = HEADERS, .udp = 1 };

	for (uint32_t i = 0; i < HEADERS; i++)
		f.bytes[i] = (uint8_t)(17 * i + 3);
	ipb_put_be(f.bytes + 38, PAYLOAD + 8, 2);
	ipb_put_be(f.bytes + HEADERS + 8, DISCARD_MAGIC, 4);
	ipb_put_be(f.bytes + HEADERS + 12, 0x01234567, 4);
	ipb_put_be(f.bytes + HEADERS + 16, 0x89abcdef01234567ull, 8);
	ipb_put_be(f.bytes + 40, 0, 2);
	ipb_put_be(f.bytes + 40, (uint16_t)~udp_sum(f.bytes), 2);
	return f;
}

/* When a packet is due it is written whole, whatever the frame's memory held; when none is due, nothing is sent. */
static void frames_are_written_when_they_are_due(void **state)
{
	const struct inject_frame f = template_frame();
	const uint64_t ms = 1000000ull << INJECT_FRACTION;
	struct inject_state s = { .start_ns = ipb_now_ns() - 50 * INTERVAL_NS, .interval = INTERVAL_NS << INJECT_FRACTION,
		                  .until = 40 * ms, .ends = { 10 * ms, 20 * ms, 40 * ms } };
	struct ipb_asm *a = malloc(sizeof *a);
	struct ipb_error err = { 0 };
	uint8_t frame[HEADERS + PAYLOAD];

	(void)state;
	if (getuid() != 0) {
		free(a);
		skip();
	}
	assert_non_null(a);
	const int map = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, sizeof key, sizeof s, 1, "test", &err);
	assert_true(map >= 0);
	inject_program(a, &f, map, 1);
	const int program = ipb_bpf_load(a, "test", 0, &err);
	free(a);
	if (program < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(ipb_bpf_update(map, &key, &s), 0);
	for (uint64_t i = 0; i < 41; i++) {
		uint32_t size = sizeof frame;
		memset(frame, i % 2 == 0 ? DAMAGE : 0xff, HEADERS + DISCARD_HEADER);
		memset(frame + HEADERS + DISCARD_HEADER, 0, PAYLOAD - DISCARD_HEADER);
		const int verdict = ipb_bpf_try(program, frame, &size, sizeof frame);
		if (i == 40) { /* that is all */
			assert_int_equal(verdict, XDP_DROP);
			break;
		}
		assert_int_equal(verdict, XDP_REDIRECT);
		assert_memory_equal(frame, f.bytes, 40);
		assert_memory_equal(frame + HEADERS + 8, f.bytes + HEADERS + 8, 16);
		assert_int_equal(ipb_get_be(frame + HEADERS, 8), i);
		assert_int_equal(ipb_get_be(frame + HEADERS + 24, 8), i < 10 ? 0 : i < 20 ? i - 10 : 10);
		assert_int_equal(frame[HEADERS + 32], i < 10 ? DISCARD_WARMUP : i < 20 ? DISCARD_MEASURE : DISCARD_COOLDOWN);
		assert_int_equal(udp_sum(frame), 0xffff);
	}
	assert_int_equal(ipb_bpf_lookup(map, &key, &s), 0);
	assert_int_equal(s.sequence, 40);
	assert_int_equal(s.measured, 10);
	assert_int_equal(s.given_up, 0);
	/* One that is due in a moment is not sent yet. */
	s = (struct inject_state){ .start_ns = ipb_now_ns() + 1000 * INTERVAL_NS, .interval = ms, .until = 40 * ms,
		                   .ends = { 0, 40 * ms, 40 * ms } };
	assert_int_equal(ipb_bpf_update(map, &key, &s), 0);
	uint32_t size = sizeof frame;
	assert_int_equal(ipb_bpf_try(program, frame, &size, sizeof frame), XDP_DROP);
	/* What is more than 0.1 s late is given up: of 250 due, 1 ms apart, at most the last 100 are left, and that one is the first. */
	s.start_ns = ipb_now_ns() - 250 * INTERVAL_NS;
	s.now = 0;
	s.until = s.ends[1] = s.ends[2] = 1000 * ms;
	assert_int_equal(ipb_bpf_update(map, &key, &s), 0);
	size = sizeof frame;
	assert_int_equal(ipb_bpf_try(program, frame, &size, sizeof frame), XDP_REDIRECT);
	assert_int_equal(ipb_bpf_lookup(map, &key, &s), 0);
	assert_int_equal(s.sequence, 1);
	assert_int_equal(s.due, (s.given_up + 1) * ms);
	assert_true(s.given_up >= 150);
	assert_int_equal(s.given_up, (s.now - 100 * ms + ms - 1) / ms);
	close(program);
	close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(frames_are_written_when_they_are_due) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
