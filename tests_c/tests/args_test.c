/* Arguments of tests: units, ranges, quotes, sentences.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "ipb_args.h"

static const struct ipbench_option table[] = {
	{ "bps", "rate", "bit/s", "10M", "1..1T", "", 0, 0 },
	{ "size", "size", "byte", "64", "8..64Ki", "", 0, 0 },
	{ "warmup", "time", "s", "10", "0..1h", "", 0, 0 },
	{ "pause", "time", "s", "2", "1..9", "", 0, 0 },
	{ "poll", "time", "us", "5", "", "", 0, 0 },
	{ "share", "float", "", "0.5", "0..1", "", 0, 0 },
	{ "kind", "enum", "", "tcp", "tcp|udp|raw", "", 0, 0 },
	{ "quick", "bool", "", "0", "", "", 0, 0 },
	{ "text", "string", "", "", "", "", 0, 0 },
	{ "count", "int", "", "-1", "-1..10", "", 0, 0 },
	{ "dump", "string", "", "", "", "", 1, 0 },
};
static struct ipb_error err;
static struct ipb_args args;

static int parse(const char *text) { return ipb_args_parse(&args, table, sizeof table / sizeof *table, text, 0, &err); }

static void fails_with(const char *text, const char *word)
{
	ipb_error_clear(&err);
	assert_int_equal(parse(text), -1);
	if (strstr(ipb_error_text(&err), word) == NULL)
		fail_msg("\"%s\" gave \"%s\", without \"%s\"", text, ipb_error_text(&err), word);
}

static void defaults_apply(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL), 0);
	assert_int_equal(ipb_args_uint(&args, "bps"), 10000000);
	assert_int_equal(ipb_args_ns(&args, "warmup"), 10000000000ull);
	assert_int_equal(ipb_args_ns(&args, "poll"), 5000);
	assert_int_equal(ipb_args_enum(&args, "kind"), 0);
	assert_int_equal(ipb_args_given(&args, "kind"), 0);
	assert_true(ipb_args_number(&args, "count") == -1);
	ipb_args_free(&args);
}

static void units_are_understood(void **state)
{
	(void)state;
	assert_int_equal(parse("bps=1.5Gbps,size=4Ki,warmup=250ms,share=2%,kind=udp,quick,text=\"a,b=c\",count=3"), 0);
	assert_int_equal(ipb_args_uint(&args, "bps"), 1500000000);
	assert_int_equal(ipb_args_uint(&args, "size"), 4096);
	assert_int_equal(ipb_args_ns(&args, "warmup"), 250000000);
	assert_true(fabs(ipb_args_number(&args, "share") - 0.02) < 1e-12);
	assert_int_equal(ipb_args_enum(&args, "kind"), 1);
	assert_true(ipb_args_bool(&args, "quick"));
	assert_string_equal(ipb_args_string(&args, "text"), "a,b=c");
	assert_int_equal(ipb_args_given(&args, "text"), 1);
	ipb_args_free(&args);
	assert_int_equal(parse("warmup=3\xc2\xb5s,,bps=8kbit/s,"), 0);
	assert_int_equal(ipb_args_ns(&args, "warmup"), 3000);
	assert_int_equal(ipb_args_uint(&args, "bps"), 8000);
	ipb_args_free(&args);
}

/* "warmup=$WARMUP" of a script whose variable is empty. */
static void empty_values_are_0_or_the_default(void **state)
{
	(void)state;
	assert_int_equal(parse("warmup=,pause=,bps=,size=\"\",kind=,quick=,count=,share=,text="), 0);
	assert_int_equal(ipb_args_ns(&args, "warmup"), 0);
	assert_int_equal(ipb_args_given(&args, "warmup"), 1);
	assert_int_equal(ipb_args_ns(&args, "pause"), 2000000000ull); /* may not be 0 */
	assert_int_equal(ipb_args_uint(&args, "bps"), 10000000);
	assert_int_equal(ipb_args_given(&args, "bps"), 0);
	assert_int_equal(ipb_args_uint(&args, "size"), 64);
	assert_int_equal(ipb_args_enum(&args, "kind"), 0);
	assert_true(ipb_args_number(&args, "count") == -1);
	assert_true(ipb_args_number(&args, "share") == 0.5);
	assert_string_equal(ipb_args_string(&args, "text"), "");
	ipb_args_free(&args);
	fails_with("nothing=", "is not known");
}

static void either_half_may_be_asked_for(void **state)
{
	uint32_t count = sizeof table / sizeof *table;

	(void)state;
	assert_int_equal(ipb_args_parse(&args, table, count, "dump=x,bps=5", IPB_ARGS_EITHER, &err), 0);
	assert_string_equal(ipb_args_string(&args, "dump"), "x");
	assert_int_equal(ipb_args_uint(&args, "bps"), 5);
	ipb_args_free(&args);
	assert_int_equal(ipb_args_parse(&args, table, count, "dupm=x", IPB_ARGS_EITHER, &err), -1);
	assert_non_null(strstr(ipb_error_text(&err), "did you mean dump?"));
}

static void failures_say_why(void **state)
{
	(void)state;
	fails_with("bsp=1", "did you mean bps?");
	fails_with("zzzzzzz=1", "known are: bps, size");
	fails_with("dump=x", "--test-controller-args");
	fails_with("size=7", "8..64Ki byte");
	fails_with("size=64.5", "not a number of bytes");
	fails_with("bps=fast", "\"fast\" is not a rate");
	fails_with("bps=0x10", "is not a rate");
	fails_with("bps=nan", "is not a rate");
	fails_with("warmup=1parsec", "is not a time");
	fails_with("warmup=-1", "out of range");
	fails_with("kind=sctp", "tcp|udp|raw");
	fails_with("size", "needs a value");
	fails_with("text=\"open", "quote is not closed");
	fails_with("quick=perhaps", "0 or 1");
	fails_with("bps=1e400", "is not a rate");
	fails_with("bps= 5", "is not a rate");
}

static void long_texts_are_refused(void **state)
{
	static char text[IPB_ARGS_MAX_TEXT + 100];

	(void)state;
	memset(text, 'a', sizeof text - 1);
	fails_with(text, "longer than");
	text[IPB_ARGS_MAX_TEXT - 10] = '\0';
	fails_with(text, "is not known");
}

static void distances(void **state)
{
	(void)state;
	assert_int_equal(ipb_edit_distance("", "abc"), 3);
	assert_int_equal(ipb_edit_distance("kitten", "sitting"), 3);
	assert_int_equal(ipb_edit_distance("same", "same"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(defaults_apply), cmocka_unit_test(units_are_understood),
		                            cmocka_unit_test(empty_values_are_0_or_the_default),
		                            cmocka_unit_test(either_half_may_be_asked_for),
		                            cmocka_unit_test(failures_say_why), cmocka_unit_test(long_texts_are_refused),
		                            cmocka_unit_test(distances) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
