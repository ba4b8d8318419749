/*
 * What is inside a test packet.  SPDX-License-Identifier: MIT
 *
 *   bytes  0.. 7  the packet's number, in the sender's byte order (as ipbench always had it)
 *   bytes  8..15  left to the target: latency-check's echo writes word 0 + 1 here; not part of any check
 *   bytes 16..19  IPB_HEADER_MAGIC
 *   bytes 20..23  flow
 *   bytes 24..31  run
 *   bytes 32..39  the number once more, complemented
 *   bytes 40..43  size of the packet
 *   bytes 44..47  CRC-32C of bytes 0..7 and 16..43
 *   bytes 48..    a fixed pattern
 * Words from byte 16 on are big-endian. Packets smaller than IPB_HEADER_SIZE are "plain": number and pattern only.
 * Numbers start at a value that depends on the run, so that another run's packets do not fit, whole or cut.
 */
#ifndef IPB_HEADER_H
#define IPB_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define IPB_HEADER_MAGIC 0x49504231u /* "IPB1" */
#define IPB_HEADER_SIZE 48u
#define IPB_HEADER_MAGIC_AT 16u
#define IPB_HEADER_RUN_AT 24u
#define IPB_PLAIN_SIZE 8u /* smallest packet */
#define IPB_PATTERN_AT_PLAIN 16u
#define IPB_HEADER_LOW 64u /* a power of two */

enum ipb_reply {
	IPB_REPLY_OK,
	IPB_REPLY_CORRUPT,  /* ours and damaged; *number is known */
	IPB_REPLY_UNKNOWN,  /* ours and so damaged that its number cannot be read */
	IPB_REPLY_STRAY     /* not a reply of this run */
};

struct ipb_header {
	int full;            /* non-zero: packets carry the header; 0: they are plain */
	int padded;          /* non-zero: a reply may have anything behind its packet, as Ethernet frames may */
	uint64_t run;
	uint64_t base;       /* added to each number on its way out; depends on the run */
	const uint8_t *pattern; /* pattern[i] belongs at byte i */
	uint32_t largest;    /* size of the largest packet, and of the pattern at least */
	uint64_t change[IPB_HEADER_LOW][2]; /* what the lowest bits of a number change in the words at bytes 32 and 40 */
};

/* full: whether packets carry the header; pattern: of `largest` bytes at least, and kept as long as h is used. */
void ipb_header_init(struct ipb_header *h, int full, uint64_t run, const uint8_t *pattern, uint32_t largest);

/* CRC-32C of size bytes, continuing from crc (0 at the start). Uses the processor's instruction where it exists. */
uint32_t ipb_crc32c(uint32_t crc, const void *data, uint32_t size);

/* Fills size bytes with the pattern. */
void ipb_header_pattern(uint8_t *to, uint32_t size);

/* Writes the number and, in full packets (at least IPB_HEADER_SIZE bytes), the header; the rest holds the pattern
 * already. */
void ipb_header_write(const struct ipb_header *h, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow);

/* Gives n packets, stride bytes apart, numbers that follow each other. All were written before, with this size and
 * flow. */
void ipb_header_renumber(const struct ipb_header *h, uint8_t *packets, size_t stride, uint32_t size, uint64_t number,
                         uint32_t flow, uint32_t n);

/* Judges a reply of got bytes. expected: the packet's size if it is known, else 0 (then plain packets cannot be told
 * truncated from whole). next: number of the next packet to be sent: a higher one cannot be ours. */
enum ipb_reply ipb_header_read(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint32_t expected,
                               uint64_t next, uint64_t *number);

/* The same by the first 8 bytes alone: IPB_REPLY_OK, IPB_REPLY_STRAY or IPB_REPLY_UNKNOWN. */
enum ipb_reply ipb_header_read_number(const struct ipb_header *h, const uint8_t *packet, uint32_t got, uint64_t next,
                                      uint64_t *number);

#endif
