/* Any bytes as iperf3's parameters, results and datagrams, and as iperf2's report. The first byte chooses.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"
#include "iperf2.h"
#include "iperf3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void params(const uint8_t *data, size_t size)
{
	struct iperf3_params p, q;
	int code = 0;

	if (iperf3_params_decode((const char *)data, size, &p, &code, NULL) < 0) {
		if (code == 0)
			abort();
		return;
	}
	char *text = iperf3_params_encode(&p);
	if (text == NULL || ipb_json_check(text, strlen(text)) < 0 ||
	    iperf3_params_decode(text, strlen(text), &q, &code, NULL) < 0 || memcmp(&p, &q, sizeof p) != 0)
		abort();
	free(text);
}

static void results(const uint8_t *data, size_t size)
{
	static struct iperf3_results r;

	if (iperf3_results_decode((const char *)data, size, &r, NULL) < 0)
		return;
	char *text = iperf3_results_encode(&r);
	if (text == NULL || ipb_json_check(text, strlen(text)) < 0)
		abort();
	free(text);
}

static void datagrams(const uint8_t *data, size_t size)
{
	struct iperf3_udp u = { 0 };
	uint8_t reply[IPERF3_HELLO_SIZE], another[IPERF3_HELLO_SIZE];

	if (iperf3_reply(data, size, reply) && iperf3_reply(reply, sizeof reply, another))
		abort();
	iperf3_is_reply(data, size);
	for (size_t at = 0; at < size; at += 16) {
		size_t n = size - at < 16 ? size - at : 16;
		iperf3_udp_take(&u, data + at, n, n, at * 1000, size & 1);
	}
	if (u.bytes != size || u.errors > u.highest)
		abort();
}

static void report(const uint8_t *data, size_t size)
{
	struct iperf2_report r;

	if (iperf2_report_decode(data, size, &r) == 0 && (r.seconds < 0 || r.jitter < 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const run[])(const uint8_t *, size_t) = { params, results, datagrams, report };

	if (size > 0)
		run[data[0] % 4](data + 1, size - 1);
	return 0;
}
