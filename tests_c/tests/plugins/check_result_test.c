/* link: latency-check.a -DLATENCY_CHECK=1 */
/* latency-check's result in the original's form: a header of nine words, the sixth of them the bad packets.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../../latency/latency.h"
#include "ipb_bytes.h"

#define SAMPLES 5u
#define SIZE ((9 + SAMPLES) * 8)

static void fill(uint8_t *to)
{
	static const uint64_t header[9] = { 1000, SAMPLES, 64, 7, 6, 3, 100, 90, 95 };

	for (unsigned i = 0; i < 9 + SAMPLES; i++)
		ipb_put_be(to + i * 8, i < 9 ? header[i] : 10 + i, 8);
}

static void nine_words_then_the_samples(void **state)
{
	struct ipb_error err = { 0 };
	uint8_t bytes[SIZE];

	(void)state;
	fill(bytes);
	struct latency_result *r = latency_unmarshal((const char *)bytes, SIZE, &err);
	if (r == NULL)
		fail_msg("%s", ipb_error_text(&err));
	assert_true(r->time_us == 1000 && r->size == 64 && r->sends == 7 && r->recvs == 6);
	assert_true(r->requested_bps == 100 && r->achieved_bps == 90 && r->sent_bps == 95 && r->bad == 3);
	assert_int_equal(r->samples, SAMPLES);
	for (unsigned i = 0; i < SAMPLES; i++)
		assert_int_equal(r->sample_ns[i], (19 + i) * 1000);
	latency_result_free(r);
}

static void other_lengths_are_refused(void **state)
{
	struct ipb_error err = { 0 };
	uint8_t bytes[SIZE + 16] = { 0 };

	(void)state;
	fill(bytes);
	for (size_t size = 0; size <= sizeof bytes; size++) {
		uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a read beyond the end is seen */
		memcpy(exact, bytes, size);
		struct latency_result *r = latency_unmarshal((const char *)exact, size, &err);
		if ((r != NULL) != (size == SIZE))
			fail_msg("%zu bytes are %s", size, r != NULL ? "taken" : "refused");
		latency_result_free(r);
		free(exact);
	}
	static const uint64_t hostile[] = { 0, SAMPLES - 1, SAMPLES + 1, UINT64_MAX, UINT64_MAX / 8, (uint64_t)1 << 61 };
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		ipb_put_be(bytes + 8, hostile[i], 8);
		assert_null(latency_unmarshal((const char *)bytes, SIZE, &err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nine_words_then_the_samples),
		                            cmocka_unit_test(other_lengths_are_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
