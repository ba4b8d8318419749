/* link: ../nfs_latency/nfs_result.c */
/* nfs_latency's result: there and back, truncated at every byte, every byte changed.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../nfs_latency/nfs_result.h"

static struct ipb_error err;

static void make(char **wire, int *size)
{
	struct load l = { .rate = 1000, .size = 4096, .sent = 12, .ok = 10, .bad = 1, .skipped = 2, .window_end_ns = 5000000000 };

	assert_int_equal(ipb_hist_init(&l.response), 0);
	assert_int_equal(ipb_hist_init(&l.service), 0);
	for (uint64_t i = 1; i <= 10; i++) {
		ipb_hist_record(&l.response, i * 100000);
		ipb_hist_record(&l.service, i * 1000);
	}
	strcpy(l.first_error, "because");
	assert_int_equal(nfs_result_encode(&l, wire, size), 0);
	ipb_hist_free(&l.response);
	ipb_hist_free(&l.service);
}

static void there_and_back(void **state)
{
	struct nfs_result r;
	char *wire;
	int size;

	(void)state;
	make(&wire, &size);
	assert_int_equal(nfs_result_decode(&r, wire, size, &err), 0);
	assert_int_equal(r.sent, 12);
	assert_int_equal(r.ok, 10);
	assert_int_equal(r.bad, 1);
	assert_int_equal(r.skipped, 2);
	assert_int_equal(r.run_ns, 5000000000);
	assert_int_equal(r.response.count, 10);
	assert_string_equal(r.first_error, "because");
	nfs_result_free(&r);
	free(wire);
}

/* Nothing of exactly that size may be read beyond, whatever it says; what is accepted has to add up. */
static void attempt(const char *bytes, int size, int may_pass)
{
	struct nfs_result r;
	char *exact = malloc(size > 0 ? (size_t)size : 1);

	memcpy(exact, bytes, (size_t)size);
	int status = nfs_result_decode(&r, exact, size, &err);
	if (!may_pass)
		assert_int_equal(status, -1);
	if (status == 0) {
		assert_true(r.ok + r.bad <= r.sent);
		assert_true(r.response.count == r.ok);
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(hostile_bytes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
