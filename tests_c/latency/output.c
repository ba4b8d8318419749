/* The row that is printed, the dump files and the result document's part.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipb_json.h"
#include "ipb_results.h"
#include "ipb_summary.h"
#include "latency.h"

#define PATH_MAX_BYTES 4096

static const struct latency_result *result_of(const struct client_data *d)
{
	return d->data != NULL && d->size == (int)sizeof(struct latency_result) ? (const struct latency_result *)d->data : NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Element n/2 of the sorted samples of all clients, when each has all of them; else from the histogram. */
static uint64_t median_ns(const struct client_data data[], int n, const struct ipb_hist *all)
{
	uint64_t count = 0, median;

	for (int i = 0; i < n; i++) {
		const struct latency_result *r = result_of(&data[i]);
		if (r != NULL && r->samples != r->rtt->summary.count)
			return ipb_hist_percentile(all, 50);
		count += r != NULL ? r->samples : 0;
	}
	uint64_t *sorted = count > 0 ? malloc(count * sizeof *sorted) : NULL;
	if (sorted == NULL)
		return ipb_hist_percentile(all, 50);
	uint64_t at = 0;
	for (int i = 0; i < n; i++) {
		const struct latency_result *r = result_of(&data[i]);
		if (r != NULL && r->samples > 0) {
			memcpy(sorted + at, r->sample_ns, r->samples * sizeof *sorted);
			at += r->samples;
		}
	}
	qsort(sorted, count, sizeof *sorted, compare);
	median = sorted[count / 2];
	free(sorted);
	return median;
}

int latency_check_dump_dir(const char *dir, struct ipb_error *err)
{
	struct stat about;

	if (stat(dir, &about) < 0)
		return ipb_error_errno(err, errno, "argument dump_dir: cannot use %.300s", dir);
	if (!S_ISDIR(about.st_mode))
		return ipb_error(err, "argument dump_dir: %.300s is not a directory", dir);
	if (access(dir, W_OK | X_OK) < 0)
		return ipb_error_errno(err, errno, "argument dump_dir: cannot write to %.300s", dir);
	return 0;
}

/* A dump's file, empty. A folder may be one where others can put things: what is there in its place and is a link, a pipe
 * or a file with further names is left as it is. */
static FILE *open_dump(const char *path, struct ipb_error *err)
{
	FILE *file = NULL;
	struct stat about;
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);

	if (fd < 0 && errno == ELOOP) {
		ipb_error(err, "dump_dir: %s is a symbolic link, which is not followed", path);
	} else if (fd < 0) {
		ipb_error_errno(err, errno, "dump_dir: cannot write %s", path);
	} else if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) || about.st_nlink != 1) {
		ipb_error(err, "dump_dir: %s is not a file of its own", path);
	} else if (ftruncate(fd, 0) < 0 || (file = fdopen(fd, "w")) == NULL) {
		ipb_error_errno(err, errno, "dump_dir: cannot write %s", path);
	}
	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

static int dump(const struct latency_result *r, int client, const struct latency_output *how, struct ipb_error *err)
{
	char path[PATH_MAX_BYTES];
	int size = snprintf(path, sizeof path, "%s/%s_%d.dmp", how->dump_dir, how->dump_prefix, client);

	if (size < 0 || (size_t)size >= sizeof path)
		return ipb_error(err, "dump_dir: the path is too long");
	FILE *file = open_dump(path, err);
	if (file == NULL)
		return -1;
	for (uint64_t i = 0; i < r->samples && !ferror(file); i++)
		fprintf(file, "%" PRIu64 "\n", r->sample_ns[i] / 1000);
	int broken = ferror(file);
	if (fclose(file) != 0 || broken)
		return ipb_error_errno(err, errno, "dump_dir: cannot write %s", path);
	return 0;
}

/* Adds what the row prints of one client. An original's samples are exact, and stay so. */
static int add_rtt(struct ipb_hist *all, const struct latency_result *r, struct ipb_hist *scratch)
{
	if (r->form == IPBENCH_FORM_ORIGINAL) {
		ipb_hist_reset(scratch);
		for (uint64_t i = 0; i < r->samples; i++)
			ipb_hist_record(scratch, r->sample_ns[i]);
	} else if (latency_hist_open(r->rtt, scratch) < 0) {
		return -1;
	}
	ipb_hist_merge(all, scratch);
	return 0;
}

int latency_print(const struct client_data data[], int n, const struct latency_output *how, struct ipb_error *err)
{
	struct ipb_hist all = { 0 }, scratch = { 0 };
	uint64_t requested = 0, achieved = 0, sent = 0, size = 0, bad = 0;
	int status = 0;

	if (ipb_hist_init(&all) < 0 || ipb_hist_init(&scratch) < 0) {
		status = ipb_error(err, "no memory for a histogram");
		goto done;
	}
	for (int i = 0; i < n; i++) {
		const struct latency_result *r = result_of(&data[i]);
		if (r == NULL)
			continue;
		requested += r->requested_bps;
		achieved += r->achieved_bps;
		sent += r->sent_bps;
		bad += r->bad;
		size = size == 0 ? r->size : size;
		if (add_rtt(&all, r, &scratch) < 0)
			status = ipb_error(err, "the histogram of client %d cannot be read", i);
		if (how->dump_dir[0] != '\0' && dump(r, r->client >= 0 ? r->client : i, how, err) < 0)
			ipb_warn(LATENCY_CHECK ? "latency-check" : "latency", "%s", ipb_error_text(err));
	}
	printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.2f,%" PRIu64, requested,
	       achieved, sent, size, all.count > 0 ? all.min_ns / 1000 : 0, (uint64_t)(ipb_hist_mean(&all) / 1000),
	       all.max_ns / 1000, ipb_hist_stddev(&all) / 1000, median_ns(data, n, &all) / 1000);
	if (LATENCY_CHECK)
		printf(",%" PRIu64, bad);
	printf(how->with_cpu_target ? "," : "\n");
done:
	ipb_hist_free(&all);
	ipb_hist_free(&scratch);
	return status;
}

static void json_hist(struct ipb_json *j, const char *key, const struct latency_hist *h)
{
	if (h->bytes == NULL)
		ipb_json_null(j, key);
	else
		ipb_json_base64(j, key, h->bytes, h->size);
}

char *latency_json(const struct latency_result *r)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	if (r->has_hists)
		ipb_results_counts(&j, &r->counts);
	ipb_json_object(&j, "rates");
	ipb_json_uint(&j, "requested_bps", r->requested_bps);
	ipb_json_uint(&j, "sent_bps", r->sent_bps);
	ipb_json_uint(&j, "received_bps", r->achieved_bps);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "latency");
	ipb_summary_write(&j, "response", &r->response.summary);
	ipb_summary_write(&j, "service", &r->service.summary);
	ipb_json_end_object(&j);
	ipb_json_object(&j, "histograms");
	json_hist(&j, "response", &r->response);
	json_hist(&j, "service", &r->service);
	if (r->has_hists)
		json_hist(&j, "lateness", &r->lateness);
	ipb_json_end_object(&j);
	if (LATENCY_CHECK) {
		ipb_json_array(&j, "metrics");
		ipb_json_object(&j, NULL);
		ipb_json_string(&j, "name", "bad_packets");
		ipb_json_uint(&j, "value", r->bad);
		ipb_json_string(&j, "unit", "packets");
		ipb_json_end_object(&j);
		ipb_json_end_array(&j);
	}
	if (r->json != NULL)
		ipb_json_members(&j, r->json + 1, r->json_size);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

int latency_results(const struct client_data *data, char **json, struct ipb_error *err)
{
	*json = data->data != NULL ? latency_json((const struct latency_result *)data->data) : NULL;
	return *json != NULL ? 0 : ipb_error(err, "no memory for the result");
}
