/*
 * What a target without an operating system names in the text that it sends: lines "name=value unit" behind the line that
 * is shown. docs/target_words.md describes them.  SPDX-License-Identifier: MIT
 */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>

#include "ipb_json.h"

#define WORDS_MAX 1000   /* lines of one text that become metrics */
#define WORDS_NAME 79    /* characters of a name */
#define WORDS_UNIT 15    /* and of a unit */
#define WORDS_LINE 160   /* and of a line */
#define WORDS_CORES 256  /* cores whose use is reported */

/* How many bytes of the text come before the first line that names something: what is shown. Without the newline there. */
size_t words_begin(const char *text);

/* Writes the metrics, inside of an array: those that are named; cpuN_use where coreN.idle_cycles and coreN.total_cycles are;
 * and, unless the sums are known (all_known) or named, cpu_use, idle_cycles and total_cycles of all of those. wrong: the first line
 * that should name something and does not, "" none; as long as WORDS_LINE at most. */
void words_metrics(const char *text, int all_known, struct ipb_json *j, char wrong[WORDS_LINE + 1]);

/* The value of a name, of the first WORDS_MAX lines: 0, or -1 when nothing names it. */
int words_value(const char *text, const char *name, double *value);

#endif
