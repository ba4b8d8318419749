/* The result of a test of requests; see ipb_requests_codec.h.  SPDX-License-Identifier: MIT */
#include "ipb_requests_codec.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_results.h"
#include "ipb_summary.h"

#define MAGIC "IPBREQ01"
#define NUMBER_MAX 1e15          /* of any metric */
#define COUNT_MAX (1ull << 48)

enum { RESPONSE, SERVICE, LATENESS, CONNECT, FIRST_BYTE };

static void put_hist(struct ipb_writer *w, const struct ipb_hist *h)
{
	ipb_write_u64(w, h->count > 0 ? h->min_ns : 0);
	ipb_write_u64(w, h->max_ns);
	ipb_write_f64(w, ipb_hist_mean(h));
	ipb_write_f64(w, ipb_hist_stddev(h));
	uint8_t *size_at = ipb_write_room(w, 4);
	if (w->failed)
		return;
	size_t size = ipb_hist_encode(h, w->at, (size_t)(w->end - w->at));
	w->failed |= size == 0;
	w->at += size;
	ipb_put_be(size_at, size, 4);
}

static double percentile_s(const struct ipb_hist *h, double percent)
{
	return h->count > 0 ? (double)ipb_hist_percentile(h, percent) / 1e9 : -1;
}

static uint32_t common_metrics(const struct ipb_requests_result *r, double *to)
{
	const double values[IPB_REQ_COMMON_METRICS] = {
		r->requested_rate > 0 ? r->requested_rate : -1, r->sent_rate, r->completed_rate, (double)r->queued, (double)r->unsent,
		(double)r->failures[IPB_REQ_REFUSED], (double)r->failures[IPB_REQ_RESET], (double)r->failures[IPB_REQ_CLOSED],
		(double)r->failures[IPB_REQ_TIMED_OUT], (double)r->failures[IPB_REQ_OTHER], (double)r->no_port,
		(double)r->no_descriptor, (double)r->opened, (double)r->stray, percentile_s(r->connect, 50),
		percentile_s(r->connect, 99), percentile_s(r->first_byte, 50), percentile_s(r->first_byte, 99),
		(double)(r->window_end_ns - r->window_start_ns) / 1e9,
	};

	memcpy(to, values, sizeof values);
	return IPB_REQ_COMMON_METRICS;
}

int ipb_requests_encode(const struct ipb_requests_result *r, uint32_t test, const double *extra, uint32_t extra_count,
                        const char *members, size_t members_size, char **data, int *size)
{
	const struct ipb_hist *const hists[IPB_REQ_HISTS] = { r->response, r->service, r->lateness, r->connect, r->first_byte };
	const struct ipb_counts *c = &r->counts;
	const uint64_t words[] = { c->sent, c->ok, c->lost, c->late, c->corrupt, c->duplicate, c->reordered, r->window_start_ns,
		                   r->window_end_ns };
	const size_t most = 512 + IPB_REQ_METRICS_MAX * 8 + IPB_REQ_HISTS * (size_t)(64 + IPB_HIST_ENCODED_MAX) + members_size;
	double metrics[IPB_REQ_METRICS_MAX];
	struct ipb_writer w;

	*data = NULL;
	if (members_size > IPB_REQ_JSON_MAX || extra_count > IPB_REQ_METRICS_MAX - IPB_REQ_COMMON_METRICS ||
	    (*data = malloc(most)) == NULL)
		return -1;
	const uint32_t common = common_metrics(r, metrics);
	ipb_writer_init(&w, *data, most);
	ipb_write_bytes(&w, MAGIC, 8);
	ipb_write_u32(&w, test);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		ipb_write_u64(&w, words[i]);
	ipb_write_f64(&w, r->requested_bps > 0 ? r->requested_bps : -1);
	ipb_write_f64(&w, r->sent_bps);
	ipb_write_f64(&w, r->received_bps);
	ipb_write_u32(&w, common + extra_count);
	for (uint32_t i = 0; i < common + extra_count; i++)
		ipb_write_f64(&w, i < common ? metrics[i] : extra[i - common]);
	for (int i = 0; i < IPB_REQ_HISTS; i++)
		put_hist(&w, hists[i]);
	ipb_write_u32(&w, (uint32_t)members_size);
	ipb_write_bytes(&w, members, members_size);
	if (w.failed) {
		free(*data);
		*data = NULL;
		return -1;
	}
	*size = (int)ipb_writer_size(&w);
	char *exact = realloc(*data, (size_t)*size);
	*data = exact != NULL ? exact : *data;
	return 0;
}

static int is_number(double v) { return isfinite(v) && v >= -1 && v <= NUMBER_MAX; }

/* Reads one histogram into scratch, and where it is. 0 or -1. */
static int get_hist(struct ipb_reader *in, struct ipb_requests_hist *h, struct ipb_hist *scratch)
{
	h->min_ns = ipb_read_u64(in);
	h->max_ns = ipb_read_u64(in);
	h->mean_ns = ipb_read_f64(in);
	h->stddev_ns = ipb_read_f64(in);
	h->size = ipb_read_u32(in);
	h->bytes = ipb_read_bytes(in, h->size);
	if (h->bytes == NULL || ipb_hist_decode(scratch, h->bytes, h->size) < 0)
		return -1;
	return scratch->count == 0 ? 0 : ipb_hist_restore(scratch, h->min_ns, h->max_ns, h->mean_ns, h->stddev_ns);
}

static int check_json(const char *members, size_t size)
{
	char *whole = malloc(size + 2);
	int status;

	if (whole == NULL)
		return -1;
	whole[0] = '{';
	memcpy(whole + 1, members, size);
	whole[size + 1] = '}';
	status = ipb_json_check(whole, size + 2);
	free(whole);
	return status;
}

static int read_all(struct ipb_requests_record *r, uint32_t test, uint32_t metric_count, struct ipb_reader *in,
                    struct ipb_hist *scratch)
{
	struct ipb_counts *c = &r->counts;
	uint64_t *const words[] = { &c->sent, &c->ok, &c->lost, &c->late, &c->corrupt, &c->duplicate, &c->reordered,
		                    &r->window_start_ns, &r->window_end_ns };
	uint64_t counted[IPB_REQ_HISTS];
	const uint8_t *magic = ipb_read_bytes(in, 8);

	if (magic == NULL || memcmp(magic, MAGIC, 8) != 0 || ipb_read_u32(in) != test)
		return -1;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		*words[i] = ipb_read_u64(in);
		if (i < 7 && *words[i] > COUNT_MAX)
			return -1;
	}
	r->requested_bps = ipb_read_f64(in);
	r->sent_bps = ipb_read_f64(in);
	r->received_bps = ipb_read_f64(in);
	r->metric_count = ipb_read_u32(in);
	if (in->failed || !is_number(r->requested_bps) || !is_number(r->sent_bps) || !is_number(r->received_bps) ||
	    r->sent_bps < 0 || r->received_bps < 0 || r->metric_count != metric_count || metric_count > IPB_REQ_METRICS_MAX)
		return -1;
	for (uint32_t i = 0; i < metric_count; i++)
		if (!is_number(r->metrics[i] = ipb_read_f64(in)))
			return -1;
	for (int i = 0; i < IPB_REQ_HISTS; i++) {
		if (get_hist(in, &r->hists[i], scratch) < 0)
			return -1;
		counted[i] = scratch->count;
	}
	r->json_size = ipb_read_u32(in);
	if (r->json_size > IPB_REQ_JSON_MAX || (r->json = (const char *)ipb_read_bytes(in, r->json_size)) == NULL ||
	    ipb_reader_left(in) != 0 || in->failed)
		return -1;
	if (c->ok + c->lost + c->late + c->corrupt != c->sent || r->window_start_ns > r->window_end_ns ||
	    counted[RESPONSE] != c->ok || counted[SERVICE] != c->ok)
		return -1;
	return check_json(r->json, r->json_size);
}

int ipb_requests_decode(struct ipb_requests_record *r, uint32_t test, uint32_t metric_count, const char *data, int size,
                        struct ipb_error *err)
{
	struct ipb_hist scratch = { 0 };
	struct ipb_reader in;
	int status;

	memset(r, 0, sizeof *r);
	if (data == NULL || size < 0)
		return ipb_error(err, "there is no result");
	if (ipb_hist_init(&scratch) < 0)
		return ipb_error(err, "no memory for a result");
	ipb_reader_init(&in, data, (size_t)size);
	status = read_all(r, test, metric_count, &in, &scratch);
	ipb_hist_free(&scratch);
	return status < 0 ? ipb_error(err, "the result (%d bytes) is damaged, or of another test", size) : 0;
}

static int open_hist(const struct ipb_requests_hist *from, struct ipb_hist *h)
{
	if (ipb_hist_decode(h, from->bytes, from->size) < 0)
		return -1;
	return h->count == 0 ? 0 : ipb_hist_restore(h, from->min_ns, from->max_ns, from->mean_ns, from->stddev_ns);
}

static void hists_json(struct ipb_json *j, const struct ipb_requests_record *r, struct ipb_hist *scratch)
{
	static const char *const names[IPB_REQ_HISTS] = { "response", "service", "lateness", "connect", "first_byte" };

	ipb_json_object(j, "latency");
	for (int i = 0; i < IPB_REQ_HISTS; i++)
		if (i != LATENESS && (i < LATENESS || r->hists[i].max_ns > 0))
			ipb_summary_json(j, names[i], open_hist(&r->hists[i], scratch) == 0 ? scratch : NULL);
	ipb_json_end_object(j);
	ipb_json_object(j, "histograms");
	for (int i = 0; i < IPB_REQ_HISTS; i++)
		if (i <= LATENESS || r->hists[i].max_ns > 0)
			ipb_json_base64(j, names[i], r->hists[i].bytes, r->hists[i].size);
	ipb_json_end_object(j);
}

char *ipb_requests_json(const struct ipb_requests_record *r, const struct ipbench_metric *metrics)
{
	struct ipb_hist scratch = { 0 };
	struct ipb_json j;

	if (ipb_hist_init(&scratch) < 0)
		return NULL;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_results_counts(&j, &r->counts);
	ipb_json_object(&j, "rates");
	if (r->requested_bps > 0)
		ipb_json_number(&j, "requested_bps", r->requested_bps);
	else
		ipb_json_null(&j, "requested_bps");
	ipb_json_number(&j, "sent_bps", r->sent_bps);
	ipb_json_number(&j, "received_bps", r->received_bps);
	ipb_json_end_object(&j);
	hists_json(&j, r, &scratch);
	ipb_json_array(&j, "metrics");
	for (uint32_t i = 0; i < r->metric_count; i++)
		if (r->metrics[i] >= 0)
			ipb_results_metric(&j, metrics[i].name, r->metrics[i], metrics[i].unit);
	ipb_json_end_array(&j);
	ipb_json_members(&j, r->json, r->json_size);
	ipb_json_end_object(&j);
	ipb_hist_free(&scratch);
	return ipb_json_take(&j);
}

/* Of a rate in a row: one below 100 would be too coarse without them. */
static int digits(double rate) { return rate < 100 && rate != (double)(uint64_t)rate ? 3 : 0; }

int ipb_requests_print(const struct client_data data[], int n, uint32_t test, uint32_t metric_count, struct ipb_error *err)
{
	struct ipb_hist all = { 0 }, scratch = { 0 };
	struct ipb_requests_record r;
	struct ipb_counts sum = { 0 };
	double requested = 0, completed = 0;
	int status = 0;

	if (ipb_hist_init(&all) < 0 || ipb_hist_init(&scratch) < 0)
		status = ipb_error(err, "no memory for histograms");
	for (int i = 0; status == 0 && i < n; i++) {
		if (data[i].data == NULL || ipb_requests_decode(&r, test, metric_count, data[i].data, data[i].size, err) < 0)
			continue;
		requested += r.metrics[0] > 0 ? r.metrics[0] : 0;
		completed += r.metrics[2];
		sum.sent += r.counts.sent;
		sum.ok += r.counts.ok;
		sum.lost += r.counts.lost;
		sum.late += r.counts.late;
		sum.corrupt += r.counts.corrupt;
		if (open_hist(&r.hists[RESPONSE], &scratch) == 0)
			ipb_hist_merge(&all, &scratch);
	}
	if (status == 0) {
		printf("%.*f,%.*f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, digits(requested), requested, digits(completed),
		       completed, sum.sent, sum.ok, sum.lost, sum.late, sum.corrupt);
		if (all.count > 0)
			printf(",%.1f,%.1f,%.1f,%.1f\n", (double)all.min_ns / 1e3, (double)ipb_hist_percentile(&all, 50) / 1e3,
			       (double)ipb_hist_percentile(&all, 99) / 1e3, (double)all.max_ns / 1e3);
		else
			printf(",,,,\n");
	}
	ipb_hist_free(&all);
	ipb_hist_free(&scratch);
	return status;
}
