/* The checksum of trailer.h.  SPDX-License-Identifier: MIT */
#include "trailer.h"

#include <string.h>
#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

#define LANES 4

typedef void lanes_fn(uint32_t lane[LANES], const uint64_t *words, uint64_t count);

/* One 8-byte word, bit by bit over a table of one byte: for processors without the instruction. */
static uint32_t crc_word(const uint32_t table[256], uint32_t crc, uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8)
		crc = table[(crc ^ word) & 0xff] ^ (crc >> 8);
	return crc;
}

static void lanes_portable(uint32_t lane[LANES], const uint64_t *words, uint64_t count)
{
	uint32_t table[256];
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = (c >> 1) ^ (c & 1 ? 0x82f63b78u : 0);
		table[i] = c;
	}
	for (uint64_t i = 0; i < count; i++)
		lane[i % LANES] = crc_word(table, lane[i % LANES], words[i]);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static void lanes_fast(uint32_t lane[LANES], const uint64_t *words, uint64_t count)
{
	uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3], i = 0;
	for (; i + LANES <= count; i += LANES) {
		a = __builtin_ia32_crc32di(a, words[i]);
		b = __builtin_ia32_crc32di(b, words[i + 1]);
		c = __builtin_ia32_crc32di(c, words[i + 2]);
		d = __builtin_ia32_crc32di(d, words[i + 3]);
	}
	lane[0] = (uint32_t)a, lane[1] = (uint32_t)b, lane[2] = (uint32_t)c, lane[3] = (uint32_t)d;
	for (; i < count; i++)
		lane[i % LANES] = (uint32_t)__builtin_ia32_crc32di(lane[i % LANES], words[i]);
}
#elif defined(__aarch64__)
__attribute__((target("+crc")))
static void lanes_fast(uint32_t lane[LANES], const uint64_t *words, uint64_t count)
{
	uint32_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
	uint64_t i = 0;
	for (; i + LANES <= count; i += LANES) {
		a = __crc32cd(a, words[i]);
		b = __crc32cd(b, words[i + 1]);
		c = __crc32cd(c, words[i + 2]);
		d = __crc32cd(d, words[i + 3]);
	}
	lane[0] = a, lane[1] = b, lane[2] = c, lane[3] = d;
	for (; i < count; i++)
		lane[i % LANES] = __crc32cd(lane[i % LANES], words[i]);
}
#endif

static lanes_fn *choose(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("sse4.2"))
		return lanes_fast;
#elif defined(__aarch64__)
	if ((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0)
		return lanes_fast;
#endif
	return lanes_portable;
}

uint64_t sum_bytes(const void *data, uint64_t length)
{
	lanes_fn *lanes = choose();
	uint32_t lane[LANES] = { 1, 2, 3, 4 }, whole[LANES] = { 5, 6, 7, 8 };
	uint64_t words = length / 8, rest[LANES] = { 0 };
	lanes(lane, data, words);
	memcpy(rest, (const char *)data + words * 8, length % 8);
	rest[1] = length;
	rest[2] = (uint64_t)lane[0] << 32 | lane[1];
	rest[3] = (uint64_t)lane[2] << 32 | lane[3];
	lanes(whole, rest, LANES);
	return (uint64_t)(whole[0] ^ whole[2]) << 32 | (whole[1] ^ whole[3]);
}
