/*
 * stamp: round trips, and each way of them, to a reflector of STAMP (RFC 8762, RFC 8972) or TWAMP Light.
 * SPDX-License-Identifier: MIT
 */
#define PLUGIN_NAME "stamp"
#include "stamp.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "../latency/latency.h"
#include "ipb_plugin.h"
#include "ipb_privileges.h"
#include "ipb_rng.h"

IPB_PLUGIN_OPTIONS(stamp_options)

/* One test runs in a process at a time: this is its state. */
static struct {
	struct ipb_args args;
	int has_args, has_session, ran;
	char target[IPB_SOCK_RESOLVE_MAX + 1];
	struct ipb_engine_config config;
	struct stamp_settings settings;
	struct stamp_session session;
	struct ipb_engine *engine;
} test;

static void forget(void)
{
	ipb_engine_close(test.engine);
	test.engine = NULL;
	if (test.has_session)
		stamp_session_close(&test.session);
	if (test.has_args)
		ipb_args_free(&test.args);
	test.has_session = test.has_args = test.ran = 0;
}

/* Which session it is: of one run and tester, and not 0. */
static uint16_t own_ssid(void)
{
	uint64_t mix = test.config.run_id ^ 0x7373696400000000ull;
	const uint16_t ssid = (uint16_t)ipb_mix64(&mix);

	return ssid != 0 ? ssid : 1;
}

static int setup(char *hostname, int port, char *arg)
{
	forget();
	if (port < 0 || port > UINT16_MAX)
		return ipb_error(&err, "port %d is out of range 0..65535", port), ipb_plugin_fail();
	if (strlen(hostname) >= sizeof test.target)
		return ipb_error(&err, "the target's name is too long"), ipb_plugin_fail();
	if (ipb_plugin_args(&test.args, arg) < 0)
		return ipb_plugin_fail();
	test.has_args = 1;
	snprintf(test.target, sizeof test.target, "%s", hostname);
	if (stamp_configure(&test.config, &test.settings, &test.args, test.target, port, &err) < 0)
		return ipb_plugin_fail();
	latency_identify(&test.config, host);
	test.config.keep_samples |= !ipb_plugin_extended();
	test.config.format = &stamp_format;
	test.config.format_state = &test.session;
	if (test.settings.ssid == 0)
		test.settings.ssid = own_ssid();
	if (stamp_session_open(&test.session, &test.settings, &test.config, &err) < 0)
		return ipb_plugin_fail();
	test.has_session = 1;
	test.engine = ipb_engine_open(&test.config, &err);
	test.session.engine = test.engine;
	return test.engine != NULL ? 0 : ipb_plugin_fail();
}

static int start(struct timeval *begin)
{
	struct ipb_privileges old;

	gettimeofday(begin, NULL);
	if (test.engine == NULL)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	ipb_privileges_take(&old, test.config.cpu, test.config.rt);
	int status = ipb_engine_run(test.engine, host != NULL ? host->progress : NULL);
	ipb_privileges_leave(&old);
	stamp_find_kind(&test.session);
	stamp_judge(&test.session);
	test.ran = 1;
	return status;
}

static int stop(struct timeval *end)
{
	gettimeofday(end, NULL);
	if (test.engine != NULL)
		ipb_engine_stop(test.engine);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	*data = NULL;
	*size = 0;
	if (test.engine == NULL || !test.ran)
		return ipb_error(&err, "there is no result: the test has not run"), ipb_plugin_fail();
	const int failed = latency_marshal(test.engine, &test.config, ipb_plugin_extended(), data, size, &err);
	if (failed)
		ipb_plugin_fail();
	return failed;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	return latency_read(input, len, host, data, data_len, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int output(struct client_data data[], int n)
{
	const struct latency_output how = { 0, "", "" };

	return latency_print(data, n, &how, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int expected_duration(const char *arg, uint64_t *ns)
{
	struct ipb_args args;
	struct ipb_engine_config c;
	struct stamp_settings s;

	if (ipb_plugin_args(&args, arg) < 0)
		return -1;
	const int status = stamp_configure(&c, &s, &args, NULL, 0, &err);
	if (status == 0)
		*ns = ipb_engine_duration_ns(&c) + (uint64_t)STAMP_PROBE_TRIES * STAMP_PROBE_MS * 1000000;
	ipb_args_free(&args);
	return status;
}

static int results(const struct client_data *data, char **json)
{
	return latency_results(data, json, &err);
}

IPB_PLUGIN(
	.id = 0x33,
	.descr = "Round-trip times, and loss and delay of each way, to a STAMP reflector (RFC 8762)",
	.default_port = IPB_STAMP_PORT,
	.setup_controller = ipb_plugin_setup_controller,
	.unmarshall = unmarshall,
	.unmarshall_cleanup = latency_read_cleanup,
	.output = output
);

#define LESS(name, unit, text) { name, unit, text, IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }
#define MOST(name, text) { name, "us", text, IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS }
static const struct ipbench_metric metrics[] = {
	LESS("lost_forward", "packets", "Packets of the measured phase that did not reach the reflector"),
	LESS("lost_backward", "packets", "Packets whose answer did not come back"),
	LESS("lost_unknown", "packets", "Packets that were lost on a way that cannot be told"),
	{ "loss_forward", "%", "Share of packets lost on the way out", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "loss_backward", "%", "Share of answers lost on the way back", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	LESS("duplicate_forward", "packets", "Packets that reached the reflector twice, in all phases"),
	LESS("duplicate_backward", "packets", "Answers that came twice, in all phases"),
	LESS("reordered_forward", "packets", "Packets overtaken on the way out, in all phases"),
	LESS("reordered_backward", "packets", "Answers overtaken on the way back, in all phases"),
	MOST("forward_pdv_p50", "Delay variation on the way out: each delay less the least, median (PDV, RFC 5481)"),
	MOST("forward_pdv_p99", "The same, 99th percentile"),
	MOST("forward_pdv_max", "The same, greatest"),
	MOST("backward_pdv_p50", "Delay variation on the way back, median"),
	MOST("backward_pdv_p99", "The same, 99th percentile"),
	MOST("backward_pdv_max", "The same, greatest"),
	MOST("forward_ipdv_p99", "Change of delay from one packet to the next on the way out, 99th percentile (IPDV, RFC 3393)"),
	MOST("backward_ipdv_p99", "The same on the way back"),
	MOST("turnaround_p50", "How long the reflector had a packet, median; not part of the round trip"),
	MOST("turnaround_p99", "The same, 99th percentile"),
	LESS("forged", "packets", "Answers with a wrong HMAC"),
	LESS("changed", "packets", "Answers that do not have their packet's time stamp"),
	{ "asymmetric", "packets", "Answers with another size than their packet's", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "zero_ssid", "packets", "Answers without the session identifier", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	LESS("implausible_turnaround", "packets", "Answers whose time at the reflector cannot be true"),
};

IPB_PLUGIN_EXT(
	stamp_options,
	.needs_target = 1,
	.expected_duration = expected_duration,
	.results = results,
	.csv_header = "Requested_Throughput,Receive_Throughput,Send_Throughput,Packet_Size,Minimum_RTT,Average_RTT,Maximum_RTT,"
	              "Stdev_RTT,Median_RTT",
	IPBENCH_METRICS(metrics)
);
