/* What chronyd and ptp4l answer, and those that are dead or silent.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_rng.h"
#include "ipb_sync_private.h"

#define SEQUENCE 0x01020304u

/* An answer of chronyd: 10.0.0.1 is followed; root delay 9.18 µs, root dispersion 0.826 µs, 2.407 µs fast. Its real
 * numbers are coefficient * 2^(exponent - 25). */
static void tracking(uint8_t reply[IPB_SYNC_CHRONY_SIZE])
{
	memset(reply, 0, IPB_SYNC_CHRONY_SIZE);
	reply[0] = 6;
	reply[1] = 2;
	ipb_put_be(reply + 4, 33, 2);
	ipb_put_be(reply + 6, 5, 2);
	ipb_put_be(reply + 16, SEQUENCE, 4);
	ipb_put_be(reply + 28, 0x0a000001, 4);
}

static uint32_t real(int exponent, int32_t coefficient)
{
	return (uint32_t)(exponent & 0x7f) << 25 | ((uint32_t)coefficient & 0x1ffffff);
}

static int chrony(const uint8_t *reply, size_t size, struct ipb_sync *s)
{
	memset(s, 0, sizeof *s);
	return ipb_sync_chrony_parse(reply, size, SEQUENCE, s);
}

static void chrony_is_added_up(void **state)
{
	uint8_t reply[IPB_SYNC_CHRONY_SIZE];
	struct ipb_sync s;

	(void)state;
	tracking(reply);
	ipb_put_be(reply + 92, real(-9, 1 << 23), 4);  /* delay 2^-11 s */
	ipb_put_be(reply + 96, real(-10, 1 << 23), 4); /* dispersion 2^-12 s */
	ipb_put_be(reply + 68, real(-11, -(1 << 23)), 4); /* -2^-13 s */
	assert_int_equal(chrony(reply, sizeof reply, &s), 1);
	assert_int_equal(s.by, IPB_SYNC_CHRONY);
	assert_true(s.synchronized);
	/* 244,140.6 + 244,140.6 + 122,070.3 ns, each rounded up */
	assert_in_range(s.error_ns, 610351, 610355);
	ipb_put_be(reply + 96, real(10, 1 << 23), 4); /* 256 s */
	assert_int_equal(chrony(reply, sizeof reply, &s), 1);
	assert_in_range(s.error_ns, 256000366210ull, 256000366215ull);
	ipb_put_be(reply + 96, real(63, 0xffffff), 4); /* more than there is */
	assert_int_equal(chrony(reply, sizeof reply, &s), 1);
	assert_true(s.error_ns >= UINT64_MAX / 4 && s.error_ns < UINT64_MAX);
}

static void chrony_that_follows_nobody(void **state)
{
	uint8_t reply[IPB_SYNC_CHRONY_SIZE];
	struct ipb_sync s;

	(void)state;
	tracking(reply);
	ipb_put_be(reply + 54, 3, 2); /* "Not synchronised" */
	assert_int_equal(chrony(reply, sizeof reply, &s), 0);
	tracking(reply);
	ipb_put_be(reply + 28, 0x7f7f0101, 4); /* local stratum */
	assert_int_equal(chrony(reply, sizeof reply, &s), 0);
}

static void chrony_that_says_something_else(void **state)
{
	static const struct { unsigned at, size; uint64_t value; } wrong[] = {
		{ 0, 1, 5 }, { 1, 1, 1 }, { 4, 2, 34 }, { 6, 2, 1 }, { 8, 2, 2 }, { 16, 4, SEQUENCE + 1 },
	};
	uint8_t reply[IPB_SYNC_CHRONY_SIZE];
	struct ipb_sync s;

	(void)state;
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		tracking(reply);
		ipb_put_be(reply + wrong[i].at, wrong[i].value, wrong[i].size);
		assert_int_equal(chrony(reply, sizeof reply, &s), 0);
	}
	tracking(reply);
	for (size_t size = 0; size < sizeof reply; size++)
		assert_int_equal(chrony(reply, size, &s), 0);
	assert_int_equal(chrony(reply, sizeof reply, &s), 1);
}

/* An answer of ptp4l. */
static size_t management(uint8_t *m, uint16_t id, const uint8_t *data, size_t size)
{
	ipb_sync_ptp_request(m, 0, 0, 0);
	m[46] = 2; /* RESPONSE */
	ipb_put_be(m + 52, id, 2);
	memcpy(m + 54, data, size);
	return 54 + size;
}

#define NOW_NS 1800000000000000000ll

/* Off by -1.5 µs, the path 2 µs, the latest Sync 100 ms ago, the grandmaster good to 100 ns. */
static void answers(struct ipb_sync_ptp *p, uint8_t state, uint8_t stamps)
{
	uint8_t m[256], data[64] = { 0 };

	memset(p, 0, sizeof *p);
	ipb_put_be(data + 2, (uint64_t)(-1500ll * 65536), 8);
	ipb_put_be(data + 10, 2000ull * 65536, 8);
	ipb_sync_ptp_parse(m, management(m, 0x2001, data, 18), p);
	data[20] = 0x21;
	ipb_sync_ptp_parse(m, management(m, 0x2002, data, 32), p);
	ipb_put_be(data + 8, NOW_NS - 100000000, 8);
	ipb_sync_ptp_parse(m, management(m, 0xc000, data, 50), p);
	data[10] = state;
	data[11] = stamps;
	ipb_sync_ptp_parse(m, management(m, 0xc004, data, 14), p);
}

static void ptp4l_is_added_up(void **state)
{
	struct ipb_sync_ptp p;
	struct ipb_sync s = { 0 };

	(void)state;
	answers(&p, 9, 0);
	assert_int_equal(p.have, IPB_SYNC_PTP_ALL);
	assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS, &s), 1);
	assert_int_equal(s.by, IPB_SYNC_PTP4L);
	/* 1,500 + 2,000 + 15 ppm of 100 ms + 100 + 1 */
	assert_int_equal(s.error_ns, 5101);
	answers(&p, 8, 0); /* UNCALIBRATED: what is off is known */
	assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS, &s), 1);
}

static void ptp4l_that_keeps_another_clock(void **state)
{
	static const struct { uint8_t state, stamps; } others[] = { { 6, 0 }, { 4, 0 }, { 9, 1 }, { 9, 2 } };
	struct ipb_sync_ptp p;
	struct ipb_sync s;

	(void)state;
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
		answers(&p, others[i].state, others[i].stamps);
		assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS, &s), 0);
	}
	answers(&p, 9, 0);
	assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS + 61000000000ll, &s), 0); /* nothing came for a minute */
	assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS - 61000000000ll, &s), 0);
	p.path_ns = 0; /* not measured yet */
	assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS, &s), 0);
	for (unsigned which = 0; which < IPB_SYNC_PTP_SETS; which++) {
		answers(&p, 9, 0);
		p.have &= ~(1u << which);
		assert_int_equal(ipb_sync_ptp_bound(&p, NOW_NS, &s), 0);
	}
}

/* IEEE 1588-2019, table 5. */
static void grandmasters_accuracy(void **state)
{
	static const struct { uint8_t code; uint64_t ns; } known[] = {
		{ 0x17, 1 }, { 0x1f, 10 }, { 0x20, 25 }, { 0x21, 100 }, { 0x22, 250 }, { 0x23, 1000 }, { 0x25, 10000 },
		{ 0x2f, 1000000000 }, { 0x30, 10000000000 }, { 0x31, 0 }, { 0xfe, 0 }, { 0, 0 },
	};
	uint8_t m[256], data[64] = { 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
		struct ipb_sync_ptp p = { 0 };
		data[20] = known[i].code;
		ipb_sync_ptp_parse(m, management(m, 0x2002, data, 32), &p);
		assert_int_equal(p.accuracy_ns, known[i].ns);
	}
}

static void hostile_bytes(void **state)
{
	uint8_t ptp[IPB_SYNC_PTP_REQUEST + 64] = { 0 }, reply[IPB_SYNC_CHRONY_SIZE];
	struct ipb_rng rng;

	(void)state;
	ipb_rng_seed(&rng, 7);
	tracking(reply);
	for (unsigned i = 0; i < 20000; i++) {
		const uint8_t *from = i % 2 ? ptp : reply;
		const size_t size = ipb_rng_below(&rng, (uint32_t)(i % 2 ? sizeof ptp : sizeof reply) + 1);
		uint8_t *exact = malloc(size + 1); /* so that a read beyond is seen */
		struct ipb_sync_ptp p = { .have = IPB_SYNC_PTP_ALL, .follows = 1, .path_ns = 1 };
		struct ipb_sync s;
		ipb_sync_ptp_request(ptp, i / 2 % IPB_SYNC_PTP_SETS, 0, 0);
		ptp[46] = 2;
		assert_non_null(exact);
		memcpy(exact, from, size);
		for (int k = 0; k < 8 && size > 0; k++)
			exact[ipb_rng_below(&rng, (uint32_t)size)] = (uint8_t)ipb_rng_next(&rng);
		ipb_sync_ptp_parse(exact, i % 2 ? size : 0, &p);
		(void)ipb_sync_ptp_bound(&p, NOW_NS, &s);
		(void)ipb_sync_chrony_parse(exact, size, SEQUENCE, &s);
		free(exact);
	}
}

static void dead_and_silent(void **state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint8_t message[IPB_SYNC_MESSAGE_MAX];

	(void)state;
	snprintf(to.sun_path, sizeof to.sun_path, "/tmp/ipbench-sync.%ld", (long)getpid());
	unlink(to.sun_path);
	assert_int_equal(ipb_sync_connect((struct sockaddr *)&to, sizeof to, NULL), -1); /* no such file */
	const int silent = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(silent, (struct sockaddr *)&to, sizeof to), 0);
	const int fd = ipb_sync_connect((struct sockaddr *)&to, sizeof to, NULL);
	assert_true(fd >= 0);
	const uint64_t from = ipb_now_ns();
	assert_int_equal(ipb_sync_receive(fd, message, from + 20000000), -1);
	assert_in_range(ipb_now_ns() - from, 20000000, 5000000000ull);
	close(silent); /* the file is still there: whoever was behind it is dead */
	assert_int_equal(ipb_sync_connect((struct sockaddr *)&to, sizeof to, NULL), -1);
	close(fd);
	unlink(to.sun_path);
}

/* Whoever keeps this machine's clock: the answer comes soon, and a watch has the same one. */
static void the_real_thing(void **state)
{
	struct ipb_sync_watch w = { 0 };
	struct ipb_sync s;
	const uint64_t from = ipb_now_ns();

	(void)state;
	assert_int_equal(ipb_sync_watch_open(&w), 0);
	assert_true(ipb_now_ns() - from < 5000000000ull);
	while (ipb_sync_watch_get(&w, &s) == 0) /* its thread may have it in its hands */
		assert_true(ipb_now_ns() - from < 5000000000ull);
	assert_true(s.error_ns > 0);
	assert_true(s.by == IPB_SYNC_KERNEL || s.synchronized);
	assert_non_null(ipb_sync_name(s.by));
	ipb_sync_watch_close(&w);
	ipb_sync_watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chrony_is_added_up),
		cmocka_unit_test(chrony_that_follows_nobody),
		cmocka_unit_test(chrony_that_says_something_else),
		cmocka_unit_test(ptp4l_is_added_up),
		cmocka_unit_test(ptp4l_that_keeps_another_clock),
		cmocka_unit_test(grandmasters_accuracy),
		cmocka_unit_test(hostile_bytes),
		cmocka_unit_test(dead_and_silent),
		cmocka_unit_test(the_real_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
