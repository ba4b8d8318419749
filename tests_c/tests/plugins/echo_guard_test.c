/* link: echo/echo_guard.o */
/* Which packets the echo's guard takes for one that comes again: those of the same bytes, of every size.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "../../echo/echo_guard.h"

#define SIZE_MAX_TRIED 160
#define GAP_NS 1000000ull

/* How many of so many packets of a size are not answered; other: their last byte differs each time. */
static int withheld(size_t size, int packets, int other)
{
	struct guard *g = guard_new();
	uint8_t data[SIZE_MAX_TRIED];
	int held = 0;

	assert_non_null(g);
	memset(data, 0x55, sizeof data);
	for (int i = 0; i < packets; i++) {
		if (other)
			data[size - 1] = (uint8_t)i;
		held += guard_goes_round(g, 1, data, size, 1, (uint64_t)(i + 1) * GAP_NS);
	}
	free(g);
	return held;
}

static void a_packet_that_differs_in_its_last_byte_is_another_one(void **state)
{
	(void)state;
	for (size_t size = 1; size <= SIZE_MAX_TRIED; size++) {
		if (withheld(size, GUARD_SAME_ENDLESS + 1, 1) != 0)
			fail_msg("%zu bytes", size);
	}
}

static void the_same_bytes_are_the_same_packet(void **state)
{
	(void)state;
	for (size_t size = 1; size <= SIZE_MAX_TRIED; size++) {
		if (withheld(size, GUARD_SAME_ENDLESS - 1, 0) != 0 || withheld(size, GUARD_SAME_ENDLESS + 1, 0) == 0)
			fail_msg("%zu bytes", size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_that_differs_in_its_last_byte_is_another_one),
		cmocka_unit_test(the_same_bytes_are_the_same_packet),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
