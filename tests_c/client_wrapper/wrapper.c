/* Commands and result of the wrappers; see wrapper.h.  SPDX-License-Identifier: MIT */
#include "wrapper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipb_args.h"
#include "ipb_bytes.h"
#include "ipb_json.h"
#include "ipb_results.h"

/* The extended form: magic, exit status of start and of output (each + 1, 0: not run), time that start ran in ns, size
 * of the output, output. */
#define MAGIC "IPBWRAP1"
#define HEADER 32
#define FIGURE_MARK "metric:"
#define FIGURE_LINE 120 /* bytes of such a line that are read */
#define FIGURE_NAME 40
#define FIGURE_UNIT 15
#define FIGURES 64      /* of one program; further ones are ignored */

const struct ipbench_option wrapper_options[WRAPPER_OPTIONS] = {
	{ "start", "string", "", "", "", "Program that is the test, with arguments: an absolute path below a --allow-exec directory.", 0, 0 },
	{ "stop", "string", "", "", "", "Program that is run when the test ends.", 0, 0 },
	{ "output", "string", "", "", "", "Program whose standard output is the result; without it that of start is (client only).", 0, 0 },
	{ "timeout", "time", "s", "1h", "0.01..168h", "Longest time that start may run.", 0, 0 },
	{ "output_timeout", "time", "s", "60", "0.01..1h", "Longest time that stop and output may run, each.", 0, 0 },
};

static int command(const struct ipb_args *a, const char *name, struct words *w, struct ipb_error *err)
{
	char what[64];

	memset(w, 0, sizeof *w);
	if (*ipb_args_string(a, name) == '\0')
		return 0;
	snprintf(what, sizeof what, "argument %s", name);
	if (words_parse(w, ipb_args_string(a, name), err) < 0)
		return -1;
	return words_allow(w, getenv(ALLOW_VARIABLE), what, err);
}

int wrapper_setup(struct wrapper *w, const char *arguments, struct ipb_error *err)
{
	struct ipb_args a;
	int status;

	memset(w, 0, sizeof *w);
	w->start_status = w->output_status = -1;
	if (ipb_args_parse(&a, wrapper_options, WRAPPER_OPTIONS, arguments, 0, err) < 0)
		return -1;
	w->timeout_ns = ipb_args_ns(&a, "timeout");
	w->output_timeout_ns = ipb_args_ns(&a, "output_timeout");
	status = command(&a, "start", &w->start, err);
	if (status == 0)
		status = command(&a, "stop", &w->stop, err);
	if (status == 0)
		status = command(&a, "output", &w->output, err);
	if (status == 0 && w->start.count == 0)
		status = ipb_error(err, "argument start is missing: start=\"/path/of/program its arguments\"");
	ipb_args_free(&a);
	return status;
}

void wrapper_begin(struct wrapper *w) { atomic_store_explicit(&w->busy, 1, memory_order_release); }

void wrapper_end(struct wrapper *w) { atomic_store_explicit(&w->busy, 0, memory_order_release); }

void wrapper_wait(const struct wrapper *w)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	for (int waited = 0; atomic_load_explicit(&w->busy, memory_order_acquire) && waited < WRAPPER_STOP_MS; waited += 2)
		nanosleep(&pause, NULL);
}

int wrapper_marshall(struct wrapper *w, int extended, char **data, int *size, struct ipb_error *err)
{
	struct ipb_writer out;
	struct program p;
	int status = 0;

	if (w->output.count > 0) {
		free(w->data);
		w->data = NULL;
		w->size = 0;
		status = program_start(&p, &w->output, 1, err);
		if (status == 0)
			status = program_finish(&p, NULL, w->output_timeout_ns, &w->data, &w->size, &w->output_status, err);
	}
	size_t header = extended ? HEADER : 0;
	*data = malloc(header + w->size + 1);
	*size = 0;
	if (*data == NULL)
		return ipb_error(err, "no memory for a result of %zu bytes", w->size);
	ipb_writer_init(&out, *data, header + w->size);
	if (extended) {
		ipb_write_bytes(&out, MAGIC, 8);
		ipb_write_u32(&out, (uint32_t)(w->start_status + 1));
		ipb_write_u32(&out, (uint32_t)(w->output_status + 1));
		ipb_write_u64(&out, w->ran_ns);
		ipb_write_u64(&out, w->size);
	}
	ipb_write_bytes(&out, w->data, w->size);
	*size = (int)ipb_writer_size(&out);
	free(w->data);
	w->data = NULL;
	w->size = 0;
	return status == 0 ? 0 : -1;
}

/* Our own form in memory is always the extended one. */
int wrapper_unmarshall(const char *input, int len, char **data, int *data_len, struct ipb_error *err)
{
	struct ipb_reader r;
	int ours = len >= HEADER && memcmp(input, MAGIC, 8) == 0;

	if (len < 0 || (len > 0 && input == NULL))
		return ipb_error(err, "the result is missing");
	if (len > WRAPPER_RESULT_MAX)
		return ipb_error(err, "the result has %d bytes; at most %d are possible", len, WRAPPER_RESULT_MAX);
	if (ours) {
		ipb_reader_init(&r, input + 24, 8);
		if (ipb_read_u64(&r) != (uint64_t)(len - HEADER))
			return ipb_error(err, "the result's own size is not that of its %d bytes", len);
	}
	size_t header = ours ? 0 : HEADER;
	*data = calloc(1, header + (size_t)len + 1);
	if (*data == NULL)
		return ipb_error(err, "no memory for a result of %d bytes", len);
	if (len > 0)
		memcpy(*data + header, input, (size_t)len);
	*data_len = (int)header + len;
	return 0;
}

static int whole(const struct client_data *data) { return data->data != NULL && data->size >= HEADER; }

int wrapper_print(const struct client_data *data)
{
	if (!whole(data))
		return 0;
	fwrite(data->data + HEADER, 1, (size_t)data->size - HEADER, stdout);
	/* The next client's or target's text begins a line of its own. */
	if (data->size > HEADER ? data->data[data->size - 1] != '\n' : data->type == IPBENCH_CLIENT)
		putchar('\n');
	return 0;
}

const struct ipbench_metric wrapper_metrics[WRAPPER_METRICS] = {
	{ "start_exit_status", "", "Exit status of the program that start names", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "output_exit_status", "", "Exit status of the program that output names", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "run_time", "s", "How long the program that start names ran", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "output_bytes", "byte", "What the program that output names printed", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "sum_*", "", "A figure that the program prints, and that adds up over several", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "mean_*", "", "A figure that the program prints; the mean of several", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "max_*", "", "A figure that the program prints; the largest of several", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
	{ "min_*", "", "A figure that the program prints; the smallest of several", IPBENCH_TOTAL_MIN, IPBENCH_BETTER_UNKNOWN },
};

/* "sum_throughput 344.97 MB/s", the rest of a line: 0, or -1 when it is no figure. */
static int figure(const char *line, char name[FIGURE_NAME + 1], double *value, char unit[FIGURE_UNIT + 1])
{
	static const char *const kinds[] = { "sum_", "mean_", "max_", "min_" };
	char number[40], more;
	char *end;
	size_t begins = 0;

	unit[0] = '\0';
	const int words = sscanf(line, "%40s %39s %15s %c", name, number, unit, &more);
	if (words != 2 && words != 3)
		return -1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && begins == 0; i++)
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			begins = strlen(kinds[i]);
	if (begins == 0 || name[begins] == '\0' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(name))
		return -1;
	*value = strtod(number, &end);
	return *end == '\0' && isfinite(*value) ? 0 : -1;
}

/* Figures that the program has printed, a line each behind FIGURE_MARK. Gives how many such lines were none. */
static int figures(const char *text, size_t size, struct ipb_json *j, char bad[FIGURE_LINE + 1])
{
	int count = 0, wrong = 0;

	for (const char *at = text, *end = text + size, *next; at < end && count < FIGURES; at = next) {
		char line[FIGURE_LINE + 1], name[FIGURE_NAME + 1], unit[FIGURE_UNIT + 1];
		double value;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline != NULL ? newline : end) - at);
		next = newline != NULL ? newline + 1 : end;
		if (length < strlen(FIGURE_MARK) || memcmp(at, FIGURE_MARK, strlen(FIGURE_MARK)) != 0)
			continue;
		if (length > FIGURE_LINE)
			length = FIGURE_LINE;
		memcpy(line, at, length);
		line[length] = '\0';
		if (figure(line + strlen(FIGURE_MARK), name, &value, unit) < 0) {
			if (wrong++ == 0)
				memcpy(bad, line, length + 1);
			continue;
		}
		ipb_results_metric(j, name, value, unit);
		count++;
	}
	return wrong;
}

int wrapper_results(const struct client_data *data, char **json)
{
	struct ipb_reader r;
	struct ipb_json j;
	char bad[FIGURE_LINE + 1];

	if (!whole(data))
		return -1;
	ipb_reader_init(&r, data->data + 8, HEADER - 8);
	uint32_t start = ipb_read_u32(&r), output = ipb_read_u32(&r);
	double ran_s = (double)ipb_read_u64(&r) / 1e9;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	if (memcmp(data->data, MAGIC, 8) == 0) {
		if (start > 0)
			ipb_results_metric(&j, "start_exit_status", start - 1, "");
		if (output > 0)
			ipb_results_metric(&j, "output_exit_status", output - 1, "");
		ipb_results_metric(&j, "run_time", ran_s, "s");
	}
	ipb_results_metric(&j, "output_bytes", data->size - HEADER, "byte");
	const int wrong = figures(data->data + HEADER, (size_t)data->size - HEADER, &j, bad);
	ipb_json_end_array(&j);
	if (wrong > 0) {
		ipb_json_array(&j, "reasons");
		ipb_results_reason(&j, 0, "program-figure", "the program printed %d lines that begin \"" FIGURE_MARK "\" and hold no figure, "
		                   "such as \"%s\": wanted is \"" FIGURE_MARK " NAME NUMBER UNIT\", NAME beginning sum_, mean_, max_ or min_",
		                   wrong, bad);
		ipb_json_end_array(&j);
	}
	ipb_json_end_object(&j);
	*json = ipb_json_take(&j);
	return *json != NULL ? 0 : -1;
}
