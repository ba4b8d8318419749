/* link: tests/engine_fixture.o latency.a fault_echo/faults.o */
/* What a tester claims in its result is held against itself, and against what anybody can have measured.
 * SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"

/* Places in the extended form: the magic word, then the record of counts with its tag and size (see marshal.h). */
#define RECORD_AT 8u
#define WORD_AT(n) (RECORD_AT + 8u + 8u * (n))
enum { TIME, SIZE, SENDS, RECVS, REQUESTED, ACHIEVED, SENT_BPS, BAD, SENT, OK, LOST, LATE, CORRUPT, DUPLICATE, REORDERED, SAMPLES };
#define TAG_SAMPLES 6u
#define SAMPLES_SENT 300u

struct sample_result {
	char *bytes;
	size_t size;
};

/* A true result with its single round trips. */
static struct sample_result measured(void)
{
	struct sample_result result;
	struct spoiler s;
	struct ipb_args args;
	struct ipb_engine_result r;
	int size;

	struct ipb_engine *e = engine_run_spoiled(&s, "drop", 1000000, &args,
	                                          "socktype=udp,keep_samples=1,noise=0,warmup=0,cooldown=0.1,drain=0.1,bps=500k,samples=300", &r);
	assert_int_equal(latency_marshal_extended(&r, e, 1, 0, &result.bytes, &size), 0);
	result.size = (size_t)size;
	engine_close(e, &args);
	return result;
}

static uint64_t word(const struct sample_result *r, unsigned n) { return ipb_get_be((uint8_t *)r->bytes + WORD_AT(n), 8); }

/* Whether it is taken with one word changed. */
static int taken_with(const struct sample_result *r, unsigned n, uint64_t value)
{
	struct ipb_error err = { 0 };
	const uint64_t before = word(r, n);

	ipb_put_be((uint8_t *)r->bytes + WORD_AT(n), value, 8);
	struct latency_result *read = latency_unmarshal(r->bytes, r->size, &err);
	ipb_put_be((uint8_t *)r->bytes + WORD_AT(n), before, 8);
	const int taken = read != NULL;
	if (!taken)
		assert_true(ipb_error_text(&err)[0] != '\0');
	latency_result_free(read);
	return taken;
}

static void numbers_nobody_can_have_measured_are_refused(void **state)
{
	struct sample_result r = measured();

	(void)state;
	assert_true(word(&r, OK) >= SAMPLES_SENT && word(&r, SAMPLES) >= SAMPLES_SENT);
	assert_true(taken_with(&r, TIME, word(&r, TIME)));
	static const unsigned bounded[] = { TIME, SIZE, REQUESTED, ACHIEVED, SENT_BPS, BAD, DUPLICATE };
	static const uint64_t absurd[] = { 1ull << 60, (uint64_t)INT64_MAX, UINT64_MAX };
	for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++)
		for (size_t k = 0; k < sizeof absurd / sizeof *absurd; k++)
			if (taken_with(&r, bounded[i], absurd[k]))
				fail_msg("word %u is taken as %llu", bounded[i], (unsigned long long)absurd[k]);
	/* One packet more or less in any of those that are counted twice, or are parts of a sum. */
	for (unsigned n = SENDS; n <= RECVS; n++)
		assert_false(taken_with(&r, n, word(&r, n) + 1));
	for (unsigned n = SENT; n <= CORRUPT; n++)
		assert_false(taken_with(&r, n, word(&r, n) + 1));
	assert_false(taken_with(&r, REORDERED, word(&r, OK) + 1));
	assert_false(taken_with(&r, SAMPLES, word(&r, SAMPLES) + 1));
	assert_false(taken_with(&r, SAMPLES, word(&r, SAMPLES) - 1));
	assert_false(taken_with(&r, SAMPLES, UINT64_MAX));
	free(r.bytes);
}

/* The same result with a record of single round trips of one byte each in place of its own. */
static struct sample_result with_samples(const struct sample_result *from, size_t count)
{
	struct sample_result to = { NULL, 0 };
	size_t at = RECORD_AT;

	while (at + 8 <= from->size && ipb_get_be((uint8_t *)from->bytes + at, 4) != TAG_SAMPLES)
		at += 8 + (size_t)ipb_get_be((uint8_t *)from->bytes + at + 4, 4);
	assert_true(at < from->size);
	to.size = at + 8 + count;
	to.bytes = malloc(to.size);
	memcpy(to.bytes, from->bytes, at + 8);
	ipb_put_be((uint8_t *)to.bytes + at + 4, count, 4);
	memset(to.bytes + at + 8, 1, count);
	ipb_put_be((uint8_t *)to.bytes + WORD_AT(SAMPLES), count, 8);
	return to;
}

static void samples_beyond_the_answers_are_refused(void **state)
{
	struct sample_result r = measured();
	struct sample_result few = with_samples(&r, SAMPLES_SENT), many = with_samples(&r, 50u << 20);
	struct ipb_error err = { 0 };

	(void)state;
	struct latency_result *read = latency_unmarshal(few.bytes, few.size, &err);
	if (read == NULL)
		fail_msg("%s", ipb_error_text(&err));
	assert_int_equal(read->samples, SAMPLES_SENT);
	assert_int_equal(read->sample_ns[SAMPLES_SENT - 1], 1);
	latency_result_free(read);
	assert_null(latency_unmarshal(many.bytes, many.size, &err));
	assert_non_null(strstr(ipb_error_text(&err), "52428800 single round trips"));
	free(few.bytes);
	free(many.bytes);
	free(r.bytes);
}

extern struct ipbench_plugin ipbench_plugin;
extern struct ipbench_plugin_ext ipbench_plugin_ext;

static int unmarshall(struct sample_result *r)
{
	char *data;
	int size;
	int status = ipbench_plugin.unmarshall(r->bytes, (int)r->size, &data, &size);

	if (status == 0)
		ipbench_plugin.unmarshall_cleanup(&data);
	return status;
}

static void samples_that_nobody_asked_for_are_refused(void **state)
{
	static struct ipbench_progress progress;
	static char text[1024];
	static struct ipbench_host host = { .major = IPBENCH_EXT_MAJOR, .minor = IPBENCH_EXT_MINOR, .size = sizeof host,
		                            .form = IPBENCH_FORM_EXTENDED, .error_size = sizeof text, .error = text,
		                            .progress = &progress };
	struct sample_result r = measured();
	uint64_t ns;

	(void)state;
	assert_int_equal(ipbench_plugin_ext.attach(&host), 0);
	assert_int_equal(unmarshall(&r), 0); /* a host that gave no arguments */
	assert_int_equal(ipbench_plugin_ext.expected_duration("samples=300,bps=1M", &ns), 0);
	assert_int_not_equal(unmarshall(&r), 0);
	assert_non_null(strstr(text, "which no arguments asked for"));
	assert_int_equal(ipbench_plugin_ext.expected_duration("samples=300,keep_samples=1", &ns), 0);
	assert_int_equal(unmarshall(&r), 0);
	free(r.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_nobody_can_have_measured_are_refused),
		cmocka_unit_test(samples_beyond_the_answers_are_refused),
		cmocka_unit_test(samples_that_nobody_asked_for_are_refused),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
