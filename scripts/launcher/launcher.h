/* What the launcher's files share.  SPDX-License-Identifier: MIT */
#ifndef IPBENCH_LAUNCHER_H
#define IPBENCH_LAUNCHER_H

#include <stdint.h>
#include <stdnoreturn.h>

/* Says why on stderr and exits with status 1. */
noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Copies length bytes at offset of one file to the end of another. 0, or -1 with errno. */
int copy_range(int from, uint64_t offset, uint64_t length, int to);

/* Looks for the part in the user's private cache folder, puts it there when it is absent or damaged, and gives its
 * path (static storage, one for each mode). Used where memory cannot be executed. executable: mode 0700, else 0600. */
const char *cache_part(int from, uint64_t offset, uint64_t length, uint64_t sum, int executable);

/* Executes the program that begins at offset of an open file. Returns only where that cannot be done. */
void execute_in_place(int file, uint64_t offset, char *const *arguments, char *const *environment);

/* Makes the capabilities that the file was given (`setcap`) survive the execution of the runtime. */
void keep_capabilities(void);

#endif
