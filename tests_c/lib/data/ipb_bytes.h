/*
 * Big-endian bytes, read and written with bounds.  SPDX-License-Identifier: MIT
 *
 * A reader never goes beyond its end: once a read asks for more than there is, `failed` is set, that read and all
 * later ones give 0 or NULL, and the caller checks once. A writer works the same way on a buffer of fixed size.
 */
#ifndef IPB_BYTES_H
#define IPB_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ipb_reader {
	const uint8_t *at, *end;
	int failed;
};

static inline void ipb_reader_init(struct ipb_reader *r, const void *data, size_t size)
{
	r->at = data;
	r->end = r->at + size;
	r->failed = 0;
}

static inline size_t ipb_reader_left(const struct ipb_reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* The next size bytes, in place, or NULL when there are fewer. */
static inline const uint8_t *ipb_read_bytes(struct ipb_reader *r, size_t size)
{
	if (r->failed || size > (size_t)(r->end - r->at)) {
		r->failed = 1;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += size;
	return p;
}

static inline uint64_t ipb_get_be(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;
	uint32_t half;
	if (__builtin_constant_p(size) && size == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return memcpy(&v, p, 8), __builtin_bswap64(v);
	if (__builtin_constant_p(size) && size == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		return memcpy(&half, p, 4), __builtin_bswap32(half);
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | p[i];
	return v;
}

static inline void ipb_put_be(uint8_t *p, uint64_t v, unsigned size)
{
	if (__builtin_constant_p(size) && size == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		v = __builtin_bswap64(v);
		memcpy(p, &v, 8);
		return;
	}
	if (__builtin_constant_p(size) && size == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		uint32_t half = __builtin_bswap32((uint32_t)v);
		memcpy(p, &half, 4);
		return;
	}
	for (unsigned i = size; i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

static inline uint8_t ipb_read_u8(struct ipb_reader *r)
{
	const uint8_t *p = ipb_read_bytes(r, 1);
	return p ? p[0] : 0;
}

static inline uint32_t ipb_read_u32(struct ipb_reader *r)
{
	const uint8_t *p = ipb_read_bytes(r, 4);
	return p ? (uint32_t)ipb_get_be(p, 4) : 0;
}

static inline uint64_t ipb_read_u64(struct ipb_reader *r)
{
	const uint8_t *p = ipb_read_bytes(r, 8);
	return p ? ipb_get_be(p, 8) : 0;
}

static inline double ipb_read_f64(struct ipb_reader *r)
{
	uint64_t bits = ipb_read_u64(r);
	double v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

struct ipb_writer {
	uint8_t *start, *at, *end;
	int failed; /* set when something did not fit */
};

static inline void ipb_writer_init(struct ipb_writer *w, void *data, size_t size)
{
	w->start = w->at = data;
	w->end = w->at + size;
	w->failed = 0;
}

static inline size_t ipb_writer_size(const struct ipb_writer *w)
{
	return (size_t)(w->at - w->start);
}

/* Room for size bytes, or NULL. */
static inline uint8_t *ipb_write_room(struct ipb_writer *w, size_t size)
{
	if (w->failed || size > (size_t)(w->end - w->at)) {
		w->failed = 1;
		return NULL;
	}
	uint8_t *p = w->at;
	w->at += size;
	return p;
}

static inline void ipb_write_bytes(struct ipb_writer *w, const void *data, size_t size)
{
	uint8_t *p = ipb_write_room(w, size);
	if (p && size)
		memcpy(p, data, size);
}

static inline void ipb_write_u8(struct ipb_writer *w, uint8_t v) { ipb_write_bytes(w, &v, 1); }

static inline void ipb_write_u32(struct ipb_writer *w, uint32_t v)
{
	uint8_t *p = ipb_write_room(w, 4);
	if (p)
		ipb_put_be(p, v, 4);
}

static inline void ipb_write_u64(struct ipb_writer *w, uint64_t v)
{
	uint8_t *p = ipb_write_room(w, 8);
	if (p)
		ipb_put_be(p, v, 8);
}

static inline void ipb_write_f64(struct ipb_writer *w, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	ipb_write_u64(w, bits);
}

#endif
