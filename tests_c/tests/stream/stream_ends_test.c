/* link: stream/options.o stream/connect.o stream/peer_ipbench.o stream/peer_old.o stream/peer_iperf2.o stream/iperf2_back.o stream/peer_iperf3.o stream/told.o stream/run.o stream/figures.o stream/threads.o stream/judge.o stream/result.o */
/* stream that is stopped before its end.  SPDX-License-Identifier: MIT */
#include "stream_run.h"

#include <math.h>
#include <unistd.h>

static void stopping_ends_it(void **state)
{
	struct stream_test t;
	struct ipb_args a;

	(void)state;
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, "duration=30", 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", served(), &err), 0);
	assert_int_equal(stream_open(&t, &err), 0);
	ipb_stop_ask(&t.stopping);
	const uint64_t begin_ns = ipb_now_ns();
	stream_run(&t, NULL);
	assert_true(ipb_now_ns() - begin_ns < 2 * IPB_NS_PER_S);
	assert_string_equal(t.failure_code, "stopped");
	stream_close(&t);
	ipb_args_free(&a);
}

static void *stop_later(void *arg)
{
	usleep(900000);
	ipb_stop_ask(arg);
	return NULL;
}

/* The rates of a test of 30 s that ends within one are of what there was of it; what the target has not told is not 0. */
static void what_was_cut_off_is_not_counted_in(void **state)
{
	struct stream_test t;
	struct stream_figures f;
	struct ipb_args a;
	pthread_t stopper;

	(void)state;
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, "duration=30,warmup=0.1,bps=8M", 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", served(), &err), 0);
	assert_int_equal(stream_open(&t, &err), 0);
	assert_int_equal(pthread_create(&stopper, NULL, stop_later, &t.stopping), 0);
	const uint64_t begin_ns = ipb_now_ns();
	stream_run(&t, NULL);
	const uint64_t took_ns = ipb_now_ns() - begin_ns;
	pthread_join(stopper, NULL);
	stream_figures(&t, &f);
	assert_true(t.window_end_ns > t.window_start_ns && t.window_end_ns <= begin_ns + took_ns);
	assert_int_equal(t.own.steps, (t.window_end_ns - t.window_start_ns + IPB_BULK_STEP_NS - 1) / IPB_BULK_STEP_NS);
	const double bytes = ipb_bins_sum(&t.pump.streams[0].bins, t.window_start_ns, t.window_end_ns);
	const double bps = bytes * 8e9 / (double)(t.window_end_ns - t.window_start_ns);
	assert_true(bytes > 0 && fabs(f.sent_bps / bps - 1) < 1e-9);
	assert_true(isnan(f.up_bps));
	char *json = stream_json(&t);
	assert_non_null(strstr(json, "\"received_bps\":null"));
	assert_null(strstr(json, "\"goodput\",\"value\""));
	free(json);
	stream_close(&t);
	ipb_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stopping_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(what_was_cut_off_is_not_counted_in, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
