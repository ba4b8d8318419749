/* Any bytes as what passes between a client and the services of a target. What is read is written again, and is the same.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_bulk_result.h"
#include "ipb_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SAME(written, length)                             \
	do {                                              \
		if (memcmp(written, data, length) != 0)   \
			abort();                          \
	} while (0)

static void records(const uint8_t *data, size_t size)
{
	uint8_t bytes[IPB_WELCOME_SIZE];
	struct ipb_hello h;
	struct ipb_welcome w;
	struct ipb_message m;
	struct ipb_join j;

	if (size >= IPB_HELLO_SIZE && ipb_hello_decode(&h, data) == 0) {
		ipb_hello_encode(&h, bytes);
		SAME(bytes, IPB_HELLO_SIZE);
	}
	if (size >= IPB_WELCOME_SIZE && ipb_welcome_decode(&w, data) == 0) {
		ipb_welcome_encode(&w, bytes);
		SAME(bytes, IPB_WELCOME_SIZE);
	}
	if (size >= IPB_MESSAGE_SIZE && ipb_message_decode(&m, data) == 0) {
		ipb_message_encode(&m, bytes);
		SAME(bytes, IPB_MESSAGE_SIZE);
	}
	if (ipb_join_decode(&j, data, size) == 0) {
		ipb_join_encode(&j, bytes);
		SAME(bytes, IPB_JOIN_SIZE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipb_bulk_result r;

	records(data, size);
	for (uint32_t count = 0; count < 4; count++)
		if (ipb_bulk_result_read(&r, count, data, size) == 0)
			ipb_bulk_result_free(&r);
	return 0;
}
