/* link: ../client_wrapper/wrapper.c ../client_wrapper/words.c ../client_wrapper/program.c ../nfs_latency/nfs_result.c */
/* Any bytes as the results of the wrappers, of nfs_latency and of the tests that send text and JSON, and any text as a
 * command. The first byte chooses.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../client_wrapper/wrapper.h"
#include "../nfs_latency/nfs_result.h"
#include "ipb_json.h"
#include "ipb_report.h"

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
	wrapper_free(&d.data);
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
	if (r.ok > r.sent || r.bad > r.sent - r.ok)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const run[])(const char *, int) = { wrapper, report, nfs, command };

	if (size > 0)
		run[data[0] % 4]((const char *)data + 1, (int)size - 1);
	return 0;
}
