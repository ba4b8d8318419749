/*
 * latency and latency-check: packets at a rate to an echo, and the time each round trip takes.
 * SPDX-License-Identifier: MIT
 */
#include "latency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#if LATENCY_CHECK
#define PLUGIN_NAME "latency-check"
#else
#define PLUGIN_NAME "latency"
#endif
#include "ipb_plugin.h"

/* One test runs in a process at a time: this is its state. */
static struct {
	struct ipb_args args, controller_args;
	int has_args, has_controller_args;
	/* Controller: single round trips were asked for with the arguments of some tester; 0 as long as no arguments are
	 * known, of which nothing follows. */
	int told_args, asked_samples;
	char target[IPB_SOCK_RESOLVE_MAX + 1];
	struct ipb_engine_config config;
	struct ipb_threads threads;
	struct ipb_team *team;
	int ran;
} test;

/* The original reads one list in both halves, so a lab may give either half the other's arguments. */
static void note_foreign(const struct ipb_args *a, int controller)
{
	char names[256] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < a->count && used < sizeof names; i++)
		if (a->values[i].given && (a->options[i].controller != 0) != controller)
			used += (size_t)snprintf(names + used, sizeof names - used, " %s", a->options[i].name);
	if (used > 0)
		ipb_warn(PLUGIN_NAME, "arguments without effect here, which belong to %s:%s",
		         controller ? "--test-args" : "--test-controller-args", names);
}

static int setup_controller(char *arg)
{
	if (test.has_controller_args)
		ipb_args_free(&test.controller_args);
	test.has_controller_args = 0;
	if (ipb_args_parse(&test.controller_args, latency_options, LATENCY_OPTION_COUNT, arg, IPB_ARGS_EITHER, &err) < 0)
		return ipb_plugin_fail();
	test.has_controller_args = 1;
	note_foreign(&test.controller_args, 1);
	const char *dir = ipb_args_string(&test.controller_args, "dump_dir");
	if (dir[0] != '\0' && latency_check_dump_dir(dir, &err) < 0)
		return ipb_plugin_fail();
	return 0;
}

/* Such a controller reads as many samples from each tester as the last one has, and ends when there is none: every tester
 * sends as many as it was asked for, or fails. */
static int check_original_form(void)
{
	const char *one = ipb_args_given(&test.args, "duration") ? "duration" : ipb_args_given(&test.args, "until_ci") ? "until_ci" : NULL;

	if (one != NULL)
		return ipb_error(&err, "argument %s: a controller of the original's line needs equally many samples from every "
		                 "tester: give samples instead", one);
	if (test.config.samples > IPB_ENGINE_SAMPLES_MAX)
		return ipb_error(&err, "argument samples: %llu is out of range; with a controller of the original's line it takes "
		                 "1..%llu", (unsigned long long)test.config.samples, (unsigned long long)IPB_ENGINE_SAMPLES_MAX);
	test.config.keep_samples = 1;
	return 0;
}

static void forget(void)
{
	ipb_team_close(test.team);
	test.team = NULL;
	test.ran = 0;
	if (test.has_args)
		ipb_args_free(&test.args);
	test.has_args = 0;
}

static int setup(char *hostname, int port, char *arg)
{
	forget();
	if (port < 0 || port > 65535)
		return ipb_error(&err, "port %d is out of range 0..65535", port), ipb_plugin_fail();
	if (strlen(hostname) >= sizeof test.target)
		return ipb_error(&err, "the target's name is too long"), ipb_plugin_fail();
	if (ipb_args_parse(&test.args, latency_options, LATENCY_OPTION_COUNT, arg, IPB_ARGS_EITHER, &err) < 0)
		return ipb_plugin_fail();
	test.has_args = 1;
	snprintf(test.target, sizeof test.target, "%s", hostname);
	if (latency_configure(&test.config, &test.args, test.target, port, ipb_original_spelling(host), &err) < 0 ||
	    ipb_threads_plan(&test.threads, &test.args, 1, &err) < 0 ||
	    (!ipb_plugin_extended() && check_original_form() < 0))
		return ipb_plugin_fail();
	latency_identify(&test.config, host);
	test.team = ipb_team_open(&test.config, &test.threads, &err);
	return test.team != NULL ? 0 : ipb_plugin_fail();
}

/* A result that a controller of the original's line cannot read, because it is too short, is a test that failed. */
static int check_samples(void)
{
	struct ipb_engine_result r;

	ipb_engine_result(ipb_team_engine(test.team, 0), &r);
	if (r.samples_kept >= test.config.samples)
		return 0;
	ipb_error(&err, "%llu of %llu round trips came back in time, and a controller of the original's line needs all of "
	          "them%s%s", (unsigned long long)r.samples_kept, (unsigned long long)test.config.samples,
	          r.reason_count > 0 ? ": " : "", r.reason_count > 0 ? r.reasons[0].text : "");
	return ipb_plugin_fail();
}

static int start(struct timeval *begin)
{
	gettimeofday(begin, NULL);
	if (test.team == NULL)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	int status = ipb_team_run(test.team, host != NULL ? host->progress : NULL, &err);
	if (status < 0)
		return ipb_plugin_fail();
	test.ran = 1;
	return status == 0 && !ipb_plugin_extended() ? check_samples() : status;
}

static int stop(struct timeval *end)
{
	gettimeofday(end, NULL);
	if (test.team != NULL)
		ipb_team_stop(test.team);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	struct ipb_engine_result r;

	(void)running_time;
	*data = NULL;
	*size = 0;
	if (test.team == NULL || !test.ran)
		return ipb_error(&err, "there is no result: the test has not run"), ipb_plugin_fail();
	const struct ipb_engine *e = ipb_team_engine(test.team, 0);
	const int failed = latency_marshal(e, &test.config, ipb_plugin_extended(), data, size, &err);
	/* Only our own controller gets the reasons. */
	ipb_engine_result(e, &r);
	for (uint32_t i = 0; !ipb_plugin_extended() && i < r.reason_count; i++)
		ipb_warn(PLUGIN_NAME, "%s", r.reasons[i].text);
	if (failed)
		ipb_plugin_fail();
	return failed;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	if (latency_read(input, len, host, data, data_len, &err) < 0)
		return ipb_plugin_fail();
	const struct latency_result *r = (const struct latency_result *)*data;
	if (r->form != IPBENCH_FORM_EXTENDED || r->samples == 0 || !test.told_args || test.asked_samples)
		return 0;
	ipb_error(&err, "the result has %llu single round trips, which no arguments asked for (keep_samples)",
	          (unsigned long long)r->samples);
	latency_read_cleanup(data);
	*data_len = 0;
	return ipb_plugin_fail();
}

static int output(struct client_data data[], int n)
{
	struct latency_output how = { 0, "", "" };

	if (test.has_controller_args) {
		how.with_cpu_target = ipb_args_bool(&test.controller_args, "with_cpu_target");
		how.dump_dir = ipb_args_string(&test.controller_args, "dump_dir");
		how.dump_prefix = ipb_args_string(&test.controller_args, "dump_prefix");
	}
	return latency_print(data, n, &how, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int expected_duration(const char *arg, uint64_t *ns)
{
	struct ipb_args args;
	struct ipb_engine_config c;

	if (ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, arg, IPB_ARGS_EITHER, &err) < 0)
		return -1;
	note_foreign(&args, 0);
	int status = latency_configure(&c, &args, NULL, 0, ipb_original_spelling(host), &err);
	if (status == 0) {
		*ns = ipb_engine_duration_ns(&c);
		test.told_args = 1;
		test.asked_samples |= c.keep_samples;
	}
	ipb_args_free(&args);
	return status;
}

static int results(const struct client_data *data, char **json)
{
	return latency_results(data, json, &err);
}

#define COLUMNS                                                                                                              \
	"Requested_Throughput,Receive_Throughput,Send_Throughput,Packet_Size,Minimum_RTT,Average_RTT,Maximum_RTT,Stdev_RTT,"  \
	"Median_RTT"

IPB_PLUGIN(
	.id = LATENCY_CHECK ? 0x18 : 0x10,
	.descr = LATENCY_CHECK ? "Round-trip times to an echo that writes the first word + 1 into the second"
	                       : "Round-trip times to an echo at a fixed rate",
	.default_port = 7,
	.setup_controller = setup_controller,
	.unmarshall = unmarshall,
	.unmarshall_cleanup = latency_read_cleanup,
	.output = output
);

#if LATENCY_CHECK
static const struct ipbench_metric metrics[] = {
	{ "bad_packets", "packets", "Replies without the word that the target is to write", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
};
#define HEADER COLUMNS ",Bad_Packets", IPBENCH_METRICS(metrics)
#else
#define HEADER COLUMNS
#endif

IPB_PLUGIN_EXT(
	latency_options,
	.needs_target = 1,
	.expected_duration = expected_duration,
	.results = results,
	.csv_header = HEADER
);
