/* Packets: what is ours, damaged, or a stranger's.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_header.h"

#define SIZE 200u
static uint8_t pattern[SIZE];
static struct ipb_header ours, other;

static int prepare(void **state)
{
	(void)state;
	ipb_header_pattern(pattern, SIZE);
	ipb_header_init(&ours, 1, 0x1234567812345678ull, pattern, SIZE);
	ipb_header_init(&other, 1, 0x8765432187654321ull, pattern, SIZE);
	return 0;
}

static void make(uint8_t *packet, const struct ipb_header *h, uint32_t size, uint64_t number)
{
	memcpy(packet, pattern, size);
	ipb_header_write(h, packet, size, number, 3);
}

static void whole_packets_are_ours(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	for (uint32_t size = IPB_HEADER_SIZE; size <= SIZE; size += 19) {
		make(packet, &ours, size, 42);
		assert_int_equal(ipb_header_read(&ours, packet, size, size, 43, &number), IPB_REPLY_OK);
		assert_int_equal(number, 42);
		memset(packet + 8, 0xee, 8); /* word 1 is the target's */
		assert_int_equal(ipb_header_read(&ours, packet, size, size, 43, &number), IPB_REPLY_OK);
		assert_int_equal(ipb_header_read(&ours, packet, size, size, 42, &number), IPB_REPLY_STRAY);
	}
	uint64_t word;
	make(packet, &ours, 64, 42);
	memcpy(&word, packet, 8);
	assert_int_equal(word, 42 + ours.base);
}

static void new_numbers_make_the_same_packets(void **state)
{
	enum { COUNT = 100 };
	static uint8_t one[SIZE], run[COUNT * SIZE];
	uint64_t number;

	(void)state;
	for (int full = 0; full < 2; full++) {
		struct ipb_header h = ours;
		h.full = full;
		for (uint64_t i = 0; i < COUNT; i++) {
			memcpy(run + i * SIZE, pattern, SIZE);
			ipb_header_write(&h, run + i * SIZE, 150, i * i, 3);
		}
		for (uint64_t first = 0; first < 300; first += 7) {
			ipb_header_renumber(&h, run, SIZE, 150, first << first % 24, 3, COUNT);
			for (uint32_t i = 0; i < COUNT; i++) {
				make(one, &h, 150, (first << first % 24) + i);
				assert_memory_equal(run + i * SIZE, one, 150);
			}
			assert_int_equal(ipb_header_read(&h, one, 150, 150, UINT64_MAX, &number), IPB_REPLY_OK);
			assert_int_equal(number, (first << first % 24) + COUNT - 1);
		}
		for (uint32_t i = 0; i < COUNT; i++)
			assert_memory_equal(run + i * SIZE + 150, pattern + 150, SIZE - 150);
	}
}

/* Flips each bit of a packet, from a byte on. Word 1 is the target's. */
static void flip_all(const struct ipb_header *h, uint32_t size, uint32_t from)
{
	uint8_t packet[SIZE];
	uint64_t number;

	for (uint32_t bit = from * 8; bit < size * 8; bit++) {
		if (bit / 8 >= 8 && bit / 8 < 16)
			continue;
		make(packet, h, size, 1000);
		packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
		number = 0;
		assert_int_equal(ipb_header_read(h, packet, size, size, 5000, &number), IPB_REPLY_CORRUPT);
		assert_int_equal(number, 1000);
	}
}

static void every_flipped_bit_is_found(void **state)
{
	struct ipb_header plain = ours;

	(void)state;
	plain.full = 0;
	for (uint32_t size = 16; size <= SIZE; size++) {
		flip_all(&plain, size, 16);
		if (size >= IPB_HEADER_SIZE)
			flip_all(&ours, size, 0);
	}
}

static void truncated_packets_are_found(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	make(packet, &ours, SIZE, 1000);
	for (uint32_t size = 0; size < SIZE; size++)
		assert_int_equal(ipb_header_read(&ours, packet, size, SIZE, 5000, &number),
		                 size < 8 ? IPB_REPLY_UNKNOWN : IPB_REPLY_CORRUPT);
}

static void other_runs_are_strays(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	make(packet, &other, SIZE, 1000);
	assert_int_equal(ipb_header_read(&ours, packet, SIZE, SIZE, 5000, &number), IPB_REPLY_STRAY);
	memset(packet, 0x55, SIZE);
	assert_int_equal(ipb_header_read(&ours, packet, SIZE, SIZE, 5000, &number), IPB_REPLY_STRAY);
}

static void cut_packets_of_other_runs_are_strays(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	make(packet, &other, SIZE, 1000);
	for (uint32_t size = 8; size < IPB_HEADER_SIZE; size++)
		assert_int_equal(ipb_header_read(&ours, packet, size, SIZE, 5000, &number), IPB_REPLY_STRAY);
	/* Of a run whose numbers begin where ours do, magic and run are what tells. */
	other.base = ours.base;
	make(packet, &other, SIZE, 1000);
	for (uint32_t size = 32; size < IPB_HEADER_SIZE; size++)
		assert_int_equal(ipb_header_read(&ours, packet, size, SIZE, 5000, &number), IPB_REPLY_STRAY);
	packet[16] ^= 1;
	for (uint32_t size = 20; size < IPB_HEADER_SIZE; size++)
		assert_int_equal(ipb_header_read(&ours, packet, size, SIZE, 5000, &number), IPB_REPLY_STRAY);
}

/* The pattern ends with the largest packet: a longer reply is not compared with what lies behind it. */
static void longer_replies_are_damaged(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	for (int full = 0; full < 2; full++) {
		struct ipb_header h = ours;
		uint8_t *exact = malloc(60); /* the sanitizer watches its end */
		assert_non_null(exact);
		ipb_header_pattern(exact, 60);
		h.full = full;
		h.pattern = exact;
		h.largest = 60;
		make(packet, &h, 60, 7);
		assert_int_equal(ipb_header_read(&h, packet, 60, 0, 8, &number), IPB_REPLY_OK);
		for (uint32_t size = 61; size <= SIZE; size++) {
			make(packet, &h, size, 7);
			assert_int_equal(ipb_header_read(&h, packet, size, 0, 8, &number), IPB_REPLY_CORRUPT);
			assert_int_equal(number, 7);
		}
		free(exact);
	}
}

static void plain_packets(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	ours.full = other.full = 0;
	make(packet, &ours, 40, 7);
	assert_int_equal(ipb_header_read(&ours, packet, 40, 40, 8, &number), IPB_REPLY_OK);
	assert_int_equal(number, 7);
	assert_int_equal(ipb_header_read(&ours, packet, 39, 40, 8, &number), IPB_REPLY_CORRUPT);
	assert_int_equal(ipb_header_read(&ours, packet, 7, 40, 8, &number), IPB_REPLY_UNKNOWN);
	packet[20] ^= 1;
	assert_int_equal(ipb_header_read(&ours, packet, 40, 40, 8, &number), IPB_REPLY_CORRUPT);
	make(packet, &other, 40, 7);
	assert_int_equal(ipb_header_read(&ours, packet, 40, 40, 8, &number), IPB_REPLY_STRAY);
}

/* Ethernet pads frames, and an echo may send its whole buffer: what is behind the packet is none of it. */
static void padding_is_none_of_the_packet(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	for (int full = 0; full < 2; full++) {
		ours.full = full;
		ours.padded = 1;
		for (uint32_t size = full ? IPB_HEADER_SIZE : 8; size < SIZE; size += 7) {
			make(packet, &ours, size, 7);
			memset(packet + size, 0x5a, SIZE - size);
			assert_int_equal(ipb_header_read(&ours, packet, SIZE, size, 8, &number), IPB_REPLY_OK);
			assert_int_equal(number, 7);
			assert_int_equal(ipb_header_read(&ours, packet, size - 1, size, 8, &number),
			                 size - 1 < 8 ? IPB_REPLY_UNKNOWN : IPB_REPLY_CORRUPT);
			packet[size - 1] ^= size > 16 ? 1 : 0; /* the last byte that counts; bytes 8 to 15 are the target's */
			if (size > 16)
				assert_int_equal(ipb_header_read(&ours, packet, SIZE, size, 8, &number), IPB_REPLY_CORRUPT);
		}
		ours.padded = 0;
		make(packet, &ours, 100, 7);
		assert_int_equal(ipb_header_read(&ours, packet, SIZE, 100, 8, &number), IPB_REPLY_CORRUPT);
	}
}

static void a_number_alone_can_be_read(void **state)
{
	uint8_t packet[SIZE];
	uint64_t number;

	(void)state;
	make(packet, &ours, 100, 7);
	memset(packet + 8, 0xa5, 92);
	assert_int_equal(ipb_header_read_number(&ours, packet, 100, 8, &number), IPB_REPLY_OK);
	assert_int_equal(number, 7);
	assert_int_equal(ipb_header_read_number(&ours, packet, 8, 8, &number), IPB_REPLY_OK);
	assert_int_equal(ipb_header_read_number(&ours, packet, 7, 8, &number), IPB_REPLY_UNKNOWN);
	assert_int_equal(ipb_header_read_number(&ours, packet, 100, 7, &number), IPB_REPLY_STRAY);
	assert_int_equal(ipb_header_read_number(&other, packet, 100, 8, &number), IPB_REPLY_STRAY);
}

static void checksum_is_crc32c(void **state)
{
	(void)state;
	assert_int_equal(ipb_crc32c(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(ipb_crc32c(ipb_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_packets_are_ours, prepare),
		cmocka_unit_test_setup(new_numbers_make_the_same_packets, prepare),
		cmocka_unit_test_setup(every_flipped_bit_is_found, prepare),
		cmocka_unit_test_setup(truncated_packets_are_found, prepare),
		cmocka_unit_test_setup(other_runs_are_strays, prepare),
		cmocka_unit_test_setup(cut_packets_of_other_runs_are_strays, prepare),
		cmocka_unit_test_setup(longer_replies_are_damaged, prepare),
		cmocka_unit_test_setup(plain_packets, prepare),
		cmocka_unit_test_setup(padding_is_none_of_the_packet, prepare),
		cmocka_unit_test_setup(a_number_alone_can_be_read, prepare),
		cmocka_unit_test(checksum_is_crc32c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
