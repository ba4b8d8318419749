/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* alone: it measures times. */
/* The times that the engine gives packets: stamps of the kernel, batches and trains, intervals of confidence.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"
#include "quiet.h"

/* A member of a summary in a document, such as "wire":{…"mean_ns":1.5…}. */
static double figure(const char *document, const char *summary, const char *member)
{
	char key[64];

	snprintf(key, sizeof key, "\"%s\":{", summary);
	const char *at = strstr(document, "\"layers\":{");
	assert_non_null(at);
	assert_non_null(at = strstr(at, key));
	snprintf(key, sizeof key, "\"%s\":", member);
	assert_non_null(at = strstr(at, key));
	return strtod(at + strlen(key), NULL);
}

static void a_stamped_round_trip_adds_up(void **state)
{
	static const char *const parts[] = { "send_path", "wire", "receive_path" };
	struct spoiler s;
	struct ipb_args args;
	struct ipb_json j;
	double sum = 0;

	(void)state;
	spoiler_begin(&s, "drop", 100, 0);
	struct ipb_engine *e = engine_run(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=0.5,timestamps=kernel",
	                           ipb_sock_port(s.fd));
	spoiler_end(&s);
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_engine_report(e, &j);
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	assert_int_equal(ipb_json_check(text, strlen(text)), 0);
	assert_non_null(strstr(text, "\"used\":\"kernel\""));
	assert_true(figure(text, "user", "count") > 100);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		assert_true(figure(text, parts[i], "count") == figure(text, "user", "count"));
		sum += figure(text, parts[i], "mean_ns");
	}
	const double user = figure(text, "user", "mean_ns"), error = sum / user - 1;
	if (error > 1e-6 || error < -1e-6)
		fail_msg("the parts' means are %.3f ns together, the whole's is %.3f ns", sum, user);
	free(text);
	engine_close(e, &args);
}

/* One in four packets is stamped, and a burst has four: each of them has its turn. With two flows, too. */
static void stamps_do_not_beat_with_bursts(void **state)
{
	static const char *const cases[] = { "arrival=burst:4", "flows=2" };

	(void)state;
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct spoiler s;
		struct ipb_args args;
		char text[200];
		uint32_t turns[4] = { 0 }, all = 0;
		quiet_note();
		spoiler_begin(&s, "drop", 1000000, 0);
		snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=0.3,late=0,bps=20M,duration=0.2,"
		         "timestamps=kernel,%s", cases[c]);
		struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(s.fd));
		spoiler_end(&s);
		assert_int_equal(e->layers.every, 4);
		for (uint32_t i = 0; i < e->layers.next && i < IPB_LAYERS_PENDING; i++, all++)
			turns[e->layers.entries[i].number % 4]++;
		assert_timely(all > 500);
		for (int i = 0; i < 4; i++)
			assert_in_range(turns[i], all / 8, all / 2);
		assert_in_range(e->track.next / e->layers.asked, 3, 5);
		engine_close(e, &args);
	}
}

/* The packets of a train leave together on the wire, too, which the result reports. */
static void trains_are_a_reason(void **state)
{
	static const char *const engines[] = { "mmsg", "gso" };

	(void)state;
	for (int gso = 0; gso < 2; gso++) {
		struct spoiler s;
		struct ipb_args args;
		struct ipb_engine_result r;
		char text[200];
		snprintf(text, sizeof text, "socktype=udp,engine=%s,noise=0,warmup=0,cooldown=0,drain=0.3,late=0,size=64,bps=819200,"
		         "arrival=burst:16,duration=0.3", engines[gso]);
		struct ipb_engine *e = engine_run_spoiled(&s, "drop", 1000000, &args, text, &r);
		assert_int_equal(reason_of(&r, "trains") != NULL, gso);
		assert_true(r.counts.sent > 100);
		assert_int_equal(r.lateness->count, r.counts.sent);
		engine_close(e, &args);
	}
}

static void a_narrow_interval_ends_the_measurement(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;

	(void)state;
	spoiler_begin(&s, "drop", 1000000, 0);
	quiet_note();
	struct ipb_engine *e = engine_run(&args, "socktype=udp,noise=0,warmup=0,cooldown=0,bps=500k,duration=60,until_ci=100%",
	                           ipb_sock_port(s.fd));
	ipb_engine_result(e, &r);
	assert_timely(r.window_end_ns - r.window_start_ns < 50 * IPB_NS_PER_S);
	assert_true(r.mean.batches >= 10 && r.mean.low_ns <= r.mean.estimate_ns && r.mean.estimate_ns <= r.mean.high_ns);
	assert_true(r.median.low_ns <= r.median.estimate_ns && r.median.estimate_ns <= r.median.high_ns);
	assert_true(r.median.half_share >= 0 && r.median.half_share < 1);
	spoiler_end(&s);
	engine_close(e, &args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamped_round_trip_adds_up),
		cmocka_unit_test(stamps_do_not_beat_with_bursts),
		cmocka_unit_test(trains_are_a_reason),
		cmocka_unit_test(a_narrow_interval_ends_the_measurement),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
