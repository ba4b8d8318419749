/*
 * client_wrapper: a program of your own as the client's test; see README.md.  SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "client_wrapper"
#include "wrapper_plugin.h"

static struct program running;

static int setup(char *hostname, int port, char *arg)
{
	(void)hostname;
	(void)port;
	return wrapper_setup(&wrapper, arg, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int run(void)
{
	uint64_t begin = ipb_now_ns();
	int capture = wrapper.output.count == 0, status, ignored;

	if (program_start(&running, &wrapper.start, capture, &err) < 0)
		return -1;
	status = program_finish(&running, &stopping, wrapper.timeout_ns, capture ? &wrapper.data : NULL,
	                        capture ? &wrapper.size : NULL, &wrapper.start_status, &err);
	wrapper.ran_ns = ipb_now_ns() - begin;
	if (wrapper.stop.count == 0)
		return status > 0 ? 0 : status; /* stopped from outside is no failure of the program */
	struct program last;
	if (program_start(&last, &wrapper.stop, 0, status < 0 ? NULL : &err) < 0)
		return -1;
	int stop_status = program_finish(&last, NULL, wrapper.output_timeout_ns, NULL, NULL, &ignored,
	                                 status < 0 ? NULL : &err);
	return status < 0 ? status : stop_status;
}

static int output(struct client_data data[], int n)
{
	for (int i = 0; i < n; i++)
		wrapper_print(&data[i]);
	return 0;
}

static int expected_duration(const char *args, uint64_t *ns) { return ipb_plugin_lasts(args, "timeout", "output_timeout", ns); }

IPB_PLUGIN(
	.id = 0x20,
	.descr = "Runs a program of yours as the test; its standard output is the result",
	IPB_PLUGIN_BLOCK
);

IPB_PLUGIN_EXT(
	wrapper_options,
	.expected_duration = expected_duration,
	.results = wrapper_results,
	IPBENCH_METRICS(wrapper_metrics)
);
