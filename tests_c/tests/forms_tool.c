/*
 * Writes marshalled forms of figures that are the same each time on standard output, so that those of two kinds of machines
 * can be compared.  SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../latency/marshal.c"
#include "ipb_report.h"
#include "ipb_requests_codec.h"
#include "ipb_rng.h"
#include "ipb_stats.h"

#define VALUES 20000
#define NUMBERS 2000

static uint64_t samples[VALUES];
static struct ipb_hist hist;
static double means[IPB_BATCHES];

/* marshal.c's other form needs an engine that has run. */
void ipb_engine_report(const struct ipb_engine *e, struct ipb_json *j)
{
	(void)e;
	ipb_json_array(j, "numbers");
	for (uint32_t i = 0; i < IPB_BATCHES; i++)
		ipb_json_number(j, NULL, means[i]);
	ipb_json_end_array(j);
}

static int put(char *data, int size)
{
	const int failed = data == NULL || fwrite(data, 1, (size_t)size, stdout) != (size_t)size;

	free(data);
	return failed;
}

static int latency_forms(void)
{
	const struct ipb_engine_result r = {
		.counts = { .sent = VALUES + 3, .ok = VALUES, .lost = 2, .late = 1 }, .window_start_ns = 17, .window_end_ns = 2000000017,
		.requested_bps = 1e9 / 3, .sent_bps = 1e9 / 7, .received_bps = 1e9 / 9, .packet_size = 1e3 / 3, .response = &hist,
		.service = &hist, .lateness = &hist, .samples_ns = samples, .samples_kept = VALUES,
	};
	char *data;
	int size;

	if (latency_marshal_original(&r, VALUES, &data, &size) < 0 || put(data, size))
		return -1;
	return latency_marshal_extended(&r, NULL, 1, 1, &data, &size) < 0 || put(data, size) ? -1 : 0;
}

static int requests_form(void)
{
	struct ipb_requests_result r = {
		.counts = { .sent = VALUES, .ok = VALUES }, .window_start_ns = 5, .window_end_ns = 5000000005, .requested_rate = 1e5 / 3,
		.sent_rate = 1e5 / 7, .completed_rate = 1e5 / 9, .requested_bps = -1, .sent_bps = 1e9 / 11, .received_bps = 1e9 / 13,
		.response = &hist, .service = &hist, .lateness = &hist, .connect = &hist, .first_byte = &hist,
	};
	const double extra[] = { 1.0 / 3, -1 };
	char *data;
	int size;

	return ipb_requests_encode(&r, 1, extra, 2, NULL, 0, &data, &size) < 0 || put(data, size) ? -1 : 0;
}

/* Numbers as text: what most plugins send. */
static int report_form(struct ipb_rng *rng)
{
	struct ipb_json j;
	char *data;
	int size;
	double mean;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "numbers");
	for (int i = 0; i < NUMBERS; i++)
		ipb_json_number(&j, NULL, (ipb_rng_unit(rng) - 0.5) * (double)(1ull << ipb_rng_below(rng, 60)) / 3);
	ipb_json_end_array(&j);
	ipb_json_number(&j, "half_width", ipb_batch_half_width(means, NULL, IPB_BATCHES, &mean));
	ipb_json_number(&j, "mean", mean);
	ipb_json_end_object(&j);
	return ipb_report_marshall("1,2,3\n", ipb_json_take(&j), &data, &size) < 0 || put(data, size) ? -1 : 0;
}

int main(void)
{
	struct ipb_rng rng;

	ipb_rng_seed(&rng, 21);
	if (ipb_hist_init(&hist) < 0)
		return 1;
	for (int i = 0; i < VALUES; i++) {
		samples[i] = ipb_rng_next(&rng) >> (24 + ipb_rng_below(&rng, 30));
		ipb_hist_record(&hist, samples[i]);
	}
	for (uint32_t i = 0; i < IPB_BATCHES; i++)
		means[i] = ipb_rng_unit(&rng) * 1e6;
	return latency_forms() < 0 || requests_form() < 0 || report_form(&rng) < 0 || fflush(stdout) != 0;
}
