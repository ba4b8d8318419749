/* Requests over UDP: who gets an answer, and that nobody else gets a byte.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipb_answers.h"
#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_sock.h"
#include "serving.h"

#define REQUEST 40
#define RESPONSE 3000
#define PATIENCE_S 5
#define SILENCE_MS 150

static struct ipb_answers *answers;

static int begin(void **state)
{
	const struct ipb_serve_options o = { .ip = "" }; /* all addresses: the answer's is to be the one that was asked */

	(void)state;
	answers = ipb_answers_new();
	return answers == NULL ? -1 : serving_begin(&o, ipb_answers_service(answers));
}

static int end(void **state)
{
	(void)state;
	serving_end();
	ipb_answers_free(answers);
	return 0;
}

/* From one address of this machine to another. */
static int connected(int type, const char *from, const char *to)
{
	struct sockaddr_in own = { .sin_family = AF_INET }, target = { .sin_family = AF_INET, .sin_port = htons(ipb_serve_port(serve)) };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, from, &own.sin_addr);
	inet_pton(AF_INET, to, &target.sin_addr);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&target, sizeof target), 0);
	return fd;
}

static struct ipb_welcome greet(int fd, uint32_t request, uint32_t response)
{
	const struct ipb_hello h = { .kind = IPB_HELLO_REQUESTS, .direction = IPB_BOTH, .udp = 1, .dscp = 255, .streams = 1, .size = request,
		                     .reply_size = response };
	uint8_t bytes[IPB_HELLO_SIZE], answer[IPB_WELCOME_SIZE];
	struct ipb_welcome w = { .code = 99 };

	ipb_hello_encode(&h, bytes);
	assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
	assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
	assert_int_equal(ipb_welcome_decode(&w, answer), 0);
	return w;
}

static void ask(int fd, uint64_t number, uint64_t token, size_t size)
{
	uint8_t request[REQUEST + 1] = { 0 };

	ipb_put_be(request, number, 8);
	ipb_put_be(request + IPB_REQUEST_TOKEN_AT, token, 8);
	assert_int_equal(send(fd, request, size, 0), (ssize_t)size);
}

/* Not a byte comes. */
static void is_silent(int fd)
{
	const struct timeval moment = { .tv_usec = SILENCE_MS * 1000 };
	uint8_t answer[64];

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
	assert_int_equal(recv(fd, answer, sizeof answer, 0), -1);
}

static void is_answered(int fd, uint64_t number, uint64_t token)
{
	static uint8_t answer[2 * RESPONSE];

	ask(fd, number, token, REQUEST);
	assert_int_equal(recv(fd, answer, sizeof answer, 0), RESPONSE);
	assert_true(ipb_get_be(answer, 8) == number);
	for (int i = 8; i < RESPONSE; i++)
		assert_int_equal(answer[i], 0);
}

static void a_tester_is_answered_from_the_address_that_it_asked(void **state)
{
	const int control = connected(SOCK_STREAM, "127.0.0.5", "127.0.0.9"), one = connected(SOCK_DGRAM, "127.0.0.5", "127.0.0.9"),
	          two = connected(SOCK_DGRAM, "127.0.0.5", "127.0.0.9");
	const struct ipb_welcome w = greet(control, REQUEST, RESPONSE);
	struct ipb_answers_counts c;

	(void)state;
	assert_int_equal(w.code, IPB_WELCOME_OK);
	assert_true(w.token != 0);
	for (uint64_t i = 0; i < 10; i++) { /* the sockets are connected: an answer from elsewhere would not be theirs */
		is_answered(one, i, w.token);
		is_answered(two, i << 32, w.token);
	}
	/* An answer is counted when it has been sent: the last one may be here before that. */
	for (int i = 0; i < 1000; i++) {
		ipb_answers_counts(answers, &c);
		if (c.responses == 20)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	assert_int_equal(c.requests, 20);
	assert_int_equal(c.responses, 20);
	assert_int_equal(c.strangers, 0);
	close(one);
	close(two);
	close(control);
}

static void nobody_else_gets_a_byte(void **state)
{
	const int control = connected(SOCK_STREAM, "127.0.0.5", "127.0.0.9"), own = connected(SOCK_DGRAM, "127.0.0.5", "127.0.0.9"),
	          other_host = connected(SOCK_DGRAM, "127.0.0.6", "127.0.0.9");
	const uint64_t token = greet(control, REQUEST, RESPONSE).token;
	struct ipb_answers_counts c;

	(void)state;
	is_answered(own, 1, token);
	ask(own, 2, token ^ 1ull << 40, REQUEST); /* guessed */
	ask(own, 2, 0, REQUEST);
	ask(own, 3, token, REQUEST - 1); /* not what it said */
	ask(own, 3, token, REQUEST + 1);
	ask(own, 3, token, 1);
	is_silent(own);
	ask(other_host, 4, token, REQUEST); /* as if a stranger had seen the token, or wrote another's address */
	is_silent(other_host);
	ipb_answers_counts(answers, &c);
	assert_int_equal(c.responses, 1);
	assert_int_equal(c.strangers, 6);
	close(control); /* with it the right to answers ends */
	for (int i = 0; i < 100 && c.strangers < 7; i++) {
		uint8_t answer[RESPONSE];
		ask(own, 5, token, REQUEST);
		usleep(10000);
		while (recv(own, answer, sizeof answer, MSG_DONTWAIT) > 0)
			;
		ipb_answers_counts(answers, &c);
	}
	assert_true(c.strangers >= 7);
	close(own);
	close(other_host);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	static const uint32_t wrong[][2] = { { 15, 100 }, { 100, 7 }, { 100, 65508 }, { 100, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const int fd = connected(SOCK_STREAM, "127.0.0.1", "127.0.0.1");
		const struct ipb_welcome w = greet(fd, wrong[i][0], wrong[i][1]);
		assert_int_equal(w.code, IPB_WELCOME_REFUSED);
		assert_true(w.text[0] != '\0');
		close(fd);
	}
}

/* There is a limit, and when one goes there is room again. */
static void so_many_and_no_more_may_ask(void **state)
{
	static int fds[IPB_ANSWERS_ASKERS_MAX];

	(void)state;
	for (int i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++) {
		fds[i] = connected(SOCK_STREAM, "127.0.0.1", "127.0.0.1");
		assert_int_equal(greet(fds[i], REQUEST, RESPONSE).code, IPB_WELCOME_OK);
	}
	int more = connected(SOCK_STREAM, "127.0.0.1", "127.0.0.1"), code = IPB_WELCOME_BUSY;
	assert_int_equal(greet(more, REQUEST, RESPONSE).code, IPB_WELCOME_BUSY);
	close(more);
	close(fds[0]);
	for (int i = 0; i < 100 && code != IPB_WELCOME_OK; i++) {
		usleep(10000);
		fds[0] = connected(SOCK_STREAM, "127.0.0.1", "127.0.0.1");
		if ((code = greet(fds[0], REQUEST, RESPONSE).code) != IPB_WELCOME_OK)
			close(fds[0]);
	}
	assert_int_equal(code, IPB_WELCOME_OK);
	for (int i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++)
		close(fds[i]);
}

/* One host has all places: another gets one, and both that it asks for; the first one's oldest make room. */
static void a_crowd_keeps_nobody_else_from_asking(void **state)
{
	static int fds[IPB_ANSWERS_ASKERS_MAX];
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int mine[2];
	uint8_t byte;

	(void)state;
	for (int i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++) {
		fds[i] = connected(SOCK_STREAM, "127.0.0.9", "127.0.0.1");
		assert_int_equal(greet(fds[i], REQUEST, RESPONSE).code, IPB_WELCOME_OK);
	}
	for (int i = 0; i < 2; i++) {
		mine[i] = connected(SOCK_STREAM, "127.0.0.1", "127.0.0.1");
		assert_int_equal(greet(mine[i], REQUEST, RESPONSE).code, IPB_WELCOME_OK);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
	}
	close(fds[0]);
	fds[0] = connected(SOCK_STREAM, "127.0.0.9", "127.0.0.1");
	assert_int_equal(greet(fds[0], REQUEST, RESPONSE).code, IPB_WELCOME_BUSY);
	for (int i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++)
		close(fds[i]);
	close(mine[0]);
	close(mine[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tester_is_answered_from_the_address_that_it_asked, begin, end),
		cmocka_unit_test_setup_teardown(nobody_else_gets_a_byte, begin, end),
		cmocka_unit_test_setup_teardown(sizes_that_cannot_be_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(so_many_and_no_more_may_ask, begin, end),
		cmocka_unit_test_setup_teardown(a_crowd_keeps_nobody_else_from_asking, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
