/*
 * What both wrappers do: three commands, a result.  SPDX-License-Identifier: MIT
 */
#ifndef WRAPPER_H
#define WRAPPER_H

#include "program.h"

#define WRAPPER_STOP_MS 800 /* how long stop waits for start's end: after ABORT the daemon waits for stop alone */
#define WRAPPER_RESULT_MAX (PROGRAM_OUTPUT_MAX + 64) /* bytes of a marshalled result */

struct wrapper {
	struct words start, stop, output; /* count 0: not given */
	uint64_t timeout_ns, output_timeout_ns;
	char *data; /* the result so far */
	size_t size;
	int start_status, output_status; /* exit status, -1: not run */
	uint64_t ran_ns;
	atomic_int busy; /* start is being called */
};

/* The options table that both have. */
#define WRAPPER_OPTIONS 5
extern const struct ipbench_option wrapper_options[WRAPPER_OPTIONS];

/* What the figures are, for the extension's table. */
#define WRAPPER_METRICS 8
extern const struct ipbench_metric wrapper_metrics[WRAPPER_METRICS];

int wrapper_setup(struct wrapper *w, const char *arguments, struct ipb_error *err);
/* Around the work of start, on its thread. */
void wrapper_begin(struct wrapper *w);
void wrapper_end(struct wrapper *w);
/* Waits at most WRAPPER_STOP_MS until start is no longer being called, so that the stop program can end after ABORT. */
void wrapper_wait(const struct wrapper *w);
/* Runs the output command, if there is one, and gives the result: in the original's form the bytes alone, in the
 * extended one a header before them. */
int wrapper_marshall(struct wrapper *w, int extended, char **data, int *size, struct ipb_error *err);

int wrapper_unmarshall(const char *input, int len, char **data, int *data_len, struct ipb_error *err);
/* Prints the program's output, and a newline where it does not end with one; a client whose program printed nothing
 * has an empty line, a target none. */
int wrapper_print(const struct client_data *data);
int wrapper_results(const struct client_data *data, char **json);

#endif
