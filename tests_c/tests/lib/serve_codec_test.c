/* What passes between a client and the services as bytes, and what both ends count with.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bins.h"
#include "ipb_bulk_result.h"
#include "ipb_hello.h"
#include "ipb_rng.h"

static struct ipb_hello some_hello(void)
{
	struct ipb_hello h = { .kind = IPB_HELLO_BULK, .direction = IPB_BOTH, .copy = 1, .zerocopy = IPB_ZEROCOPY_MSG, .dscp = 46,
		               .streams = 500, .index = 3, .session = 0x1122334455667788, .token = 0x99aabbccddeeff00,
		               .size = 131072, .reply_size = 7, .bps = 12345678901, .length_ns = 3600000000000, .rcvbuf = 4096,
		               .sndbuf = 8192, .mss = 1448 };

	strcpy(h.cc, "cubic");
	return h;
}

/* Encoded, read and encoded again: the same bytes, and all of them are given. */
#define COMES_BACK(type, value, read, size)                                            \
	do {                                                                           \
		struct type back;                                                      \
		uint8_t first[size], second[size];                                     \
		type##_encode(&(value), first);                                        \
		assert_int_equal(read, 0);                                             \
		type##_encode(&back, second);                                          \
		assert_memory_equal(first, second, size);                              \
	} while (0)

static void hellos_come_back_as_they_went(void **state)
{
	const struct ipb_hello h = some_hello();
	const struct ipb_welcome w = { IPB_WELCOME_BUSY, 1, 2, 3, 4, "no room" };
	const struct ipb_message m = { IPB_MESSAGE_GO, 1, UINT64_MAX, 3 };
	const struct ipb_join j = { IPB_JOIN_ANSWER, 1023, 5, 6 };

	(void)state;
	COMES_BACK(ipb_hello, h, ipb_hello_decode(&back, first), IPB_HELLO_SIZE);
	COMES_BACK(ipb_welcome, w, ipb_welcome_decode(&back, first), IPB_WELCOME_SIZE);
	COMES_BACK(ipb_message, m, ipb_message_decode(&back, first), IPB_MESSAGE_SIZE);
	COMES_BACK(ipb_join, j, ipb_join_decode(&back, first, IPB_JOIN_SIZE), IPB_JOIN_SIZE);
}

/* The bytes on the wire are what the header says, whatever machine wrote them. */
static void a_hello_is_these_bytes(void **state)
{
	static const uint8_t begin[] = { 'I', 'P', 'B', 'h', 'e', 'l', 'l', 'o', 1, 1, 3, 0, 1, 2, 46, 0, 0, 0, 1, 0xf4,
		                         0,   0,   0,   3,   0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	const struct ipb_hello h = some_hello();
	uint8_t bytes[IPB_HELLO_SIZE];

	(void)state;
	ipb_hello_encode(&h, bytes);
	assert_memory_equal(bytes, begin, sizeof begin);
}

static void unsound_hellos_are_refused(void **state)
{
	uint8_t bytes[IPB_HELLO_SIZE];
	struct ipb_hello h, back;

	(void)state;
#define REFUSED(change)                                             \
	do {                                                        \
		h = some_hello();                                   \
		change;                                             \
		ipb_hello_encode(&h, bytes);                        \
		assert_int_equal(ipb_hello_decode(&back, bytes), -1); \
	} while (0)
	REFUSED(h.kind = 0);
	REFUSED(h.kind = IPB_HELLO_KINDS);
	REFUSED(h.direction = 0);
	REFUSED(h.direction = 4);
	REFUSED(h.udp = 2);
	REFUSED(h.udp = 1; h.size = 65508);
	REFUSED(h.dscp = 64);
	REFUSED(h.streams = 0);
	REFUSED(h.streams = 513); /* in both directions */
	REFUSED(h.streams = UINT32_MAX);
	REFUSED(h.index = 1024);
	REFUSED(h.size = 0);
	REFUSED(h.size = IPB_HELLO_SIZE_MAX + 1);
	REFUSED(h.bps = IPB_HELLO_BPS_MAX + 1);
	REFUSED(h.length_ns = IPB_HELLO_LENGTH_MAX_NS + 1);
	REFUSED(h.cc[0] = 7);
	h = some_hello();
	ipb_hello_encode(&h, bytes);
	for (size_t i = 0; i < 9; i++) { /* magic and version */
		bytes[i] ^= 1;
		assert_int_equal(ipb_hello_decode(&back, bytes), -1);
		bytes[i] ^= 1;
	}
	bytes[IPB_HELLO_SIZE - 1] = 1; /* kept for later versions */
	assert_int_equal(ipb_hello_decode(&back, bytes), -1);
}

static void bins_lose_nothing(void **state)
{
	const uint64_t base = 5000000000ull, step = 1300000;
	struct ipb_bins b;
	double within = 0;

	(void)state;
	assert_int_equal(ipb_bins_init(&b, base), 0);
	ipb_bins_add(&b, base - 1, 0);
	for (uint64_t i = 0; i < 100000; i++) { /* 130 s: bins double five times */
		ipb_bins_add(&b, base + i * step, i % 1000);
		if (i * step >= 30000000000ull && i * step < 90000000000ull)
			within += (double)(i % 1000);
	}
	assert_true(b.total == 100 * 999 * 500);
	assert_true(ipb_bins_sum(&b, 0, UINT64_MAX) == (double)b.total);
	const double found = ipb_bins_sum(&b, base + 30000000000ull, base + 90000000000ull);
	assert_true(fabs(found - within) < 0.001 * within);
	const double parts = ipb_bins_sum(&b, 0, base + 12345678901) + ipb_bins_sum(&b, base + 12345678901, UINT64_MAX);
	assert_true(fabs(parts - (double)b.total) < 1);
	assert_true(1ull << b.shift <= 130000000000ull / 1000);
	ipb_bins_free(&b);
}

/* The examples of the report that defines the index: shares of a fraction of users give that fraction. */
static void fairness_is_jains(void **state)
{
	const double same[] = { 7, 7, 7, 7 }, one[] = { 0, 5, 0, 0 }, half[] = { 3, 3, 0, 0 }, none[] = { 0, 0 }, mixed[] = { 1, 2, 3 };

	(void)state;
	assert_true(ipb_jain(same, 4) == 1);
	assert_true(ipb_jain(one, 4) == 0.25);
	assert_true(ipb_jain(half, 4) == 0.5);
	assert_true(isnan(ipb_jain(none, 2)) && isnan(ipb_jain(none, 0)));
	assert_true(fabs(ipb_jain(mixed, 3) - 36.0 / 42) < 1e-12);
}

static void a_course_is_thinned_evenly(void **state)
{
	struct ipb_tcp_course c;
	struct ipb_tcp_summary s;

	(void)state;
	assert_int_equal(ipb_tcp_course_init(&c, 16), 0);
	for (uint32_t i = 1; i <= 1000; i++) {
		struct ipb_tcp_sample now = { .t_ns = i * 1000000000ull, .rtt_us = i, .retransmits = i, .busy_us = i * 500000ull,
			                      .acked_bytes = i * 10 };
		ipb_tcp_course_add(&c, &now);
		if (i == 100)
			c.start = now;
		if (i == 900)
			c.end = now;
	}
	assert_true(c.count >= 8 && c.count <= 16);
	for (uint32_t i = 2; i < c.count; i++)
		assert_true(c.samples[i].t_ns - c.samples[i - 1].t_ns == c.samples[1].t_ns - c.samples[0].t_ns);
	ipb_tcp_course_summary(&c, &s);
	assert_true(s.known && s.retransmits == 800 && s.acked_bytes == 8000 && s.seconds == 800);
	assert_true(fabs(s.busy - 0.5) < 1e-9);
	assert_true(fabs(s.rtt_mean_us - 500) < 60 && s.rtt_max_us == 900);
	ipb_tcp_course_free(&c);
}

/* Two subflows of 10 and 7 retransmissions, of which the first ends: what it had sent again stays, and what the other one sends again
 * is added, whichever is the larger. */
static void counts_of_ended_subflows_stay(void **state)
{
	const uint32_t read[] = { 17, 9, 12, 12, 3, 4 }, expected[] = { 17, 17, 20, 20, 20, 21 };
	struct ipb_tcp_course c;
	struct ipb_tcp_summary s;

	(void)state;
	assert_int_equal(ipb_tcp_course_init(&c, 16), 0);
	for (uint32_t i = 0; i < 6; i++) {
		struct ipb_tcp_sample now = { .t_ns = (i + 1) * 1000000000ull, .retransmits = read[i], .busy_us = read[i] * 1000ull };
		ipb_tcp_course_add(&c, &now);
		assert_int_equal(now.retransmits, expected[i]);
		assert_int_equal(now.busy_us, expected[i] * 1000ull);
		assert_int_equal(c.samples[i].retransmits, expected[i]);
		*(i == 0 ? &c.start : &c.end) = now;
	}
	ipb_tcp_course_summary(&c, &s);
	assert_int_equal(s.retransmits, 4);
	ipb_tcp_course_free(&c);
}

static void some_result(struct ipb_bulk_result *r)
{
	memset(r, 0, sizeof *r);
	r->count = 3;
	r->steps = 5;
	r->step_ns = IPB_BULK_STEP_NS;
	r->streams = calloc(r->count, sizeof *r->streams);
	r->received = calloc(r->steps, sizeof(double));
	r->sent = calloc(r->steps, sizeof(double));
	r->use = (struct ipb_pump_use){
		.known = 1, .threads = 2, .busiest_thread = 0.75, .all_threads = 1.25, .cpus = { 1, 0.875, 0.25, 1.5, 2 },
		.thread = { { .sends = 1, .cpu = 3, .running = 0.75, .waiting = 0.125, .busy = 1, .softirq = 0.5 },
		            { .cpu = -1, .running = 0.5 } } };
	for (uint32_t i = 0; i < r->count; i++) {
		r->streams[i] = (struct ipb_bulk_stream){ .present = 1, .sends = i == 1, .over = IPB_PUMP_BROKEN, .error = 104, .thread = i % 2,
			.bytes = 1000 + i, .window_bytes = 900.5, .datagrams = 8, .measured = 7, .jitter_ns = 12.5,
			.tcp = { .known = 1, .retransmits = 3, .rtt_mean_us = 20.25, .busy = 0.5, .mss = 1448 } };
		r->streams[i].sample_count = 4;
		r->streams[i].samples = calloc(4, sizeof(struct ipb_tcp_sample));
		r->streams[i].samples[3] = (struct ipb_tcp_sample){ .t_ns = 7, .rtt_us = 8, .cwnd = 9, .delivery_bps = 10 };
	}
	r->received[4] = 17;
}

static void results_come_back_as_they_went(void **state)
{
	struct ipb_bulk_result r, back;
	size_t size;

	(void)state;
	some_result(&r);
	uint8_t *bytes = ipb_bulk_result_write(&r, &size);
	assert_non_null(bytes);
	assert_int_equal(ipb_bulk_result_read(&back, 3, bytes, size), 0);
	assert_true(back.steps == 5 && back.received[4] == 17 && back.use.busiest_thread == 0.75 && back.use.cpus.cpu == 1);
	assert_memory_equal(back.use.thread, r.use.thread, sizeof r.use.thread);
	for (uint32_t i = 0; i < 3; i++) {
		assert_memory_equal(back.streams[i].samples, r.streams[i].samples, 4 * sizeof(struct ipb_tcp_sample));
		back.streams[i].samples = r.streams[i].samples = (free(back.streams[i].samples), free(r.streams[i].samples), NULL);
		assert_memory_equal(&back.streams[i], &r.streams[i], sizeof r.streams[i]);
	}
	ipb_bulk_result_free(&back);
	assert_int_equal(ipb_bulk_result_read(&back, 2, bytes, size), -1);
	free(bytes);
	ipb_bulk_result_free(&r);
}

static void damaged_results_are_refused(void **state)
{
	struct ipb_bulk_result r, back;
	struct ipb_rng rng;
	size_t size;

	(void)state;
	some_result(&r);
	uint8_t *bytes = ipb_bulk_result_write(&r, &size);
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *exact = malloc(cut + 1);
		memcpy(exact, bytes, cut);
		assert_int_equal(ipb_bulk_result_read(&back, 3, exact, cut), -1);
		free(exact);
	}
	ipb_rng_seed(&rng, 1);
	for (int i = 0; i < 20000; i++) { /* read or refused, never worse */
		const uint32_t at = ipb_rng_below(&rng, (uint32_t)size);
		const uint8_t was = bytes[at];
		bytes[at] = (uint8_t)ipb_rng_next(&rng);
		if (ipb_bulk_result_read(&back, 3, bytes, size) == 0)
			ipb_bulk_result_free(&back);
		bytes[at] = was;
	}
	free(bytes);
	r.streams[2].thread = 2; /* which there is not */
	bytes = ipb_bulk_result_write(&r, &size);
	assert_int_equal(ipb_bulk_result_read(&back, 3, bytes, size), -1);
	free(bytes);
	ipb_bulk_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos_come_back_as_they_went),  cmocka_unit_test(a_hello_is_these_bytes),
		cmocka_unit_test(unsound_hellos_are_refused),     cmocka_unit_test(bins_lose_nothing),
		cmocka_unit_test(fairness_is_jains),              cmocka_unit_test(a_course_is_thinned_evenly),
		cmocka_unit_test(counts_of_ended_subflows_stay),
		cmocka_unit_test(results_come_back_as_they_went), cmocka_unit_test(damaged_results_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
