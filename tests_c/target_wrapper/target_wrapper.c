/*
 * target_wrapper: a program of your own that runs on the target while the clients measure; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "target_wrapper"
#include <errno.h>
#include <poll.h>

#include "wrapper_plugin.h"

#define LOOK_MS 50

static int setup(char *arg)
{
	if (wrapper_setup(&wrapper, arg, &err) < 0)
		return ipb_plugin_fail();
	return ipb_stop_open(&stopping) < 0 ? ipb_error_errno(&err, errno, "cannot make an event") : 0;
}

/* A start program may end by itself with status 0: it has then prepared what lives elsewhere. */
static int wait_for_stop(struct program *p, uint64_t begin_ns)
{
	while (!ipb_stop_asked(&stopping)) {
		struct pollfd f = { .fd = stopping.event, .events = POLLIN };
		poll(&f, 1, LOOK_MS);
		if (wrapper.start_status < 0)
			program_ended(p, &wrapper.start_status);
		if (wrapper.start_status > 0)
			return ipb_error(&err, "%.200s ended with status %d while the clients ran", p->name,
			                 wrapper.start_status);
		if (ipb_now_ns() - begin_ns > wrapper.timeout_ns)
			return ipb_error(&err, "no STOP came within %.3g s", (double)wrapper.timeout_ns / 1e9);
	}
	return 0;
}

static int run(void)
{
	struct program p, last;
	uint64_t begin = ipb_now_ns();
	int status, ignored;

	if (program_start(&p, &wrapper.start, 0, &err) < 0)
		return -1;
	status = wait_for_stop(&p, begin);
	if (wrapper.stop.count > 0 && program_start(&last, &wrapper.stop, 0, status < 0 ? NULL : &err) == 0) {
		int stopped = program_finish(&last, NULL, wrapper.output_timeout_ns, NULL, NULL, &ignored,
		                             status < 0 ? NULL : &err);
		status = status < 0 ? status : stopped;
	}
	program_kill(&p);
	wrapper.ran_ns = ipb_now_ns() - begin;
	return status;
}

static int output(struct client_data *data)
{
	return wrapper_print(data);
}

IPB_PLUGIN(
	.id = 0x21,
	.descr = "Runs a program of yours on the target while the clients measure",
	IPB_PLUGIN_BLOCK
);

IPB_PLUGIN_EXT(
	wrapper_options,
	.expected_duration = ipb_plugin_until_stopped,
	.results = wrapper_results,
	IPBENCH_METRICS(wrapper_metrics)
);
