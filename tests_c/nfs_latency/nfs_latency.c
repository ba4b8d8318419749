/*
 * nfs_latency: how long a file server takes to answer reads, at a fixed rate; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"
#include "ipb_json.h"
#include "ipb_summary.h"
#include "nfs_result.h"

#define TEXT_MAX 512
#define CLIENTS_MAX 65536

static const struct ipbench_option options[] = {
	{ "path", "string", "", "/", "", "Exported directory.", 0, 0 },
	{ "filename", "string", "", "", "", "File to read, below path.", 0, 0 },
	{ "rate", "float", "1/s", "10000", "0.1..5000000", "Reads a second.", 0, 0 },
	{ "size", "size", "byte", "4096", "1..1Mi", "Bytes of a read; they go through the file from its beginning, again and again.", 0, 0 },
	{ "warmup", "time", "s", "10", "0..24h", "Phase before the measured one, at the same rate and not counted.", 0, 0 },
	{ "cooldown", "time", "s", "10", "0..24h", "Phase after it.", 0, 0 },
	{ "samples", "int", "", "200000", "1..1000000000", "Reads of the measured phase.", 0, 0 },
	{ "drain", "time", "s", "2", "0..1h", "How long to wait for the last replies; what has not come by then is lost.", 0, 0 },
	{ "version", "int", "", "3", "3..4", "Version of NFS.", 0, 0 },
	{ "nfsport", "int", "", "0", "0..65535", "TCP port of the NFS server; 0 asks its port mapper (v3), or is 2049 (v4).", 0, 0 },
	{ "mountport", "int", "", "0", "0..65535", "TCP port of its mount service (v3); 0 asks the port mapper.", 0, 0 },
	{ "uid", "int", "", "", "0..4294967294", "User to be for the server; the daemon's when not given.", 0, 0 },
	{ "gid", "int", "", "", "0..4294967294", "Group to be for the server.", 0, 0 },
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

static const struct ipbench_host *host;
static struct ipb_error err;
static struct load load;
static char target[TEXT_MAX], path[TEXT_MAX], filename[TEXT_MAX];

static int attach(const struct ipbench_host *given)
{
	host = given;
	ipb_error_attach(&err, given);
	return 0;
}

static int setup_controller(char *arg)
{
	struct ipb_args a;

	if (ipb_args_parse(&a, options, OPTION_COUNT, arg, 1, &err) < 0)
		return ipb_error_print(&err, "nfs_latency");
	ipb_args_free(&a);
	return 0;
}

static int copy_text(char *to, const char *from, const char *what)
{
	if (strlen(from) >= TEXT_MAX)
		return ipb_error(&err, "%s is longer than %d bytes", what, TEXT_MAX - 1);
	strcpy(to, from);
	return 0;
}

static int read_arguments(const struct ipb_args *a, const char *hostname)
{
	if (*ipb_args_string(a, "filename") == '\0')
		return ipb_error(&err, "argument filename is missing: filename=NAME of a file below path");
	if (copy_text(target, hostname, "the target's name") < 0 ||
	    copy_text(path, ipb_args_string(a, "path"), "argument path") < 0 ||
	    copy_text(filename, ipb_args_string(a, "filename"), "argument filename") < 0)
		return -1;
	load.host = target;
	load.path = path;
	load.filename = filename;
	load.rate = ipb_args_number(a, "rate");
	load.size = (uint32_t)ipb_args_uint(a, "size");
	load.warmup_ns = ipb_args_ns(a, "warmup");
	load.cooldown_ns = ipb_args_ns(a, "cooldown");
	load.samples = ipb_args_uint(a, "samples");
	load.drain_ns = ipb_args_ns(a, "drain");
	load.version = (int)ipb_args_uint(a, "version");
	load.nfs_port = (uint32_t)ipb_args_uint(a, "nfsport");
	load.mount_port = (uint32_t)ipb_args_uint(a, "mountport");
	load.uid = ipb_args_given(a, "uid") ? (int)ipb_args_uint(a, "uid") : -1;
	load.gid = ipb_args_given(a, "gid") ? (int)ipb_args_uint(a, "gid") : -1;
	return 0;
}

static int setup(char *hostname, int port, char *arg)
{
	struct ipb_args a;
	int status;

	(void)port;
	if (ipb_args_parse(&a, options, OPTION_COUNT, arg, 0, &err) < 0)
		return ipb_error_print(&err, "nfs_latency");
	status = read_arguments(&a, hostname);
	ipb_args_free(&a);
	if (status == 0)
		status = load_open(&load, &err);
	return status < 0 ? ipb_error_print(&err, "nfs_latency") : 0;
}

static void report(const struct load *l, int phase, uint64_t elapsed_ns)
{
	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	p->phase = (uint32_t)phase;
	p->elapsed_ns = elapsed_ns;
	p->expected_ns = l->warmup_ns + (uint64_t)((double)l->samples * 1e9 / l->rate) + l->cooldown_ns;
	p->sent = l->sent;
	p->ok = l->ok;
	p->bad = l->bad;
	p->p50_ns = ipb_hist_percentile(&l->response, 50);
	p->p99_ns = ipb_hist_percentile(&l->response, 99);
	p->max_ns = l->response.count > 0 ? l->response.max_ns : 0;
	p->updates++;
}

static int start(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	return load_run(&load, report, &err) < 0 ? ipb_error_print(&err, "nfs_latency") : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	load.stopping = 1;
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	int status = nfs_result_encode(&load, data, size);
	load_close(&load);
	return status;
}

static void cleanup(char **data)
{
	free(*data);
	*data = NULL;
}

/* The block in memory is the bytes that came, checked. */
static int unmarshall(char *input, int len, char **data, int *data_len)
{
	struct nfs_result r;

	if (nfs_result_decode(&r, input, len, &err) < 0)
		return -1;
	nfs_result_free(&r);
	*data = malloc((size_t)len);
	if (*data == NULL)
		return -1;
	memcpy(*data, input, (size_t)len);
	*data_len = len;
	return 0;
}

static double reply_rate(const struct nfs_result *r) { return r->run_ns > 0 ? (double)r->ok * 1e9 / (double)r->run_ns : 0; }

static void metric(struct ipb_json *j, const char *name, double value, const char *unit)
{
	ipb_json_object(j, NULL);
	ipb_json_string(j, "name", name);
	ipb_json_number(j, "value", value);
	ipb_json_string(j, "unit", unit);
	ipb_json_end_object(j);
}

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
	double bits = 8 * (double)r->size;

	ipb_json_object(j, "counts");
	ipb_json_uint(j, "sent", r->sent);
	ipb_json_uint(j, "ok", r->ok);
	ipb_json_uint(j, "lost", r->sent - r->ok - r->bad);
	ipb_json_uint(j, "late", 0);
	ipb_json_uint(j, "corrupt", r->bad);
	ipb_json_uint(j, "duplicate", 0);
	ipb_json_uint(j, "reordered", 0);
	ipb_json_end_object(j);
	ipb_json_object(j, "rates");
	ipb_json_number(j, "requested_bps", r->rate * bits);
	ipb_json_number(j, "sent_bps", r->run_ns > 0 ? (double)r->sent * bits * 1e9 / (double)r->run_ns : 0);
	ipb_json_number(j, "received_bps", reply_rate(r) * bits);
	ipb_json_end_object(j);
}

static void reason(struct ipb_json *j, const char *code, const char *text)
{
	ipb_json_object(j, NULL);
	ipb_json_string(j, "level", "SUSPECT");
	ipb_json_string(j, "code", code);
	ipb_json_string(j, "text", text);
	ipb_json_end_object(j);
}

static void reasons_json(struct ipb_json *j, const struct nfs_result *r)
{
	char text[320];

	ipb_json_array(j, "reasons");
	if (r->skipped > 0) {
		snprintf(text, sizeof text, "%" PRIu64 " reads were not sent because too many were waiting for replies", r->skipped);
		reason(j, "rate-not-reached", text);
	}
	if (r->bad > 0) {
		snprintf(text, sizeof text, "%" PRIu64 " reads failed; the first: %s", r->bad, r->first_error);
		reason(j, "nfs-errors", text);
	}
	ipb_json_end_array(j);
}

static int results(const struct client_data *data, char **json)
{
	struct nfs_result r;
	struct ipb_json j;

	if (nfs_result_decode(&r, data->data, data->size, &err) < 0)
		return -1;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	counts_json(&j, &r);
	ipb_json_object(&j, "latency");
	ipb_summary_json(&j, "response", &r.response);
	ipb_summary_json(&j, "service", &r.service);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "histograms");
	hist_json(&j, "response", &r.response);
	hist_json(&j, "service", &r.service);
	ipb_json_end_object(&j);
	ipb_json_array(&j, "metrics");
	metric(&j, "requested_rate", r.rate, "1/s");
	metric(&j, "reply_rate", reply_rate(&r), "1/s");
	metric(&j, "read_errors", (double)r.bad, "");
	metric(&j, "reads_not_sent", (double)r.skipped, "");
	ipb_json_end_array(&j);
	reasons_json(&j, &r);
	ipb_json_object(&j, "window");
	ipb_json_uint(&j, "start_ns", r.window_start_ns);
	ipb_json_uint(&j, "end_ns", r.window_end_ns);
	ipb_json_end_object(&j);
	ipb_json_end_object(&j);
	nfs_result_free(&r);
	*json = ipb_json_take(&j);
	return *json != NULL ? 0 : -1;
}

/* Mean of the values' distance from their mean, by bucket: exact to the histogram's 0.1 %. */
static double absolute_deviation(const struct ipb_hist *h)
{
	double mean = ipb_hist_mean(h), sum = 0;

	for (uint32_t i = 0; i < IPB_HIST_LENGTH; i++)
		if (h->counts[i] > 0)
			sum += (double)h->counts[i] *
			       fabs((double)ipb_hist_bucket_value(i) + (double)ipb_hist_bucket_width(i) / 2 - mean);
	return h->count > 0 ? sum / (double)h->count : 0;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct totals {
	double requested, replied;
	struct ipb_hist response;
	double *run_s;
	int clients;
};

static void print_row(const struct totals *t)
{
	const struct ipb_hist *h = &t->response;
	double mean = 0, deviation = 0;

	qsort(t->run_s, (size_t)t->clients, sizeof *t->run_s, by_size);
	for (int i = 0; i < t->clients; i++)
		mean += t->run_s[i] / t->clients;
	for (int i = 0; i < t->clients; i++)
		deviation += (t->run_s[i] - mean) * (t->run_s[i] - mean) / t->clients;
	printf("# request_rate,reply_rate,min_us,mean_us,stddev_us,median_us,mean_abs_dev_us,max_us,samples,"
	       "min_run_s,mean_run_s,median_run_s,stddev_run_s,max_run_s\n");
	printf("%.0f,%.1f,%.1f,%.1f,%.2f,%.1f,%.2f,%.1f,%" PRIu64 ",%.6f,%.6f,%.6f,%.6f,%.6f\n", t->requested, t->replied,
	       h->count > 0 ? (double)h->min_ns / 1e3 : 0, ipb_hist_mean(h) / 1e3, ipb_hist_stddev(h) / 1e3,
	       (double)ipb_hist_percentile(h, 50) / 1e3, absolute_deviation(h) / 1e3,
	       h->count > 0 ? (double)h->max_ns / 1e3 : 0, h->count, t->clients > 0 ? t->run_s[0] : 0, mean,
	       t->clients > 0 ? t->run_s[t->clients / 2] : 0, sqrt(deviation), t->clients > 0 ? t->run_s[t->clients - 1] : 0);
}

static int output(struct client_data data[], int n)
{
	struct totals t = { 0 };
	struct nfs_result r;

	if (n < 0 || n > CLIENTS_MAX)
		return ipb_error(&err, "%d clients; at most %d are possible", n, CLIENTS_MAX);
	t.run_s = calloc((size_t)n + 1, sizeof *t.run_s);
	if (t.run_s == NULL || ipb_hist_init(&t.response) < 0) {
		free(t.run_s);
		return ipb_error(&err, "no memory for %d clients", n);
	}
	for (int i = 0; i < n; i++) {
		if (data[i].data == NULL || nfs_result_decode(&r, data[i].data, data[i].size, &err) < 0)
			continue;
		t.requested += r.rate;
		t.replied += reply_rate(&r);
		ipb_hist_merge(&t.response, &r.response);
		t.run_s[t.clients++] = (double)r.run_ns / 1e9;
		nfs_result_free(&r);
	}
	print_row(&t);
	ipb_hist_free(&t.response);
	free(t.run_s);
	return 0;
}

static int expected_duration(const char *args, uint64_t *ns)
{
	struct ipb_args a;

	if (ipb_args_parse(&a, options, OPTION_COUNT, args, 0, &err) < 0)
		return -1;
	*ns = ipb_args_ns(&a, "warmup") + (uint64_t)(ipb_args_number(&a, "samples") * 1e9 / ipb_args_number(&a, "rate")) +
	      ipb_args_ns(&a, "cooldown") + ipb_args_ns(&a, "drain") + 1000000000ull;
	ipb_args_free(&a);
	return 0;
}

IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = {
	.magic = IPBENCH_PLUGIN_MAGIC,
	.name = "nfs_latency",
	.id = 0x6,
	.descr = "Latency of reads over NFS v3 or v4 at a fixed rate",
	.default_port = 2049,
	.type = IPBENCH_CLIENT,
	.setup = setup,
	.setup_controller = setup_controller,
	.start = start,
	.stop = stop,
	.marshall = marshall,
	.marshall_cleanup = cleanup,
	.unmarshall = unmarshall,
	.unmarshall_cleanup = cleanup,
	.output = output,
};

IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = {
	.major = IPBENCH_EXT_MAJOR,
	.minor = IPBENCH_EXT_MINOR,
	.size = sizeof(struct ipbench_plugin_ext),
	.option_size = sizeof(struct ipbench_option),
	.version = "1.0.0",
	.options = options,
	.option_count = OPTION_COUNT,
	.csv_header = "Request_Rate,Reply_Rate,Minimum_Latency,Average_Latency,Stdev_Latency,Median_Latency,"
	              "Mean_Absolute_Deviation,Maximum_Latency,Samples,Minimum_Run,Average_Run,Median_Run,Stdev_Run,"
	              "Maximum_Run",
	.attach = attach,
	.expected_duration = expected_duration,
	.results = results,
	.results_cleanup = cleanup,
};
