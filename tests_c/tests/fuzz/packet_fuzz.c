/* Any bytes as a reply, a histogram, JSON.  SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ipb_header.h"
#include "ipb_hist.h"
#include "ipb_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t pattern[65536 + IPB_HEADER_SIZE];
	static struct ipb_hist hist;
	static struct ipb_header h;
	uint64_t number;

	if (hist.counts == NULL) {
		ipb_header_pattern(pattern, sizeof pattern);
		if (ipb_hist_init(&hist) < 0)
			return 0;
		ipb_header_init(&h, 1, 77, pattern, sizeof pattern);
		h.base = 5ull << 32;
	}
	h.full = (int)(size & 1);
	if (size <= 65536 && ipb_header_read(&h, data, (uint32_t)size, 64, 1000, &number) == IPB_REPLY_OK && number >= 1000)
		abort();
	ipb_hist_decode(&hist, data, size);
	ipb_json_check((const char *)data, size);
	return 0;
}
