/* What a call prints on standard output or standard error.  SPDX-License-Identifier: MIT */
#ifndef CAPTURED_H
#define CAPTURED_H

#include <stdio.h>
#include <unistd.h>

struct captured {
	FILE *file;
	int fd, saved;
};

/* From now on what is written to descriptor fd (1 or 2) is kept. */
static inline struct captured captured_begin(int fd)
{
	struct captured c = { tmpfile(), fd, dup(fd) };

	fflush(NULL);
	dup2(fileno(c.file), fd);
	return c;
}

/* Ends that; text gets what was kept, NUL-terminated and cut at size. */
static inline void captured_end(struct captured *c, char *text, size_t size)
{
	fflush(NULL);
	dup2(c->saved, c->fd);
	close(c->saved);
	rewind(c->file);
	text[fread(text, 1, size - 1, c->file)] = '\0';
	fclose(c->file);
}

#endif
