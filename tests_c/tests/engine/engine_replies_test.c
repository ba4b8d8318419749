/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* Echoes that are not as the tester wants them: what is counted, and what is reported.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdio.h>
#include <string.h>

#define PACKETS 200 /* of 100 or 40 bytes, in a second */

static void run(const char *faults, int check, const char *extra, struct ipb_engine_result *r, struct ipb_engine **e,
                struct ipb_args *args)
{
	struct spoiler s;
	char text[300];

	spoiler_begin(&s, faults, 1, check);
	snprintf(text, sizeof text, "socktype=udp,noise=0,warmup=0,cooldown=0,drain=2,late=0.1,duration=1,%s", extra);
	*e = engine_run(args, text, ipb_sock_port(s.fd));
	spoiler_end(&s);
	ipb_engine_result(*e, r);
}

static void an_echo_that_keeps_the_number_alone(void **state)
{
	struct ipb_engine_result r;
	struct ipb_engine *e;
	struct ipb_args args;
	static const char *const sizes[] = { "size=100,bps=160k", "size=40,bps=64k" }; /* with our header, and without it */
	char text[100];

	(void)state;
	for (int i = 0; i < 2; i++) {
		run("scramble", 0, sizes[i], &r, &e, &args);
		assert_int_equal(r.counts.ok, 0);
		assert_non_null(reason_of(&r, "number-alone"));
		engine_close(e, &args);
		snprintf(text, sizeof text, "%s,check=number", sizes[i]);
		run("scramble", 0, text, &r, &e, &args);
		assert_int_equal(r.counts.ok, PACKETS);
		assert_int_equal(r.counts.corrupt + r.counts.lost + r.stray, 0);
		assert_non_null(reason_of(&r, "checked-by-number"));
		engine_close(e, &args);
	}
	run("", 0, "size=100,bps=160k,check=number", &r, &e, &args);
	assert_int_equal(r.counts.ok, PACKETS);
	assert_null(reason_of(&r, "checked-by-number"));
	engine_close(e, &args);
}

static void damage_is_no_silence(void **state)
{
	struct ipb_engine_result r;
	struct ipb_engine *e;
	struct ipb_args args;

	(void)state;
	run("stump", 0, "size=100,bps=160k", &r, &e, &args);
	assert_int_equal(r.counts.corrupt, PACKETS);
	assert_int_equal(r.counts.lost, 0);
	assert_non_null(reason_of(&r, "no-answers"));
	assert_non_null(strstr(reason_of(&r, "no-answers")->text, "200 were damaged, 0 late, 0 lost"));
	engine_close(e, &args);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_echo_that_keeps_the_number_alone),
		                            cmocka_unit_test(damage_is_no_silence) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
