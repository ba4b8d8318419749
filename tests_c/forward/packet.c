/* Packets that go through a device; see packet.h.  SPDX-License-Identifier: MIT */
#include "packet.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_header.h"
#include "ipb_rng.h"

#define MARK 0xa0u      /* upper half of byte 6 */
#define MANTISSA_BITS 11
#define EXPONENT_MAX 31u
#define TAG_WRONG_MAX 8 /* bits of the run's tag that may be damaged in a packet that is ours all the same */
#define MASKED 3u       /* bytes, from byte 4 on */

void forward_run_init(struct forward_run *r, uint64_t run)
{
	uint64_t mix = run ^ 0x666f7277617264ull;

	r->run = run;
	r->tag = ipb_mix64(&mix);
	r->mask = (uint32_t)ipb_mix64(&mix) & 0xffffff;
}

uint16_t forward_pack_late(uint64_t ns)
{
	uint32_t exponent = 0;

	while (exponent <= EXPONENT_MAX && ns >> (MANTISSA_BITS + exponent) != 0)
		exponent++;
	if (exponent > EXPONENT_MAX)
		return UINT16_MAX;
	return (uint16_t)(exponent << MANTISSA_BITS | (uint32_t)(ns >> exponent));
}

uint64_t forward_unpack_late(uint16_t packed)
{
	return (uint64_t)(packed & ((1u << MANTISSA_BITS) - 1)) << (packed >> MANTISSA_BITS);
}

static uint32_t checksum(const struct forward_run *r, const uint8_t *packet, uint32_t size, int whole)
{
	uint8_t head[12 + FORWARD_LEAST - 4];

	ipb_put_be(head, r->run, 8);
	ipb_put_be(head + 8, size, 4);
	memcpy(head + 12, packet + 4, FORWARD_LEAST - 4);
	uint32_t crc = ipb_crc32c(0, head, sizeof head);
	return whole ? ipb_crc32c(crc, packet + FORWARD_LEAST, size - FORWARD_LEAST) : crc;
}

static void write_head(const struct forward_run *r, uint8_t *packet, uint32_t size, enum forward_type type, uint32_t sender,
                       uint64_t number, uint64_t now_ns, uint64_t late_ns)
{
	ipb_put_be(packet + 4, (sender << 8 | MARK | type) ^ r->mask, MASKED);
	ipb_put_be(packet + 7, (uint32_t)number, 4);
	ipb_put_be(packet + 11, now_ns & FORWARD_TIME_MASK, 5);
	ipb_put_be(packet + 16, forward_pack_late(late_ns), 2);
	for (uint32_t i = FORWARD_LEAST; i < size && i < FORWARD_PATTERN_AT; i++)
		packet[i] = (uint8_t)(r->tag >> (8 * (FORWARD_PATTERN_AT - 1 - i)));
}

void forward_write(const struct forward_run *r, uint8_t *packet, uint32_t size, enum forward_type type, uint32_t sender,
                   uint64_t number, uint64_t now_ns, uint64_t late_ns)
{
	write_head(r, packet, size, type, sender, number, now_ns, late_ns);
	ipb_put_be(packet, checksum(r, packet, size, 0), 4);
}

void forward_write_control(const struct forward_run *r, uint8_t *packet, enum forward_type type, uint32_t sender,
                           uint64_t now_ns, const struct forward_control *c)
{
	const uint64_t words[] = { c->measure_ns, c->duration_ns, c->interval_ns, c->clock, c->sent,
	                           c->first, c->numbers };
	uint8_t *at = packet + FORWARD_PATTERN_AT;

	write_head(r, packet, FORWARD_CONTROL_SIZE, type, sender, 0, now_ns, 0);
	for (uint32_t i = 0; i < sizeof words / sizeof *words; i++, at += 8)
		ipb_put_be(at, words[i], 8);
	ipb_put_be(at, c->flows, 4);
	ipb_put_be(packet, checksum(r, packet, FORWARD_CONTROL_SIZE, 1), 4);
}

static void read_control(const uint8_t *packet, struct forward_control *c)
{
	uint64_t *const words[] = { &c->measure_ns, &c->duration_ns, &c->interval_ns, &c->clock, &c->sent,
	                            &c->first, &c->numbers };
	const uint8_t *at = packet + FORWARD_PATTERN_AT;

	for (uint32_t i = 0; i < sizeof words / sizeof *words; i++, at += 8)
		*words[i] = ipb_get_be(at, 8);
	c->flows = (uint32_t)ipb_get_be(at, 4);
}

/* Whether the bytes from FORWARD_LEAST on are as they were sent. */
static int rest_holds(const struct forward_run *r, const uint8_t *packet, uint32_t got, const uint8_t *pattern)
{
	for (uint32_t i = FORWARD_LEAST; i < got && i < FORWARD_PATTERN_AT; i++)
		if (packet[i] != (uint8_t)(r->tag >> (8 * (FORWARD_PATTERN_AT - 1 - i))))
			return 0;
	return got <= FORWARD_PATTERN_AT || (got <= FORWARD_PACKET_MAX &&
	       memcmp(packet + FORWARD_PATTERN_AT, pattern + FORWARD_PATTERN_AT, got - FORWARD_PATTERN_AT) == 0);
}

enum forward_kind forward_read(const struct forward_run *r, const uint8_t *packet, uint32_t got, const uint8_t *pattern,
                               struct forward_packet *p)
{
	if (got < FORWARD_LEAST)
		return FORWARD_STRAY;
	const uint32_t masked = (uint32_t)ipb_get_be(packet + 4, MASKED) ^ r->mask, crc = (uint32_t)ipb_get_be(packet, 4);
	const uint32_t type = masked & 0x0f;
	const int marked = (masked & 0xf0) == MARK && type < FORWARD_TYPES;

	p->type = (enum forward_type)type;
	p->sender = masked >> 8;
	p->number = (uint32_t)ipb_get_be(packet + 7, 4);
	p->time = ipb_get_be(packet + 11, 5);
	p->late_ns = forward_unpack_late((uint16_t)ipb_get_be(packet + 16, 2));
	p->known = p->tagged = 0;
	if (marked && type >= FORWARD_LEARN) {
		if (got != FORWARD_CONTROL_SIZE || checksum(r, packet, got, 1) != crc)
			return FORWARD_STRAY; /* no packet that counts, whole or not */
		read_control(packet, &p->control);
		return FORWARD_OK;
	}
	if (marked && checksum(r, packet, got, 0) == crc) {
		p->known = 1;
		return rest_holds(r, packet, got, pattern) ? FORWARD_OK : FORWARD_CORRUPT;
	}
	/* Damaged, or somebody else's. */
	if (got < FORWARD_PATTERN_AT)
		return marked ? FORWARD_CORRUPT : FORWARD_STRAY;
	if (__builtin_popcountll(ipb_get_be(packet + FORWARD_LEAST, 8) ^ r->tag) > TAG_WRONG_MAX)
		return FORWARD_STRAY;
	p->tagged = 1;
	return FORWARD_CORRUPT;
}

uint64_t forward_clock(void)
{
	char boot[64] = "";
	struct stat time;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, sizeof boot - 1);

	if (fd >= 0)
		close(fd);
	if (n < 32)
		return 0;
	uint64_t mix = ipb_crc32c(0, boot, (uint32_t)n);
	mix = mix << 32 | ipb_crc32c(0xffffffff, boot, (uint32_t)n);
	if (stat("/proc/self/ns/time", &time) == 0) /* kernels before 5.6 have one for all */
		mix ^= ipb_mix64(&(uint64_t){ time.st_ino });
	return mix | 1;
}
