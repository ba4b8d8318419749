/* link: latency.a */
/* Any bytes as a client's result, of latency and of latency-check, whose header has a word more.  SPDX-License-Identifier: MIT */
#include <stdlib.h>

/* latency-check's decoder under other names; the plain one is linked. */
#define LATENCY_CHECK 1
#define latency_unmarshal check_unmarshal
#define latency_result_free check_result_free
#define latency_hist_open check_hist_open
#define latency_read check_read
#define latency_read_cleanup check_read_cleanup
#include "../../latency/unmarshal.c"
#undef latency_unmarshal
#undef latency_result_free

struct latency_result *latency_unmarshal(const char *input, size_t size, struct ipb_error *err);
void latency_result_free(struct latency_result *r);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipb_error err = { 0 };
	struct latency_result *r = latency_unmarshal((const char *)data, size, &err);

	if (r != NULL)
		free(latency_json(r));
	latency_result_free(r);
	r = check_unmarshal((const char *)data, size, &err);
	if (r != NULL)
		free(latency_json(r));
	check_result_free(r);
	return 0;
}
