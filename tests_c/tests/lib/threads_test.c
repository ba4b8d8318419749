/* Every plugin as the host runs it, with two threads: start on one, stop from the other while start runs. What it proves
 * of the threads is seen by ThreadSanitizer (make check); the figures are read because a reader makes the race.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "ipb_clock.h"
#include "ipb_sock.h"
#include "opened.h"
#include "plugin.h"

#define RUN_NS 300000000ull   /* before stop is called */
#define STOP_NS 3000000000ull /* start has to return within this */
#define RESULT_MAX 65536

static int silent = -1; /* a UDP socket that takes packets and answers none */
static struct ipbench_progress progress;
static char error_text[1024];
static struct ipbench_host host = { .major = IPBENCH_EXT_MAJOR, .minor = IPBENCH_EXT_MINOR, .size = sizeof host,
	                            .form = IPBENCH_FORM_EXTENDED, .run_id = 1, .error_size = sizeof error_text,
	                            .error = error_text, .progress = &progress };
static struct timeval started, stopped;

struct running {
	struct ipbench_plugin *plugin;
	int status;
	atomic_int done;
};

static int set_up(void **state)
{
	struct ipb_sock_options o = { .dscp = -1 };
	struct ipb_error err = { 0 };

	(void)state;
	silent = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &o, &err);
	assert_true(silent >= 0);
	return setenv("IPBENCH_ALLOW_EXEC", "/bin:/usr/bin", 1);
}

static void *run_start(void *arg)
{
	struct running *r = arg;

	r->status = r->plugin->start(&started);
	atomic_store_explicit(&r->done, 1, memory_order_release);
	return NULL;
}

/* Runs it until STOP, reading the progress page meanwhile as the daemon does. */
static void run(struct ipbench_plugin *p)
{
	struct running r = { .plugin = p };
	struct timespec pause = { .tv_nsec = 2000000 };
	pthread_t thread;
	uint64_t begin = ipb_now_ns();

	assert_int_equal(pthread_create(&thread, NULL, run_start, &r), 0);
	while (ipb_now_ns() - begin < RUN_NS) {
		if (__atomic_load_n(&progress.phase, __ATOMIC_ACQUIRE) > IPBENCH_PHASE_DONE)
			fail_msg("%s: no such phase", p->name);
		nanosleep(&pause, NULL);
	}
	if (atomic_load_explicit(&r.done, memory_order_acquire))
		fail_msg("%s: start returned before stop: %s", p->name, error_text);
	begin = ipb_now_ns();
	assert_int_equal(p->stop(&stopped), 0);
	while (!atomic_load_explicit(&r.done, memory_order_acquire) && ipb_now_ns() - begin < STOP_NS)
		nanosleep(&pause, NULL);
	if (!atomic_load_explicit(&r.done, memory_order_acquire))
		fail_msg("%s: start goes on after stop", p->name);
	pthread_join(thread, NULL);
}

static void stop_ends_start(const char *name, const char *arguments)
{
	char *args = strdup(arguments), *data = NULL;
	int size = 0, status;

	struct ipbench_plugin *p = opened_plugin(name);
	struct ipbench_plugin_ext *ext = opened_ext(name);
	if (p == NULL || ext == NULL)
		fail_msg("%s", dlerror());
	memset(&progress, 0, sizeof progress);
	assert_int_equal(ext->attach(&host), 0);
	if (p->type == IPBENCH_CLIENT)
		status = ((ipbench_client_setup_fn)(void (*)(void))p->setup)("127.0.0.1", ipb_sock_port(silent), args);
	else
		status = ((ipbench_target_setup_fn)(void (*)(void))p->setup)(args);
	if (status != 0)
		fail_msg("%s: setup: %s", name, error_text);
	run(p);
	p->marshall(&data, &size, 0.3); /* a client that was stopped may call its result not valid */
	assert_true(size >= 0 && size < RESULT_MAX);
	p->marshall_cleanup(&data);
	free(args);
}

static void templates(void **state)
{
	(void)state;
	stop_ends_start("dummy", "seconds=60");
	stop_ends_start("dummy_target", "");
}

static void clients(void **state)
{
	(void)state;
	stop_ends_start("wait", "deadline=60");
	stop_ends_start("discard", "socktype=udp,bps=1M,test_time=60");
	stop_ends_start("latency", "socktype=udp,bps=1M,duration=60,warmup=0");
	stop_ends_start("client_wrapper", "start=\"/bin/sleep 60\"");
}

static void targets(void **state)
{
	(void)state;
	stop_ends_start("sink", "udp=0");
	stop_ends_start("echo", "udp=0,tcp=0");
	stop_ends_start("cpu_target", "cpus=1");
	stop_ends_start("cpu_target_lukem", "cpus=1");
	stop_ends_start("target_wrapper", "start=\"/bin/sleep 60\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(templates), cmocka_unit_test(clients), cmocka_unit_test(targets) };

	return cmocka_run_group_tests(tests, set_up, NULL);
}
