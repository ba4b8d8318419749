/* link: nfs_latency/nfs_result.o nfs_latency/nfs_output.o nfs_latency/tally.o */
/* nfs_latency's result: what is counted, there and back, truncated at every byte, every byte changed.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../nfs_latency/nfs_result.h"
#include "original_bytes.h"
#include "output_of.h"

static struct ipb_error err;

static void make(char **wire, int *size)
{
	struct load l = { .rate = 1000, .size = 4096 };
	struct tally *t = &l.tally;

	assert_int_equal(tally_init(t), 0);
	t->sent = 12;
	t->ok = 10;
	t->bad = 1;
	t->skipped = 2;
	t->given_up = 3;
	t->window_end_ns = 5000000000;
	for (uint64_t i = 1; i <= 10; i++) {
		ipb_hist_record(&t->response, i * 100000);
		ipb_hist_record(&t->service, i * 1000);
	}
	ipb_hist_record_n(&t->lateness, 5, 12);
	strcpy(l.first_error, "because");
	assert_int_equal(nfs_result_encode(&l, wire, size), 0);
	tally_free(t);
}

static void there_and_back(void **state)
{
	struct nfs_result r;
	char *wire;
	int size;

	(void)state;
	make(&wire, &size);
	assert_int_equal(nfs_result_decode(&r, wire, size, &err), 0);
	assert_int_equal(r.tally.sent, 12);
	assert_int_equal(r.tally.ok, 10);
	assert_int_equal(r.tally.bad, 1);
	assert_int_equal(r.tally.skipped, 2);
	assert_int_equal(r.tally.given_up, 3);
	assert_int_equal(r.tally.window_end_ns, 5000000000);
	assert_int_equal(r.tally.response.count, 10);
	assert_string_equal(r.first_error, "because");
	nfs_result_free(&r);
	free(wire);
}

/* Nothing of exactly that size may be read beyond, whatever it claims; what is accepted has to add up. */
static void attempt(const char *bytes, int size, int may_pass)
{
	struct nfs_result r;
	char *exact = malloc(size > 0 ? (size_t)size : 1);

	memcpy(exact, bytes, (size_t)size);
	int status = nfs_result_decode(&r, exact, size, &err);
	if (!may_pass)
		assert_int_equal(status, -1);
	if (status == 0) {
		assert_true(r.tally.ok + r.tally.bad <= r.tally.sent);
		assert_true(r.tally.response.count == r.tally.ok);
		nfs_result_free(&r);
	}
	free(exact);
}

static void hostile_bytes(void **state)
{
	char *wire, longer[4096];
	int size;

	(void)state;
	make(&wire, &size);
	for (int i = 0; i < size; i++)
		attempt(wire, i, 0);
	memcpy(longer, wire, (size_t)size);
	longer[size] = 0;
	attempt(longer, size + 1, 0);
	for (int i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit += 3) {
			wire[i] ^= (char)(1 << bit);
			attempt(wire, size, 1);
			wire[i] ^= (char)(1 << bit);
		}
	assert_int_equal(nfs_result_decode(&(struct nfs_result){ 0 }, NULL, 100, &err), -1);
	free(wire);
}

#define MS 1000000ull

/* 1,000 reads a second for a second, each sent 10 us late, to a server that answers one every 2 ms, first come. */
static void slow_server(struct load *l)
{
	struct tally *t = &l->tally;

	memset(l, 0, sizeof *l);
	l->rate = 1000;
	l->size = 4096;
	assert_int_equal(tally_init(t), 0);
	t->window_start_ns = 7000 * MS;
	t->window_end_ns = 8000 * MS;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t due = t->window_start_ns + i * MS, sent = due + 10000;
		tally_sent(t, due, sent);
		tally_replied(t, due, sent, t->window_start_ns + (i + 1) * 2 * MS - 1, 1);
	}
}

static void a_rate_that_the_server_did_not_reach_is_not_told(void **state)
{
	struct load l;

	(void)state;
	slow_server(&l);
	assert_int_equal(l.tally.sent, 1000);
	assert_int_equal(l.tally.ok, 1000);
	assert_int_equal((int)tally_sent_rate(&l.tally), 1000);
	assert_int_equal((int)tally_reply_rate(&l.tally), 500);
	assert_int_equal(tally_run_ns(&l.tally), 2000 * MS - 1);
	tally_free(&l.tally);
}

/* What was due before the window and happens in it makes its rates, but is none of its reads; and the reverse. */
static void the_window_is_kept(void **state)
{
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t), 0);
	t.window_start_ns = 1000 * MS;
	t.window_end_ns = 2000 * MS;
	assert_int_equal(tally_run_ns(&t), 1000 * MS);
	tally_sent(&t, 999 * MS, 1001 * MS);
	tally_replied(&t, 999 * MS, 1001 * MS, 1002 * MS, 1);
	assert_int_equal(t.sent + t.ok, 0);
	assert_int_equal(t.sent_in_window + t.ok_in_window, 2);
	tally_sent(&t, 1999 * MS, 2001 * MS);
	tally_replied(&t, 1999 * MS, 2001 * MS, 2002 * MS, 1);
	tally_sent(&t, 1998 * MS, 1999 * MS);
	tally_replied(&t, 1998 * MS, 1999 * MS, 1999 * MS, 0);
	assert_int_equal(t.sent, 2);
	assert_int_equal(t.ok, 1);
	assert_int_equal(t.bad, 1);
	assert_int_equal(t.sent_in_window, 2);
	assert_int_equal(t.ok_in_window, 1);
	assert_int_equal(t.lateness.max_ns, 2 * MS);
	assert_int_equal(t.response.max_ns, 3 * MS);
	assert_int_equal(tally_run_ns(&t), 1002 * MS);
	tally_free(&t);
}

static void json_has(const char *json, const char *part, int expected)
{
	if ((strstr(json, part) != NULL) != expected)
		fail_msg("%s %s \"%s\"", json, expected ? "lacks" : "has", part);
}

static void what_the_tester_did_wrong_is_a_reason(void **state)
{
	struct nfs_result r = { 0 };
	struct load l;
	char *wire, *json;
	int size;

	(void)state;
	slow_server(&l);
	for (int wrong = 0; wrong < 2; wrong++) {
		if (wrong) {
			l.tally.given_up = 4;
			for (int i = 0; i < 20; i++)
				tally_sent(&l.tally, 7500 * MS, 7502 * MS);
		}
		assert_int_equal(nfs_result_encode(&l, &wire, &size), 0);
		assert_int_equal(nfs_result_decode(&r, wire, size, &err), 0);
		json = nfs_json(&r);
		assert_non_null(json);
		json_has(json, "\"send-lateness\"", wrong);
		json_has(json, "\"reads-given-up\"", wrong);
		json_has(json, "{\"name\":\"reply_rate\",\"value\":500,", 1);
		free(json);
		nfs_result_free(&r);
		free(wire);
	}
	tally_free(&l.tally);
}

static int print(struct client_data data[], int n) { return nfs_output(data, n, &err); }

/* What the original's tests sent, and what its controller printed. */
static void the_row_of_the_originals_results_is_the_same(void **state)
{
	struct client_data data[2] = { { (char *)(uintptr_t)original_nfs_1, ORIGINAL_SIZE(original_nfs_1), 1, IPBENCH_CLIENT },
		                       { (char *)(uintptr_t)original_nfs_2, ORIGINAL_SIZE(original_nfs_2), 1, IPBENCH_CLIENT } };
	struct nfs_result r;
	char text[1000];

	(void)state;
	assert_int_equal(output_of((void (*)(void))print, 0, data, 2, text, sizeof text), 0);
	assert_string_equal(text, ORIGINAL_NFS_HEADER "\n" ORIGINAL_NFS_ROW "\n");
	assert_int_equal(nfs_result_decode(&r, original_nfs_1, ORIGINAL_SIZE(original_nfs_1), &err), 0);
	char *json = nfs_json(&r);
	json_has(json, "{\"name\":\"run_time\",\"value\":0.012649,", 1);
	json_has(json, "\"latency\":{\"response\":null,\"service\":{", 1);
	json_has(json, "\"counts\"", 0); /* it does not report what became of each read */
	free(json);
	nfs_result_free(&r);
	for (int size = 0; size < ORIGINAL_SIZE(original_nfs_1); size++)
		attempt(original_nfs_1, size, 0);
}

/* The same figures make the same bytes. */
static void an_original_controller_can_read_it(void **state)
{
	static const uint64_t us[] = { 11423, 10494, 9536, 8560, 160, 111, 91, 88 };
	struct tally t;
	char *wire;
	int size;

	(void)state;
	assert_int_equal(tally_init(&t), 0);
	assert_int_equal(tally_keep(&t, 8), 0);
	t.window_start_ns = 1000;
	t.window_end_ns = 1000000000;
	for (int i = 0; i < 8; i++)
		tally_replied(&t, 2000, 3000, 3000 + us[i] * 1000 + 999, 1);
	tally_replied(&t, 2000, 3000, 1000 + 12649 * 1000, 1); /* the ninth: no room, but the last one to come */
	t.ok = 8;
	t.sent = 7;
	assert_int_equal(nfs_result_encode_original(&t, &wire, &size), 0);
	assert_int_equal(size, ORIGINAL_SIZE(original_nfs_1));
	assert_memory_equal(wire, original_nfs_1, (size_t)size);
	free(wire);
	tally_free(&t);
}

/* The row of two clients, as it stands on standard output. */
static void the_row_has_the_columns_of_the_original(void **state)
{
	char text[1000] = "";
	struct client_data data[2];
	struct load l;

	(void)state;
	slow_server(&l);
	for (int i = 0; i < 2; i++)
		assert_int_equal(nfs_result_encode(&l, &data[i].data, &data[i].size), 0);
	assert_int_equal(output_of((void (*)(void))print, 0, data, 2, text, sizeof text), 0);
	assert_true(text[0] == '#');
	double column[14];
	const char *row = strchr(text, '\n') + 1;
	for (int i = 0; i < 14; i++) {
		char *end;
		column[i] = strtod(row, &end);
		assert_true(end > row && *end == (i < 13 ? ',' : '\n'));
		row = end + 1;
	}
	assert_true(column[0] == 2000 && column[1] == 1000);      /* achieved rates, summed */
	assert_true(column[6] > 249000 && column[6] < 252000);    /* of 2 ms to 1,001 ms, about the median */
	assert_true(column[8] == 2000);
	assert_true(column[11] == 0 && column[12] == column[10]); /* the deviation of the run times, then their median */
	assert_true(column[9] == 2000000 && column[13] == 2000000); /* in us */
	for (int i = 0; i < 2; i++)
		free(data[i].data);
	tally_free(&l.tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(hostile_bytes),
		                            cmocka_unit_test(a_rate_that_the_server_did_not_reach_is_not_told),
		                            cmocka_unit_test(the_window_is_kept),
		                            cmocka_unit_test(what_the_tester_did_wrong_is_a_reason),
		                            cmocka_unit_test(the_row_of_the_originals_results_is_the_same),
		                            cmocka_unit_test(an_original_controller_can_read_it),
		                            cmocka_unit_test(the_row_has_the_columns_of_the_original) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
