/* link: latency.a */
/* Any text as arguments of latency.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "../../latency/latency.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ipbench_host host = { .size = sizeof host, .original_spelling = size % 8 == 0 };
	struct ipb_error err = { .host = &host };
	struct ipb_args args;
	struct ipb_engine_config config;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, text, (int)(size & 1), &err) == 0) {
		if (latency_configure(&config, &args, "127.0.0.1", 7, size & 1, &err) == 0 && ipb_engine_duration_ns(&config) == 0)
			abort();
		ipb_args_free(&args);
	}
	free(text);
	return 0;
}
