/*
 * What is inside a packet that goes through a device.  SPDX-License-Identifier: MIT
 *
 *   bytes  0.. 3  CRC-32C over the run's number, bytes 4.. 17, the packet's size, and of a control packet all that follows
 *   bytes  4.. 5  which tester sent it
 *   byte   6      0xA in the upper half; in the lower one enum forward_type
 *   bytes  7..10  the packet's number, its lower 32 bits
 *   bytes 11..15  when it was handed to the kernel, lower 40 bits of the sender's CLOCK_MONOTONIC in ns
 *   bytes 16..17  how much later than due that was: 5 bits of exponent, 11 of mantissa, rounded down
 *   bytes 18..25  a number made from the run's: whose packet it is can be told when the rest is damaged
 *   bytes 26..    a fixed pattern; of a control packet, struct forward_control
 * All big-endian. A packet may end anywhere from byte 18 on: so short is what a frame of 64 bytes holds with UDP over IPv4.
 * Bytes 4 to 6 are masked with a number made from the run's, so that other runs' short packets are not mistaken for ours.
 */
#ifndef FORWARD_PACKET_H
#define FORWARD_PACKET_H

#include <stdint.h>

#define FORWARD_LEAST 18u        /* bytes of the smallest packet */
#define FORWARD_PATTERN_AT 26u
#define FORWARD_CONTROL_SIZE 86u
#define FORWARD_TIME_BITS 40
#define FORWARD_TIME_MASK ((1ull << FORWARD_TIME_BITS) - 1)
#define FORWARD_SENDERS_MAX 65536u
#define FORWARD_FLOWS_MAX 1024u
#define FORWARD_INTERVALS_MAX 1024u

enum forward_type {
	FORWARD_AROUND,   /* before and after the measured phase */
	FORWARD_MEASURED,
	FORWARD_LEARN,    /* first of all: announces what will come, and shows the device the way */
	FORWARD_HERE,     /* a receiver's own, so that a bridge knows its address */
	FORWARD_END,      /* after all */
	FORWARD_TYPES
};

enum forward_kind {
	FORWARD_OK,
	FORWARD_CORRUPT,  /* ours and damaged; `known`: the fields are right. Without `tagged` too, it only resembles
	                     one of ours: one in 128 of others' short packets does */
	FORWARD_STRAY     /* not of this run */
};

/* What a run's packets are known by. */
struct forward_run {
	uint64_t run, tag;
	uint32_t mask;    /* of bytes 4..6 */
};

/* What LEARN and END report of their sender. */
struct forward_control {
	uint64_t measure_ns;   /* CLOCK_MONOTONIC; when the measured phase begins */
	uint64_t duration_ns, interval_ns; /* of that phase, and of its time series */
	uint64_t clock;        /* whose CLOCK_MONOTONIC that is: forward_clock */
	uint64_t sent;         /* END: packets of the measured phase; LEARN: 0 */
	uint64_t first, numbers; /* number of the first one, and how many numbers they have, those of refused packets too; LEARN: as
	                            planned, numbers 0 where that is by chance */
	uint32_t flows;        /* packet k is of flow k % flows */
};

struct forward_packet {
	enum forward_type type;
	uint32_t sender, number;
	uint64_t time;         /* FORWARD_TIME_BITS bits */
	uint64_t late_ns;
	int known;             /* of a damaged packet: the fields are right, what follows them is not */
	int tagged;            /* of one whose fields are not: by its tag it is ours */
	struct forward_control control;
};

void forward_run_init(struct forward_run *r, uint64_t run);

/* Writes the first bytes of a packet of `size` bytes, FORWARD_LEAST at least; what is behind byte FORWARD_PATTERN_AT is there
 * already (forward_pattern). */
void forward_write(const struct forward_run *r, uint8_t *packet, uint32_t size, enum forward_type type, uint32_t sender,
                   uint64_t number, uint64_t now_ns, uint64_t late_ns);

/* Writes a whole control packet of FORWARD_CONTROL_SIZE bytes. */
void forward_write_control(const struct forward_run *r, uint8_t *packet, enum forward_type type, uint32_t sender,
                           uint64_t now_ns, const struct forward_control *control);

/* What came, of got bytes. pattern: of FORWARD_PACKET_MAX bytes. */
#define FORWARD_PACKET_MAX 65536u
enum forward_kind forward_read(const struct forward_run *r, const uint8_t *packet, uint32_t got, const uint8_t *pattern,
                               struct forward_packet *p);

/* Lateness as bytes 16 and 17 have it, and back: never more than it was, and by less than a thousandth less. */
uint16_t forward_pack_late(uint64_t ns);
uint64_t forward_unpack_late(uint16_t packed);

/* b - a of two times of FORWARD_TIME_BITS bits: within 9 minutes either way. */
static inline int64_t forward_time_since(uint64_t a, uint64_t b)
{
	const uint64_t half = 1ull << (FORWARD_TIME_BITS - 1), d = (b - a) & FORWARD_TIME_MASK;

	return d < half ? (int64_t)d : (int64_t)d - (int64_t)(half * 2);
}

/* A number that is the same in all processes that read one CLOCK_MONOTONIC: this boot of this machine, and the time namespace.
 * 0 when that is not known. */
uint64_t forward_clock(void);

#endif
