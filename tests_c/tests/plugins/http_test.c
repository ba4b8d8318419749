/* http against a server that answers canned bytes, whole and byte by byte.  SPDX-License-Identifier: MIT */
#include "request_server.h"
#include "requests_run.h"

#define OK "HTTP/1.1 200 OK\r\n"

static struct run answered(const char *text, size_t piece, int closes, const char *arguments)
{
	struct server s = { .does = SERVER_ANSWERS, .text = text, .piece = piece, .closes = closes };

	assert_int_equal(server_start(&s), 0);
	struct run r = measure("http", s.port, arguments);
	server_end(&s);
	if (r.json != NULL)
		adds_up(&r);
	return r;
}

#define LOAD "rate=50,duration=0.2,connections=4"
#define EXPECTED 10

static void expect(const char *text, int closes, const char *arguments, const char *class, double body)
{
	const size_t pieces[] = { 0, 7 };

	for (int i = 0; i < 2; i++) {
		struct run r = answered(text, pieces[i], closes, arguments);
		if (r.json == NULL)
			fail_msg("%s: %s", text, r.error);
		figure_is(&r, "ok", EXPECTED);
		figure_is(&r, class, EXPECTED);
		figure_is(&r, "body_bytes", body * EXPECTED);
		free(r.json);
	}
}

static void bodies_end_where_they_say(void **state)
{
	(void)state;
	expect(OK "Content-Length: 5\r\n\r\nhello", 0, LOAD, "status_2xx", 5);
	expect(OK "Content-Length: 0\r\n\r\n", 0, LOAD, "status_2xx", 0);
	expect(OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n", 0, LOAD, "status_2xx", 11);
	expect(OK "\r\nuntil the end", 1, LOAD, "status_2xx", 13);
	expect("HTTP/1.0 200 OK\r\n\r\nold", 1, LOAD, "status_2xx", 3);
	expect("HTTP/1.1 204 No Content\r\n\r\n", 0, LOAD, "status_2xx", 0);
	expect("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, LOAD, "status_3xx", 0);
}

static void head_has_no_body_whatever_its_length(void **state)
{
	(void)state;
	expect(OK "Content-Length: 500\r\n\r\n", 0, LOAD ",method=HEAD", "status_2xx", 0);
}

static void interim_responses_are_not_the_answer(void **state)
{
	(void)state;
	struct run r = answered("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", 0, 0, LOAD);
	figure_is(&r, "ok", EXPECTED);
	figure_is(&r, "status_1xx", EXPECTED);
	figure_is(&r, "status_2xx", EXPECTED);
	free(r.json);
}

/* A server may close a kept connection after any response; the next request opens another. */
static void a_server_that_closes_loses_nothing(void **state)
{
	(void)state;
	struct run r = answered(OK "Content-Length: 2\r\nConnection: close\r\n\r\nok", 0, 1, LOAD);
	figure_is(&r, "ok", EXPECTED);
	assert_timely(figure(&r, "connections_opened") >= EXPECTED - 4);
	free(r.json);
	r = answered(OK "Content-Length: 2\r\n\r\nok", 0, 0, LOAD ",kept=0");
	figure_is(&r, "ok", EXPECTED);
	figure_is(&r, "connections_opened", EXPECTED);
	free(r.json);
}

static void errors_of_the_server_are_a_reason(void **state)
{
	(void)state;
	struct run r = answered("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0, 0, LOAD);
	figure_is(&r, "status_5xx", EXPECTED);
	says(&r, "\"http-status\"");
	says(&r, "the first with status 503");
	free(r.json);
}

static void what_is_no_http_is_corrupt(void **state)
{
	const char *const texts[] = { "SSH-2.0-OpenSSH\r\n", OK "Content-Length: x\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct run r = answered(texts[i], 0, 0, LOAD);
		assert_false(r.valid);
		figure_is(&r, "corrupt", EXPECTED);
		says(&r, "\"http-broken\"");
		free(r.json);
	}
}

static void a_body_cut_short_is_lost(void **state)
{
	(void)state;
	struct run r = answered(OK "Content-Length: 100\r\n\r\nhello", 0, 1, LOAD);
	assert_false(r.valid);
	figure_is(&r, "closed", EXPECTED);
	free(r.json);
}

static void requests_that_nobody_could_read_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "path=index", "does not begin with /" }, { "path=\"/a b\"", "has a blank" }, { "method=\"G T\"", "is no method" },
		{ "headers=nonsense", "is not NAME: VALUE" }, { "headers=\"Host: x\"", "give host=" },
		{ "headers=\"Content-Length: 5\"", "set by the test itself" }, { "body=x,body_size=3", "either body or body_size" },
		{ "host=\"a b\"", "has a blank" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct run r = measure("http", 1, wrong[i][0]);
		assert_false(r.set_up);
		if (strstr(r.error, wrong[i][1]) == NULL)
			fail_msg("%s: %s", wrong[i][0], r.error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bodies_end_where_they_say),
		                            cmocka_unit_test(head_has_no_body_whatever_its_length),
		                            cmocka_unit_test(interim_responses_are_not_the_answer),
		                            cmocka_unit_test(a_server_that_closes_loses_nothing),
		                            cmocka_unit_test(errors_of_the_server_are_a_reason),
		                            cmocka_unit_test(what_is_no_http_is_corrupt),
		                            cmocka_unit_test(a_body_cut_short_is_lost),
		                            cmocka_unit_test(requests_that_nobody_could_read_are_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
