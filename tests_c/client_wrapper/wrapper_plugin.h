/* The calls of the plugin interface that both wrappers answer alike. Included once, by the plugin's main file, behind
 * PLUGIN_NAME; that file has setup, output and run, which does the work of start.  SPDX-License-Identifier: MIT */
#ifndef WRAPPER_PLUGIN_H
#define WRAPPER_PLUGIN_H

#include "ipb_clock.h"
#include "ipb_plugin.h"
#include "wrapper.h"

IPB_PLUGIN_OPTIONS(wrapper_options)

static struct wrapper wrapper;
static struct ipb_stop stopping;

/* Runs the commands of start and stop, from START to STOP. 0, or -1 and a sentence in err. */
static int run(void);

static int start(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	if (host != NULL)
		IPBENCH_PROGRESS_SET(host->progress, phase, IPBENCH_PHASE_MEASURE);
	wrapper_begin(&wrapper);
	int status = run();
	wrapper_end(&wrapper);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	wrapper_wait(&wrapper);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	return wrapper_marshall(&wrapper, ipb_plugin_extended(), data, size, &err);
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	return wrapper_unmarshall(input, len, data, data_len, &err);
}

#endif
