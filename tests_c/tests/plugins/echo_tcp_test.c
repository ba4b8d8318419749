/* link: echo/echo_tcp.o echo/echo_tcp_accept.o */
/* The TCP echo at its limits, in a process of its own: out of descriptors it refuses at once, counts and does not spin;
 * peers that never read cost no more than all together may, and go.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../echo/echo.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define DESCRIPTORS 64
#define CLIENTS 150
#define PEERS 12
#define MEMORY (4 << 20)
#define DEADLINE_MS 5000
#define PIECE 65536

/* Shared with the echo's process. */
static struct shared {
	struct echo_server server;
	struct ipb_stop stop;
	_Atomic uint64_t port;
} *shared;
static pid_t pid;
static struct ipb_error err;

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void echo_main(int descriptors, int64_t memory, uint64_t stuck_ms)
{
	struct rlimit limit = { (rlim_t)descriptors, (rlim_t)descriptors };

	if ((descriptors > 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0) || echo_tcp_open(&shared->server, "127.0.0.1", 0, &err) < 0)
		_exit(1);
	shared->server.memory_max = memory;
	shared->server.stuck_ms = stuck_ms;
	atomic_store(&shared->port, ipb_sock_port(shared->server.fd));
	echo_tcp_run(&shared->server);
	_exit(0);
}

static uint16_t begin(int descriptors, int64_t memory, uint64_t stuck_ms)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	shared->server.stop = &shared->stop;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		echo_main(descriptors, memory, stuck_ms);
	for (int i = 0; i < DEADLINE_MS && atomic_load(&shared->port) == 0; i++)
		sleep_ms(1);
	assert_true(atomic_load(&shared->port) != 0);
	return (uint16_t)atomic_load(&shared->port);
}

/* Ends the echo; the processor's time that it used, in seconds. */
static double end(void)
{
	struct rusage use;
	int status;

	ipb_stop_ask(&shared->stop);
	assert_int_equal(wait4(pid, &status, 0, &use), pid);
	assert_int_equal(status, 0);
	munmap(shared, sizeof *shared);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static int attempt(uint16_t port)
{
	struct ipb_sock_options o = { .dscp = -1 };

	return ipb_sock_connect("127.0.0.1", port, SOCK_STREAM, &o, &err);
}

static int client(uint16_t port)
{
	int fd = attempt(port);

	if (fd < 0)
		fail_msg("%s", ipb_error_text(&err));
	return fd;
}

/* 1: it was answered, 0: it was closed, -1: neither in time. */
static int outcome(int fd)
{
	char text[16];

	for (int i = 0; i < DEADLINE_MS; i++) {
		ssize_t n = recv(fd, text, sizeof text, MSG_DONTWAIT);
		if (n > 0)
			return 1;
		if (n == 0 || errno != EAGAIN)
			return 0;
		sleep_ms(1);
	}
	return -1;
}

static void out_of_descriptors(void **state)
{
	int fds[CLIENTS], good = 0, closed = 0;

	(void)state;
	uint16_t port = begin(DESCRIPTORS, ECHO_TCP_MEMORY, ECHO_STUCK_MS);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = attempt(port); /* one that is refused at once may not even be connected */
		send(fds[i], "hello", 5, MSG_NOSIGNAL);
	}
	for (int i = 0; i < CLIENTS; i++) {
		int what = fds[i] < 0 ? 0 : outcome(fds[i]);
		good += what == 1;
		closed += what == 0;
	}
	assert_int_equal(good + closed, CLIENTS); /* each knows, at once */
	assert_in_range(good, DESCRIPTORS / 3, DESCRIPTORS);
	assert_int_equal(atomic_load(&shared->server.connections), good);
	assert_int_equal(atomic_load(&shared->server.refused), closed);
	sleep_ms(2000); /* all places are taken, and nothing happens */
	close(fds[0]);
	sleep_ms(100);
	int one = client(port); /* a place that became free is one */
	send(one, "hello", 5, MSG_NOSIGNAL);
	assert_int_equal(outcome(one), 1);
	for (int i = 1; i < CLIENTS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(one);
	assert_true(end() < 0.5);
}

/* Sends without ever reading, until the echo takes no more. */
static uint64_t stuff(int fd)
{
	static uint8_t piece[PIECE];
	uint64_t sent = 0;

	for (int quiet = 0; quiet < 50;) {
		ssize_t n = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (uint64_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
		if (n < 0)
			sleep_ms(1);
	}
	return sent;
}

static int is_closed(int fd)
{
	char text[PIECE];
	ssize_t n;

	while ((n = recv(fd, text, sizeof text, MSG_DONTWAIT)) > 0)
		;
	return n == 0 || errno != EAGAIN;
}

static void peers_that_never_read(void **state)
{
	int fds[PEERS], closed = 0;

	(void)state;
	uint16_t port = begin(0, MEMORY, 3600000);
	for (int i = 0; i < PEERS; i++) {
		fds[i] = client(port);
		assert_true(stuff(fds[i]) > PIECE);
	}
	sleep_ms(3 * ECHO_SWEEP_MS);
	uint64_t ended = atomic_load(&shared->server.ended);
	assert_in_range(ended, 1, PEERS);
	int reader = client(port); /* who reads is served */
	send(reader, "hello", 5, MSG_NOSIGNAL);
	assert_int_equal(outcome(reader), 1);
	for (int i = 0; i < PEERS; i++) {
		closed += is_closed(fds[i]);
		close(fds[i]);
	}
	assert_true(closed >= (int)ended);
	close(reader);
	end();
}

static void one_that_is_stuck_goes(void **state)
{
	(void)state;
	uint16_t port = begin(0, ECHO_TCP_MEMORY, 1000);
	int idle = client(port), stuck = client(port);
	stuff(stuck);
	sleep_ms(2000);
	assert_int_equal(atomic_load(&shared->server.ended), 1);
	send(idle, "hello", 5, MSG_NOSIGNAL); /* who has nothing to take is not stuck */
	assert_int_equal(outcome(idle), 1);
	close(idle);
	close(stuck);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(out_of_descriptors), cmocka_unit_test(peers_that_never_read),
		                            cmocka_unit_test(one_that_is_stuck_goes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
