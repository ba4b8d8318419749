/* Our plugins in a host of the original's line: no attach, one process a test, a target's stop called by a signal handler
 * while start runs, a client's never; the result read and printed by a controller that knows no extension either.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "opened.h"
#include "original_bytes.h"
#include "plugin.h"

#define DEADLINE_S 60   /* of a whole plugin's process */
#define MEASURE_US 150000
#define RESULT_MAX 65536

/* A process that runs one plugin. The stamps are shared with it. */
struct run {
	struct ipbench_plugin *plugin; /* opened here, for the controller's half */
	pid_t pid;
	int result, input;
	struct timeval *stamps;
};

static struct ipbench_plugin *running;
static struct timeval *stop_stamp;

static int ignore_pipes(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void on_stop(int number)
{
	(void)number;
	running->stop(stop_stamp);
}

/* What the daemon's test process does. Exit status: 0 well, 1 not opened, 2 set-up failed, 3 start failed. */
static int daemon_half(const char *name, char *host, int port, char *args, struct timeval *stamps, int result)
{
	char *data = NULL;
	int size = 0;

	alarm(DEADLINE_S);
	running = opened_plugin(name);
	stop_stamp = &stamps[1];
	if (running == NULL)
		return 1;
	int status = running->type == IPBENCH_CLIENT ? ((ipbench_client_setup_fn)running->setup)(host, port, args)
	                                             : ((ipbench_target_setup_fn)running->setup)(args);
	if (status != 0)
		return 2;
	if (running->type == IPBENCH_TARGET)
		signal(SIGUSR1, on_stop);
	if (running->start(&stamps[0]) != 0)
		return 3;
	int invalid = running->marshall(&data, &size, 1.0);
	if (data == NULL || size < 0 || write(result, &invalid, sizeof invalid) != sizeof invalid)
		return 4;
	for (int done = 0; done < size;) {
		ssize_t n = write(result, data + done, (size_t)(size - done));
		if (n <= 0)
			return 5;
		done += (int)n;
	}
	running->marshall_cleanup(&data);
	return 0;
}

static struct run begin(const char *name, const char *host, int port, const char *args)
{
	struct run r = { .plugin = opened_plugin(name) };
	int result[2], input[2];

	if (r.plugin == NULL)
		fail_msg("%s cannot be opened: %s", name, dlerror());
	r.stamps = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(r.stamps != MAP_FAILED && pipe(result) == 0 && pipe(input) == 0);
	char *own_host = strdup(host), *own_args = strdup(args);
	fflush(NULL);
	r.pid = fork();
	if (r.pid == 0) {
		dup2(input[0], 0);
		close(input[0]);
		close(input[1]);
		close(result[0]);
		_exit(daemon_half(name, own_host, port, own_args, r.stamps, result[1]));
	}
	assert_true(r.pid > 0);
	free(own_host);
	free(own_args);
	close(input[0]);
	close(result[1]);
	r.result = result[0];
	r.input = input[1];
	return r;
}

/* Until start has been entered: every plugin stamps the time first of all. Non-zero when the process ended before. */
static int wait_for_start(const struct run *r)
{
	for (int i = 0; i < DEADLINE_S * 1000; i++) {
		siginfo_t ended = { 0 };
		if (__atomic_load_n(&r->stamps[0].tv_sec, __ATOMIC_ACQUIRE) != 0)
			return 0;
		if (waitid(P_PID, (id_t)r->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0)
			return -1;
		usleep(1000);
	}
	return -1;
}

/* Reads the result and the end of the process; gives its exit status, 128 and more for a signal. */
static int end(struct run *r, char *data, int *size, int *invalid)
{
	int status, used = 0;
	ssize_t n;

	*invalid = -1;
	if (read(r->result, invalid, sizeof *invalid) == sizeof *invalid)
		while (used < RESULT_MAX && (n = read(r->result, data + used, (size_t)(RESULT_MAX - used))) > 0)
			used += (int)n;
	*size = used;
	close(r->result);
	if (r->input >= 0)
		close(r->input);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The controller's half, in this process: the printed row. */
static void print(struct ipbench_plugin *p, char *data, int size, char *row, size_t row_size)
{
	struct client_data one = { .valid = 1, .type = p->type };
	FILE *file = tmpfile();
	int saved = dup(1);

	assert_true(file != NULL && saved >= 0);
	assert_int_equal(p->setup_controller(NULL), 0);
	assert_int_equal(p->unmarshall(data, size, &one.data, &one.size), 0);
	fflush(NULL);
	dup2(fileno(file), 1);
	int status = p->type == IPBENCH_CLIENT ? ((ipbench_client_output_fn)p->output)(&one, 1)
	                                       : ((ipbench_target_output_fn)p->output)(&one);
	fflush(NULL);
	dup2(saved, 1);
	close(saved);
	assert_int_equal(status, 0);
	rewind(file);
	row[fread(row, 1, row_size - 1, file)] = '\0';
	fclose(file);
	p->unmarshall_cleanup(&one.data);
}

/* From set-up to the row; a target's stop comes from its signal handler. */
static int whole(struct run *r, char *row, size_t row_size, int *size)
{
	static char data[RESULT_MAX];
	int invalid;

	if (wait_for_start(r) == 0 && r->plugin->type == IPBENCH_TARGET) {
		usleep(MEASURE_US);
		assert_int_equal(kill(r->pid, SIGUSR1), 0);
	}
	int status = end(r, data, size, &invalid);
	assert_int_equal(status, 0);
	assert_int_equal(invalid, 0);
	if (r->plugin->type == IPBENCH_TARGET)
		assert_true(r->stamps[1].tv_sec != 0);
	print(r->plugin, data, *size, row, row_size);
	munmap(r->stamps, 4096);
	return status;
}

static int columns(const char *row)
{
	int n = 1;

	for (; *row != '\0'; row++)
		n += *row == ',';
	return n;
}

static int free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(bind(fd, (struct sockaddr *)&at, size) == 0 && getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void testers_against_our_echo(void **state)
{
	static const struct { const char *name; int header, columns; } tests[] = { { "latency", 64, 9 }, { "latency-check", 72, 10 } };
	char args[100], row[4096];
	int size, port = free_port();

	(void)state;
	snprintf(args, sizeof args, "udp=%d,ip=127.0.0.1,check=1", port);
	struct run echo = begin("echo", "", 0, args);
	assert_int_equal(wait_for_start(&echo), 0);
	for (size_t i = 0; i < 2; i++) {
		struct run r = begin(tests[i].name, "127.0.0.1", port,
		                     "socktype=udp,bps=800k,size=100,samples=50,warmup=0.05,cooldown=0.05");
		whole(&r, row, sizeof row, &size);
		assert_int_equal(size, tests[i].header + 50 * 8); /* what an original controller expects, to the byte */
		assert_int_equal(columns(row), tests[i].columns);
		assert_true(strncmp(row, "800000,", 7) == 0);
		if (tests[i].columns == 10)
			assert_string_equal(strrchr(row, ','), ",0\n");
	}
	whole(&echo, row, sizeof row, &size);
	assert_true(atoi(row) >= 100);
}

static void discard_against_our_sink(void **state)
{
	char args[100], row[4096];
	int size, port = free_port();

	(void)state;
	snprintf(args, sizeof args, "udp=%d,ip=127.0.0.1", port);
	struct run sink = begin("sink", "", 0, args);
	assert_int_equal(wait_for_start(&sink), 0);
	struct run r = begin("discard", "127.0.0.1", port, "socktype=udp,bps=800k,size=100,warmup=0,test_time=0.1,cooldown=0");
	whole(&r, row, sizeof row, &size);
	assert_int_equal(size, 64);
	assert_int_equal(columns(row), 3);
	whole(&sink, row, sizeof row, &size);
	assert_int_equal(columns(row), 6);
	assert_true(atoi(strchr(row, ',') + 1) > 0);
}

static void meters_and_templates(void **state)
{
	static const struct { const char *name, *args; } tests[] = { { "cpu_target", "" }, { "cpu_target_lukem", "" },
		                                                     { "dummy_target", "" }, { "dummy", "seconds=0.05" } };
	char row[4096];
	int size;

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		struct run r = begin(tests[i].name, "127.0.0.1", 0, tests[i].args);
		whole(&r, row, sizeof row, &size);
		assert_true(size > 0 && strlen(row) > 1);
		if (i < 2)
			assert_true(strspn(row, "0123456789") > 0 && atof(row) <= 100);
		if (i == 1) /* its text ends with a newline of its own, there as here */
			assert_string_equal(strchr(row, '.') + 2, strchr(ORIGINAL_CPU_TARGET_LUKEM_OUTPUT, '.') + 2);
	}
}

static void wrappers_run_programs(void **state)
{
	char row[4096];
	int size;

	(void)state;
	setenv("IPBENCH_ALLOW_EXEC", "/bin:/usr/bin", 1);
	struct run r = begin("client_wrapper", "127.0.0.1", 0, "start=\"/bin/true\",output=\"/bin/echo one\"");
	whole(&r, row, sizeof row, &size);
	assert_non_null(strstr(row, "one"));
	r = begin("target_wrapper", "", 0, "start=\"/bin/sleep 50\",output=\"/bin/echo two\"");
	whole(&r, row, sizeof row, &size);
	assert_non_null(strstr(row, "two"));
	unsetenv("IPBENCH_ALLOW_EXEC");
}

static void what_cannot_work_fails_its_setup(void **state)
{
	static const struct { const char *name, *args; } tests[] = {
		{ "latency", "size=1" }, { "wait", "deadline=never" }, { "cpu_target", "period=never" },
		{ "target_wrapper", "start=\"/bin/true\"" }, { "client_wrapper", "start=\"/bin/true\"" },
		{ "nfs_latency", "path=/data,version=4,nfsport=1,filename=none" }, /* not built where libnfs is missing */
	};
	char data[RESULT_MAX];
	int size, invalid;

	(void)state;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		if (i == sizeof tests / sizeof *tests - 1 && opened_plugin(tests[i].name) == NULL)
			continue;
		struct run r = begin(tests[i].name, "127.0.0.1", 7, tests[i].args);
		assert_int_equal(end(&r, data, &size, &invalid), 2);
		munmap(r.stamps, 4096);
	}
}

/* A result with fewer samples than were asked for ends a controller of that line, or makes it print nonsense. */
static void too_few_samples_fail_the_test(void **state)
{
	char data[RESULT_MAX], args[200];
	int size, invalid;

	(void)state;
	snprintf(args, sizeof args, "socktype=udp,bps=800k,size=100,samples=50,warmup=0,cooldown=0,drain=0.1,late=0.1");
	struct run r = begin("latency", "127.0.0.1", free_port(), args); /* where nobody answers */
	assert_int_equal(end(&r, data, &size, &invalid), 3);
	munmap(r.stamps, 4096);
	r = begin("latency", "127.0.0.1", free_port(), "socktype=udp,bps=800k,size=100,duration=1");
	assert_int_equal(end(&r, data, &size, &invalid), 2);
	munmap(r.stamps, 4096);
}

static void wait_ends_on_enter_and_on_sigint(void **state)
{
	char data[RESULT_MAX];
	int size, invalid;

	(void)state;
	for (int how = 0; how < 3; how++) {
		uint64_t begin_ns = ipb_now_ns();
		struct run r = begin("wait", "127.0.0.1", 0, how == 2 ? "deadline=0.2" : "deadline=55");
		assert_int_equal(wait_for_start(&r), 0);
		if (how == 0) {
			assert_int_equal(write(r.input, "\n", 1), 1);
		} else { /* an input at its end is nobody who presses Enter */
			close(r.input);
			r.input = -1;
			if (how == 1) {
				usleep(MEASURE_US);
				assert_int_equal(kill(r.pid, SIGINT), 0);
			}
		}
		assert_int_equal(end(&r, data, &size, &invalid), 0);
		double waited_s = (double)(ipb_now_ns() - begin_ns) / 1e9;
		assert_true(waited_s < 50 && waited_s >= (how == 2 ? 0.2 : 0));
		assert_int_equal(size, ORIGINAL_SIZE(original_wait));
		assert_memory_equal(data, original_wait, (size_t)size);
		munmap(r.stamps, 4096);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(testers_against_our_echo),        cmocka_unit_test(discard_against_our_sink),
		cmocka_unit_test(meters_and_templates),            cmocka_unit_test(wrappers_run_programs),
		cmocka_unit_test(what_cannot_work_fails_its_setup), cmocka_unit_test(wait_ends_on_enter_and_on_sigint),
		cmocka_unit_test(too_few_samples_fail_the_test),
	};
	return cmocka_run_group_tests(tests, ignore_pipes, NULL);
}
