/* link: client_wrapper/wrapper.o client_wrapper/words.o client_wrapper/program.o nfs_latency/nfs_result.o nfs_latency/tally.o cpu_target/burner.o sink/flows.o */
/* Any bytes as the results of the wrappers, of nfs_latency, of the tests of requests and of those that send text and JSON, and any text as a
 * command, as a list of CPUs and as packets that sink counts. The first byte chooses.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../client_wrapper/wrapper.h"
#include "../../cpu_target/burner.h"
#include "../../nfs_latency/nfs_result.h"
#include "../../sink/flows.h"
#include "ipb_json.h"
#include "ipb_report.h"
#include "ipb_requests_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void json_is_well_formed(char *json)
{
	if (ipb_json_check(json, strlen(json)) != 0)
		abort();
	free(json);
}

static void wrapper(const char *bytes, int size)
{
	struct client_data d = { 0 };
	char *json;

	if (wrapper_unmarshall(bytes, size, &d.data, &d.size, NULL) < 0)
		return;
	if (wrapper_results(&d, &json) == 0)
		json_is_well_formed(json);
	ipb_report_free(&d.data);
}

static void report(const char *bytes, int size)
{
	struct client_data d = { 0 };
	char *json;

	if (ipb_report_unmarshall(bytes, size, &d.data, &d.size, NULL) < 0)
		return;
	if (ipb_report_results(&d, NULL, &json) == 0)
		json_is_well_formed(json);
	ipb_report_free(&d.data);
}

static void nfs(const char *bytes, int size)
{
	struct nfs_result r;

	if (nfs_result_decode(&r, bytes, size, NULL) < 0)
		return;
	if (r.tally.ok > r.tally.sent || r.tally.bad > r.tally.sent - r.tally.ok)
		abort();
	nfs_result_free(&r);
}

static void command(const char *bytes, int size)
{
	char *text = malloc((size_t)size + 1);
	struct words w;

	memcpy(text, bytes, (size_t)size);
	text[size] = '\0';
	if (words_parse(&w, text, NULL) == 0) {
		words_allow(&w, "/usr/bin:/bin", "argument start", NULL);
		words_free(&w);
	}
	free(text);
}

static void cpus(const char *bytes, int size)
{
	static int list[BURNER_CPUS_MAX];
	char *text = malloc((size_t)size + 1);

	memcpy(text, bytes, (size_t)size);
	text[size] = '\0';
	if (burner_parse_cpus(text, list, NULL) > BURNER_CPUS_MAX)
		abort();
	free(text);
}

static void packets(const char *bytes, int size)
{
	static struct flows flows;
	struct flow_totals t;

	for (int at = 0; at < size; at += 48)
		flows_count(&flows, (const uint8_t *)bytes + at, (size_t)(size - at < 48 ? size - at : 48), 48, (uint64_t)size % 3,
		            (uint64_t)at);
	flows_totals(&flows, &t);
	if (t.measured_sent > 0 && !(t.loss >= 0 && t.loss <= 1))
		abort();
	flows_free(&flows);
}

static void requests(const char *bytes, int size)
{
	static const struct ipbench_metric metrics[] = { IPB_REQ_METRIC_ROWS };
	const struct client_data d = { .valid = 1, .data = (char *)bytes, .size = size };
	struct ipb_requests_record r;

	if (ipb_requests_decode(&r, 0x30, IPB_REQ_COMMON_METRICS, bytes, size, NULL) < 0)
		return;
	if (r.counts.ok > r.counts.sent)
		abort();
	char *json = ipb_requests_json(&r, metrics);
	if (json != NULL)
		json_is_well_formed(json);
	if (ipb_requests_print((struct client_data[]){ d, d }, 2, 0x30, IPB_REQ_COMMON_METRICS, NULL) < 0)
		abort();
}

static char *sound_requests(int *size)
{
	struct ipb_hist h = { 0 }, none = { 0 };
	struct ipb_requests_result r = { .counts = { .sent = 13, .ok = 10, .lost = 2, .late = 1 }, .window_end_ns = 5000000000,
		                         .response = &h, .service = &h, .lateness = &h, .connect = &none, .first_byte = &h };
	const char *members = "\"reasons\":[]";
	char *wire = NULL;

	if (ipb_hist_init(&h) < 0 || ipb_hist_init(&none) < 0)
		abort();
	for (uint64_t v = 1; v <= 10; v++)
		ipb_hist_record(&h, v * v * 100000);
	if (ipb_requests_encode(&r, 0x30, NULL, 0, members, strlen(members), &wire, size) < 0)
		abort();
	ipb_hist_free(&h);
	ipb_hist_free(&none);
	return wire;
}

/* A sound result of requests with bytes of it changed: what is behind the first fields is reached, too. Each change is a place
 * (two bytes) and a byte; the last place cuts it. */
static void requests_changed(const char *bytes, int size)
{
	static char *sound;
	static int sound_size;

	if (sound == NULL)
		sound = sound_requests(&sound_size);
	char *changed = malloc((size_t)sound_size);
	memcpy(changed, sound, (size_t)sound_size);
	for (int at = 0; at + 3 <= size; at += 3)
		changed[((uint8_t)bytes[at] << 8 | (uint8_t)bytes[at + 1]) % sound_size] = bytes[at + 2];
	requests(changed, size % 3 == 2 ? (uint8_t)bytes[size - 1] * sound_size / 256 : sound_size);
	free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const run[])(const char *, int) = { wrapper, report, nfs, command, cpus, packets, requests,
	                                                  requests_changed };

	static FILE *nowhere;

	if (nowhere == NULL) /* rows that are printed */
		nowhere = freopen("/dev/null", "w", stdout);
	if (size > 0)
		run[data[0] % (sizeof run / sizeof *run)]((const char *)data + 1, (int)size - 1);
	return 0;
}
