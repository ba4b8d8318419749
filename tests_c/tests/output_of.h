/* What a plugin's output prints.  SPDX-License-Identifier: MIT */
#ifndef OUTPUT_OF_H
#define OUTPUT_OF_H

#include <stdio.h>
#include <unistd.h>

#include "plugin.h"

/* Has the results of n clients printed, of the one target when is_target, and gives the text, NUL-terminated. Returns
 * output's status. */
static inline int output_of(void (*output)(void), int is_target, struct client_data *data, int n, char *text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(1), status;

	fflush(NULL);
	dup2(fileno(file), 1);
	status = is_target ? ((ipbench_target_output_fn)output)(data) : ((ipbench_client_output_fn)output)(data, n);
	fflush(NULL);
	dup2(saved, 1);
	close(saved);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	return status;
}

#endif
