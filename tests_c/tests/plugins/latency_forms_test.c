/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* The marshalled forms of latency's result: both come back, and what is cut or damaged does no harm.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"
#include "ipb_rng.h"

/* Every cut and many mutations of a result are refused or read, and never harm. */
static void torture(const char *data, int size)
{
	struct ipb_error err = { 0 };
	struct ipb_rng rng;
	char *copy = malloc((size_t)size + 100);

	for (int cut = 0; cut < size; cut += cut < 400 ? 1 : 37) {
		char *exact = malloc((size_t)cut + 1); /* so that a read beyond the end is seen */
		memcpy(exact, data, (size_t)cut);
		char *shrunk = realloc(exact, cut > 0 ? (size_t)cut : 1);
		assert_null(latency_unmarshal(shrunk, (size_t)cut, &err));
		free(shrunk);
	}
	memcpy(copy, data, (size_t)size);
	memset(copy + size, 0, 100);
	assert_null(latency_unmarshal(copy, (size_t)size + 3, &err));
	ipb_rng_seed(&rng, 5);
	for (int i = 0; i < 1000; i++) {
		memcpy(copy, data, (size_t)size);
		for (uint32_t k = 0; k <= ipb_rng_below(&rng, 3); k++)
			copy[ipb_rng_below(&rng, (uint32_t)(size < 600 ? size : 600))] = (char)ipb_rng_next(&rng);
		struct latency_result *r = latency_unmarshal(copy, (size_t)size, &err);
		if (r != NULL)
			free(latency_json(r));
		latency_result_free(r);
	}
	free(copy);
}

static void both_forms_come_back(void **state)
{
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	struct ipb_error err = { 0 };
	char *data;
	int size;

	(void)state;
	struct ipb_engine *e = engine_run_spoiled(&s, "drop", 50, &args,
	                                          "socktype=udp,keep_samples=1,noise=0,warmup=0,cooldown=0.1,drain=0.5,bps=500k,samples=400", &r);
	assert_true(r.counts.ok >= 400);

	assert_int_equal(latency_marshal_original(&r, 400, &data, &size), 0);
	assert_int_equal(size, 8 * (8 + 400));
	struct latency_result *back = latency_unmarshal(data, (size_t)size, &err);
	assert_non_null(back);
	assert_true(back->samples == 400 && back->sends == r.counts.sent && back->recvs == r.counts.ok && back->size == 64);
	assert_int_equal(back->sample_ns[7], r.samples_ns[7] / 1000 * 1000);
	latency_result_free(back);
	torture(data, size);
	free(data);

	assert_int_equal(latency_marshal_extended(&r, e, 1, 0, &data, &size), 0);
	back = latency_unmarshal(data, (size_t)size, &err);
	if (back == NULL)
		fail_msg("%s", ipb_error_text(&err));
	assert_memory_equal(&back->counts, &r.counts, sizeof r.counts);
	struct ipb_hist response;
	assert_int_equal(ipb_hist_init(&response), 0);
	assert_int_equal(latency_hist_open(&back->response, &response), 0);
	assert_memory_equal(response.counts, r.response->counts, IPB_HIST_LENGTH * sizeof(uint64_t));
	ipb_hist_free(&response);
	const struct ipb_summary *service = &back->service.summary;
	assert_true(service->min_ns == r.service->min_ns && service->max_ns == r.service->max_ns);
	/* A controller holds a thousand of them: none may keep its counters. */
	assert_true(back->response.size + back->service.size + back->lateness.size < 16384);
	assert_int_equal(back->samples, r.samples_kept);
	assert_int_equal(back->sample_ns[7], r.samples_ns[7]);
	char *json = latency_json(back);
	assert_int_equal(ipb_json_check(json, strlen(json)), 0);
	free(json);
	latency_result_free(back);
	torture(data, size);
	free(data);
	engine_close(e, &args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_come_back),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
