/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* What is reported while a test runs: an echo that drops every second packet is lossy at once, and not at the end alone.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quiet.h"

static struct ipbench_progress progress;

static void *run(void *e)
{
	ipb_engine_run(e, &progress);
	return NULL;
}

static uint64_t read_field(const uint64_t *field) { return __atomic_load_n(field, __ATOMIC_RELAXED); }

/* Runs for a second, and reads the progress after 0.6 and 0.8. What left longer ago than a packet may be out (100 ms, or four times
 * what round trips take) has to be shown. */
static void watch(uint32_t every)
{
	const struct timespec first = { 0, 600000000 }, second = { 0, 200000000 };
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	pthread_t thread;
	int many = 1, within = 1;

	memset(&progress, 0, sizeof progress);
	spoiler_begin(&s, "drop", every, 0);
	struct ipb_engine *e = engine_open(&args, "socktype=udp,noise=0,warmup=0,cooldown=0.1,drain=0.3,bps=2M,size=64,duration=1",
	                                   ipb_sock_port(s.fd));
	assert_int_equal(pthread_create(&thread, NULL, run, e), 0);
	for (int i = 0; i < 2; i++) {
		nanosleep(i == 0 ? &first : &second, NULL);
		const double lost = (double)read_field(&progress.lost), sent = (double)read_field(&progress.sent);
		const double elapsed_s = (double)read_field(&progress.elapsed_ns) / 1e9;
		const double trips_s = 4 * (double)read_field(&progress.p999_ns) / 1e9;
		const double old = elapsed_s - 1.2 * (trips_s > 0.1 ? trips_s : 0.1) - 0.05;
		many &= sent > 1000;
		const double all = sent / every, least = old > 0 ? all * old / elapsed_s * 0.95 - 5 : 0;
		print_message("# one packet in %u is dropped: of %.0f sent %.0f to %.0f are lost, and %.0f are shown\n", every, sent,
		              least, all, lost);
		within &= lost >= least && lost <= all + 1 && (i == 0 || every != 2 || lost > 0);
	}
	pthread_join(thread, NULL);
	spoiler_end(&s);
	assert_timely(many);
	assert_timely(within);
	ipb_engine_result(e, &r);
	assert_int_equal(read_field(&progress.lost), r.counts.lost);
	engine_close(e, &args);
}

static void loss_is_shown_while_it_happens(void **state)
{
	(void)state;
	quiet_note();
	watch(2);
	watch(10);
	watch(1000000); /* none: what is on its way is not lost */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(loss_is_shown_while_it_happens) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
