/* The services' port: strangers, limits, sessions that are cut off.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bulk.h"
#include "ipb_clock.h"
#include "ipb_pump.h"
#include "ipb_sock.h"
#include "serving.h"

#define HELLO_MS 300
#define IDLE_MS 400
#define PENDING 8
#define PATIENCE_MS 5000

static struct ipb_bulk *bulk;
static uint16_t port;

static int begin(void **state)
{
	const struct ipb_serve_options o = { .ip = "127.0.0.1", .pending_max = PENDING, .hello_ms = HELLO_MS };

	(void)state;
	bulk = ipb_bulk_new(IDLE_MS);
	if (bulk == NULL || serving_begin(&o, ipb_bulk_service(bulk)) != 0)
		return -1;
	port = ipb_serve_port(serve);
	return 0;
}

static int end(void **state)
{
	(void)state;
	serving_end();
	ipb_bulk_free(bulk);
	return 0;
}

static int connect_to(int type)
{
	const int fd = ipb_sock_connect("127.0.0.1", port, type, NULL, &err);

	assert_true(fd >= 0);
	return fd;
}

/* Waits for size bytes; how many came until the other end closed, or the patience was over (-1). */
static ssize_t receive(int fd, void *to, size_t size, int patience_ms)
{
	const uint64_t until = ipb_now_ns() + (uint64_t)patience_ms * 1000000;
	size_t got = 0;

	while (got < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const uint64_t now = ipb_now_ns();
		if (now >= until)
			return -1;
		poll(&p, 1, (int)((until - now) / 1000000) + 1);
		const ssize_t n = recv(fd, (char *)to + got, size - got, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		got += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)got;
}

static struct ipb_hello hello(enum ipb_hello_kind kind)
{
	return (struct ipb_hello){ .kind = (uint8_t)kind, .direction = IPB_DOWN, .copy = 1, .dscp = 255, .streams = 1, .size = 1000,
		                   .length_ns = 2000000000 };
}

static struct ipb_welcome greet(int fd, const struct ipb_hello *h)
{
	uint8_t bytes[IPB_HELLO_SIZE], answer[IPB_WELCOME_SIZE];
	struct ipb_welcome w = { .code = 99 };

	ipb_hello_encode(h, bytes);
	assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
	assert_int_equal(receive(fd, answer, sizeof answer, PATIENCE_MS), sizeof answer);
	assert_int_equal(ipb_welcome_decode(&w, answer), 0);
	return w;
}

static void say(int fd, enum ipb_message_type type, uint64_t a, uint64_t b, uint64_t c)
{
	const struct ipb_message m = { (uint8_t)type, a, b, c };
	uint8_t bytes[IPB_MESSAGE_SIZE];

	ipb_message_encode(&m, bytes);
	assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
}

/* Whatever it still sends, it ends the connection. */
static void is_closed(int fd, int patience_ms)
{
	char rest[65536];
	const uint64_t until = ipb_now_ns() + (uint64_t)patience_ms * 1000000;

	while (receive(fd, rest, sizeof rest, patience_ms) == (ssize_t)sizeof rest)
		assert_true(ipb_now_ns() < until);
	assert_true(ipb_now_ns() < until);
	close(fd);
}

static void silent_strangers_are_closed(void **state)
{
	const uint64_t begin_ns = ipb_now_ns();
	const int fd = connect_to(SOCK_STREAM);

	(void)state;
	is_closed(fd, PATIENCE_MS);
	assert_true(ipb_now_ns() - begin_ns >= HELLO_MS * 900000ull);
}

static void rubbish_is_closed_at_once(void **state)
{
	char rubbish[IPB_HELLO_SIZE];
	const int fd = connect_to(SOCK_STREAM);
	struct ipb_serve_counts c;

	(void)state;
	memset(rubbish, 'G', sizeof rubbish);
	assert_int_equal(send(fd, rubbish, sizeof rubbish, MSG_NOSIGNAL), sizeof rubbish);
	is_closed(fd, PATIENCE_MS);
	ipb_serve_counts(serve, &c);
	assert_true(c.strangers >= 1);
}

static void a_crowd_without_hellos_is_refused(void **state)
{
	int fds[PENDING];
	uint8_t answer[IPB_WELCOME_SIZE];
	struct ipb_welcome w;

	(void)state;
	for (int i = 0; i < PENDING; i++)
		fds[i] = connect_to(SOCK_STREAM);
	const int one_more = connect_to(SOCK_STREAM);
	assert_int_equal(receive(one_more, answer, sizeof answer, PATIENCE_MS), sizeof answer);
	assert_int_equal(ipb_welcome_decode(&w, answer), 0);
	assert_int_equal(w.code, IPB_WELCOME_BUSY);
	close(one_more);
	for (int i = 0; i < PENDING; i++) /* they make room when their time is over */
		is_closed(fds[i], PATIENCE_MS);
}

/* Each connection of another host takes the place of one of the crowd's, and none takes that of another's. */
static void a_crowd_of_one_host_keeps_nobody_else_out(void **state)
{
	const struct ipb_hello h = hello(IPB_HELLO_BULK);
	const struct ipb_sock_options elsewhere = { .dscp = -1, .bind_host = "127.0.0.9" };
	int crowd[PENDING + 1], mine[2];
	uint8_t answer[IPB_WELCOME_SIZE];
	struct ipb_welcome w;

	(void)state;
	for (int i = 0; i < PENDING; i++)
		assert_true((crowd[i] = ipb_sock_connect("127.0.0.1", port, SOCK_STREAM, &elsewhere, &err)) >= 0);
	for (int i = 0; i < 2; i++)
		mine[i] = connect_to(SOCK_STREAM);
	assert_true((crowd[PENDING] = ipb_sock_connect("127.0.0.1", port, SOCK_STREAM, &elsewhere, &err)) >= 0);
	assert_int_equal(receive(crowd[PENDING], answer, sizeof answer, PATIENCE_MS), sizeof answer);
	assert_int_equal(ipb_welcome_decode(&w, answer), 0);
	assert_int_equal(w.code, IPB_WELCOME_BUSY);
	for (int i = 0; i < 2; i++) { /* the oldest two have made room */
		is_closed(crowd[i], PATIENCE_MS);
		assert_int_equal(greet(mine[i], &h).code, IPB_WELCOME_OK);
		close(mine[i]);
	}
	for (int i = 2; i <= PENDING; i++)
		close(crowd[i]);
}

static void a_stream_needs_its_session(void **state)
{
	struct ipb_hello h = hello(IPB_HELLO_STREAM), control = hello(IPB_HELLO_BULK);
	const int fd = connect_to(SOCK_STREAM), control_fd = connect_to(SOCK_STREAM), wrong = connect_to(SOCK_STREAM);

	(void)state;
	h.session = 12345;
	assert_int_equal(greet(fd, &h).code, IPB_WELCOME_UNKNOWN);
	is_closed(fd, PATIENCE_MS);
	const struct ipb_welcome w = greet(control_fd, &control);
	assert_int_equal(w.code, IPB_WELCOME_OK);
	h.session = w.session;
	h.token = w.token ^ 1;
	assert_int_equal(greet(wrong, &h).code, IPB_WELCOME_UNKNOWN);
	is_closed(wrong, PATIENCE_MS);
	close(control_fd);
}

/* Sessions that never begin, all of one host: another host gets a place, the crowd's host no more. */
static void a_crowd_of_sessions_keeps_nobody_else_out(void **state)
{
	const struct ipb_hello h = hello(IPB_HELLO_BULK);
	const struct ipb_sock_options elsewhere = { .dscp = -1, .bind_host = "127.0.0.9" };
	int crowd[IPB_BULK_SESSIONS_MAX + 1], mine;

	(void)state;
	for (int i = 0; i <= IPB_BULK_SESSIONS_MAX; i++) {
		assert_true((crowd[i] = ipb_sock_connect("127.0.0.1", port, SOCK_STREAM, &elsewhere, &err)) >= 0);
		assert_int_equal(greet(crowd[i], &h).code, i < IPB_BULK_SESSIONS_MAX ? IPB_WELCOME_OK : IPB_WELCOME_BUSY);
	}
	mine = connect_to(SOCK_STREAM);
	assert_int_equal(greet(mine, &h).code, IPB_WELCOME_OK);
	is_closed(crowd[0], PATIENCE_MS);
	close(mine);
	for (int i = 1; i <= IPB_BULK_SESSIONS_MAX; i++)
		close(crowd[i]);
}

static void services_that_are_not_there_say_so(void **state)
{
	const struct ipb_hello h = hello(IPB_HELLO_REQUESTS);
	const int fd = connect_to(SOCK_STREAM);

	(void)state;
	assert_int_equal(greet(fd, &h).code, IPB_WELCOME_UNKNOWN);
	is_closed(fd, PATIENCE_MS);
}

static void an_unknown_congestion_control_is_refused(void **state)
{
	struct ipb_hello h = hello(IPB_HELLO_BULK);
	const int fd = connect_to(SOCK_STREAM);

	(void)state;
	strcpy(h.cc, "nosuch");
	const struct ipb_welcome w = greet(fd, &h);
	assert_int_equal(w.code, IPB_WELCOME_REFUSED);
	assert_non_null(strstr(w.text, "cc=nosuch"));
	close(fd);
}

/* A control connection and one stream that sends. */
static void begin_session(int *control, int *stream, struct ipb_welcome *w)
{
	struct ipb_hello h = hello(IPB_HELLO_BULK);

	*control = connect_to(SOCK_STREAM);
	*w = greet(*control, &h);
	assert_int_equal(w->code, IPB_WELCOME_OK);
	h = hello(IPB_HELLO_STREAM);
	h.session = w->session;
	h.token = w->token;
	*stream = connect_to(SOCK_STREAM);
	assert_int_equal(greet(*stream, &h).code, IPB_WELCOME_OK);
}

static void a_session_ends_with_its_control_connection(void **state)
{
	struct ipb_welcome w;
	int control, stream;
	char some[4096];

	(void)state;
	begin_session(&control, &stream, &w);
	const uint64_t now = ipb_now_ns();
	say(control, IPB_MESSAGE_GO, now, now, now + 1000000000);
	assert_int_equal(receive(stream, some, sizeof some, PATIENCE_MS), sizeof some);
	close(control);
	is_closed(stream, PATIENCE_MS);
}

static void an_idle_session_ends(void **state)
{
	struct ipb_welcome w;
	int control, stream;
	const uint64_t begin_ns = ipb_now_ns();

	(void)state;
	begin_session(&control, &stream, &w);
	is_closed(control, PATIENCE_MS);
	is_closed(stream, PATIENCE_MS);
	assert_true(ipb_now_ns() - begin_ns >= IDLE_MS * 900000ull);
}

static void what_is_no_message_ends_the_session(void **state)
{
	struct ipb_welcome w;
	int control, stream;
	char rubbish[IPB_MESSAGE_SIZE] = "rubbish";

	(void)state;
	begin_session(&control, &stream, &w);
	assert_int_equal(send(control, rubbish, sizeof rubbish, MSG_NOSIGNAL), sizeof rubbish);
	is_closed(control, PATIENCE_MS);
	begin_session(&control, &stream, &w);
	say(control, IPB_MESSAGE_END, 0, 0, 0); /* before GO */
	is_closed(control, PATIENCE_MS);
	begin_session(&control, &stream, &w);
	say(control, IPB_MESSAGE_GO, UINT64_MAX, 0, 0);
	is_closed(control, PATIENCE_MS);
}

static uint8_t answer_to(int fd, const struct ipb_join *j, uint64_t *word)
{
	uint8_t bytes[IPB_JOIN_SIZE];
	struct ipb_join back = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ipb_join_encode(j, bytes);
	assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
	if (poll(&p, 1, 150) <= 0)
		return 0;
	const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
	assert_int_equal(n, IPB_JOIN_SIZE); /* as much as came */
	assert_int_equal(ipb_join_decode(&back, bytes, sizeof bytes), 0);
	*word = back.word;
	return back.type;
}

static void udp_is_sent_to_who_answers_alone(void **state)
{
	struct ipb_hello h = hello(IPB_HELLO_BULK);
	const int control = connect_to(SOCK_STREAM), fd = connect_to(SOCK_DGRAM), other = connect_to(SOCK_DGRAM);
	uint64_t cookie = 0, ignored;

	(void)state;
	h.udp = 1;
	const struct ipb_welcome w = greet(control, &h);
	assert_int_equal(w.code, IPB_WELCOME_OK);
	struct ipb_join j = { IPB_JOIN, 0, w.session, w.token ^ 1 };
	assert_int_equal(answer_to(fd, &j, &ignored), 0); /* who does not know the token */
	j.word = w.token;
	assert_int_equal(answer_to(fd, &j, &cookie), IPB_JOIN_CHALLENGE);
	struct ipb_join a = { IPB_JOIN_ANSWER, 0, w.session, cookie ^ 1 };
	assert_int_equal(answer_to(other, &a, &ignored), 0); /* who does not know the cookie */
	a.word = cookie;
	assert_int_equal(answer_to(fd, &a, &ignored), IPB_JOIN_READY);
	int answers = 0;
	for (uint32_t i = 0; i < 2 * IPB_BULK_JOIN_ANSWERS_MAX && answer_to(other, &j, &ignored) != 0; i++)
		answers++;
	assert_true(answers <= (int)IPB_BULK_JOIN_ANSWERS_MAX);
	close(control);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_strangers_are_closed),        cmocka_unit_test(rubbish_is_closed_at_once),
		cmocka_unit_test(a_crowd_without_hellos_is_refused),  cmocka_unit_test(a_stream_needs_its_session),
		cmocka_unit_test(a_crowd_of_one_host_keeps_nobody_else_out),
		cmocka_unit_test(a_crowd_of_sessions_keeps_nobody_else_out),
		cmocka_unit_test(services_that_are_not_there_say_so), cmocka_unit_test(an_unknown_congestion_control_is_refused),
		cmocka_unit_test(a_session_ends_with_its_control_connection), cmocka_unit_test(an_idle_session_ends),
		cmocka_unit_test(what_is_no_message_ends_the_session), cmocka_unit_test(udp_is_sent_to_who_answers_alone),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
