/* Arguments of tests: units, ranges, quotes, sentences.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
static const struct ipbench_host run_host = { .size = sizeof run_host };
static const struct ipbench_host original_host = { .size = sizeof original_host, .original_spelling = 1 };
static struct ipb_error err = { .host = &run_host };
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
static void empty_values_need_a_value(void **state)
{
	(void)state;
	fails_with("warmup=", "argument warmup needs a value: warmup=");
	fails_with("warmup", "argument warmup needs a value");
	fails_with("bps=", "needs a value");
	fails_with("size=\"\"", "needs a value");
	fails_with("kind=", "needs a value");
	fails_with("quick=", "needs a value");
	fails_with("text=", "needs a value");
	assert_int_equal(parse("text=\"\",quick"), 0); /* an empty string, and a flag */
	assert_int_equal(ipb_args_given(&args, "text"), 1);
	assert_true(ipb_args_bool(&args, "quick"));
	ipb_args_free(&args);
}

/* Parses in the original's spelling; what it warns of. */
static const char *warned(const char *text)
{
	static char printed[4096];
	FILE *file = tmpfile();
	int saved = dup(2);

	assert_true(file != NULL && saved >= 0);
	fflush(stderr);
	dup2(fileno(file), 2);
	err.host = &original_host;
	int status = parse(text);
	err.host = &run_host;
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	rewind(file);
	printed[fread(printed, 1, sizeof printed - 1, file)] = '\0';
	fclose(file);
	if (status < 0)
		fail_msg("\"%s\" is refused: %s", text, ipb_error_text(&err));
	return printed;
}

static void the_originals_spelling_warns(void **state)
{
	(void)state;
	const char *printed = warned("holdoff=100000,size=100bytes\tcount=3 kind=UDP,bsp=5,dump=x");
	assert_non_null(strstr(printed, "argument \"holdoff\" is not known; known: bps, size"));
	assert_non_null(strstr(printed, "argument \"bsp\" is not known; did you mean \"bps\"?\n"));
	assert_non_null(strstr(printed, "argument dump belongs to"));
	assert_non_null(strstr(printed, "argument size: \"100bytes\" is not a number of bytes"));
	assert_non_null(strstr(printed, "argument kind: \"UDP\" is not one of tcp|udp|raw; udp is used\n"));
	assert_int_equal(ipb_args_uint(&args, "size"), 100);
	assert_int_equal(ipb_args_enum(&args, "kind"), 1);
	assert_int_equal(ipb_args_uint(&args, "bps"), 10000000);
	assert_true(ipb_args_number(&args, "count") == 3);
	ipb_args_free(&args);
	printed = warned("kind=sctp,quick=perhaps");
	assert_non_null(strstr(printed, "argument kind: \"sctp\" is not one of tcp|udp|raw; tcp is used\n"));
	assert_int_equal(ipb_args_enum(&args, "kind"), 0);
	assert_int_equal(ipb_args_given(&args, "kind"), 0);
	assert_true(ipb_args_bool(&args, "quick"));
	ipb_args_free(&args);
}

static void an_empty_value_in_the_originals_spelling_is_0_or_the_default(void **state)
{
	(void)state;
	const char *printed = warned("warmup=,pause=,bps=,size=\"\",kind=,count=,share=,text=,quick=");
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
	assert_true(ipb_args_bool(&args, "quick"));
	assert_non_null(strstr(printed, "argument warmup has no value; 0 is used\n"));
	assert_non_null(strstr(printed, "argument bps has no value; 10M is used\n"));
	ipb_args_free(&args);
}

/* The next field of a line of cases, "\t" written as a tab; NULL at its end. */
static char *field(char **at)
{
	char *begin = *at, *end, *to;

	if (begin == NULL)
		return NULL;
	end = strstr(begin, " ; ");
	*at = end != NULL ? end + 3 : NULL;
	if (end != NULL)
		*end = '\0';
	to = begin;
	for (char *p = begin; *p != '\0'; p++)
		if (p[0] == '\\' && p[1] == 't') {
			*to++ = '\t';
			p++;
		} else {
			*to++ = *p;
		}
	*to = '\0';
	return begin;
}

static void one_value(char *type, char *unit, char *text, char *expected)
{
	double value = 0;
	int status = ipb_parse_value(type, unit, text, &value);

	if (strcmp(expected, "refused") == 0 ? status == 0 : status != 0 || value != strtod(expected, NULL))
		fail_msg("%s \"%s\": %d, %.17g, expected %s", type, text, status, value, expected);
}

static void one_split(const char *spelling, const char *text, const char *expected)
{
	static const struct ipbench_option letters[] = {
		{ "a", "string", "", "", "", "", 0, 0 }, { "b", "string", "", "", "", "", 0, 0 },
		{ "c", "string", "", "", "", "", 0, 0 }, { "f", "bool", "", "0", "", "", 0, 0 },
	};
	char found[4][100] = { "", "", "", "" }, list[400];

	snprintf(list, sizeof list, "%s", expected);
	for (char *rest, *each = strtok_r(list, "|", &rest); each != NULL; each = strtok_r(NULL, "|", &rest)) {
		size_t name = strspn(each, "abcf");
		snprintf(found[*each == 'f' ? 3 : *each - 'a'], 100, "%s", each + name + (each[name] == '='));
		if (*each == 'f')
			strcpy(found[3], "1");
	}
	err.host = strcmp(spelling, "run") == 0 ? &run_host : &original_host;
	if (ipb_args_parse(&args, letters, 4, text, 0, &err) < 0)
		fail_msg("\"%s\": %s", text, ipb_error_text(&err));
	err.host = &run_host;
	for (int i = 0; i < 4; i++) {
		const struct ipb_value *v = &args.values[i];
		if (v->given != (found[i][0] != '\0') || (v->given && strcmp(v->text, found[i]) != 0))
			fail_msg("\"%s\": %s is \"%s\", expected \"%s\"", text, letters[i].name, v->text, found[i]);
	}
	ipb_args_free(&args);
}

/* The texts that the controller reads, too. */
static void the_cases_of_both_languages(void **state)
{
	char path[4096], line[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
	int count = 0;

	(void)state;
	assert_true(n > 0);
	path[n] = '\0';
	strcpy(strstr(path, "/build/"), "/tests/fixtures/argument_cases.txt");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	for (; fgets(line, sizeof line, file) != NULL; count++) {
		char *at = line, *fields[5];
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#')
			continue;
		for (int i = 0; i < 5; i++)
			fields[i] = field(&at);
		if (strcmp(fields[0], "value") == 0)
			one_value(fields[1], fields[2], fields[3], fields[4]);
		else if (fields[1] != NULL && fields[2] != NULL)
			one_split(fields[1], fields[2], fields[3] != NULL ? fields[3] : "");
	}
	fclose(file);
	assert_true(count > 100);
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
	assert_non_null(strstr(ipb_error_text(&err), "did you mean \"dump\"?"));
}

static void all_mistakes_are_told_together(void **state)
{
	char long_text[4000] = "";

	(void)state;
	assert_int_equal(parse("bsp=1,size=7,count=3,bps=fast,dump=x,bsp=2"), -1);
	assert_string_equal(ipb_error_text(&err),
	                    "argument \"bsp\" is not known; did you mean \"bps\"?\n"
	                    "argument size: 7 is out of range; it takes 8..64Ki byte\n"
	                    "argument bps: \"fast\" is not a rate such as 10M or 1.5G\n"
	                    "argument dump belongs to the controller half's arguments (--test-controller-args)");
	assert_int_equal(parse("size=7,dump=\"x"), -1);
	assert_non_null(strstr(ipb_error_text(&err), "\nargument dump: the double quote is not closed"));
	for (int i = 0; i < 40; i++)
		snprintf(long_text + strlen(long_text), 40, "bps=fast%d,", i);
	assert_int_equal(parse(long_text), -1);
	assert_true(strlen(ipb_error_text(&err)) < IPB_ERROR_SIZE);
	const char *more = strstr(ipb_error_text(&err), "\n… and ");
	assert_non_null(more);
	assert_true(atoi(more + strlen("\n… and ")) > 15 && strcmp(more + strlen(more) - 5, " more") == 0);
}

static void failures_say_why(void **state)
{
	(void)state;
	fails_with("bsp=1", "did you mean \"bps\"?");
	fails_with("bps = 1", "argument \"bps \" is not known; did you mean bps=…, without a blank");
	fails_with("zzzzzzz=1", "; known: bps, size");
	fails_with("foo=1", "\"foo\" is not known; known: bps, size");
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
	ipb_error_clear(&err);
	assert_int_equal(parse("warmup=2h"), -1);
	assert_string_equal(ipb_error_text(&err), "argument warmup: 2h is out of range; it takes 0..1h");
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_apply), cmocka_unit_test(units_are_understood),
		cmocka_unit_test(empty_values_need_a_value), cmocka_unit_test(the_originals_spelling_warns),
		cmocka_unit_test(an_empty_value_in_the_originals_spelling_is_0_or_the_default),
		cmocka_unit_test(the_cases_of_both_languages), cmocka_unit_test(either_half_may_be_asked_for),
		cmocka_unit_test(all_mistakes_are_told_together),
		cmocka_unit_test(failures_say_why), cmocka_unit_test(long_texts_are_refused), cmocka_unit_test(distances),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
