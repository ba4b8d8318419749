/* link: latency.a */
/* latency's bytes are the original's, both ways, and its row of them is the one that the original prints.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../latency/latency.h"
#include "original_bytes.h"
#include "output_of.h"

/* The same figures as numbers, as they were read off the recording. */
static const uint64_t first_words[] = {
#if LATENCY_CHECK
	8813, 8, 100, 21, 8, 0, 800000, 726199, 1906274, 27612, 26700, 25711, 24716, 170, 88, 85, 91,
#else
	158, 8, 100, 8, 8, 800000, 40506329, 40506329, 100094, 99117, 86287, 86254, 86254, 86256, 86257, 86258,
#endif
};
#define WORDS ((int)(sizeof first_words / sizeof *first_words))
#define SAMPLES 8

static int print(struct client_data data[], int n)
{
	struct latency_output how = { 0, "", "" };
	struct ipb_error err = { 0 };

	return latency_print(data, n, &how, &err);
}

/* The original's deviation is the root of an integer, from an integer mean: its square is up to 2 below the true one. */
static void expect_row(const char *row, const char *original)
{
	for (int column = 0; *original != '\0'; column++) {
		const size_t ours = strcspn(row, ",\n"), theirs = strcspn(original, ",");
		if (column == 7) {
			double a = atof(row), b = atof(original);
			assert_true(fabs(a * a - b * b) <= 2 + 0.01 * (a + b));
		} else if (ours != theirs || strncmp(row, original, ours) != 0) {
			fail_msg("column %d: %s instead of %s", column, row, original);
		}
		row += ours;
		original += theirs;
		assert_int_equal(*row, *original == ',' ? ',' : '\n');
		row += 1;
		original += *original == ',';
	}
	assert_string_equal(row, "");
}

static void the_row_of_its_results_is_the_same(void **state)
{
	static const struct {
		const char *bytes[2], *row;
		int sizes[2], n;
	} runs[] = {
#if LATENCY_CHECK
		{ { original_check_1, original_check_2 }, ORIGINAL_CHECK_ROW,
		  { ORIGINAL_SIZE(original_check_1), ORIGINAL_SIZE(original_check_2) }, 2 },
#else
		{ { original_latency_1, original_latency_2 }, ORIGINAL_LATENCY_ROW,
		  { ORIGINAL_SIZE(original_latency_1), ORIGINAL_SIZE(original_latency_2) }, 2 },
		{ { original_latency_raw }, ORIGINAL_LATENCY_RAW_ROW, { ORIGINAL_SIZE(original_latency_raw) }, 1 },
#endif
	};
	char row[300];

	(void)state;
	for (size_t run = 0; run < sizeof runs / sizeof *runs; run++) {
		struct client_data data[2] = { 0 };
		struct ipb_error err = { 0 };
		for (int i = 0; i < runs[run].n; i++) {
			struct latency_result *r = latency_unmarshal(runs[run].bytes[i], (size_t)runs[run].sizes[i], &err);
			if (r == NULL)
				fail_msg("%s", ipb_error_text(&err));
			data[i] = (struct client_data){ (char *)r, sizeof *r, 1, IPBENCH_CLIENT };
		}
		assert_int_equal(output_of((void (*)(void))print, 0, data, runs[run].n, row, sizeof row), 0);
		expect_row(row, runs[run].row);
		for (int i = 0; i < runs[run].n; i++)
			latency_result_free((struct latency_result *)data[i].data);
	}
}

static void the_same_figures_make_the_same_bytes(void **state)
{
	const uint64_t *w = first_words + 5 + LATENCY_CHECK;
	uint64_t samples_ns[SAMPLES];
	struct ipb_engine_result r = { 0 };
	char *data;
	int size;

	(void)state;
	for (int i = 0; i < SAMPLES; i++)
		samples_ns[i] = first_words[WORDS - SAMPLES + i] * 1000 + 999; /* below the microsecond is cut off */
	r.window_start_ns = 77;
	r.window_end_ns = 77 + first_words[0] * 1000;
	r.packet_size = (double)first_words[2];
	r.counts.sent = first_words[3];
	r.counts.ok = first_words[4];
	r.requested_bps = (double)w[0];
	r.received_bps = (double)w[1];
	r.sent_bps = (double)w[2];
	r.samples_ns = samples_ns;
	r.samples_kept = SAMPLES;
	assert_int_equal(latency_marshal_original(&r, SAMPLES, &data, &size), 0);
#if LATENCY_CHECK
	assert_int_equal(size, ORIGINAL_SIZE(original_check_1));
	assert_memory_equal(data, original_check_1, (size_t)size);
#else
	assert_int_equal(size, ORIGINAL_SIZE(original_latency_1));
	assert_memory_equal(data, original_latency_1, (size_t)size);
#endif
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_row_of_its_results_is_the_same),
		                            cmocka_unit_test(the_same_figures_make_the_same_bytes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
