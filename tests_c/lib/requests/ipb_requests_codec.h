/*
 * The result of a test of requests: as bytes between tester and controller, as JSON and as a row.
 * SPDX-License-Identifier: MIT
 *
 * In network byte order: magic (8 bytes), the test's number (u32), seven counts (u64: sent, ok, lost, late, corrupt,
 * duplicate, reordered), window start and end in ns (u64), requested, sent and received bit/s (f64; requested below 0: none
 * was), number of metrics (u32) and each one (f64, below 0: not known), five histograms (response, service, lateness,
 * connect, first byte), each: minimum and maximum (u64, ns), mean and standard deviation (f64), size (u32) and bytes in
 * HdrHistogram's V2 encoding; size (u32) and text of the other members of the result document.
 */
#ifndef IPB_REQUESTS_CODEC_H
#define IPB_REQUESTS_CODEC_H

#include "ipb_requests.h"
#include "plugin.h"

#define IPB_REQ_METRICS_MAX 48
#define IPB_REQ_HISTS 5
#define IPB_REQ_JSON_MAX (4u << 20) /* bytes of the other members */
#define IPB_REQ_COMMON_METRICS 19

/* The rows of the metrics that all tests of requests have, in the order in which ipb_requests_encode writes them. What a
 * test has of its own follows. */
#define IPB_REQ_METRIC_ROWS \
	{ "requested_rate", "1/s", "Rate that was asked for", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN }, \
	{ "sent_rate", "1/s", "Rate at which they left in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN }, \
	{ "completed_rate", "1/s", "Rate at which they were answered well in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE }, \
	{ "queued", "", "Due when no connection was free, so that they had to wait for one", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "unsent", "", "Due in the measured phase and never sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "refused", "", "Lost: the target refused the connection", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "reset", "", "Lost: the connection was reset", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "closed", "", "Lost: the target closed the connection too early", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "timed_out", "", "Lost: no answer in time", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "other_failures", "", "Lost for another reason", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "out_of_ports", "", "Never begun: the tester had no free port", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "out_of_descriptors", "", "Never begun: the tester could open no more files", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "connections_opened", "", "Connections opened in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN }, \
	{ "stray", "", "Answers that nobody waited for, in all phases", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }, \
	{ "connect_p50", "s", "Median time until a connection stood", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_LESS }, \
	{ "connect_p99", "s", "99th percentile of it", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_LESS }, \
	{ "first_byte_p50", "s", "Median time until the first byte of the answer", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_LESS }, \
	{ "first_byte_p99", "s", "99th percentile of it", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_LESS }, \
	{ "run_time", "s", "Length of the measured phase", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_UNKNOWN }

/* One histogram of a result; its bytes are the result's. */
struct ipb_requests_hist {
	const uint8_t *bytes;
	size_t size;
	uint64_t min_ns, max_ns;
	double mean_ns, stddev_ns;
};

/* A result that was checked. Points into the bytes that it was read from. */
struct ipb_requests_record {
	struct ipb_counts counts;
	uint64_t window_start_ns, window_end_ns;
	double requested_bps, sent_bps, received_bps;
	uint32_t metric_count;
	double metrics[IPB_REQ_METRICS_MAX];
	struct ipb_requests_hist hists[IPB_REQ_HISTS];
	const char *json;
	size_t json_size;
};

/* extra: the test's own metrics behind the common ones. members: JSON members without braces. 0, or -1; *data is malloc'ed. */
int ipb_requests_encode(const struct ipb_requests_result *r, uint32_t test, const double *extra, uint32_t extra_count,
                        const char *members, size_t members_size, char **data, int *size);

/* Checks bytes from the network. 0, or -1 and a sentence. */
int ipb_requests_decode(struct ipb_requests_record *r, uint32_t test, uint32_t metric_count, const char *data, int size,
                        struct ipb_error *err);

/* One tester's part of the result document, NULL without memory. metrics: the plugin's table, metric_count rows. */
char *ipb_requests_json(const struct ipb_requests_record *r, const struct ipbench_metric *metrics);

#define IPB_REQ_COLUMNS \
	"Requested_Rate,Completed_Rate,Sent,Ok,Lost,Late,Corrupt,Minimum_Response,Median_Response,P99_Response,Maximum_Response"

/* Prints the row of n testers together: rates in 1/s, times in us. 0, or -1 and a sentence. */
int ipb_requests_print(const struct client_data data[], int n, uint32_t test, uint32_t metric_count, struct ipb_error *err);

#endif
