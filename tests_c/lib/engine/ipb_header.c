/* Test packets; see ipb_header.h.  SPDX-License-Identifier: MIT */
#include "ipb_header.h"

#include <string.h>
#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

#include "ipb_bytes.h"
#include "ipb_rng.h"

#define MAGIC_END 20
#define RUN_END 32
#define COPY_AT 32
#define COPY_END 40
#define CRC_AT 44

/* Whether this processor has an instruction for it. */
#if defined(__x86_64__)
#define HAS_CRC __builtin_cpu_supports("sse4.2") != 0
#elif defined(__aarch64__)
#define HAS_CRC (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0
#endif

static uint32_t crc_bits(uint32_t crc, const uint8_t *p, uint32_t size)
{
	while (size-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, const uint8_t *p, uint32_t size)
{
	for (; size >= 8; p += 8, size -= 8) {
		uint64_t v;
		memcpy(&v, p, 8);
		crc = (uint32_t)__builtin_ia32_crc32di(crc, v);
	}
	for (; size > 0; size--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t crc_fast(uint32_t crc, const uint8_t *p, uint32_t size)
{
	for (; size >= 8; p += 8, size -= 8) {
		uint64_t v;
		memcpy(&v, p, 8);
		crc = __crc32cd(crc, v);
	}
	for (; size > 0; size--)
		crc = __crc32cb(crc, *p++);
	return crc;
}
#endif

uint32_t ipb_crc32c(uint32_t crc, const void *data, uint32_t size)
{
#if defined(HAS_CRC)
	if (HAS_CRC)
		return ~crc_fast(~crc, data, size);
#endif
	return ~crc_bits(~crc, data, size);
}

/* The words that the checksum is about, as they lie in the packet. */
struct words {
	uint64_t word[4]; /* bytes 0..7, 16..23, 24..31, 32..39 */
	uint32_t last;    /* bytes 40..43 */
};

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t words_crc_fast(const struct words *w)
{
	uint64_t crc = UINT32_MAX;

	for (int i = 0; i < 4; i++)
		crc = __builtin_ia32_crc32di(crc, w->word[i]);
	return ~__builtin_ia32_crc32si((uint32_t)crc, w->last);
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t words_crc_fast(const struct words *w)
{
	uint32_t crc = UINT32_MAX;

	for (int i = 0; i < 4; i++)
		crc = __crc32cd(crc, w->word[i]);
	return ~__crc32cw(crc, w->last);
}
#endif

static uint32_t words_crc(const struct words *w)
{
#if defined(HAS_CRC)
	if (__builtin_expect(HAS_CRC, 1))
		return words_crc_fast(w);
#endif
	return ipb_crc32c(ipb_crc32c(0, w->word, sizeof w->word), &w->last, sizeof w->last);
}

static uint32_t header_crc(const uint8_t *packet)
{
	struct words w;

	memcpy(&w.word[0], packet, 8);
	memcpy(&w.word[1], packet + 16, 8);
	memcpy(&w.word[2], packet + 24, 8);
	memcpy(&w.word[3], packet + 32, 8);
	memcpy(&w.last, packet + 40, 4);
	return words_crc(&w);
}

void ipb_header_pattern(uint8_t *to, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		to[i] = (uint8_t)(i * 167u + 13u);
}

static uint64_t big64(uint64_t v) { return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v; }

static uint32_t big32(uint32_t v) { return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v; }

/* The checksummed words of a packet with this number, as it is sent. */
static struct words words_of(const struct ipb_header *h, uint32_t size, uint64_t number, uint32_t flow)
{
	return (struct words){ { number, big64((uint64_t)IPB_HEADER_MAGIC << 32 | flow), big64(h->run), big64(~number) },
	                       big32(size) };
}

/* Bytes COPY_AT to IPB_HEADER_SIZE of a packet: the number's copy, the size, the checksum. */
struct tail {
	uint64_t copy, rest;
};

static struct tail tail_of(const struct words *w)
{
	struct tail t;
	uint8_t bytes[IPB_HEADER_SIZE - COPY_AT];
	const uint32_t crc = big32(words_crc(w));

	memcpy(bytes, &w->word[3], 8);
	memcpy(bytes + 8, &w->last, 4);
	memcpy(bytes + 12, &crc, 4);
	memcpy(&t, bytes, sizeof t);
	return t;
}

void ipb_header_init(struct ipb_header *h, int full, uint64_t run, const uint8_t *pattern, uint32_t largest)
{
	uint64_t mix = run;

	*h = (struct ipb_header){ .full = full, .run = run, .base = (ipb_mix64(&mix) & 0x3fffffff) << 32, .pattern = pattern,
		                  .largest = largest };
	/* A CRC is linear: what a bit changes in it does not depend on the rest of the packet. */
	const struct words zero = words_of(h, 0, 0, 0);
	const struct tail from = tail_of(&zero);
	for (uint32_t i = 0; i < IPB_HEADER_LOW; i++) {
		const struct words w = words_of(h, 0, i, 0);
		const struct tail to = tail_of(&w);
		h->change[i][0] = from.copy ^ to.copy;
		h->change[i][1] = from.rest ^ to.rest;
	}
}

void ipb_header_write(const struct ipb_header *h, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow)
{
	number += h->base;
	if (!h->full) {
		memcpy(packet, &number, 8);
		return;
	}
	const struct words w = words_of(h, size, number, flow);
	const struct tail t = tail_of(&w);

	memcpy(packet, &w.word[0], 8);
	memset(packet + 8, 0, 8);
	memcpy(packet + 16, &w.word[1], 16);
	memcpy(packet + COPY_AT, &t, sizeof t);
}

void ipb_header_renumber(const struct ipb_header *h, uint8_t *packets, size_t stride, uint32_t size, uint64_t number,
                         uint32_t flow, uint32_t n)
{
	number += h->base;
	if (!h->full) {
		for (uint32_t i = 0; i < n; i++, number++)
			memcpy(packets + i * stride, &number, 8);
		return;
	}
	while (n > 0) {
		const uint32_t low = (uint32_t)(number & (IPB_HEADER_LOW - 1)), left = IPB_HEADER_LOW - low;
		const uint32_t alike = n < left ? n : left; /* they differ in the lowest bits alone */
		const struct words w = words_of(h, size, number - low, flow);
		const struct tail start = tail_of(&w);
		for (uint32_t i = low; i < low + alike; i++, number++, packets += stride) {
			const struct tail t = { start.copy ^ h->change[i][0], start.rest ^ h->change[i][1] };
			memcpy(packets, &number, 8);
			memcpy(packets + COPY_AT, &t, sizeof t);
		}
		n -= alike;
	}
}

/* memcmp, whose masked vectors for few bytes (glibc's, with AVX-512) took an AMD EPYC a twentieth of the time in which a frame of 64
 * bytes goes there and back. */
static int are_same(const uint8_t *a, const uint8_t *b, uint32_t size)
{
	uint64_t x, y, differ = 0;

	if (size > 64)
		return memcmp(a, b, size) == 0;
	for (uint32_t i = 0; size < 8 && i < size; i++)
		differ |= a[i] ^ b[i];
	for (uint32_t i = 0; size >= 8 && i < size; i += 8) {
		const uint32_t at = i + 8 <= size ? i : size - 8; /* the last word begins in the one before */
		memcpy(&x, a + at, 8);
		memcpy(&y, b + at, 8);
		differ |= x ^ y;
	}
	return differ == 0;
}

static int pattern_holds(const struct ipb_header *h, const uint8_t *packet, uint32_t from, uint32_t size)
{
	return size <= from || (size <= h->largest && are_same(packet + from, h->pattern + from, size - from));
}

/* What is behind a packet of that size is none of it, where frames may be padded. */
static uint32_t without_padding(const struct ipb_header *h, uint32_t got, uint32_t size)
{
	return h->padded && size < got && size >= IPB_PLAIN_SIZE ? size : got;
}

enum ipb_reply ipb_header_read_number(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint64_t next,
                                      uint64_t *number)
{
	if (got < IPB_PLAIN_SIZE)
		return IPB_REPLY_UNKNOWN;
	memcpy(number, packet, 8);
	*number -= h->base;
	return *number < next ? IPB_REPLY_OK : IPB_REPLY_STRAY;
}

static enum ipb_reply read_plain(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint32_t expected,
                                 uint64_t next, uint64_t *number)
{
	enum ipb_reply kind = ipb_header_read_number(h, packet, got, next, number);

	if (kind != IPB_REPLY_OK)
		return kind;
	got = without_padding(h, got, expected);
	if ((expected != 0 && got != expected) || !pattern_holds(h, packet, IPB_PATTERN_AT_PLAIN, got))
		return IPB_REPLY_CORRUPT;
	return IPB_REPLY_OK;
}

/* A packet whose checksum does not hold: which of the two copies of its number is the right one? */
static enum ipb_reply repair(const struct ipb_header *h, const uint8_t *packet, uint64_t next, uint64_t *number)
{
	uint8_t copy[IPB_HEADER_SIZE];
	uint64_t first, second = ~ipb_get_be(packet + 32, 8);

	memcpy(&first, packet, 8);
	*number = first - h->base;
	if (first == second)
		return *number < next ? IPB_REPLY_CORRUPT : IPB_REPLY_UNKNOWN;
	uint32_t crc = (uint32_t)ipb_get_be(packet + CRC_AT, 4);
	memcpy(copy, packet, sizeof copy);
	ipb_put_be(copy + 32, ~first, 8);
	if (header_crc(copy) == crc && *number < next)
		return IPB_REPLY_CORRUPT;
	memcpy(copy, &second, 8);
	ipb_put_be(copy + 32, ~second, 8);
	*number = second - h->base;
	return header_crc(copy) == crc && *number < next ? IPB_REPLY_CORRUPT : IPB_REPLY_UNKNOWN;
}

/* What is left of a packet whose end is missing. Whatever of it is whole must be ours: another run's packet
 * may be cut, too. */
static enum ipb_reply read_short(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint64_t next,
                                 uint64_t *number)
{
	uint64_t word;

	if (got < 8)
		return IPB_REPLY_UNKNOWN;
	if ((got >= MAGIC_END && ipb_get_be(packet + 16, 4) != IPB_HEADER_MAGIC) ||
	    (got >= RUN_END && ipb_get_be(packet + 24, 8) != h->run))
		return IPB_REPLY_STRAY;
	memcpy(&word, packet, 8);
	*number = word - h->base;
	if (*number < next && (got < COPY_END || word == ~ipb_get_be(packet + 32, 8)))
		return IPB_REPLY_CORRUPT;
	return got < RUN_END ? IPB_REPLY_STRAY : IPB_REPLY_UNKNOWN;
}

enum ipb_reply ipb_header_read(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint32_t expected,
                               uint64_t next, uint64_t *number)
{
	if (!h->full)
		return read_plain(h, packet, got, expected, next, number);
	if (got < IPB_HEADER_SIZE)
		return read_short(h, packet, got, next, number);
	int magic = ipb_get_be(packet + 16, 4) == IPB_HEADER_MAGIC, run = ipb_get_be(packet + 24, 8) == h->run;
	if (header_crc(packet) != ipb_get_be(packet + CRC_AT, 4))
		return magic || run ? repair(h, packet, next, number) : IPB_REPLY_STRAY;
	if (!magic || !run)
		return IPB_REPLY_STRAY;
	memcpy(number, packet, 8);
	*number -= h->base;
	if (*number >= next)
		return IPB_REPLY_STRAY;
	got = without_padding(h, got, (uint32_t)ipb_get_be(packet + 40, 4));
	if (ipb_get_be(packet + 40, 4) != got || !pattern_holds(h, packet, IPB_HEADER_SIZE, got))
		return IPB_REPLY_CORRUPT;
	return IPB_REPLY_OK;
}
