/* What a plugin's output prints.  SPDX-License-Identifier: MIT */
#ifndef OUTPUT_OF_H
#define OUTPUT_OF_H

#include "captured.h"
#include "plugin.h"

/* Has the results of n clients printed, of the one target when is_target, and gives the text, NUL-terminated. Returns
 * output's status. */
static inline int output_of(void (*output)(void), int is_target, struct client_data *data, int n, char *text, size_t size)
{
	struct captured c = captured_begin(1);
	int status = is_target ? ((ipbench_target_output_fn)output)(data) : ((ipbench_client_output_fn)output)(data, n);

	captured_end(&c, text, size);
	return status;
}

#endif
