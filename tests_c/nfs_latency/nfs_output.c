/* nfs_latency's row and its part of the result document.  SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipb_json.h"
#include "ipb_results.h"
#include "ipb_summary.h"
#include "nfs_result.h"

#define CLIENTS_MAX 65536

static void hist_json(struct ipb_json *j, const char *key, const struct ipb_hist *h)
{
	uint8_t *bytes = malloc(IPB_HIST_ENCODED_MAX);
	size_t size = bytes != NULL && h->count > 0 ? ipb_hist_encode(h, bytes, IPB_HIST_ENCODED_MAX) : 0;

	if (size > 0)
		ipb_json_base64(j, key, bytes, size);
	else
		ipb_json_null(j, key);
	free(bytes);
}

static void counts_json(struct ipb_json *j, const struct nfs_result *r)
{
	const struct tally *t = &r->tally;
	double bits = 8 * (double)r->size;

	ipb_results_counts(j, &(struct ipb_counts){ .sent = t->sent, .ok = t->ok, .lost = t->sent - t->ok - t->bad,
	                                            .corrupt = t->bad });
	ipb_json_object(j, "rates");
	ipb_json_number(j, "requested_bps", r->rate * bits);
	ipb_json_number(j, "sent_bps", tally_sent_rate(t) * bits);
	ipb_json_number(j, "received_bps", tally_reply_rate(t) * bits);
	ipb_json_end_object(j);
}

static void metrics_json(struct ipb_json *j, const struct nfs_result *r)
{
	ipb_json_array(j, "metrics");
	ipb_results_metric(j, "requested_rate", r->rate, "1/s");
	ipb_results_metric(j, "sent_rate", tally_sent_rate(&r->tally), "1/s");
	ipb_results_metric(j, "reply_rate", tally_reply_rate(&r->tally), "1/s");
	ipb_results_metric(j, "run_time", (double)tally_run_ns(&r->tally) / 1e9, "s");
	ipb_results_metric(j, "read_errors", (double)r->tally.bad, "");
	ipb_results_metric(j, "reads_not_sent", (double)(r->tally.skipped + r->tally.given_up), "");
	ipb_json_end_array(j);
}

static void reasons_json(struct ipb_json *j, const struct nfs_result *r)
{
	const struct tally *t = &r->tally;
	uint64_t late_ns = ipb_hist_percentile(&t->lateness, 99);

	ipb_json_array(j, "reasons");
	if (t->skipped > 0)
		ipb_results_reason(j, 0, "rate-not-reached",
		                   "%" PRIu64 " reads were not sent because too many were waiting for replies", t->skipped);
	if (t->given_up > 0)
		ipb_results_reason(j, 0, "reads-given-up",
		                   "%" PRIu64 " reads were not sent because the tester was more than %.0f ms late for them",
		                   t->given_up, (double)LOAD_BEHIND_NS / 1e6);
	if (late_ns > NFS_LATENESS_NS)
		ipb_results_reason(j, 0, "send-lateness",
		                   "reads left late: 1 %% of them %.3f ms or more after they were due (limit %.3f ms)",
		                   (double)late_ns / 1e6, (double)NFS_LATENESS_NS / 1e6);
	if (t->bad > 0)
		ipb_results_reason(j, 0, "nfs-errors", "%" PRIu64 " reads failed; the first: %s", t->bad, r->first_error);
	ipb_json_end_array(j);
}

char *nfs_json(const struct nfs_result *r)
{
	const struct tally *t = &r->tally;
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	counts_json(&j, r);
	ipb_json_object(&j, "pacing");
	ipb_summary_json(&j, "lateness", &t->lateness);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "latency");
	ipb_summary_json(&j, "response", &t->response);
	ipb_summary_json(&j, "service", &t->service);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "histograms");
	hist_json(&j, "response", &t->response);
	hist_json(&j, "service", &t->service);
	hist_json(&j, "lateness", &t->lateness);
	ipb_json_end_object(&j);
	metrics_json(&j, r);
	reasons_json(&j, r);
	ipb_results_window(&j, t->window_start_ns, t->window_end_ns);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static double middle(uint32_t bucket) { return (double)ipb_hist_bucket_value(bucket) + (double)ipb_hist_bucket_width(bucket) / 2; }

/* Mean of the values' distance from their median, by bucket: exact to the histogram's 0.1 %. */
static double absolute_deviation(const struct ipb_hist *h)
{
	double median = middle(ipb_hist_index(ipb_hist_percentile(h, 50))), sum = 0;

	for (uint32_t i = 0; i < IPB_HIST_LENGTH; i++)
		if (h->counts[i] > 0)
			sum += (double)h->counts[i] * fabs(middle(i) - median);
	return h->count > 0 ? sum / (double)h->count : 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct totals {
	double sent_rate, reply_rate;
	struct ipb_hist response;
	double *run_us;
	int clients;
};

static void print_row(const struct totals *t)
{
	const struct ipb_hist *h = &t->response;
	double mean = 0, deviation = 0;

	qsort(t->run_us, (size_t)t->clients, sizeof *t->run_us, by_size);
	for (int i = 0; i < t->clients; i++)
		mean += t->run_us[i] / t->clients;
	for (int i = 0; i < t->clients; i++)
		deviation += (t->run_us[i] - mean) * (t->run_us[i] - mean) / t->clients;
	printf("# request_rate,reply_rate,min_us,mean_us,stddev_us,median_us,mean_abs_dev_us,max_us,samples,"
	       "min_run_us,mean_run_us,median_run_us,stddev_run_us,max_run_us\n");
	printf("%.0f,%.0f,%.1f,%.1f,%.2f,%.1f,%.2f,%.1f,%" PRIu64 ",%.0f,%.0f,%.0f,%.2f,%.0f\n", t->sent_rate, t->reply_rate,
	       h->count > 0 ? (double)h->min_ns / 1e3 : 0, ipb_hist_mean(h) / 1e3, ipb_hist_stddev(h) / 1e3,
	       (double)ipb_hist_percentile(h, 50) / 1e3, absolute_deviation(h) / 1e3,
	       h->count > 0 ? (double)h->max_ns / 1e3 : 0, h->count, t->clients > 0 ? t->run_us[0] : 0, mean,
	       t->clients > 0 ? t->run_us[t->clients / 2] : 0, sqrt(deviation),
	       t->clients > 0 ? t->run_us[t->clients - 1] : 0);
}

int nfs_output(const struct client_data data[], int n, struct ipb_error *err)
{
	struct totals t = { 0 };
	struct nfs_result r;

	if (n < 0 || n > CLIENTS_MAX)
		return ipb_error(err, "%d clients; at most %d are possible", n, CLIENTS_MAX);
	t.run_us = calloc((size_t)n + 1, sizeof *t.run_us);
	if (t.run_us == NULL || ipb_hist_init(&t.response) < 0) {
		free(t.run_us);
		return ipb_error(err, "no memory for %d clients", n);
	}
	for (int i = 0; i < n; i++) {
		if (data[i].data == NULL || nfs_result_decode(&r, data[i].data, data[i].size, err) < 0)
			continue;
		t.sent_rate += tally_sent_rate(&r.tally);
		t.reply_rate += tally_reply_rate(&r.tally);
		ipb_hist_merge(&t.response, &r.tally.response);
		t.run_us[t.clients++] = (double)tally_run_ns(&r.tally) / 1e3;
		nfs_result_free(&r);
	}
	print_row(&t);
	ipb_hist_free(&t.response);
	free(t.run_us);
	return 0;
}
