/* link: ../latency/options.c ../latency/marshal.c ../latency/output.c */
/* Any bytes as a client's result.  SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "../latency/latency.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipb_error err = { 0 };
	struct latency_result *r = latency_unmarshal((const char *)data, size, &err);

	if (r != NULL)
		free(latency_json(r));
	latency_result_free(r);
	return 0;
}
