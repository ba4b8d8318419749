/*
 * Runs one plugin without ipbench: setup, start (second thread), marshall, unmarshall, results, output.
 * SPDX-License-Identifier: MIT
 *
 *   drive [-f FORM] [-r RUNID] [-n FLOW] [-s SECONDS] [-c CONTROLLER_ARGS] [-q] PLUGIN.so [HOST [PORT]] ARGS
 *
 * -s: call stop after so many seconds (targets; ABORT of a client). -q: no results JSON. Exit status 0 when all calls
 * succeeded and the data is valid, 3 when marshall called it invalid, 1 else.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "plugin.h"

static struct ipbench_plugin *plugin;
static struct ipbench_plugin_ext *ext;
static struct ipbench_progress progress;
static char error_text[1024];
static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0,
	                            0x1122334455667788ull, 0, sizeof error_text, error_text, &progress, 0, 0 };
static struct timeval started, stopped;

struct side {
	pthread_t thread;
	int status;
	atomic_int done;
};

static void *run_start(void *arg)
{
	struct side *s = arg;

	s->status = plugin->start(&started);
	atomic_store_explicit(&s->done, 1, memory_order_release);
	return NULL;
}

static int is_done(const struct side *s) { return atomic_load_explicit(&s->done, memory_order_acquire); }

static int fail(const char *what)
{
	fprintf(stderr, "drive: %s failed: %s\n", what, error_text);
	return 1;
}

static int run(double seconds)
{
	struct side s = { .status = 0 };
	uint64_t begin = ipb_now_ns();

	if (pthread_create(&s.thread, NULL, run_start, &s) != 0)
		return fail("pthread_create");
	while (!is_done(&s) && (seconds <= 0 || (double)(ipb_now_ns() - begin) < seconds * 1e9))
		usleep(20000);
	if (!is_done(&s) && plugin->stop(&stopped) != 0)
		fail("stop");
	int early = is_done(&s);
	pthread_join(s.thread, NULL);
	if (early && plugin->stop(&stopped) != 0)
		fail("stop");
	if (s.status != 0)
		fail("start");
	fprintf(stderr, "drive: start took %.3f s, status %d, phase %u, sent %llu, ok %llu\n",
	        (double)(ipb_now_ns() - begin) / 1e9, s.status, progress.phase, (unsigned long long)progress.sent,
	        (unsigned long long)progress.ok);
	return s.status;
}

static int show(char *data, int size, int invalid, int quiet)
{
	struct client_data one = { .valid = !invalid, .type = plugin->type };
	char *json = NULL;

	fprintf(stderr, "drive: %d bytes, %s\n", size, invalid ? "invalid" : "valid");
	if (plugin->unmarshall(data, size, &one.data, &one.size) != 0)
		return fail("unmarshall");
	if (!quiet && ext != NULL && ext->results != NULL) {
		if (ext->results(&one, &json) != 0)
			return fail("results");
		puts(json);
		ext->results_cleanup(&json);
	}
	int status = plugin->type == IPBENCH_CLIENT ? ((ipbench_client_output_fn)plugin->output)(&one, 1)
	                                            : ((ipbench_target_output_fn)plugin->output)(&one);
	fflush(stdout);
	plugin->unmarshall_cleanup(&one.data);
	return status != 0 ? fail("output") : 0;
}

int main(int argc, char **argv)
{
	double seconds = 0;
	char *controller_args = NULL, *data = NULL;
	int option, quiet = 0, size = 0, status;

	while ((option = getopt(argc, argv, "f:r:n:s:c:q")) != -1) {
		if (option == 'f')
			host.form = (uint32_t)atoi(optarg);
		else if (option == 'r')
			host.run_id = strtoull(optarg, NULL, 16);
		else if (option == 'n')
			host.flow_base = (uint32_t)atoi(optarg);
		else if (option == 's')
			seconds = atof(optarg);
		else if (option == 'c')
			controller_args = optarg;
		else if (option == 'q')
			quiet = 1;
		else
			return 2;
	}
	if (argc - optind < 2)
		return fprintf(stderr, "drive: see the top of drive.c\n"), 2;
	char *path = argv[optind], *args = argv[argc - 1];
	char *target = argc - optind > 2 ? argv[optind + 1] : "127.0.0.1";
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL || (plugin = dlsym(handle, "ipbench_plugin")) == NULL)
		return fprintf(stderr, "drive: %s\n", dlerror()), 1;
	ext = dlsym(handle, "ipbench_plugin_ext");
	int port = argc - optind > 3 ? atoi(argv[optind + 2]) : plugin->default_port;
	if (ext != NULL && ext->attach != NULL && ext->attach(&host) != 0)
		return fail("attach");
	if (plugin->setup_controller != NULL && plugin->setup_controller(controller_args) != 0)
		return fail("setup_controller");
	uint64_t ns = 0;
	if (ext != NULL && ext->expected_duration != NULL && ext->expected_duration(args, &ns) == 0)
		fprintf(stderr, "drive: expected to take %.3f s\n", (double)ns / 1e9);
	status = plugin->type == IPBENCH_CLIENT ? ((ipbench_client_setup_fn)plugin->setup)(target, port, args)
	                                        : ((ipbench_target_setup_fn)plugin->setup)(args);
	if (status != 0)
		return fail("setup");
	status = run(seconds);
	double ran = (double)(stopped.tv_sec - started.tv_sec) + (double)(stopped.tv_usec - started.tv_usec) / 1e6;
	int invalid = plugin->marshall(&data, &size, ran);
	if (data == NULL)
		return fail("marshall");
	if (show(data, size, invalid, quiet) != 0)
		status = 1;
	plugin->marshall_cleanup(&data);
	return status != 0 ? 1 : invalid ? 3 : 0;
}
