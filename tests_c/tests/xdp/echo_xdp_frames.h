/* Frames for the echo in the driver: the kernel runs the program on each (BPF_PROG_TEST_RUN) and gives back what it made of it.
 * Checksums are computed anew here, in the plain way of RFC 1071.  SPDX-License-Identifier: MIT */
#ifndef ECHO_XDP_FRAMES_H
#define ECHO_XDP_FRAMES_H

#include "quiet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../echo/echo_xdp.h"
#include "checksum.h"
#include "ipb_bpf.h"

#define PORT 7007
#define ROOM 2048

static const uint8_t OWN[6] = { 2, 0, 0, 0, 0, 1 }, THEIRS[6] = { 2, 0, 0, 0, 0, 2 };

struct echo {
	struct echo_xdp_plan plan;
	int program;
};

struct frame {
	uint8_t bytes[ROOM];
	uint32_t size;
	int six;
};

static inline uint16_t be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline uint8_t *ip_of(struct frame *f) { return f->bytes + 14; }
static inline uint8_t *udp_of(struct frame *f) { return f->bytes + (f->six ? 54 : 34); }
static inline uint8_t *payload_of(struct frame *f) { return udp_of(f) + 8; }

/* The sum of what a UDP checksum covers beside the packet. */
static inline uint32_t pseudo(struct frame *f)
{
	const uint8_t *addresses = ip_of(f) + (f->six ? 8 : 12);

	return sum(addresses, f->six ? 32 : 8, (uint32_t)IPPROTO_UDP + be16(udp_of(f) + 4));
}

static inline void assert_sums(struct frame *f)
{
	if (!f->six)
		assert_int_equal(sum(ip_of(f), 20, 0), 0xffff);
	assert_int_not_equal(be16(udp_of(f) + 6), 0);
	assert_int_equal(sum(udp_of(f), be16(udp_of(f) + 4), pseudo(f)), 0xffff);
}

enum { WHOLE, PARTIAL, NONE };

static inline struct frame make(int six, uint16_t size, int checksum)
{
	struct frame f = { .six = six, .size = (uint32_t)((six ? 62 : 42) + size) };
	uint8_t *ip = ip_of(&f), *udp = udp_of(&f);

	memcpy(f.bytes, OWN, 6);
	memcpy(f.bytes + 6, THEIRS, 6);
	put16(f.bytes + 12, six ? 0x86dd : 0x0800);
	if (six) {
		memcpy(ip, "\x6b\x81\x23\x45", 4); /* class 0xb8, a flow label */
		put16(ip + 4, (uint16_t)(size + 8));
		ip[6] = IPPROTO_UDP;
		ip[7] = 64;
		inet_pton(AF_INET6, "2001:db8::2", ip + 8);
		inet_pton(AF_INET6, "2001:db8::1", ip + 24);
	} else {
		ip[0] = 0x45;
		ip[1] = 0xb9; /* expedited forwarding, ECT(1) */
		put16(ip + 2, (uint16_t)(size + 28));
		put16(ip + 4, 0x1234);
		put16(ip + 6, 0x4000);
		ip[8] = 64;
		ip[9] = IPPROTO_UDP;
		inet_pton(AF_INET, "192.0.2.2", ip + 12);
		inet_pton(AF_INET, "192.0.2.1", ip + 16);
		put16(ip + 10, (uint16_t)~sum(ip, 20, 0));
	}
	put16(udp, 40000);
	put16(udp + 2, PORT);
	put16(udp + 4, (uint16_t)(size + 8));
	for (uint16_t i = 0; i < size; i++)
		udp[8 + i] = (uint8_t)(rand() >> 4);
	uint16_t value = checksum == PARTIAL ? (uint16_t)pseudo(&f) : (uint16_t)~sum(udp, size + 8u, pseudo(&f));
	put16(udp + 6, checksum == NONE ? 0 : value != 0 ? value : 0xffff);
	return f;
}

static inline void begin(struct echo *e, enum ipb_xdp_mode mode)
{
	struct echo_xdp_address four = { .family = AF_INET }, six = { .family = AF_INET6 };
	struct ipb_error err = { 0 };
	struct ipb_asm *a = malloc(sizeof *a);

	inet_pton(AF_INET, "192.0.2.1", four.bytes);
	inet_pton(AF_INET6, "2001:db8::1", six.bytes);
	e->plan.device.mtu = 1500;
	memcpy(e->plan.device.mac, OWN, 6);
	e->plan.addresses[0] = (struct echo_xdp_address){ .family = AF_INET, .bytes = { 198, 51, 100, 1 } };
	e->plan.addresses[1] = four;
	e->plan.addresses[2] = (struct echo_xdp_address){ .family = AF_INET6, .bytes = { 0xfe, 0x80 } };
	e->plan.addresses[3] = six;
	e->plan.address_count = 4;
	e->plan.udp = 1;
	e->plan.port = PORT;
	e->plan.seed = 0x1234567890abcdefull;
	if (echo_xdp_maps(&e->plan, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_non_null(a);
	echo_xdp_program(a, &e->plan, mode);
	e->program = ipb_bpf_load(a, "test", 0, &err);
	if (e->program < 0)
		fail_msg("%s", ipb_error_text(&err));
	free(a);
}

static inline void end(struct echo *e)
{
	close(e->program);
	close(e->plan.counts);
	close(e->plan.tags);
	close(e->plan.slots);
}

static inline int run(struct echo *e, struct frame *f) { return ipb_bpf_try(e->program, f->bytes, &f->size, ROOM); }

static inline struct echo_xdp_counts counts(struct echo *e)
{
	struct echo_xdp_counts c;

	assert_int_equal(echo_xdp_read(&e->plan, &c), 0);
	return c;
}

static inline struct frame make_raw(uint16_t size)
{
	struct frame f = { .size = size };

	memcpy(f.bytes, OWN, 6);
	memcpy(f.bytes + 6, THEIRS, 6);
	put16(f.bytes + 12, 0x6008);
	for (uint16_t i = 14; i < size; i++)
		f.bytes[i] = (uint8_t)(rand() >> 4);
	return f;
}

/* Whether there is BPF here. A processor remembers for itself what came: the test stays on one. */
static inline int can_run(void)
{
	cpu_set_t one;
	struct ipb_error err = { 0 };

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	int probe = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, "a trial", &err);
	if (probe < 0)
		print_message("skipped: %s\n", ipb_error_text(&err));
	else
		close(probe);
	return probe >= 0;
}

#endif
