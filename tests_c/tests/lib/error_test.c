/* Sentences: failures, and objections that the original's spelling makes warnings.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "captured.h"
#include "ipb_error.h"

/* What an objection gives with this host, and what it prints on stderr. */
static int object(const struct ipbench_host *host, struct ipb_error *err, char *printed, size_t size)
{
	struct captured c = captured_begin(2);

	ipb_error_attach(err, host);
	int status = ipb_objection(err, "argument %s is not known", "x");
	captured_end(&c, printed, size);
	return status;
}

static void objections_are_failures_or_warnings(void **state)
{
	struct ipbench_host host = { .size = sizeof host };
	struct ipb_error err = { 0 };
	char printed[200];

	(void)state;
	assert_int_equal(object(&host, &err, printed, sizeof printed), -1);
	assert_string_equal(ipb_error_text(&err), "argument x is not known");
	assert_string_equal(printed, "");
	host.original_spelling = 1;
	assert_int_equal(object(&host, &err, printed, sizeof printed), 0);
	assert_string_equal(ipb_error_text(&err), "");
	assert_string_equal(printed, "argument x is not known\n");
	host.size = offsetof(struct ipbench_host, original_spelling); /* an older host of ours, whose memory ends there */
	assert_int_equal(object(&host, &err, printed, sizeof printed), -1);
	assert_int_equal(object(NULL, &err, printed, sizeof printed), 0); /* an original host */
	assert_string_equal(printed, "argument x is not known\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(objections_are_failures_or_warnings) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
