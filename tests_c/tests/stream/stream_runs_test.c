/* link: stream/options.o stream/connect.o stream/peer_ipbench.o stream/peer_old.o stream/peer_iperf2.o stream/iperf2_back.o stream/peer_iperf3.o stream/told.o stream/run.o stream/figures.o stream/threads.o stream/judge.o stream/result.o */
/* stream against the services in this process: bytes, rates, datagrams.  SPDX-License-Identifier: MIT */
#include "stream_run.h"

#include <math.h>
#include <stdio.h>

/* Whether bytes come in the directions (IPB_UP, IPB_DOWN) that are said, and in no other, from so many senders whose TCP_INFO is
 * known. A machine that is busy with other tests may miss a short phase as a whole: then a longer one is tried. */
static void moves(const char *args, int directions, uint32_t streams)
{
	struct outcome o = { 0 };
	char text[200];

	for (double length = 0.3; length < 6; length *= 2) {
		snprintf(text, sizeof text, "duration=%.1f,warmup=%.1f,%s", length, length / 2, args);
		it_works(text, &o);
		if ((o.figures.up_bps > 1e5) == !!(directions & IPB_UP) && (o.figures.down_bps > 1e5) == !!(directions & IPB_DOWN) &&
		    o.figures.tcp_streams == streams)
			return;
	}
	fail_msg("%s: %.0f up, %.0f down, of %u streams", args, o.figures.up_bps, o.figures.down_bps, o.figures.tcp_streams);
}

static void every_way_moves_bytes(void **state)
{
	(void)state;
	moves("direction=up", IPB_UP, 1);
	moves("direction=down,copy=0", IPB_DOWN, 1);
	moves("direction=both,streams=3", IPB_BOTH, 6);
	moves("zerocopy=sendfile,cc=cubic,mss=1000,rcvbuf=64Ki,sndbuf=64Ki,dscp=8", IPB_UP, 1);
	moves("zerocopy=msg,direction=both", IPB_BOTH, 2);
}

static void fairness_lies_between_one_and_all(void **state)
{
	struct outcome o;

	(void)state;
	it_works("duration=1,warmup=0.5,streams=3", &o);
	assert_timely(o.figures.fairness_up > 0.33); /* that of one stream, while others wait */
	assert_true(o.figures.fairness_up <= 1);
	assert_true(isnan(o.figures.fairness_down));
}

/* Both ends are on one clock here, so that the offset that was found is its own error. */
static void the_offset_is_within_its_error(void **state)
{
	struct outcome o;

	(void)state;
	it_works(SHORT ",bps=10M", &o);
	assert_true((uint64_t)llabs(o.offset_ns) <= o.offset_error_ns + 1);
	assert_true(o.offset_error_ns < 50000000);
}

/* How far what arrived is from a rate of 20 Mbit/s, as a share; the best of a few, since a machine that is shared may stand
 * still for longer than what was due then is sent afterwards. */
static double off_20m(const char *args)
{
	char text[200];
	struct outcome o;
	double best = 1;

	for (int i = 0; i < 5 && best > 0.02; i++) {
		snprintf(text, sizeof text, "duration=1,warmup=0.2,bps=20M,%s", args);
		it_works(text, &o);
		const double off = fabs((o.figures.up_bps + o.figures.down_bps) / 20e6 - 1);
		best = off < best ? off : best;
	}
	return best;
}

/* A rate that is asked for is what arrives. */
static void rates_are_kept(void **state)
{
	static const char *const args[] = { "direction=up", "direction=down", "streams=4", "udp=1", "udp=1,direction=down,streams=3",
		                            "udp=1,size=100" };

	(void)state;
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		const double off = off_20m(args[i]);
		if (off > 0.05)
			print_error("%s: %.1f %% off\n", args[i], 100 * off);
		assert_timely(off <= 0.05);
	}
}

static void datagrams_are_accounted_for(void **state)
{
	struct outcome o;

	(void)state;
	it_works("duration=1,warmup=0.5,udp=1,bps=5M,size=1000,direction=both", &o);
	assert_true(o.figures.has_udp);
	assert_timely(o.figures.datagrams_sent >= 300 && o.figures.datagrams_sent <= 2500); /* 2 × 625, and what a standstill moves */
	assert_true(o.figures.datagrams_ok == o.figures.datagrams_sent && o.figures.lost == 0);
	assert_true(o.figures.duplicate == 0 && o.figures.reordered == 0);
	it_works("duration=1,warmup=0.5,udp=1", &o);
	assert_int_equal(o.figures.datagrams_ok + o.figures.lost, o.figures.datagrams_sent);
	assert_timely(o.figures.datagrams_ok > 0);
	/* 1,000 bits each 8 s: of no datagrams none can be lost. */
	assert_int_equal(run("duration=0.1,warmup=0.1,udp=1,bps=1k,size=1000", served(), &o), 0);
	assert_true(o.figures.datagrams_sent == 0 && strstr(o.json, "\"loss\"") == NULL);
	free(o.json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_way_moves_bytes, begin, end),
		cmocka_unit_test_setup_teardown(fairness_lies_between_one_and_all, begin, end),
		cmocka_unit_test_setup_teardown(the_offset_is_within_its_error, begin, end),
		cmocka_unit_test_setup_teardown(rates_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(datagrams_are_accounted_for, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
