/* Packets that go through a device: what is written is read, what is damaged or somebody else's is told apart.
 * SPDX-License-Identifier: MIT */
/* link: forward/packet.o -I../forward */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_header.h"
#include "ipb_rng.h"
#include "packet.h"

#define RUN 0x0123456789abcdefull

static uint8_t pattern[FORWARD_PACKET_MAX];

static int prepare(void **state)
{
	(void)state;
	ipb_header_pattern(pattern, sizeof pattern);
	return 0;
}

static uint32_t make(uint8_t *packet, const struct forward_run *r, uint32_t size, uint64_t number, uint64_t now, uint64_t late)
{
	memcpy(packet, pattern, size);
	forward_write(r, packet, size, FORWARD_MEASURED, 513, number, now, late);
	return size;
}

static void what_is_written_is_read(void **state)
{
	static const uint32_t sizes[] = { 18, 19, 25, 26, 27, 70, 71, 1472, 65507 };
	struct forward_run r;
	struct forward_packet p;
	uint8_t *packet = malloc(FORWARD_PACKET_MAX);

	(void)state;
	assert_non_null(packet);
	forward_run_init(&r, RUN);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		make(packet, &r, sizes[i], 0x1fffffffeull + i, 0xabcdef0123456789ull, 1000 + i);
		assert_int_equal(forward_read(&r, packet, sizes[i], pattern, &p), FORWARD_OK);
		assert_int_equal(p.type, FORWARD_MEASURED);
		assert_int_equal(p.sender, 513);
		assert_int_equal(p.number, (uint32_t)(0x1fffffffeull + i));
		assert_int_equal(p.time, 0xabcdef0123456789ull & FORWARD_TIME_MASK);
		assert_true(p.late_ns <= 1000 + i && p.late_ns + 1 >= 1000 + i);
	}
	free(packet);
}

/* Every single bit that is wrong is seen, and no damaged packet is counted as a whole one. */
static void each_wrong_bit_is_seen(void **state)
{
	static const uint32_t sizes[] = { 18, 24, 64, 200 };
	struct forward_run r;
	struct forward_packet p;
	uint8_t packet[200];

	(void)state;
	forward_run_init(&r, RUN);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		const uint32_t size = make(packet, &r, sizes[s], 77, 5, 0);
		for (uint32_t bit = 0; bit < size * 8; bit++) {
			packet[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			const enum forward_kind kind = forward_read(&r, packet, size, pattern, &p);
			assert_int_not_equal(kind, FORWARD_OK);
			/* Behind the fields the number is known all the same. */
			if (bit >= FORWARD_LEAST * 8) {
				assert_int_equal(kind, FORWARD_CORRUPT);
				assert_true(p.known);
				assert_int_equal(p.number, 77);
			}
			/* Where the run's tag is whole, it is ours. */
			if (size >= FORWARD_PATTERN_AT && bit < FORWARD_LEAST * 8 && kind == FORWARD_STRAY)
				assert_true(bit >= 4 * 8 && bit < 7 * 8); /* it looks like a frame of learning now */
			packet[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
		/* Cut and lengthened ones. */
		for (uint32_t cut = 0; cut < size; cut++)
			assert_int_not_equal(forward_read(&r, packet, cut, pattern, &p), FORWARD_OK);
	}
}

static void other_runs_are_strays(void **state)
{
	struct forward_run ours, theirs;
	struct forward_packet p;
	uint8_t packet[FORWARD_CONTROL_SIZE];
	const struct forward_control control = { .flows = 1, .interval_ns = 1, .duration_ns = 1 };
	int corrupt = 0;

	(void)state;
	forward_run_init(&ours, RUN);
	for (uint64_t run = 1; run <= 2000; run++) {
		forward_run_init(&theirs, run);
		make(packet, &theirs, 64, run, run, 0);
		assert_int_equal(forward_read(&ours, packet, 64, pattern, &p), FORWARD_STRAY);
		make(packet, &theirs, 20, run, run, 0);
		const enum forward_kind kind = forward_read(&ours, packet, 20, pattern, &p);
		assert_true(kind == FORWARD_STRAY || (kind == FORWARD_CORRUPT && !p.known && !p.tagged));
		corrupt += kind == FORWARD_CORRUPT;
		forward_write_control(&theirs, packet, FORWARD_LEARN, 1, 2, &control);
		assert_int_equal(forward_read(&ours, packet, FORWARD_CONTROL_SIZE, pattern, &p), FORWARD_STRAY);
	}
	/* Of short ones one in 128 looks as if it were ours and damaged; none is taken for whole. */
	assert_in_range(corrupt, 2, 50);
}

static void control_packets_are_whole_or_nothing(void **state)
{
	struct forward_run r;
	struct forward_packet p;
	uint8_t packet[FORWARD_CONTROL_SIZE];
	const struct forward_control c = { 1ull << 60, 2, 3, 4, 5, 7, 8, 6 };

	(void)state;
	forward_run_init(&r, RUN);
	forward_write_control(&r, packet, FORWARD_END, 9, 123, &c);
	assert_int_equal(forward_read(&r, packet, sizeof packet, pattern, &p), FORWARD_OK);
	assert_int_equal(p.type, FORWARD_END);
	assert_int_equal(p.sender, 9);
	assert_true(p.control.measure_ns == 1ull << 60 && p.control.duration_ns == 2 && p.control.interval_ns == 3);
	assert_true(p.control.clock == 4 && p.control.sent == 5 && p.control.first == 7 && p.control.numbers == 8 && p.control.flows == 6);
	for (uint32_t bit = 0; bit < sizeof packet * 8; bit++) {
		packet[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_true(forward_read(&r, packet, sizeof packet, pattern, &p) != FORWARD_OK);
		packet[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

static void lateness_is_never_more_than_it_was(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		const uint64_t bits = ipb_mix64(&seed) % 42, ns = ipb_mix64(&seed) >> (63 - bits);
		const uint64_t back = forward_unpack_late(forward_pack_late(ns));
		if (ns >> 42 != 0)
			continue;
		assert_true(back <= ns);
		assert_true(ns - back <= ns / 1024);
	}
	assert_int_equal(forward_unpack_late(forward_pack_late(2047)), 2047);
	assert_true(forward_unpack_late(forward_pack_late(UINT64_MAX)) > 4000000000000ull);
}

static void times_wrap(void **state)
{
	(void)state;
	assert_int_equal(forward_time_since(FORWARD_TIME_MASK, 4), 5);
	assert_int_equal(forward_time_since(4, FORWARD_TIME_MASK), -5);
	assert_int_equal(forward_time_since(100, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(each_wrong_bit_is_seen),
		cmocka_unit_test(other_runs_are_strays), cmocka_unit_test(control_packets_are_whole_or_nothing),
		cmocka_unit_test(lateness_is_never_more_than_it_was), cmocka_unit_test(times_wrap),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
