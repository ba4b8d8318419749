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

static double per_second(uint64_t count, double run_us) { return run_us > 0 ? (double)count * 1e6 / run_us : 0; }

/* What an original tester reports; all else is not known. */
static char *original_json(const struct nfs_result *r)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_object(&j, "latency");
	ipb_json_null(&j, "response");
	ipb_summary_json(&j, "service", &r->tally.service);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "histograms");
	ipb_json_null(&j, "response");
	hist_json(&j, "service", &r->tally.service);
	ipb_json_end_object(&j);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "sent_rate", per_second(r->sends, (double)r->run_us), "1/s");
	ipb_results_metric(&j, "reply_rate", per_second(r->recvs, (double)r->run_us), "1/s");
	ipb_results_metric(&j, "run_time", (double)r->run_us / 1e6, "s");
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

char *nfs_json(const struct nfs_result *r)
{
	const struct tally *t = &r->tally;
	struct ipb_json j;

	if (r->original)
		return original_json(r);
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

/* Times in us, as the row has them: whole ones, but for deviations. */
struct figures {
	double least, mean, deviation, median, absolute, most;
	uint64_t count;
};

/* Of values in us, which are sorted. The deviation is a sample's (n - 1), as the original has it. */
static struct figures figures_of(double *us, uint64_t n)
{
	struct figures f = { .count = n };
	double squares = 0, off = 0;

	if (n == 0)
		return f;
	qsort(us, n, sizeof *us, by_size);
	for (uint64_t i = 0; i < n; i++)
		f.mean += us[i] / (double)n;
	f.least = us[0];
	f.median = us[n / 2];
	f.most = us[n - 1];
	for (uint64_t i = 0; i < n; i++) {
		squares += (us[i] - f.mean) * (us[i] - f.mean);
		off += fabs(us[i] - f.median);
	}
	f.deviation = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
	f.absolute = off / (double)n;
	return f;
}

static struct figures figures_of_hist(const struct ipb_hist *h)
{
	if (h->count == 0)
		return (struct figures){ 0 };
	return (struct figures){ (double)h->min_ns / 1e3, ipb_hist_mean(h) / 1e3, ipb_hist_stddev(h) / 1e3,
		                 (double)ipb_hist_percentile(h, 50) / 1e3, absolute_deviation(h) / 1e3, (double)h->max_ns / 1e3,
		                 h->count };
}

struct totals {
	double sent_rate, reply_rate;        /* of our own testers, summed */
	uint64_t sends, recvs;               /* of original ones */
	double originals_us;                 /* their run times, summed */
	struct ipb_hist times;               /* of all: response times, and the original's service times */
	double *run_us, *exact_us;           /* one a tester; single times of original ones */
	uint64_t exact;
	int clients, originals;
};

/* The names and the order of the original, whose scripts read positions: it prints the deviation of the run times before
 * their median, though it names them the other way round. */
static void print_row(struct totals *t)
{
	const struct figures l = t->originals == t->clients ? figures_of(t->exact_us, t->exact) : figures_of_hist(&t->times);
	const struct figures run = figures_of(t->run_us, (uint64_t)t->clients);
	double mean_us = t->originals > 0 ? floor(t->originals_us / t->originals) : 0;

	printf("#Achieved request rate,Achieved reply rate,Min latency,Average latency,Stddeviation,Median latency,"
	       "Average abs. deviation,Max latency,Samples,Min runtime,Average runtime,Median runtime,Std dev runtime,Max runtime\n");
	printf("%.0f,%.0f,%.0f,%.0f,%g,%.0f,%g,%.0f,%" PRIu64 ",%.0f,%.0f,%g,%.0f,%.0f\n",
	       floor(t->sent_rate + per_second(t->sends, mean_us)), floor(t->reply_rate + per_second(t->recvs, mean_us)), floor(l.least),
	       floor(l.mean), l.deviation, floor(l.median), l.absolute, floor(l.most), l.count, floor(run.least), floor(run.mean),
	       run.deviation, floor(run.median), floor(run.most));
}

/* Adds one tester's result. 0, or -1 without memory. */
static int add(struct totals *t, const struct nfs_result *r)
{
	if (!r->original) {
		t->sent_rate += tally_sent_rate(&r->tally);
		t->reply_rate += tally_reply_rate(&r->tally);
		ipb_hist_merge(&t->times, &r->tally.response);
		t->run_us[t->clients++] = round((double)tally_run_ns(&r->tally) / 1e3);
		return 0;
	}
	double *more = realloc(t->exact_us, (t->exact + r->times + 1) * sizeof *more);
	if (more == NULL)
		return -1;
	t->exact_us = more;
	for (uint64_t i = 0; i < r->times; i++)
		t->exact_us[t->exact++] = (double)r->times_us[i];
	t->sends += r->sends;
	t->recvs += r->recvs;
	t->originals_us += (double)r->run_us;
	t->originals++;
	ipb_hist_merge(&t->times, &r->tally.service);
	t->run_us[t->clients++] = (double)r->run_us;
	return 0;
}

int nfs_output(const struct client_data data[], int n, struct ipb_error *err)
{
	struct totals t = { 0 };
	struct nfs_result r;
	int status = 0;

	if (n < 0 || n > CLIENTS_MAX)
		return ipb_error(err, "%d clients; at most %d are possible", n, CLIENTS_MAX);
	t.run_us = calloc((size_t)n + 1, sizeof *t.run_us);
	if (t.run_us == NULL || ipb_hist_init(&t.times) < 0) {
		free(t.run_us);
		return ipb_error(err, "no memory for %d clients", n);
	}
	for (int i = 0; i < n && status == 0; i++) {
		if (data[i].data == NULL || nfs_result_decode(&r, data[i].data, data[i].size, err) < 0)
			continue;
		if (add(&t, &r) < 0)
			status = ipb_error(err, "no memory for %d clients", n);
		nfs_result_free(&r);
	}
	if (status == 0)
		print_row(&t);
	ipb_hist_free(&t.times);
	free(t.run_us);
	free(t.exact_us);
	return status;
}
