/* Results that are a text and JSON: whole, truncated, hostile.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_report.h"

static struct ipb_error err;

static void check(const char *bytes, int size, const char *text, const char *json)
{
	struct client_data d = { 0 };

	/* A copy of exactly this size, so that a read beyond it is seen. */
	char *input = malloc(size > 0 ? (size_t)size : 1);
	memcpy(input, bytes, (size_t)size);
	assert_int_equal(ipb_report_unmarshall(input, size, &d.data, &d.size, &err), 0);
	assert_string_equal(ipb_report_text(&d), text);
	assert_string_equal(ipb_report_json(&d), json);
	free(input);
	ipb_report_free(&d.data);
	assert_null(d.data);
}

static void forms(void **state)
{
	(void)state;
	check("12.3", 4, "12.3", "");
	check("12.3\0", 5, "12.3", "");
	check(",123,456\0", 9, ",123,456", "");
	check("", 0, "", "");
	check("\0", 1, "", "");
	check("a\0{}\0", 5, "a", "{}");
	check("a\0{}", 4, "a", "{}");
	check("\0{\"a\":1}", 8, "", "{\"a\":1}");
}

static void refusals(void **state)
{
	char *data = NULL;
	int size;

	(void)state;
	assert_int_equal(ipb_report_unmarshall(NULL, 0, &data, &size, &err), -1);
	assert_int_equal(ipb_report_unmarshall("a", -1, &data, &size, &err), -1);
	assert_int_equal(ipb_report_unmarshall("a\0{broken", 9, &data, &size, &err), -1);
	assert_int_equal(ipb_report_unmarshall("a\0[1]", 5, &data, &size, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "JSON"));
	char *big = malloc(IPB_REPORT_MAX + 2);
	memset(big, 'x', IPB_REPORT_MAX + 2);
	assert_int_equal(ipb_report_unmarshall(big, IPB_REPORT_MAX + 2, &data, &size, &err), -1);
	free(big);
}

static void there_and_back(void **state)
{
	struct client_data d = { 0 };
	char *wire, *json;
	int size;

	(void)state;
	assert_int_equal(ipb_report_marshall("5,6", strdup("{\"metrics\":[]}"), &wire, &size), 0);
	assert_int_equal(size, 4 + 15);
	assert_int_equal(ipb_report_unmarshall(wire, size, &d.data, &d.size, &err), 0);
	assert_int_equal(ipb_report_results(&d, "{}", &json), 0);
	assert_string_equal(json, "{\"metrics\":[]}");
	ipb_report_free(&json);
	ipb_report_free(&d.data);
	ipb_report_free(&wire);
	assert_int_equal(ipb_report_marshall("5,6", NULL, &wire, &size), 0);
	assert_int_equal(size, 4);
	ipb_report_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(forms), cmocka_unit_test(refusals),
		                            cmocka_unit_test(there_and_back) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
