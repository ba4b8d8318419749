/* link: libipbench/compat.o libipbench/process.o libipbench/memory.o libipbench/ethtool.o libipbench/target.o */
/* link: libipbench/xdp_features.o */
/* libipbench.so.1: what plugins of the original call, and what our processes call.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../libipbench/libipbench.h"
#include "ipb_clock.h"
#include "ipb_json.h"
#include "ipb_sock.h"

static void tokens(void **state)
{
	char text[] = ";;a=1;\"b;c\"=2;;last", word[64], *at = text;

	(void)state;
	assert_int_equal(next_token(&at, word, ";"), 1);
	assert_string_equal(word, "a=1");
	assert_int_equal(next_token(&at, word, ";"), 1);
	assert_string_equal(word, "b;c=2");
	assert_int_equal(next_token(NULL, word, ";"), 1);
	assert_string_equal(word, "last");
	assert_int_equal(next_token(NULL, word, ";"), 0);
	char spaces[] = " \t x\n", *from = spaces;
	assert_int_equal(next_token(&from, word, NULL), 1);
	assert_string_equal(word, "x");
	assert_int_equal(next_token(&from, word, NULL), 0);
	char open[] = "\"never closed;x", *broken = open;
	assert_int_equal(next_token(&broken, word, ";"), 1);
	assert_string_equal(word, "never closed;x");
}

static void socket_options(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), value = 0;
	socklen_t size = sizeof value;
	char good[] = "SO_BROADCAST=1;so_keepalive;NO_SUCH=3", bad[] = "SO_RCVBUF=1";

	(void)state;
	assert_int_equal(set_socket_options(fd, good), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &value, &size), 0);
	assert_int_equal(value, 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
	assert_int_equal(value, 1);
	close(fd);
	assert_int_equal(set_socket_options(fd, bad), -1); /* a closed descriptor: the system refuses */
	assert_int_equal(set_socket_options(fd, NULL), 0);
}

static void ticks_of_a_microsecond(void **state)
{
	(void)state;
	microuptime_calibrate();
	double first = tick_rate;
	assert_true(first >= 1 && first < 20000);
	microuptime_calibrate();
	assert_true(first == tick_rate);
}

static void memory_files(void **state)
{
	static const char data[] = "some bytes";
	char path[64], back[sizeof data];
	struct ipbench_progress *map = NULL;

	(void)state;
	int fd = ipbench_host_memfd("unit", data, sizeof data);
	assert_true(fd >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int again = open(path, O_RDONLY);
	assert_int_equal(read(again, back, sizeof back), sizeof back);
	assert_memory_equal(back, data, sizeof data);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(again);
	close(fd);
	int page = ipbench_host_progress(&map);
	assert_true(page >= 0);
	assert_int_equal(map->version, IPBENCH_EXT_MAJOR);
	map->sent = 77;
	snprintf(path, sizeof path, "/proc/self/fd/%d", page);
	again = open(path, O_RDONLY);
	struct ipbench_progress copy;
	assert_int_equal(read(again, &copy, sizeof copy), sizeof copy);
	assert_int_equal(copy.sent, 77);
	close(again);
	close(page);
}

static void output_is_captured(void **state)
{
	char path[64], text[64] = "";

	(void)state;
	int fd = ipbench_host_capture_begin();
	assert_true(fd >= 0);
	assert_int_equal(ipbench_host_capture_begin(), -EBUSY);
	printf("buffered %d", 5); /* not flushed by anybody but capture_end */
	int64_t size = ipbench_host_capture_end(fd);
	assert_int_equal(size, 10);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int again = open(path, O_RDONLY);
	assert_int_equal(read(again, text, sizeof text), 10);
	assert_string_equal(text, "buffered 5");
	close(again);
	close(fd);
	assert_int_equal(ipbench_host_capture_end(fd), -EINVAL);
}

/* In a child each, because they change the process for good. */
static int in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int separates_stdio(void)
{
	int pipes[2];
	char text[16];

	if (pipe(pipes) < 0 || dup2(pipes[1], 1) < 0)
		return 1;
	int fd = ipbench_host_stdio();
	if (fd < 3 || !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return 2;
	if (write(fd, "frame", 5) != 5 || read(pipes[0], text, sizeof text) != 5)
		return 3;
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	if (write(1, "\n", 1) != 1 || read(pipes[0], text, sizeof text) > 0)
		return 4; /* what is written to 1 must not get into the pipe */
	return 0;
}

static int hardens(void)
{
	struct rlimit files;

	if (ipbench_host_harden(getppid(), 0, 50, 0) != 0)
		return 1;
	if (getpgrp() != getpid() || getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur != 50)
		return 2;
	return ipbench_host_harden(999999999, 0, 0, 0) == -ESRCH ? 0 : 3;
}

static int no_new_privs(struct timeval *stamp)
{
	(void)stamp;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

/* A thread that was there before the process was hardened: what another thread has given up, it has not. */
struct older {
	pthread_barrier_t ready;
	int (*call)(struct timeval *); /* what it starts afterwards */
	struct ipbench_host_start started;
};

static void *older_thread(void *context)
{
	struct older *o = context;

	pthread_barrier_wait(&o->ready);
	pthread_barrier_wait(&o->ready);
	return no_new_privs(NULL) == 0 && ipbench_host_start((void *)o->call, &o->started) == 0 ? o : NULL;
}

/* Hardens the process, as for a guest or not, and has such a thread start `call`. What that gave, or -1. */
static int started_by_older_thread(int (*call)(struct timeval *), int guest)
{
	struct older o = { .call = call };
	pthread_t thread;
	void *result = NULL;

	if (pthread_barrier_init(&o.ready, NULL, 2) != 0 || pthread_create(&thread, NULL, older_thread, &o) != 0)
		return -1;
	pthread_barrier_wait(&o.ready);
	const int hardened = ipbench_host_harden(getppid(), 0, 0, guest);
	pthread_barrier_wait(&o.ready);
	pthread_join(thread, &result);
	pthread_barrier_destroy(&o.ready);
	return hardened == 0 && result != NULL ? o.started.status : -1;
}

static int start_gains_no_privileges(void) { return started_by_older_thread(no_new_privs, 0) == 1 ? 0 : 1; }

/* Asks the kernel itself: sanitizers answer mlockall without it. */
static int may_not_hurry(void)
{
	const struct sched_param urgent = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &urgent) == -1 && errno == EPERM && syscall(SYS_mlockall, MCL_CURRENT) == -1 &&
	       (errno == EPERM || errno == ENOMEM);
}

static int hurry_start(struct timeval *stamp)
{
	(void)stamp;
	return may_not_hurry();
}

/* Neither this thread nor one that was there before gets priority or locked memory, root or not. */
static int guests_do_not_hurry(void)
{
	if (started_by_older_thread(hurry_start, 1) != 1)
		return 1;
	return may_not_hurry() ? 0 : 2;
}

static void targets(void **state)
{
	char text[IPBENCH_HOST_TARGET_MAX];
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];

	(void)state;
	assert_int_equal(ipbench_host_resolve("10.1.2.3", text, sizeof text), 1);
	assert_string_equal(text, "10.1.2.3\n");
	assert_int_equal(ipbench_host_resolve("[fd00::1]", text, sizeof text), 1);
	assert_string_equal(text, "fd00::1\n");
	/* What a resolver takes for an address without it looking like one. */
	assert_int_equal(ipbench_host_resolve("0x7f.1", text, sizeof text), 1);
	assert_string_equal(text, "127.0.0.1\n");
	assert_int_equal(ipbench_host_resolve("10.1.2.3", text, 5), -1);
	assert_int_equal(ipbench_host_resolve("no such.invalid", text, sizeof text), -1);
	assert_non_null(strstr(text, "no such.invalid"));
	assert_string_equal(ipbench_pinned_target(), "");
	assert_int_equal(ipbench_host_pin_target("::1\n10.1.2.3\n"), 0);
	assert_int_equal(ipb_sock_resolve("::1", 7, SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, NULL), 2);
	assert_int_equal(found[0].storage.ss_family, AF_INET6);
	assert_int_equal(found[1].storage.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&found[1].storage)->sin_port), 7);
	assert_int_equal(ipb_sock_resolve("10.1.2.3", 7, SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, NULL), 1);
	assert_int_equal(ipb_sock_resolve("::1", 7, SOCK_STREAM, 1, found, IPB_SOCK_ADDRESSES_MAX, NULL), 1);
	assert_int_equal(ipbench_host_pin_target(""), 0);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(ipbench_host_pin_target(text), 0);
	char more[IPBENCH_HOST_TARGET_MAX + 1];
	memset(more, 'x', sizeof more - 1);
	more[sizeof more - 1] = '\0';
	assert_int_equal(ipbench_host_pin_target(more), -1);
	assert_int_equal(ipbench_host_pin_target(""), 0);
}

static void processes(void **state)
{
	(void)state;
	assert_int_equal(in_child(separates_stdio), 0);
	assert_int_equal(in_child(hardens), 0);
	assert_int_equal(in_child(start_gains_no_privileges), 0);
	assert_int_equal(in_child(guests_do_not_hurry), 0);
}

static void interfaces(void **state)
{
	char json[8192], small[4];

	(void)state;
	assert_int_equal(ipbench_host_ethtool("lo", json, sizeof json), 0);
	assert_int_equal(ipb_json_check(json, strlen(json)), 0);
	assert_non_null(strstr(json, "\"mtu\""));
	assert_int_equal(ipbench_host_ethtool("lo", small, sizeof small), -E2BIG);
	assert_int_equal(ipbench_host_abilities("lo", json, sizeof json), 0);
	assert_int_equal(ipb_json_check(json, strlen(json)), 0);
	assert_true(ipbench_host_abilities("nosuch0", json, sizeof json) < 0);
	assert_true(ipbench_host_ethtool("nosuch0", json, sizeof json) < 0);
	assert_int_equal(ipbench_host_ethtool("a-name-that-is-far-too-long", json, sizeof json), -EINVAL);
}

static void libraries(void **state)
{
	char error[64] = "";

	(void)state;
	assert_null(ipbench_host_open("/nowhere/at/all.so", error, sizeof error));
	assert_non_null(strstr(error, "/nowhere"));
	void *libc = ipbench_host_open("libc.so.6", error, sizeof error);
	assert_non_null(libc);
	assert_non_null(ipbench_host_symbol(libc, "printf"));
	assert_null(ipbench_host_symbol(libc, "no_such_symbol"));
	assert_int_equal(ipbench_host_now_ns(12345), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes), /* first: after others this process has nothing to give up */
		cmocka_unit_test(tokens), cmocka_unit_test(socket_options), cmocka_unit_test(ticks_of_a_microsecond),
		cmocka_unit_test(memory_files), cmocka_unit_test(output_is_captured), cmocka_unit_test(targets),
		cmocka_unit_test(interfaces), cmocka_unit_test(libraries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
