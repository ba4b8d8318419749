/* HdrHistogram's V2 encoding of a histogram; see ipb_hist.h.  SPDX-License-Identifier: MIT */
#include "ipb_hist.h"

#include <string.h>

#include "ipb_bytes.h"

#define COOKIE 0x1c849303u
#define COOKIE_BASE_MASK 0xffffff0fu /* the lower nibble but one holds the word size */
#define COOKIE_WORD 0x10u
#define HEADER 40

/* ZigZag LEB128 in at most 9 bytes: the ninth byte holds 8 whole bits. */
static void put_count(struct ipb_writer *w, int64_t signed_value)
{
	uint64_t v = (uint64_t)signed_value << 1 ^ (uint64_t)(signed_value >> 63);

	for (int i = 0; i < 8; i++, v >>= 7) {
		if (v < 0x80) {
			ipb_write_u8(w, (uint8_t)v);
			return;
		}
		ipb_write_u8(w, (uint8_t)(v | 0x80));
	}
	ipb_write_u8(w, (uint8_t)v);
}

static int64_t get_count(struct ipb_reader *r)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 9; i++) {
		uint64_t byte = ipb_read_u8(r);
		if (i == 8) {
			v |= byte << 56;
			break;
		}
		v |= (byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			break;
	}
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void put_header(struct ipb_writer *w, uint32_t digits)
{
	ipb_write_u32(w, COOKIE | COOKIE_WORD);
	ipb_write_u32(w, 0); /* payload length, below */
	ipb_write_u32(w, 0); /* normalising index offset */
	ipb_write_u32(w, digits);
	ipb_write_u64(w, IPB_HIST_LOWEST);
	ipb_write_u64(w, IPB_HIST_HIGHEST);
	ipb_write_f64(w, 1.0);
}

static size_t finish(struct ipb_writer *w, uint8_t *to)
{
	if (w->failed)
		return 0;
	ipb_put_be(to + 4, ipb_writer_size(w) - HEADER, 4);
	return ipb_writer_size(w);
}

/* A single zero is written as itself. */
static void put_zeros(struct ipb_writer *w, int64_t zeros) { put_count(w, zeros == 1 ? 0 : -zeros); }

size_t ipb_hist_encode(const struct ipb_hist *h, uint8_t *to, size_t size)
{
	struct ipb_writer w;
	uint32_t length = h->count ? ipb_hist_index(h->max_ns) + 1 : 0;

	ipb_writer_init(&w, to, size);
	put_header(&w, IPB_HIST_DIGITS);
	for (uint32_t i = 0; i < length;) {
		int64_t zeros = 0;
		while (i < length && h->counts[i] == 0) {
			zeros++;
			i++;
		}
		if (zeros > 0)
			put_zeros(&w, zeros);
		else
			put_count(&w, (int64_t)h->counts[i++]);
	}
	return finish(&w, to);
}

size_t ipb_hist_encode_coarse(const uint32_t *counts, uint32_t length, uint8_t *to, size_t size)
{
	struct ipb_writer w;

	ipb_writer_init(&w, to, size);
	put_header(&w, IPB_HIST_COARSE_DIGITS);
	for (uint32_t i = 0, zeros = 0; i < length; i++) {
		if (counts[i] == 0) {
			zeros++;
			continue;
		}
		if (zeros > 0)
			put_zeros(&w, zeros);
		zeros = 0;
		put_count(&w, counts[i]);
	}
	return finish(&w, to);
}

/* The layout that a header describes. */
struct layout {
	unsigned unit_bits, sub_bits;
	uint32_t length;
};

static int layout_of(struct layout *l, uint32_t digits, uint64_t lowest, uint64_t highest)
{
	uint64_t needed = 2;

	if (digits > 5 || lowest < 1 || lowest > INT64_MAX / 2 || highest > INT64_MAX || highest / 2 < lowest)
		return -1;
	for (uint32_t i = 0; i < digits; i++)
		needed *= 10;
	l->unit_bits = 63 - (unsigned)__builtin_clzll(lowest);
	l->sub_bits = 64 - (unsigned)__builtin_clzll(needed - 1);
	if (l->unit_bits + l->sub_bits > 62)
		return -1;
	uint32_t buckets = 1;
	uint64_t reach = 1ull << (l->unit_bits + l->sub_bits);
	while (reach <= highest) {
		buckets++;
		if (reach > INT64_MAX / 2)
			break;
		reach <<= 1;
	}
	l->length = (buckets + 1) << (l->sub_bits - 1);
	return 0;
}

/* Highest value of the bucket halved: HdrHistogram's "median equivalent value"; exact when the layout is ours. */
static uint64_t middle_of(const struct layout *l, uint32_t index)
{
	uint32_t half = 1u << (l->sub_bits - 1);
	uint32_t bucket = index >> (l->sub_bits - 1);
	uint64_t sub = index & (half - 1);
	unsigned shift = l->unit_bits;

	if (bucket > 0) {
		sub += half;
		shift += bucket - 1;
	}
	return (sub << shift) + ((1ull << shift) >> 1);
}

static void record_bucket(struct ipb_hist *h, const struct layout *l, uint32_t index, uint64_t count)
{
	ipb_hist_record_n(h, middle_of(l, index), count);
}

int ipb_hist_decode(struct ipb_hist *h, const uint8_t *from, size_t size)
{
	struct ipb_reader r;
	struct layout l;
	uint64_t total = 0, index = 0;

	ipb_hist_reset(h);
	ipb_reader_init(&r, from, size);
	uint32_t cookie = ipb_read_u32(&r), payload = ipb_read_u32(&r);
	ipb_read_u32(&r); /* normalising offset: of shifted histograms alone; HdrHistogram's JavaScript always writes 1 */
	uint32_t digits = ipb_read_u32(&r);
	uint64_t lowest = ipb_read_u64(&r), highest = ipb_read_u64(&r);
	ipb_read_f64(&r);
	if (r.failed || (cookie & COOKIE_BASE_MASK) != (COOKIE & COOKIE_BASE_MASK))
		return -1;
	/* Some writers count the header into the payload's length. */
	size_t left = ipb_reader_left(&r);
	if ((payload != left && payload != left + HEADER) || layout_of(&l, digits, lowest, highest) < 0)
		return -1;
	while (ipb_reader_left(&r) > 0) {
		int64_t count = get_count(&r);
		if (r.failed)
			return -1;
		if (count < 0) {
			index += count == INT64_MIN ? UINT32_MAX : (uint64_t)-count;
		} else if (index < l.length && (total += (uint64_t)count) <= IPB_HIST_COUNT_MAX) {
			if (count > 0)
				record_bucket(h, &l, (uint32_t)index, (uint64_t)count);
			index++;
		} else {
			return -1;
		}
		if (index > l.length)
			return -1;
	}
	return 0;
}
