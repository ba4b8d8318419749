/*
 * stream: bulk transfers over TCP and UDP, up, down and both; see README.md.  SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "stream"
#include "stream.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipb_plugin.h"

#define COLUMNS 5

IPB_PLUGIN_OPTIONS(stream_options)

/* One test runs in a process at a time: this is its state. */
static struct ipb_args args;
static int has_args;
static struct stream_test test = { .control = -1 };
static char target[IPB_SOCK_RESOLVE_MAX + 1];

static void forget(void)
{
	stream_close(&test);
	if (has_args)
		ipb_args_free(&args);
	has_args = 0;
}

static int setup(char *hostname, int port, char *arg)
{
	forget();
	if (port < 0 || port > 65535)
		return ipb_error(&err, "port %d is out of range 0..65535", port), ipb_plugin_fail();
	if (strlen(hostname) >= sizeof target)
		return ipb_error(&err, "the target's name is too long"), ipb_plugin_fail();
	snprintf(target, sizeof target, "%s", hostname);
	if (ipb_plugin_args(&args, arg) < 0)
		return ipb_plugin_fail();
	has_args = 1;
	if (stream_configure(&test.config, &args, target, port, &err) < 0 || stream_open(&test, &err) < 0) {
		stream_close(&test);
		return ipb_plugin_fail();
	}
	return 0;
}

static int start(struct timeval *begin)
{
	gettimeofday(begin, NULL);
	if (test.peer == NULL)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	return stream_run(&test, host != NULL ? host->progress : NULL);
}

static int stop(struct timeval *end)
{
	gettimeofday(end, NULL);
	ipb_stop_ask(&test.stopping);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	char text[200];

	(void)running_time;
	*data = NULL;
	*size = 0;
	if (!test.ran)
		return ipb_error(&err, "there is no result: the test has not run"), ipb_plugin_fail();
	const int broken = stream_is_broken(&test);
	stream_row(&test, text, sizeof text);
	if (broken && !ipb_plugin_extended())
		ipb_warn(PLUGIN_NAME, "%s", *test.failure != '\0' ? test.failure : "not a byte arrived in the measured phase");
	if (broken)
		ipb_error(&err, "%s", *test.failure != '\0' ? test.failure : "not a byte arrived in the measured phase");
	const int status = ipb_report_marshall(text, ipb_plugin_extended() ? stream_json(&test) : NULL, data, size);
	forget();
	return status < 0 ? status : broken;
}

/* What the tester printed, as numbers, NAN where there was none to print; 0, or -1 when it is no such row. */
static int parse(const char *text, double columns[COLUMNS])
{
	for (int i = 0; i < COLUMNS; i++) {
		const char last = i + 1 < COLUMNS ? ',' : '\0';
		char *end = NULL;
		columns[i] = NAN;
		if (*text != last || i == 0) {
			columns[i] = strtod(text, &end);
			if (end == text || !(columns[i] >= 0 && columns[i] <= 1e18))
				return -1;
			text = end;
		}
		if (*text != last)
			return -1;
		text++;
	}
	return 0;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	double columns[COLUMNS];

	*data = NULL;
	*data_len = 0;
	if (ipb_report_unmarshall(input, len, data, data_len, &err) < 0)
		return ipb_plugin_fail();
	if (parse(*data, columns) == 0)
		return 0;
	ipb_report_free(data);
	return ipb_error(&err, "the result is no row of %d numbers", COLUMNS), ipb_plugin_fail();
}

/* All clients together: each column adds up, over those that know it. */
static int output(struct client_data data[], int n)
{
	double sums[COLUMNS] = { 0 }, columns[COLUMNS];
	int known[COLUMNS] = { 1 };

	for (int i = 0; i < n; i++)
		if (parse(ipb_report_text(&data[i]), columns) == 0)
			for (int k = 0; k < COLUMNS; k++)
				if (!isnan(columns[k])) {
					sums[k] += columns[k];
					known[k] = 1;
				}
	for (int k = 0; k < COLUMNS; k++) {
		if (known[k])
			printf("%.0f", sums[k]);
		putchar(k + 1 < COLUMNS ? ',' : '\n');
	}
	return 0;
}

static int expected_duration(const char *arg, uint64_t *ns)
{
	struct stream_config c;
	struct ipb_args a;

	if (ipb_plugin_args(&a, arg) < 0)
		return -1;
	const int status = stream_configure(&c, &a, NULL, 0, &err);
	*ns = c.warmup_ns + c.duration_ns + STREAM_ANSWER_MS * 1000000ull;
	ipb_args_free(&a);
	return status;
}

IPB_PLUGIN(
	.id = 0x20,
	.descr = "Bulk transfer over TCP or UDP: goodput up, down and both at the same time",
	.default_port = 0, /* the peer's */
	IPB_PLUGIN_BLOCK
);

static const struct ipbench_metric metrics[] = {
	{ "goodput", "bit/s", "Payload that arrived, both directions", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "goodput_up", "bit/s", "Payload that arrived at the target", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "goodput_down", "bit/s", "Payload that arrived at the tester", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "fairness_up", "", "Jain's index of the streams' goodput, up: 1 when all got the same", IPBENCH_TOTAL_MIN, IPBENCH_BETTER_MORE },
	{ "fairness_down", "", "Jain's index of the streams' goodput, down", IPBENCH_TOTAL_MIN, IPBENCH_BETTER_MORE },
	{ "retransmits", "", "TCP segments that were sent again", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "rtt", "ms", "TCP's smoothed round trip, mean", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "rtt_max", "ms", "TCP's smoothed round trip, largest", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "busy", "%", "Time in which the streams had something to send", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "receiver_limited", "%", "Time in which the receiver's window held a stream back", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "send_buffer_limited", "%", "Time in which the send buffer held a stream back", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "loss", "%", "Datagrams of the measured phase that did not arrive", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "jitter", "ms", "RFC 3550's interarrival jitter, of the worst stream", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "duplicates", "", "Datagrams that came again", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "reordered", "", "Datagrams that came after a later one", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "tester_thread", "%", "Time that the tester's busiest thread was running", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "tester_processor", "%", "Time that the tester's busiest processor was busy", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "target_thread", "%", "Time that the target's busiest thread for this tester was running", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "target_processor", "%", "Time that the target's busiest processor was busy", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	/* Of iperf servers: their own counts, over their own intervals. */
	{ "peer_received_bytes", "byte", "What the iperf server says it received", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "peer_received_rate", "bit/s", "The same, over its interval", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "peer_sent_bytes", "byte", "What the iperf server says it sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "peer_sent_rate", "bit/s", "The same, over its interval", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "peer_seconds", "s", "The iperf server's interval", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "peer_retransmits", "", "TCP segments that the iperf server sent again", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "peer_datagrams", "", "Datagrams of which the iperf server knows, in both directions", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "peer_lost", "", "Those of them that did not arrive, as iperf counts", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "peer_loss", "%", "The same, as a share", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "peer_jitter", "ms", "RFC 1889's jitter as iperf counts it, of the worst stream", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
};

IPB_PLUGIN_EXT(
	stream_options,
	.needs_target = 1,
	.expected_duration = expected_duration,
	.results = ipb_plugin_results_report,
	.csv_header = "Streams,Goodput_Up,Goodput_Down,Retransmits,Lost_Datagrams",
	IPBENCH_METRICS(metrics)
);
