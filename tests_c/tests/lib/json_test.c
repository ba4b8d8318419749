/* JSON, written and checked.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"

static void writes(void **state)
{
	struct ipb_json j;

	(void)state;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_string(&j, "s", "a\"b\\c\n\xff\xc3\xa9");
	ipb_json_uint(&j, "u", UINT64_MAX);
	ipb_json_int(&j, "i", INT64_MIN);
	ipb_json_number(&j, "d", 0.1);
	ipb_json_number(&j, "n", NAN);
	ipb_json_bool(&j, "b", 1);
	ipb_json_array(&j, "l");
	ipb_json_null(&j, NULL);
	ipb_json_object(&j, NULL);
	ipb_json_end_object(&j);
	ipb_json_end_array(&j);
	ipb_json_base64(&j, "b0", "", 0);
	ipb_json_base64(&j, "b1", "a", 1);
	ipb_json_base64(&j, "b2", "ab", 2);
	ipb_json_base64(&j, "b3", "abc", 3);
	ipb_json_members(&j, "\"x\":1", 5);
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	assert_string_equal(text, "{\"s\":\"a\\\"b\\\\c\\u000a\xef\xbf\xbd\xc3\xa9\",\"u\":18446744073709551615,\"i\":-9223372036854775808,"
	                          "\"d\":0.1,\"n\":null,\"b\":true,\"l\":[null,{}],\"b0\":\"\",\"b1\":\"YQ==\",\"b2\":\"YWI=\","
	                          "\"b3\":\"YWJj\",\"x\":1}");
	assert_int_equal(ipb_json_check(text, strlen(text)), 0);
	for (size_t cut = 0; cut < strlen(text); cut++)
		assert_int_equal(ipb_json_check(text, cut), -1);
	free(text);
}

static void checks(void **state)
{
	static const char *const good[] = { "{}", " { \"a\" : [ 1 , -2.5e+3 , true , false , null , \"\\u00e9\" ] } " };
	static const char *const bad[] = { "", "[]", "1", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":01}",
		                           "{\"a\":1}x", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":nul}", "{\"a\":.5}",
		                           "{\"a\":\"\\u12g4\"}", "{\"a\":[1 2]}", "{}{}", "{},{}" };
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(ipb_json_check(good[i], strlen(good[i])), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ipb_json_check(bad[i], strlen(bad[i])) == 0)
			fail_msg("accepted %s", bad[i]);
	strcpy(deep, "{\"a\":");
	memset(deep + 5, '[', 100);
	assert_int_equal(ipb_json_check(deep, 105), -1);
	memset(deep + 105, ']', 80);
	assert_int_equal(ipb_json_check(deep, 185), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(writes), cmocka_unit_test(checks) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
