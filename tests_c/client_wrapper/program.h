/*
 * A program that runs under a keeper, and ends with all its children.  SPDX-License-Identifier: MIT
 *
 * The keeper is a small process between us and the program. It leads no group of the program's, adopts every
 * descendant that loses its parent, and kills them all when it is asked to (SIGTERM) or when we die, however that is.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdint.h>
#include <sys/types.h>

#include "ipb_stop.h"
#include "words.h"

#define PROGRAM_OUTPUT_MAX (16 << 20) /* bytes that a program's standard output may have */
#define PROGRAM_KILL_MS 2500          /* how long ending all descendants is waited for */
#define PROGRAM_KEEPER_S 60           /* how long the keeper goes on ending them */
#define PROGRAM_LINGER_MS 200         /* how long output is read after the program has ended */

struct program {
	pid_t keeper;   /* 0: none */
	int status_fd;  /* the keeper writes the program's wait status here */
	int output_fd;  /* its standard output, or -1 */
	const char *name;
};

/* Starts it; its standard output goes to a pipe when capture is non-zero, else to our standard error; its input is
 * empty. 0, or -1 and a sentence. On a thread that lives as long as the program is to live. */
int program_start(struct program *p, const struct words *w, int capture, struct ipb_error *err);

/* Waits until the program itself has ended, cancel (may be NULL) was asked for, or timeout_ns are over; in the last
 * two cases, and afterwards for what it left behind, kills everything. Captured output goes to *data (malloc'ed, may
 * be NULL when nothing was captured). Returns 0 when the program ended with status 0, 1 when cancelled, else -1 and a
 * sentence; *status is its exit status, or 128 + signal. */
int program_finish(struct program *p, const struct ipb_stop *cancel, uint64_t timeout_ns, char **data, size_t *size,
                   int *status, struct ipb_error *err);

/* Non-zero when the program itself has ended already. Its *status as above. */
int program_ended(struct program *p, int *status);

/* Kills it with all descendants and forgets it; harmless when there is none. */
void program_kill(struct program *p);

#endif
