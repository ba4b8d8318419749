/* link: tests/engine_fixture.o latency-check.a fault_echo/faults.o -DLATENCY_CHECK=1 */
/* latency-check against echoes that write the checked word, another one, or none.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

#define PACKETS 200

static void run(int check, const char *faults, const char *size, uint64_t bad, const char *sentence)
{
	struct ipb_engine_result r;
	struct ipb_args args;
	struct spoiler s;
	char text[300];

	spoiler_begin(&s, faults, 1, check);
	snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=2,late=0.1,duration=1,%s", size);
	struct ipb_engine *e = engine_run(&args, text, ipb_sock_port(s.fd));
	spoiler_end(&s);
	ipb_engine_result(e, &r);
	assert_int_equal(r.counts.ok, PACKETS);
	assert_int_equal(r.bad, bad);
	assert_int_equal(r.unwritten, sentence != NULL);
	const struct ipb_reason *reason = reason_of(&r, "word-not-written");
	assert_int_equal(reason != NULL, sentence != NULL);
	if (sentence != NULL)
		assert_non_null(strstr(reason->text, sentence));
	engine_close(e, &args);
}

static void every_reply_is_checked_and_a_plain_echo_is_named(void **state)
{
	static const char *const sizes[] = { "size=100,bps=160k", "size=40,bps=64k" }; /* with our header, and without it */

	(void)state;
	for (int i = 0; i < 2; i++) {
		run(1, "", sizes[i], 0, NULL);
		run(0, "", sizes[i], PACKETS, "is it a plain echo?");
		run(1, "spoil", sizes[i], PACKETS, "writes something else");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_reply_is_checked_and_a_plain_echo_is_named) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
