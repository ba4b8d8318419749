/* The result of a test of requests: there and back, cut at every byte, every byte changed.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_requests_codec.h"

#define TEST 0x30
#define METRICS (IPB_REQ_COMMON_METRICS + 2)
#define MEMBERS "\"reasons\":[{\"level\":\"SUSPECT\",\"code\":\"steal\",\"text\":\"x\"}]"

static const struct ipbench_metric metrics[METRICS] = { IPB_REQ_METRIC_ROWS, { "one", "", "", 0, 0 }, { "two", "", "", 0, 0 } };
static struct ipb_error err;

static void make_with(char **wire, int *size, const char *members)
{
	struct ipb_hist h[IPB_REQ_HISTS];
	const double extra[] = { 7, -1 };
	struct ipb_requests_result r = { .counts = { .sent = 13, .ok = 10, .lost = 2, .late = 1 }, .window_start_ns = 5, .window_end_ns = 5000000005,
		                         .requested_rate = 100, .sent_rate = 99, .completed_rate = 98, .requested_bps = 800,
		                         .sent_bps = 700, .received_bps = 600, .queued = 3, .unsent = 4, .no_port = 5 };

	for (int i = 0; i < IPB_REQ_HISTS; i++) {
		assert_int_equal(ipb_hist_init(&h[i]), 0);
		for (uint64_t v = 1; i != 3 && v <= 10; v++)
			ipb_hist_record(&h[i], v * 100000);
	}
	r.failures[IPB_REQ_RESET] = 2;
	r.response = &h[0];
	r.service = &h[1];
	r.lateness = &h[2];
	r.connect = &h[3];
	r.first_byte = &h[4];
	assert_int_equal(ipb_requests_encode(&r, TEST, extra, 2, members, strlen(members), wire, size), 0);
	for (int i = 0; i < IPB_REQ_HISTS; i++)
		ipb_hist_free(&h[i]);
}

static void there_and_back(void **state)
{
	struct ipb_requests_record r;
	char *wire;
	int size;

	(void)state;
	make_with(&wire, &size, MEMBERS);
	assert_int_equal(ipb_requests_decode(&r, TEST, METRICS, wire, size, &err), 0);
	assert_int_equal(r.counts.sent, 13);
	assert_int_equal(r.counts.late, 1);
	assert_int_equal(r.window_end_ns, 5000000005);
	char *json = ipb_requests_json(&r, metrics);
	const char *const parts[] = { "\"requested_bps\":800", "{\"name\":\"reset\",\"value\":2,", "{\"name\":\"queued\",\"value\":3,",
		                      "{\"name\":\"unsent\",\"value\":4,", "{\"name\":\"out_of_ports\",\"value\":5,",
		                      "{\"name\":\"one\",\"value\":7,", "{\"name\":\"run_time\",\"value\":5,", MEMBERS,
		                      "\"response\":{\"count\":10,\"min_ns\":100000,", "\"first_byte\":{\"count\":10," };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strstr(json, parts[i]) == NULL)
			fail_msg("%s lacks %s", json, parts[i]);
	/* What is not known is not told. */
	assert_null(strstr(json, "\"two\""));
	assert_null(strstr(json, "connect_p50"));
	assert_int_equal(ipb_json_check(json, strlen(json)), 0);
	free(json);
	/* Of another test, or one with other metrics. */
	assert_int_equal(ipb_requests_decode(&r, TEST + 1, METRICS, wire, size, &err), -1);
	assert_int_equal(ipb_requests_decode(&r, TEST, METRICS - 1, wire, size, &err), -1);
	free(wire);
}

/* Whatever it says, nothing beyond its bytes is read, and what is accepted adds up. */
static void attempt(const char *bytes, int size, int may_pass)
{
	struct ipb_requests_record r;
	char *exact = malloc(size > 0 ? (size_t)size : 1);

	memcpy(exact, bytes, (size_t)size);
	int status = ipb_requests_decode(&r, TEST, METRICS, exact, size, &err);
	if (!may_pass)
		assert_int_equal(status, -1);
	if (status == 0) {
		assert_true(r.counts.ok + r.counts.lost + r.counts.late + r.counts.corrupt == r.counts.sent);
		char *json = ipb_requests_json(&r, metrics);
		assert_non_null(json);
		assert_int_equal(ipb_json_check(json, strlen(json)), 0);
		free(json);
	}
	free(exact);
}

static void hostile_bytes(void **state)
{
	char *wire, *longer;
	int size;

	(void)state;
	make_with(&wire, &size, MEMBERS);
	for (int i = 0; i < size; i++)
		attempt(wire, i, 0);
	longer = calloc(1, (size_t)size + 1);
	memcpy(longer, wire, (size_t)size);
	attempt(longer, size + 1, 0);
	for (int i = 0; i < size; i++) {
		longer[i] = (char)~wire[i];
		attempt(longer, size, 1);
		longer[i] = (char)(wire[i] + 1);
		attempt(longer, size, 1);
		longer[i] = wire[i];
	}
	free(longer);
	free(wire);
}

/* Members that would close the object, or are no JSON. */
static void members_are_checked(void **state)
{
	const char *const wrong[] = { "\"a\":1},{\"b\":2", "\"a\":", "a", "\"a\":1}" };
	char *wire;
	int size;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		make_with(&wire, &size, wrong[i]);
		attempt(wire, size, 0);
		free(wire);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(hostile_bytes),
		                            cmocka_unit_test(members_are_checked) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
