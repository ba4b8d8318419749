/*
 * nfs_latency: how long a file server takes to answer reads, at a fixed rate; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "nfs_latency"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_plugin.h"
#include "nfs_result.h"

#define TEXT_MAX 512

static const struct ipbench_option options[] = {
	{ "path", "string", "", "/tmp/%h", "", "Exported directory; %h becomes the tester's host name.", 0, 0 },
	{ "filename", "string", "", "bench.file", "", "File to read, below path; %h as in path.", 0, 0 },
	{ "rate", "float", "1/s", "10000", "0.1..5000000", "Reads a second.", 0, 0 },
	{ "size", "size", "byte", "4096", "1..1Mi", "Bytes of a read; they go through the file from its beginning, again and again.", 0, 0 },
	{ "warmup", "time", "s", "0", "0..24h", "Phase before the measured one, at the same rate and not counted.", 0, 0 },
	{ "cooldown", "time", "s", "0", "0..24h", "Phase after it.", 0, 0 },
	{ "samples", "int", "", "20000", "1..1000000000", "Reads of the measured phase.", 0, 0 },
	{ "drain", "time", "s", "2", "0..1h", "How long to wait for the last replies; what has not come by then is lost.", 0, 0 },
	{ "version", "int", "", "3", "3..4", "Version of NFS.", 0, 0 },
	{ "nfsport", "int", "", "0", "0..65535", "TCP port of the NFS server; 0 asks its port mapper (v3), or is 2049 (v4).", 0, 0 },
	{ "mountport", "int", "", "0", "0..65535", "TCP port of its mount service (v3); 0 asks the port mapper.", 0, 0 },
	{ "uid", "int", "", "", "0..4294967294", "User to be for the server; the daemon's when not given.", 0, 0 },
	{ "gid", "int", "", "", "0..4294967294", "Group to be for the server.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static struct load load;
static char target[TEXT_MAX], path[TEXT_MAX], filename[TEXT_MAX];

/* Copies an argument, with the tester's host name for every %h. */
static int expand(char *to, const char *from, const char *what)
{
	char name[HOST_NAME_MAX + 1] = "";
	size_t used = 0;

	if (gethostname(name, sizeof name - 1) < 0)
		return ipb_error_errno(&err, errno, "%s: this tester's host name is not known", what);
	for (; *from != '\0'; from++) {
		int is_name = from[0] == '%' && from[1] == 'h';
		size_t size = is_name ? strlen(name) : 1;
		if (used + size >= TEXT_MAX)
			return ipb_error(&err, "%s is longer than %d bytes", what, TEXT_MAX - 1);
		memcpy(to + used, is_name ? name : from, size);
		used += size;
		from += is_name;
	}
	to[used] = '\0';
	return 0;
}

static int read_arguments(const struct ipb_args *a, const char *hostname)
{
	if (strlen(hostname) >= TEXT_MAX)
		return ipb_error(&err, "the target's name is longer than %d bytes", TEXT_MAX - 1);
	strcpy(target, hostname);
	if (expand(path, ipb_args_string(a, "path"), "argument path") < 0 ||
	    expand(filename, ipb_args_string(a, "filename"), "argument filename") < 0)
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
	load.has_uid = ipb_args_given(a, "uid");
	load.has_gid = ipb_args_given(a, "gid");
	load.uid = (uint32_t)ipb_args_uint(a, "uid");
	load.gid = (uint32_t)ipb_args_uint(a, "gid");
	return 0;
}

static int setup(char *hostname, int port, char *arg)
{
	struct ipb_args a;
	int status;

	(void)port;
	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	status = read_arguments(&a, hostname);
	ipb_args_free(&a);
	if (status == 0 && !ipb_plugin_extended() && load.samples > NFS_ORIGINAL_SAMPLES_MAX)
		status = ipb_error(&err, "argument samples: out of range; with a controller of the original's line it takes 1..%u",
		                   NFS_ORIGINAL_SAMPLES_MAX);
	load.keep_times = !ipb_plugin_extended();
	if (status == 0)
		status = load_open(&load, &err);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static void report(const struct load *l, int phase, uint64_t elapsed_ns)
{
	const struct tally *t = &l->tally;

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, (uint32_t)phase);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, elapsed_ns);
	IPBENCH_PROGRESS_SET(p, expected_ns,
	                     l->warmup_ns + (uint64_t)((double)l->samples * 1e9 / l->rate) + l->cooldown_ns);
	IPBENCH_PROGRESS_SET(p, sent, t->sent);
	IPBENCH_PROGRESS_SET(p, ok, t->ok);
	IPBENCH_PROGRESS_SET(p, bad, t->bad);
	IPBENCH_PROGRESS_SET(p, p50_ns, ipb_hist_percentile(&t->response, 50));
	IPBENCH_PROGRESS_SET(p, p99_ns, ipb_hist_percentile(&t->response, 99));
	IPBENCH_PROGRESS_SET(p, p999_ns, ipb_hist_percentile(&t->response, 99.9));
	IPBENCH_PROGRESS_SET(p, unknown, IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_RATE | IPBENCH_UNKNOWN_SENT_RATE);
	IPBENCH_PROGRESS_SET(p, max_ns, t->response.count > 0 ? t->response.max_ns : 0);
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

static int start(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	if (load_run(&load, report, &err) < 0)
		return ipb_plugin_fail();
	/* Such a controller cannot tell a short result from a whole one. */
	if (!ipb_plugin_extended() && load.tally.kept < load.samples) {
		ipb_error(&err, "%" PRIu64 " of %" PRIu64 " reads were answered well, and a controller of the original's line needs all of "
		          "them%s%s", load.tally.kept, load.samples, load.first_error[0] != '\0' ? "; the first that was not: " : "",
		          load.first_error);
		return ipb_plugin_fail();
	}
	return 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&load.stopping);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	int status = !ipb_plugin_extended() ? nfs_result_encode_original(&load.tally, data, size) : nfs_result_encode(&load, data, size);
	load_close(&load);
	return status;
}

/* The block in memory is the bytes that came, checked. */
static int unmarshall(char *input, int len, char **data, int *data_len)
{
	struct nfs_result r;

	if (nfs_result_decode(&r, input, len, &err) < 0)
		return -1;
	nfs_result_free(&r);
	return ipb_plugin_keep(input, len, data, data_len);
}

static int results(const struct client_data *data, char **json)
{
	struct nfs_result r;

	if (nfs_result_decode(&r, data->data, data->size, &err) < 0)
		return -1;
	*json = nfs_json(&r);
	nfs_result_free(&r);
	return *json != NULL ? 0 : ipb_error(&err, "no memory for the result");
}

static int output(struct client_data data[], int n)
{
	return nfs_output(data, n, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int expected_duration(const char *args, uint64_t *ns)
{
	struct ipb_args a;

	if (ipb_plugin_args(&a, args) < 0)
		return -1;
	*ns = ipb_args_ns(&a, "warmup") + (uint64_t)(ipb_args_number(&a, "samples") * 1e9 / ipb_args_number(&a, "rate")) +
	      ipb_args_ns(&a, "cooldown") + ipb_args_ns(&a, "drain") + 1000000000ull;
	ipb_args_free(&a);
	return 0;
}

IPB_PLUGIN(
	.id = 0x6,
	.descr = "Latency of reads over NFS v3 or v4 at a fixed rate",
	.default_port = 2049,
	IPB_PLUGIN_BLOCK
);

static const struct ipbench_metric metrics[] = {
	{ "requested_rate", "1/s", "Reads a second that were asked for", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "sent_rate", "1/s", "Reads a second that were sent in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "reply_rate", "1/s", "Reads a second that were answered in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "run_time", "s", "Length of the measured phase", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "read_errors", "", "Reads that failed", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "reads_not_sent", "", "Reads that were due and not sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
};

IPB_PLUGIN_EXT(
	options,
	.needs_target = 1,
	.csv_header = "Request_Rate,Reply_Rate,Minimum_Latency,Average_Latency,Stdev_Latency,Median_Latency,"
	              "Mean_Absolute_Deviation,Maximum_Latency,Samples,Minimum_Run,Average_Run,Stdev_Run,Median_Run,"
	              "Maximum_Run",
	.expected_duration = expected_duration,
	.results = results,
	IPBENCH_METRICS(metrics)
);
