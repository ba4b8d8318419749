/* What the echo in the driver does about packets that go round between two echoes. Needs root.  SPDX-License-Identifier: MIT */
/* link: echo/echo_xdp_program.o echo/echo_xdp_headers.o echo/echo_xdp_tag.o echo/echo_xdp_sums.o echo/echo_xdp_guard.o echo/echo_xdp.o echo/echo_guard.o */
#include "echo_xdp_frames.h"

#include <time.h>

#include "../../echo/echo_guard.h"

/* How often a packet is answered before the echo keeps silent on it; others, all different, between. */
static int until_silence(struct echo *e, const struct frame *same, int others, int most)
{
	for (int i = 0; i < most; i++) {
		struct frame f = *same;
		if (run(e, &f) == XDP_DROP)
			return i;
		for (int j = 0; j < others; j++) {
			struct frame other = make(0, 64, WHOLE);
			assert_int_equal(run(e, &other), XDP_TX);
		}
		usleep(5);
	}
	return most;
}

/* The echo forgets a packet that comes seldom: a crowded machine sends too slowly. */
static void silent_after(int answered, int least, int most)
{
	char text[100];

	snprintf(text, sizeof text, "%d answers, %d to %d expected", answered, least, most);
	if (answered < least || answered > most)
		quiet_fail(text, __FILE__, __LINE__);
}

static void test_what_goes_round(void **state)
{
	struct echo e = { .plan = { .raw = 1 } };
	struct timespec until_over = { .tv_nsec = 120000000 };

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	quiet_note();
	struct frame raw = make_raw(100), raw_long = make_raw(1000), udp = make(0, 64, WHOLE), last = make(1, 64, WHOLE);
	ip_of(&last)[7] = 1;
	silent_after(until_silence(&e, &raw, 0, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &raw_long, 20, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &last, 1, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &udp, 0, 2000), GUARD_SAME_HOPS, GUARD_SAME_HOPS + 50);
	struct frame f = udp;
	assert_int_equal(run(&e, &f), XDP_DROP);
	assert_int_equal(counts(&e).rounds, 5);
	/* It did not come during the silence: it is answered again, twice as often. */
	nanosleep(&until_over, NULL);
	silent_after(until_silence(&e, &raw, 0, 1000), 2 * GUARD_SAME_ENDLESS - 1, 2 * GUARD_SAME_ENDLESS + 8);
	/* One that differs in its last byte alone is another one, and so is one that differs early. */
	struct frame other = raw_long;
	other.bytes[999] ^= 1;
	assert_int_equal(run(&e, &other), XDP_TX);
	other = raw_long;
	other.bytes[60] ^= 1;
	assert_int_equal(run(&e, &other), XDP_TX);
	end(&e);
}

/* A generator sends the same bytes each time, and goes on while it gets no answer. */
static void test_generators_are_trusted(void **state)
{
	struct echo e = { .plan = { .raw = 1 } };
	struct timespec from, now;
	int answered = 0;

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	quiet_note();
	struct frame same = make_raw(60);
	silent_after(until_silence(&e, &same, 0, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		struct frame f = same;
		answered = run(&e, &f) == XDP_TX;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!answered && now.tv_sec - from.tv_sec < 5);
	assert_true(answered);
	silent_after(until_silence(&e, &same, 0, 3000), 3000, 3000);
	end(&e);
}

/* Same packets that the tail of a short payload tells apart. */
static void test_short_packets_differ(void **state)
{
	struct echo e = { 0 };

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	for (uint16_t size = 1; size < 80; size++) {
		struct frame first = make(0, size, WHOLE);
		for (int i = 0; i < 700; i++) {
			struct frame f = first;
			payload_of(&f)[size - 1] = (uint8_t)i;
			if (run(&e, &f) != XDP_TX)
				fail_msg("%u bytes, the last of which differs, were taken for the same", size);
		}
	}
	end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_round),
		cmocka_unit_test(test_generators_are_trusted),
		cmocka_unit_test(test_short_packets_differ),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
