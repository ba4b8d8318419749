/* iperf3's texts and datagrams, as real versions write them.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"
#include "iperf3.h"

static struct ipb_error err;

/* What "iperf3 -c ADDRESS -u -b 20M -P 2 -R" of 3.12 sends. */
static const char client_3_12[] =
	"{\"udp\":true,\"omit\":0,\"time\":10,\"num\":0,\"blockcount\":0,\"parallel\":2,\"reverse\":true,\"len\":1448,"
	"\"bandwidth\":20000000,\"pacing_timer\":1000,\"client_version\":\"3.12\"}";

/* A server's of 3.12: -1 is written as 2^64 - 1. */
static const char server_3_12[] =
	"{\"cpu_util_total\":3.55,\"cpu_util_user\":0,\"cpu_util_system\":3.55,\"sender_has_retransmits\":18446744073709551615,"
	"\"congestion_used\":\"cubic\",\"streams\":[{\"id\":1,\"bytes\":9007199254740991,\"retransmits\":18446744073709551615,"
	"\"jitter\":0.00025,\"errors\":3,\"packets\":500,\"start_time\":0,\"end_time\":1.5}]}";

static void parameters_of_a_client(void **state)
{
	struct iperf3_params p, q;
	int code;

	(void)state;
	assert_int_equal(iperf3_params_decode(client_3_12, sizeof client_3_12 - 1, &p, &code, &err), 0);
	assert_true(p.udp && p.reverse && !p.bidirectional && !p.wide);
	assert_int_equal(p.streams, 2);
	assert_int_equal(p.seconds, 10);
	assert_int_equal(p.block, 1448);
	assert_int_equal(p.rate, 20000000);
	assert_string_equal(p.version, "3.12");
	memset(&p, 0, sizeof p);
	p = (struct iperf3_params){ .bidirectional = 1, .nodelay = 1, .streams = 128, .seconds = 86400, .omit = 600, .bytes = 1u << 31,
		                    .blocks = 7, .block = 131072, .rate = 1, .burst = 2, .window = 3, .mss = 1400, .tos = 184,
		                    .wide = 1, .no_copy = 1, .dont_fragment = 1, .mptcp = 1, .congestion = "bbr", .version = "3.21+" };
	char *text = iperf3_params_encode(&p);
	assert_int_equal(ipb_json_check(text, strlen(text)), 0);
	assert_int_equal(iperf3_params_decode(text, strlen(text), &q, &code, &err), 0);
	assert_memory_equal(&p, &q, sizeof p);
	free(text);
}

static void parameters_are_checked(void **state)
{
	static const struct {
		const char *text, *says;
		int code;
	} bad[] = {
		{ "", "no JSON", 114 }, { "[]", "no JSON object", 114 }, { "{\"tcp\":true", "no JSON", 114 },
		{ "{\"tcp\":true,\"tcp\":true}", "no JSON", 114 }, { "{\"tcp\":true}", "how long its writes", 7 },
		{ "{\"tcp\":true,\"len\":2000000}", "\"len\"", 7 }, { "{\"tcp\":true,\"len\":-1}", "\"len\"", 7 },
		{ "{\"tcp\":true,\"len\":\"9\"}", "\"len\"", 7 }, { "{\"tcp\":true,\"len\":1,\"parallel\":129}", "\"parallel\"", 6 },
		{ "{\"tcp\":true,\"len\":1,\"parallel\":0}", "\"parallel\"", 6 }, { "{\"tcp\":true,\"len\":1,\"time\":86401}", "\"time\"", 37 },
		{ "{\"tcp\":true,\"len\":1,\"omit\":601}", "\"omit\"", 12 }, { "{\"tcp\":true,\"len\":1,\"window\":1e12}", "\"window\"", 8 },
		{ "{\"tcp\":true,\"len\":1,\"MSS\":9217}", "\"MSS\"", 10 }, { "{\"sctp\":true,\"len\":1}", "SCTP", 18 },
		{ "{\"udp\":true,\"len\":15}", "15 bytes", 20 }, { "{\"udp\":true,\"len\":65508}", "65508 bytes", 20 },
		{ "{\"tcp\":true,\"len\":1,\"bandwidth\":1e400}", "no JSON", 114 },
		{ "{\"tcp\":true,\"len\":1,\"x\":[[[[[[[[1]]]]]]]]}", "nested deeper", 114 },
	};
	struct iperf3_params p;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int code = 0;
		if (iperf3_params_decode(bad[i].text, strlen(bad[i].text), &p, &code, &err) == 0)
			fail_msg("accepted %s", bad[i].text);
		if (strstr(ipb_error_text(&err), bad[i].says) == NULL || code != bad[i].code)
			fail_msg("%s: %s, code %d", bad[i].text, ipb_error_text(&err), code);
	}
	char *much = malloc(IPERF3_PARAMS_MAX + 1);
	memset(much, ' ', IPERF3_PARAMS_MAX + 1);
	assert_int_equal(iperf3_params_decode(much, IPERF3_PARAMS_MAX + 1, &p, NULL, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "more than 8192 bytes"));
	free(much);
	/* A bracket inside of a string is none. */
	static const char quoted[] = "{\"tcp\":true,\"len\":1,\"title\":\"[[[[[[[[[[[\\\"[[\"}";
	assert_int_equal(iperf3_params_decode(quoted, sizeof quoted - 1, &p, NULL, &err), 0);
}

static void results_of_a_server(void **state)
{
	struct iperf3_results *r = malloc(sizeof *r), *q = malloc(sizeof *q);

	(void)state;
	assert_int_equal(iperf3_results_decode(server_3_12, sizeof server_3_12 - 1, r, &err), 0);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->retransmits_known, 0);
	assert_string_equal(r->congestion, "cubic");
	assert_int_equal(r->streams[0].id, 1);
	assert_true(r->streams[0].bytes == (1ull << 53) - 1);
	assert_int_equal(r->streams[0].retransmits, -1);
	assert_int_equal(r->streams[0].omitted_packets, -1);
	assert_int_equal(r->streams[0].errors, 3);
	assert_int_equal(r->streams[0].packets, 500);
	assert_true(fabs(r->streams[0].jitter - 0.00025) < 1e-12 && r->streams[0].seconds == 1.5);
	r->count = IPERF3_ALL_STREAMS_MAX;
	for (uint32_t i = 0; i < r->count; i++)
		r->streams[i] = (struct iperf3_stream_result){ .id = iperf3_stream_id(i), .bytes = i, .retransmits = i, .jitter = 0.5,
			                                       .errors = i, .packets = 2 * i, .seconds = 2.25 };
	char *text = iperf3_results_encode(r);
	assert_true(strlen(text) < IPERF3_RESULTS_MAX);
	assert_int_equal(iperf3_results_decode(text, strlen(text), q, &err), 0);
	assert_int_equal(q->count, r->count);
	assert_memory_equal(q->streams, r->streams, sizeof q->streams);
	free(text);
	free(q);
	free(r);
}

static void results_are_checked(void **state)
{
	static const char *const bad[][2] = {
		{ "{}", "no list of streams" }, { "{\"streams\":1}", "no list" }, { "{\"streams\":[1]}", "stream 1 are no object" },
		{ "{\"streams\":[{\"id\":1}]}", "lack \"bytes\"" },
		{ "{\"streams\":[{\"id\":1,\"bytes\":\"many\",\"retransmits\":0,\"jitter\":0,\"errors\":0,\"packets\":0}]}", "no number" },
		{ "{\"streams\":[{\"id\":1,\"bytes\":-5,\"retransmits\":0,\"jitter\":0,\"errors\":0,\"packets\":0}]}", "no test can" },
		{ "{\"cpu_util_total\":\"x\",\"streams\":[]}", "processor's use" },
	};
	struct iperf3_results *r = malloc(sizeof *r);
	char *many = malloc(IPERF3_ALL_STREAMS_MAX * 3 + 100);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(iperf3_results_decode(bad[i][0], strlen(bad[i][0]), r, &err), -1);
		if (strstr(ipb_error_text(&err), bad[i][1]) == NULL)
			fail_msg("%s: %s", bad[i][0], ipb_error_text(&err));
	}
	strcpy(many, "{\"streams\":[{}");
	for (int i = 0; i < IPERF3_ALL_STREAMS_MAX; i++)
		strcat(many, ",{}");
	strcat(many, "]}");
	assert_int_equal(iperf3_results_decode(many, strlen(many), r, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "more than 256 streams"));
	free(many);
	free(r);
}

static void handshake_of_every_age(void **state)
{
	static const uint8_t hellos[][4] = { { '9', '8', '7', '6' }, { 0x15, 0xcd, 0x5b, 0x07 }, { 0x07, 0x5b, 0xcd, 0x15 } },
	                     replies[][4] = { { '6', '7', '8', '9' }, { 0xb1, 0x68, 0xde, 0x3a }, { 0x3a, 0xde, 0x68, 0xb1 } };
	uint8_t to[4];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(iperf3_reply(hellos[i], 4, to), 1);
		assert_memory_equal(to, replies[i], 4);
		assert_true(iperf3_is_reply(replies[i], 4));
		assert_false(iperf3_is_reply(hellos[i], 4));
		/* Two servers must not talk to each other for ever. */
		assert_int_equal(iperf3_reply(replies[i], 4, to), 0);
	}
	iperf3_hello(to);
	assert_memory_equal(to, hellos[0], 4);
	assert_int_equal(iperf3_reply(hellos[0], 3, to), 0);
	assert_int_equal(iperf3_reply(hellos[0], 5, to), 0);
	assert_int_equal(iperf3_is_reply(replies[0], 5), 0);
}

/* Takes datagrams with these numbers, one a millisecond, each `late` of its own. */
static void feed(struct iperf3_udp *u, const uint64_t *numbers, const int *late_us, int n, int wide)
{
	uint8_t data[16];

	for (int i = 0; i < n; i++) {
		uint64_t sent = 1700000000000000000ull + (uint64_t)i * 1000000;
		iperf3_stamp(data, numbers[i], sent, wide);
		iperf3_udp_take(u, data, sizeof data, 100, sent + 500000 + (uint64_t)(late_us != NULL ? late_us[i] : 0) * 1000, wide);
	}
}

static void loss_and_order(void **state)
{
	static const uint64_t gap[] = { 1, 2, 5, 6 }, swap[] = { 1, 3, 2, 4 }, again[] = { 1, 2, 2, 3 },
	                      wide[] = { 0x1ffffffff, 0x200000000 };

	(void)state;
	struct iperf3_udp u = { 0 };
	feed(&u, gap, NULL, 4, 0);
	assert_int_equal(u.errors, 2);
	assert_int_equal(u.highest, 6);
	assert_int_equal(u.received, 4);
	assert_int_equal(u.bytes, 400);
	memset(&u, 0, sizeof u);
	feed(&u, swap, NULL, 4, 0);
	assert_int_equal(u.errors, 0);
	assert_int_equal(u.out_of_order, 1);
	memset(&u, 0, sizeof u);
	feed(&u, again, NULL, 4, 0);
	assert_int_equal(u.errors, 0);
	assert_int_equal(u.out_of_order, 1);
	memset(&u, 0, sizeof u);
	feed(&u, wide, NULL, 2, 1);
	assert_true(u.highest == 0x200000000ull && u.errors == 0x1fffffffe);
	iperf3_udp_omit(&u);
	assert_true(u.omitted_highest == u.highest && u.omitted_errors == u.errors && u.bytes == 0);
	uint8_t little[8] = { 0 };
	iperf3_udp_take(&u, little, sizeof little, sizeof little, 0, 0);
	assert_int_equal(u.short_ones, 1);
	assert_int_equal(u.bytes, 8);
}

/* RFC 1889: J += (|D| - J) / 16, here worked out by hand for delays of 0, 160, 160 and 0 µs. */
static void jitter(void **state)
{
	static const uint64_t numbers[] = { 1, 2, 3, 4 };
	static const int late[] = { 0, 160, 160, 0 };
	struct iperf3_udp u = { 0 };

	(void)state;
	feed(&u, numbers, late, 4, 0);
	/* 0; 160 / 16 = 10; 10 - 10/16 = 9.375; 9.375 + (160 - 9.375) / 16 = 18.7890625 µs */
	assert_true(fabs(u.jitter - 18.7890625e-6) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_of_a_client), cmocka_unit_test(parameters_are_checked),
		cmocka_unit_test(results_of_a_server), cmocka_unit_test(results_are_checked),
		cmocka_unit_test(handshake_of_every_age), cmocka_unit_test(loss_and_order), cmocka_unit_test(jitter),
	};

	if (iperf3_json_ready(&err) < 0) {
		printf("# skipped: %s\n", ipb_error_text(&err));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
