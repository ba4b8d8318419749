/* link: engine_fixture.c ../latency/options.c ../latency/marshal.c ../latency/output.c ../../tests/fixtures/fault_echo/faults.c */
/* What is reported while a test runs: an echo that drops every second packet is lossy at once, and not at the end alone.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ipbench_progress progress;

static void *run(void *e)
{
	ipb_engine_run(e, &progress);
	return NULL;
}

static uint64_t read_field(const uint64_t *field) { return __atomic_load_n(field, __ATOMIC_RELAXED); }

/* Runs for two seconds, and looks after 1.2 and 1.6. */
static void watch(uint32_t every, double least, double most)
{
	const struct timespec first = { 1, 200000000 }, second = { 0, 400000000 };
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	pthread_t thread;

	memset(&progress, 0, sizeof progress);
	spoiler_begin(&s, "drop", every, 0);
	struct ipb_engine *e = engine_open(&args, "socktype=udp,noise=0,warmup=0,cooldown=0.1,drain=0.3,bps=2M,size=64,duration=2",
	                                   ipb_sock_port(s.fd));
	assert_int_equal(pthread_create(&thread, NULL, run, e), 0);
	for (int i = 0; i < 2; i++) {
		nanosleep(i == 0 ? &first : &second, NULL);
		double lost = (double)read_field(&progress.lost), ok = (double)read_field(&progress.ok);
		assert_true(ok > 1000);
		if (lost / (lost + ok) < least || lost / (lost + ok) > most)
			fail_msg("one packet in %u is dropped, and %.0f of %.0f are shown as lost", every, lost, lost + ok);
	}
	pthread_join(thread, NULL);
	spoiler_end(&s);
	ipb_engine_result(e, &r);
	assert_int_equal(read_field(&progress.lost), r.counts.lost);
	ipb_engine_close(e);
	ipb_args_free(&args);
}

static void loss_is_shown_while_it_happens(void **state)
{
	(void)state;
	watch(2, 0.4, 0.51);        /* what has just left is not overdue yet: a little less than the half */
	watch(10, 0.07, 0.11);
	watch(1000000, 0, 0.0001);  /* none: what is on its way is not lost */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(loss_is_shown_while_it_happens) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
