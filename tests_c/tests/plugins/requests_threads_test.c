/* rr by several threads: counts against what the server got, one at a time and in all.  SPDX-License-Identifier: MIT */
#include "requests_run.h"

#include "request_server.h"

#define SIZE 64

/* The numbers behind "key": from "threads" on, added up; how many there were into *n. */
static uint64_t of_threads(const struct run *r, const char *key, uint32_t *n)
{
	const char *at = strstr(r->json, "\"threads\":[");
	uint64_t sum = 0;

	assert_non_null(at);
	for (*n = 0; (at = strstr(at, key)) != NULL; ++*n)
		sum += strtoull(at += strlen(key), NULL, 10);
	return sum;
}

static void threads_add_up(const struct run *r, uint32_t threads)
{
	uint32_t n;

	assert_int_equal(of_threads(r, "\"sent\":", &n), (uint64_t)figure(r, "sent"));
	assert_int_equal(n, threads);
	assert_int_equal(of_threads(r, "\"ok\":", &n), (uint64_t)figure(r, "ok"));
	assert_int_equal(of_threads(r, "\"lost\":", &n), (uint64_t)figure(r, "lost"));
	assert_int_equal(of_threads(r, "\"late\":", &n), (uint64_t)figure(r, "late"));
	assert_int_equal(of_threads(r, "\"unsent\":", &n), (uint64_t)figure(r, "unsent"));
}

static void requests_at_a_rate_are_shared_out(void **state)
{
	static const uint32_t threads[] = { 1, 2, 4 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct server s = { .does = SERVER_ECHOES };
		char text[200];
		server_start(&s);
		snprintf(text, sizeof text, "request=%d,connections=8,rate=2000,duration=0.5,drain=1,threads=%u", SIZE, threads[i]);
		struct run r = measure("rr", s.port, text);
		server_end(&s);
		adds_up(&r);
		if (threads[i] > 1)
			threads_add_up(&r, threads[i]);
		assert_true(figure(&r, "sent") + figure(&r, "unsent") == 1000);
		assert_int_equal(s.accepted, 8);
		assert_int_equal(s.bytes, SIZE * 1200); /* with the warm-up's */
		free(r.json);
	}
}

static void a_closed_loop_keeps_all_connections_busy(void **state)
{
	struct server s = { .does = SERVER_ECHOES };

	(void)state;
	server_start(&s);
	struct run r = measure("rr", s.port, "request=64,connections=4,depth=2,duration=0.5,threads=2");
	server_end(&s);
	adds_up(&r);
	threads_add_up(&r, 2);
	assert_int_equal(s.accepted, 4);
	assert_true(s.bytes >= SIZE * (uint64_t)figure(&r, "sent"));
	assert_true(figure(&r, "ok") > 10);
	free(r.json);
}

static void a_failure_names_its_thread(void **state)
{
	struct server s = { .does = SERVER_DIES, .at_ns = 200000000 };

	(void)state;
	server_start(&s);
	struct run r = measure("rr", s.port, "request=64,connections=4,rate=1000,duration=2,drain=0.2,late=0.1,threads=2");
	server_end(&s);
	assert_false(r.valid);
	adds_up(&r);
	threads_add_up(&r, 2);
	says(&r, "\"text\":\"thread ");
	free(r.json);
}

static void connections_are_shared_out_evenly(void **state)
{
	(void)state;
	struct run r = measure("rr", 9, "connections=3,threads=2");
	assert_false(r.set_up);
	assert_non_null(strstr(r.error, "argument connections: 3 connections cannot be shared out evenly among 2 threads"));
	r = measure("rr", 9, "connections=2,threads=2,cpu=0");
	assert_non_null(strstr(r.error, "argument cpu: 2 threads are not to be on one processor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_at_a_rate_are_shared_out),
		cmocka_unit_test(a_closed_loop_keeps_all_connections_busy),
		cmocka_unit_test(a_failure_names_its_thread),
		cmocka_unit_test(connections_are_shared_out_evenly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
