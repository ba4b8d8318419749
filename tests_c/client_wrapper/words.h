/*
 * Words of a command, and whether it may be run.  SPDX-License-Identifier: MIT
 */
#ifndef WORDS_H
#define WORDS_H

#include <sys/stat.h>

#include "ipb_error.h"

#define WORDS_MAX 256        /* words of one command */
#define WORDS_TEXT_MAX 32768 /* bytes of one command */
#define ALLOW_VARIABLE "IPBENCH_ALLOW_EXEC" /* directories, absolute and without links, with ':' between them */

struct words {
	int count;
	char *word[WORDS_MAX + 1]; /* NULL after the last; all point into text */
	char *text;                /* owner of them */
	char *path;                /* what is run, word[0] without links; NULL before words_allow */
	int fd;                    /* of that file, open for execution alone (O_PATH), when path is not NULL */
	struct stat about;         /* what it was then */
};

/* Splits at white space. '…' holds anything, "…" anything but \" and \\, a backslash outside quotes takes the next
 * character as it is. No shell: no variables, no patterns, no pipes. 0, or -1 and a sentence. */
int words_parse(struct words *w, const char *command, struct ipb_error *err);
void words_free(struct words *w);

/* Opens word[0] and sets path to it without links, if that is an executable file below one of the directories of allowed (NULL:
 * none). What is run later is what was opened here, whatever the path leads to then. word[0] stays as it was: a program of many names knows itself by it. what names the argument in the sentence.
 * 0, or -1 and a sentence. */
int words_allow(struct words *w, const char *allowed, const char *what, struct ipb_error *err);

#endif
