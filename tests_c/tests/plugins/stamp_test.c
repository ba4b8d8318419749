/* link: stamp/directions.o stamp/steps.o */
/* STAMP's times, error estimates, HMACs and TLVs, and the ways on which packets are lost.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../../stamp/directions.h"
#include "../../stamp/steps.h"
#include "ipb_bytes.h"
#include "ipb_hmac.h"
#include "ipb_rng.h"
#include "ipb_stamp_reflect.h"

#define S 1000000000ll

static struct ipb_error err;

/* RFC 5905, section 6, and its figure 4. */
static void ntp_times(void **state)
{
	const struct ipb_stamp_format f = { 0, 0 };

	(void)state;
	assert_int_equal(ipb_stamp_time(&f, 0), 0x83aa7e8000000000ull); /* first day of Unix: 2,208,988,800 */
	assert_int_equal(ipb_stamp_time(&f, S / 2), 0x83aa7e8080000000ull);
	/* First day of NTP's era 1: 7 February 2036, 06:28:16. */
	assert_int_equal(ipb_stamp_time(&f, 2085978496 * S), 0);
	assert_int_equal(ipb_stamp_untime(&f, 0, 0, 2085978490 * S), 2085978496 * S);
	assert_int_equal(ipb_stamp_untime(&f, 0, 0xffffffff00000000ull, 2085978500 * S), 2085978495 * S);
	for (int64_t ns = 1764417265ll * S; ns < 1764417265ll * S + 5000; ns++)
		assert_int_equal(ipb_stamp_untime(&f, 0, ipb_stamp_time(&f, ns), ns + 60 * S), ns);
	assert_int_equal(ipb_stamp_untime(&f, 0, ipb_stamp_time(&f, -1), 0), -1);
	assert_int_equal(ipb_stamp_time(&f, S - 1) >> 32, 0x83aa7e80); /* it does not carry into the seconds */
}

/* IEEE 1588: seconds of TAI and nanoseconds. */
static void ptp_times(void **state)
{
	const struct ipb_stamp_format f = { 1, 37 }, utc = { 0, 37 };

	(void)state;
	assert_int_equal(ipb_stamp_time(&f, 1764417265ll * S + 123456789), 1764417302ull << 32 | 123456789);
	assert_int_equal(ipb_stamp_untime(&utc, 1, 1764417302ull << 32 | 123456789, 1764417265ll * S), 1764417265ll * S + 123456789);
}

/* RFC 4656, section 4.1.2: multiplier * 2^-32 * 2^scale seconds. */
static void error_estimates(void **state)
{
	(void)state;
	assert_int_equal(ipb_stamp_estimate(1, 0, 0), 0x8001);     /* never a multiplier of 0 */
	assert_int_equal(ipb_stamp_estimate(0, 1, 1), 0x4005);     /* 1 ns is 4.3 units */
	assert_int_equal(ipb_stamp_estimate(1, 0, S), 0x8000 | 25 << 8 | 128);
	for (uint64_t ns = 1; ns < 40ull * S; ns = ns * 17 / 16 + 1) {
		const uint64_t back = ipb_stamp_estimate_ns(ipb_stamp_estimate(1, 0, ns));
		assert_in_range(back, ns, ns + ns / 64 + 60);
	}
	assert_int_equal(ipb_stamp_estimate_ns(0x8100), UINT64_MAX); /* a multiplier of 0 is not allowed */
	assert_int_equal(ipb_stamp_estimate_ns(63 << 8 | 255), UINT64_MAX);
	assert_true(ipb_stamp_is_synchronized(0x8001) && !ipb_stamp_is_synchronized(0x4001));
	assert_true(ipb_stamp_is_ptp(0x4001) && !ipb_stamp_is_ptp(0x8001));
}

/* RFC 4231, test cases 2 and 5; the latter is given truncated to 128 bits. By OpenSSL, and by the kernel where it has that. */
static void hmacs(void **state)
{
	static const uint8_t key5[20] = { 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c,
		                          0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c };
	static const uint8_t case2[16] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7 };
	static const uint8_t case5[16] = { 0xa3, 0xb6, 0x16, 0x74, 0x73, 0x10, 0x0e, 0xe0, 0x6e, 0x0c, 0x79, 0x6c, 0x29, 0x55, 0x55, 0x2b };
	uint8_t out[16];
	int made = 0;

	(void)state;
	for (int kernel = 0; kernel < 2; kernel++) {
		struct ipb_hmac *h = ipb_hmac_open("Jefe", 4, kernel, &err);
		if (h == NULL) {
			assert_non_null(strstr(ipb_error_text(&err), "libcrypto"));
			continue;
		}
		made++;
		assert_int_equal(ipb_hmac_make(h, "what do ya want for nothing?", 28, out), 0);
		assert_memory_equal(out, case2, 16);
		assert_int_equal(ipb_hmac_make2(h, "what do ya ", 11, "want for nothing?", 17, out), 0);
		assert_memory_equal(out, case2, 16);
		out[15] ^= 1;
		assert_false(ipb_hmac_is(out, case2));
		ipb_hmac_close(h);
		assert_non_null(h = ipb_hmac_open(key5, sizeof key5, kernel, &err));
		assert_int_equal(ipb_hmac_make(h, "Test With Truncation", 20, out), 0);
		assert_memory_equal(out, case5, 16);
		ipb_hmac_close(h);
	}
	assert_true(made > 0);
	assert_null(ipb_hmac_open("", 0, 0, &err));
}

/* A reply's TLVs behind a base packet: what a sender may use of them (RFC 8972). */
static uint32_t put_tlv(uint8_t *at, uint8_t flags, uint8_t type, const char *value, uint32_t size)
{
	at[0] = flags;
	at[1] = type;
	ipb_put_be(at + 2, size, 2);
	memcpy(at + 4, value, size);
	return 4 + size;
}

#define INFO "\x01\x02\x05\x02"
#define COUNTS "\0\0\0\1\0\0\0\7\0\0\0\6"

static struct ipb_stamp_heard heard_of(uint8_t first_flags, uint8_t second_flags, struct ipb_hmac *key)
{
	uint8_t packet[IPB_STAMP_BASE + 64] = { 0 };
	struct ipb_stamp_heard h = { .dscp2 = -1 };
	uint32_t size = IPB_STAMP_BASE;

	size += put_tlv(packet + size, first_flags, IPB_STAMP_TIMESTAMP_INFO, INFO, 4);
	size += put_tlv(packet + size, second_flags, IPB_STAMP_DIRECT, COUNTS, 12);
	if (key != NULL) {
		size += put_tlv(packet + size, 0, IPB_STAMP_HMAC, "................", 16);
		assert_int_equal(ipb_stamp_tlvs_hmac(key, packet, IPB_STAMP_BASE, size - 16, packet + size - 16), 0);
	}
	ipb_stamp_tlvs_read(packet, size, IPB_STAMP_BASE, key, &h);
	return h;
}

static void rfc8972_4_u_skips_m_stops_i_discards(void **state)
{
	(void)state;
	struct ipb_stamp_heard h = heard_of(0, 0, NULL);
	assert_int_equal(h.source_in, 1);
	assert_int_equal(h.method_in, 2);
	assert_int_equal(h.source_out, 5);
	assert_true(h.has_direct && h.direct_received == 7 && h.direct_sent == 6);
	h = heard_of(IPB_STAMP_U, 0, NULL); /* skipped, and what follows is read */
	assert_int_equal(h.unrecognized, 1);
	assert_true(h.source_in == 0 && h.has_direct);
	h = heard_of(IPB_STAMP_M, 0, NULL); /* nothing behind it is */
	assert_int_equal(h.malformed, 1);
	assert_true(h.source_in == 0 && !h.has_direct);
	h = heard_of(0, IPB_STAMP_I, NULL); /* nothing at all is */
	assert_int_equal(h.integrity, 1);
	assert_true(h.source_in == 0 && !h.has_direct);
}

static void rfc8972_4_8_unverified_tlvs_are_not_used(void **state)
{
	struct ipb_hmac *key = ipb_hmac_open("key", 3, 0, &err), *other = ipb_hmac_open("kez", 3, 0, &err);
	uint8_t packet[IPB_STAMP_BASE + 64] = { 0 };
	struct ipb_stamp_heard h;

	(void)state;
	assert_non_null(key);
	assert_non_null(other);
	h = heard_of(0, 0, key);
	assert_true(h.forged == 0 && h.source_in == 1 && h.has_direct);
	/* Made with another key, and made by nobody. */
	uint32_t size = IPB_STAMP_BASE + put_tlv(packet + IPB_STAMP_BASE, 0, IPB_STAMP_TIMESTAMP_INFO, INFO, 4);
	h = (struct ipb_stamp_heard){ 0 };
	ipb_stamp_tlvs_read(packet, size, IPB_STAMP_BASE, key, &h);
	assert_true(h.forged == 1 && h.source_in == 0);
	size += put_tlv(packet + size, 0, IPB_STAMP_HMAC, "................", 16);
	assert_int_equal(ipb_stamp_tlvs_hmac(other, packet, IPB_STAMP_BASE, size - 16, packet + size - 16), 0);
	h = (struct ipb_stamp_heard){ 0 };
	ipb_stamp_tlvs_read(packet, size, IPB_STAMP_BASE, key, &h);
	assert_true(h.forged == 1 && h.source_in == 0);
	ipb_hmac_close(key);
	ipb_hmac_close(other);
}

/* A way that loses, doubles and overtakes by chance, and what it did: the counts are those, exactly. */
static void ways_are_told_apart(void **state)
{
	enum { PACKETS = 3000, FIRST = 500, END = 2500, LATE = 7 };
	struct ipb_rng rng;

	(void)state;
	ipb_rng_seed(&rng, 4);
	for (int round = 0; round < 60; round++) {
		const uint32_t flows = 1 + (uint32_t)round % 3;
		struct directions d;
		struct direction_counts c;
		uint64_t forward = 0, backward = 0, answers = 0;
		uint32_t next[3] = { 0 }, held[LATE][3], waiting = 0;

		assert_int_equal(directions_open(&d, PACKETS, flows, &err), 0);
		for (uint32_t k = 0; k < PACKETS; k++) {
			const uint32_t flow = k % flows, s = k / flows, measured = k >= FIRST && k < END;
			/* The first and the last of each flow come through: what is lost at the ends cannot be told. */
			const int edge = k < 3 * flows || k >= PACKETS - 3 * flows;
			if (!edge && ipb_rng_below(&rng, 100) < 3) {
				forward += measured;
				continue;
			}
			const uint32_t r = next[flow]++ + 0xfffffff0u; /* the numbers wrap */
			if (!edge && ipb_rng_below(&rng, 100) < 1) {
				backward += measured;
				continue;
			}
			answers++;
			if (!edge && waiting < LATE && ipb_rng_below(&rng, 100) < 5) { /* overtaken on its way back */
				held[waiting][0] = flow, held[waiting][1] = s, held[waiting++][2] = r;
				continue;
			}
			directions_answer(&d, flow, s, r, 0);
			if (waiting > 0 && (edge || ipb_rng_below(&rng, 4) == 0)) {
				waiting--;
				directions_answer(&d, held[waiting][0], held[waiting][1], held[waiting][2], 0);
			}
		}
		while (waiting-- > 0)
			directions_answer(&d, held[waiting][0], held[waiting][1], held[waiting][2], 0);
		assert_int_equal(directions_count(&d, FIRST, END, PACKETS, &c), 0);
		assert_int_equal(c.lost_forward + c.lost_backward + c.lost_unknown, forward + backward);
		/* Only where the measured phase begins or ends between two answers that both ways lost something between. */
		assert_true(c.lost_unknown <= 6);
		assert_in_range(c.lost_forward + c.lost_unknown, forward, forward + c.lost_unknown);
		assert_in_range(c.lost_backward + c.lost_unknown, backward, backward + c.lost_unknown);
		assert_int_equal(d.answers, answers);
		assert_int_equal(c.duplicate_forward + c.duplicate_backward + c.reordered_forward, 0);
		directions_close(&d);
	}
}

static struct direction_counts counted(const uint32_t (*answers)[2], uint32_t n, uint64_t first, uint64_t end, uint64_t sent)
{
	struct directions d;
	struct direction_counts c;

	assert_int_equal(directions_open(&d, 100, 1, &err), 0);
	for (uint32_t i = 0; i < n; i++)
		directions_answer(&d, 0, answers[i][0], answers[i][1], 0);
	assert_int_equal(directions_count(&d, first, end, sent, &c), 0);
	directions_close(&d);
	return c;
}
#define COUNTED(answers, first, end, sent) counted(answers, sizeof(answers) / sizeof(*(answers)), first, end, sent)

static void doubled_and_overtaken(void **state)
{
	/* 1 overtakes 0 on the way out; 3's answer comes after 4's; 5 reaches the reflector twice; 6's answer comes twice. */
	static const uint32_t answers[][2] = { { 1, 0 }, { 0, 1 }, { 2, 2 }, { 4, 4 }, { 3, 3 }, { 5, 5 }, { 5, 6 }, { 6, 7 }, { 6, 7 }, { 7, 8 } };
	/* 2 is doubled on its way out, and one of its answers is lost; 4 is lost. */
	static const uint32_t half[][2] = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 4 }, { 5, 5 } };

	(void)state;
	struct direction_counts c = COUNTED(answers, 0, 8, 8);
	assert_int_equal(c.lost_forward + c.lost_backward + c.lost_unknown, 0);
	assert_int_equal(c.reordered_forward, 1);
	assert_int_equal(c.reordered_backward, 1);
	assert_int_equal(c.duplicate_forward, 1);
	assert_int_equal(c.duplicate_backward, 1);
	c = COUNTED(half, 0, 6, 6);
	assert_int_equal(c.lost_forward, 1);
	assert_int_equal(c.duplicate_forward, 1);
	assert_int_equal(c.lost_backward, 0);
}

static void what_cannot_be_told_is_counted_apart(void **state)
{
	/* Of packets 3 and 4 one was lost on each way, and only 4 is measured. */
	static const uint32_t straddling[][2] = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 5, 4 }, { 6, 5 } };
	static const uint32_t ends[][2] = { { 3, 0 }, { 4, 1 } };

	(void)state;
	struct direction_counts c = COUNTED(straddling, 4, 7, 7);
	assert_int_equal(c.lost_unknown, 1);
	assert_int_equal(c.lost_forward + c.lost_backward, 0);
	c = COUNTED(straddling, 0, 7, 7);
	assert_int_equal(c.lost_forward, 1);
	assert_int_equal(c.lost_backward, 1);
	c = COUNTED(ends, 0, 7, 7);
	assert_int_equal(c.lost_unknown, 5);
}

static void a_reflector_that_begins_anew_is_noticed(void **state)
{
	struct directions d;
	struct direction_counts c;

	(void)state;
	assert_int_equal(directions_open(&d, 100, 1, &err), 0);
	for (uint32_t s = 0; s < 10; s++)
		directions_answer(&d, 0, s, s < 5 ? s : s - 5, 0);
	assert_int_equal(directions_count(&d, 0, 10, 10, &c), -1);
	directions_close(&d);
	assert_int_equal(directions_open(&d, DIRECTIONS_MAX + 1, 1, &err), 0);
	assert_int_equal(directions_count(&d, 0, 10, 10, &c), -1);
	directions_close(&d);
}

/* Whoever fills the table of sessions: one that goes on keeps its numbers, and everybody is answered. A stranger's packets come from one
 * host (v6: from all addresses of its network) that says ever other ports and session identifiers, or each from another one. */
static void strangers_end_no_session(void **state)
{
	static uint8_t out[IPB_STAMP_SIZE_MAX + 1];
	static const uint8_t own_four[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 }, own_six[16] = { 0xfd, [15] = 1 };

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct ipb_stamp_reflector r = { .ssid = -1, .estimate = 1, .format = { 0, 0 } };
		uint8_t packet[IPB_STAMP_BASE] = { 0 };
		struct ipb_stamp_arrival own = { .packet = packet, .size = sizeof packet, .at_ns = 1000 * S, .ttl = 64 }, alien = own;
		struct ipb_stamp_answer answer;
		/* Of one host many more packets come between two of ours than of many. */
		const uint32_t between = kind == 2 ? 20000 : IPB_STAMP_SESSIONS_MAX * 5 / 4, rounds = kind == 2 ? 6 : 2;
		uint32_t n = 0;
		assert_int_equal(ipb_stamp_reflector_open(&r), 0);
		memcpy(own.from.address, kind == 1 ? own_six : own_four, 16);
		own.from.v6 = kind == 1;
		alien.from = own.from;
		alien.from.address[kind == 1 ? 7 : 13] = 9;
		for (uint32_t i = 0; i < rounds; i++) {
			own.at_ns = alien.at_ns = 1000 * S + i * (S / 10);
			assert_int_equal(ipb_stamp_prepare(&r, &own, out, &answer), 1);
			assert_int_equal(answer.sequence, i);
			for (uint32_t k = 0; k < between; k++, n++) {
				alien.at_ns = own.at_ns + k;
				alien.from.port = (uint16_t)n;
				ipb_put_be(packet + 14, n >> 16, 2);
				memcpy(alien.from.address + 12, &n, kind == 0 ? 0 : sizeof n);
				assert_int_equal(ipb_stamp_prepare(&r, &alien, out, &answer), 1);
				assert_int_equal(answer.sequence, 0);
			}
			ipb_put_be(packet + 14, 0, 2);
		}
		assert_true(r.session_count <= IPB_STAMP_SESSIONS_MAX && r.session_count > IPB_STAMP_SESSIONS_MAX / 2);
		assert_int_equal(r.displaced, n + 1 - r.session_count);
		ipb_stamp_reflector_close(&r);
	}
}

/* The table of sessions has an end, whoever fills it. */
static void sessions_are_bounded(void **state)
{
	struct ipb_stamp_reflector r = { .ssid = -1, .estimate = 1, .format = { 0, 0 } };
	static uint8_t out[IPB_STAMP_SIZE_MAX + 1];
	uint8_t packet[IPB_STAMP_BASE] = { 0 };
	struct ipb_stamp_arrival a = { .packet = packet, .size = sizeof packet, .at_ns = 1000 * S, .ttl = 64 };
	struct ipb_stamp_answer answer;
	uint32_t answered = 0;

	(void)state;
	assert_int_equal(ipb_stamp_reflector_open(&r), 0);
	for (uint32_t i = 0; i < 3 * IPB_STAMP_SESSIONS_MAX; i++) {
		memcpy(a.from.address, &i, sizeof i);
		answered += (uint32_t)ipb_stamp_prepare(&r, &a, out, &answer);
	}
	assert_int_equal(answered, 3 * IPB_STAMP_SESSIONS_MAX);
	assert_in_range(r.session_count, IPB_STAMP_SESSIONS_MAX * 3 / 4, IPB_STAMP_SESSIONS_MAX);
	assert_int_equal(r.displaced, answered - r.session_count);
	memset(a.from.address, 0xff, 16);
	a.at_ns += IPB_STAMP_ROOM_IDLE_NS; /* one that is idle makes room, */
	assert_int_equal(ipb_stamp_prepare(&r, &a, out, &answer), 1);
	assert_int_equal(answer.sequence, 0);
	assert_int_equal(r.displaced, answered - r.session_count);
	assert_int_equal(ipb_stamp_prepare(&r, &a, out, &answer), 1);
	assert_int_equal(answer.sequence, 1);
	a.at_ns += IPB_STAMP_IDLE_NS; /* … and after REFWAIT it is another session */
	assert_int_equal(ipb_stamp_prepare(&r, &a, out, &answer), 1);
	assert_int_equal(answer.sequence, 0);
	r.stateless = 1;
	r.ssid = 9;
	assert_int_equal(ipb_stamp_prepare(&r, &a, out, &answer), 0); /* another session than the one that is answered */
	assert_int_equal(r.other_session, 1);
	ipb_stamp_reflector_close(&r);
}

/* 1,000 packets of 40 and 30 ms, up to 2 ms longer by chance; from the 500th on the far clock is ahead by so much, and the ways
 * are longer by so much. */
static int64_t stepped(int64_t clock_ns, int64_t forward_ns, int64_t backward_ns)
{
	struct stamp_steps s = { 0 };
	struct ipb_rng r;

	ipb_rng_seed(&r, 7);
	for (uint32_t i = 0; i < 1000; i++) {
		const int64_t jitter = (int64_t)(2e6 * ipb_rng_unit(&r)), other = (int64_t)(2e6 * ipb_rng_unit(&r)), after = i >= 500;
		stamp_steps_add(&s, 40000000 + jitter + after * (clock_ns + forward_ns), 30000000 + other + after * (backward_ns - clock_ns));
	}
	return s.moved_ns;
}

static void steps_are_told_from_paths(void **state)
{
	(void)state;
	assert_in_range(llabs(stepped(10000000, 0, 0) - 10000000), 0, 200000);
	assert_in_range(llabs(stepped(-10000000, 0, 0) + 10000000), 0, 200000);
	assert_in_range(llabs(stepped(3600000000000, 0, 0) - 3600000000000), 0, 200000);
	/* By chance the least delays change a little. */
	assert_in_range(llabs(stepped(0, 0, 0)), 0, 300000);
	assert_in_range(llabs(stepped(0, 10000000, 0)), 0, 300000);
	assert_in_range(llabs(stepped(0, 10000000, 10000000)), 0, 300000);
	assert_in_range(llabs(stepped(0, 10000000, -5000000)), 0, 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_told_from_paths),
		cmocka_unit_test(ntp_times),
		cmocka_unit_test(ptp_times),
		cmocka_unit_test(error_estimates),
		cmocka_unit_test(hmacs),
		cmocka_unit_test(rfc8972_4_u_skips_m_stops_i_discards),
		cmocka_unit_test(rfc8972_4_8_unverified_tlvs_are_not_used),
		cmocka_unit_test(ways_are_told_apart),
		cmocka_unit_test(doubled_and_overtaken),
		cmocka_unit_test(what_cannot_be_told_is_counted_apart),
		cmocka_unit_test(a_reflector_that_begins_anew_is_noticed),
		cmocka_unit_test(sessions_are_bounded),
		cmocka_unit_test(strangers_end_no_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
