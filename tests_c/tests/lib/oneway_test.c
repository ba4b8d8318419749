/* Delays between clocks of unknown offset: distances from a base, and what becomes of them.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_oneway.h"

#define OFFSET (-1764417265123456789ll) /* more digits than a double keeps */

static struct ipb_oneway o;
static struct ipb_hist h;

static int prepare(void **state)
{
	(void)state;
	return ipb_oneway_init(&o) < 0 || ipb_hist_init(&h) < 0;
}

static int tidy(void **state)
{
	(void)state;
	ipb_oneway_free(&o);
	ipb_hist_free(&h);
	return 0;
}

static void values_on_both_sides_of_the_base(void **state)
{
	static const int64_t delays[] = { 5000123, 5000100, 5000099, 5000000, 5250000, 9000000 };
	double mean = 0, squares = 0;

	(void)state;
	ipb_oneway_learn(&o, OFFSET + 6000000);
	ipb_oneway_learn(&o, OFFSET + 5000100); /* the least of the warm-up */
	ipb_oneway_learn(&o, OFFSET + 5500000);
	for (size_t i = 0; i < 6; i++) {
		ipb_oneway_record(&o, OFFSET + delays[i]);
		mean += (double)(delays[i] - 5000000) / 6;
	}
	for (size_t i = 0; i < 6; i++)
		squares += ((double)(delays[i] - 5000000) - mean) * ((double)(delays[i] - 5000000) - mean) / 6;
	ipb_oneway_learn(&o, OFFSET + 1); /* too late */
	assert_int_equal(o.base_ns, OFFSET + 5000100);
	assert_int_equal(ipb_oneway_count(&o), 6);
	assert_int_equal(ipb_oneway_min(&o), OFFSET + 5000000);
	assert_int_equal(ipb_oneway_max(&o), OFFSET + 9000000);
	ipb_oneway_variation(&o, &h);
	assert_int_equal(h.count, 6);
	assert_int_equal(h.min_ns, 0);
	assert_int_equal(h.max_ns, 4000000);
	assert_float_equal(ipb_hist_mean(&h), mean, 1e-3);
	assert_float_equal(ipb_hist_stddev(&h), sqrt(squares), 1);
	assert_in_range(ipb_hist_percentile(&h, 50), 100, 101); /* 0 99 100 123 250000 4000000 */
}

static void one_value_varies_by_nothing(void **state)
{
	(void)state;
	ipb_oneway_record(&o, -7);
	ipb_oneway_variation(&o, &h);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.max_ns, 0);
	assert_int_equal(ipb_oneway_min(&o), -7);
	assert_int_equal(ipb_oneway_max(&o), -7);
}

static void all_below_the_base(void **state)
{
	(void)state;
	ipb_oneway_learn(&o, 1000000);
	for (int i = 0; i < 1000; i++)
		ipb_oneway_record(&o, 400000 + i * 100);
	ipb_oneway_variation(&o, &h);
	assert_int_equal(h.count, 1000);
	assert_int_equal(h.min_ns, 0);
	assert_int_equal(h.max_ns, 99900);
	assert_true(fabs((double)ipb_hist_percentile(&h, 50) - 49900) <= 0.001 * 600000); /* 0.1 % of the distance */
}

static void the_base_is_written_to_its_last_digit(void **state)
{
	struct ipb_json j;

	(void)state;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_oneway_json(&o, &j, "nothing");
	ipb_oneway_record(&o, OFFSET);
	ipb_oneway_json(&o, &j, "one");
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"nothing\":null"));
	assert_non_null(strstr(text, "\"base_ns\":\"-1764417265123456789\",\"min_ns\":0,\"max_ns\":0"));
	assert_non_null(strstr(text, "\"below\":null"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_on_both_sides_of_the_base, prepare, tidy),
		cmocka_unit_test_setup_teardown(one_value_varies_by_nothing, prepare, tidy),
		cmocka_unit_test_setup_teardown(all_below_the_base, prepare, tidy),
		cmocka_unit_test_setup_teardown(the_base_is_written_to_its_last_digit, prepare, tidy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
