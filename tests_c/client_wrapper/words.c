/* Words of a command, and whether it may be run; see words.h.  SPDX-License-Identifier: MIT */
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Copies one word from *from to *to; 0, or -1 when a quote is not closed. */
static int one_word(const char **from, char **to)
{
	char quote = 0;

	for (; **from != '\0' && (quote || !is_space(**from)); (*from)++) {
		char c = **from, next = (*from)[1];
		if (quote == 0 && (c == '\'' || c == '"'))
			quote = c;
		else if (c == quote)
			quote = 0;
		else if (c == '\\' && next != '\0' && (quote == 0 || (quote == '"' && (next == '"' || next == '\\'))))
			*(*to)++ = *++*from;
		else
			*(*to)++ = c;
	}
	*(*to)++ = '\0';
	return quote == 0 ? 0 : -1;
}

int words_parse(struct words *w, const char *command, struct ipb_error *err)
{
	size_t size = strlen(command);

	memset(w, 0, sizeof *w);
	if (size > WORDS_TEXT_MAX)
		return ipb_error(err, "a command is longer than %d bytes", WORDS_TEXT_MAX);
	char *to = w->text = malloc(size + 2); /* a word and its NUL take no more than the word and its space */
	if (to == NULL)
		return ipb_error(err, "no memory for a command");
	for (const char *p = command;;) {
		while (is_space(*p))
			p++;
		if (*p == '\0')
			break;
		if (w->count == WORDS_MAX) {
			words_free(w);
			return ipb_error(err, "a command has more than %d words", WORDS_MAX);
		}
		w->word[w->count++] = to;
		if (one_word(&p, &to) < 0) {
			words_free(w);
			return ipb_error(err, "a quote is not closed in the command \"%.200s\"", command);
		}
	}
	if (w->count == 0) {
		words_free(w);
		return ipb_error(err, "the command is empty");
	}
	return 0;
}

void words_free(struct words *w)
{
	free(w->text);
	if (w->path != NULL)
		close(w->fd);
	free(w->path);
	memset(w, 0, sizeof *w);
}

static int inside(const char *path, const char *allowed)
{
	while (allowed != NULL && *allowed != '\0') {
		size_t size = strcspn(allowed, ":");
		if (size > 0 && allowed[0] == '/') {
			size_t end = size > 1 && allowed[size - 1] == '/' ? size - 1 : size;
			if (strncmp(path, allowed, end) == 0 && (path[end] == '/' || end == 1))
				return 1;
		}
		allowed += size + (allowed[size] == ':');
	}
	return 0;
}

/* The path that an open file has, without links. 0, or -1 with errno. */
static int path_of(int fd, char path[PATH_MAX])
{
	char link[64];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return -1;
	path[n] = '\0';
	return 0;
}

/* One sentence, whether the file is there or not: a stranger must not find out here what else this machine has. */
static int refuse(const char *given, const char *what, struct ipb_error *err)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%s", given);
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	return ipb_error(err, "%s: this daemon may not run %.200s; start it with --allow-exec %.200s, if it is there, to let it",
	                 what, given, folder);
}

int words_allow(struct words *w, const char *allowed, const char *what, struct ipb_error *err)
{
	char path[PATH_MAX];
	const char *given = w->word[0];

	if (given[0] != '/')
		return ipb_error(err, "%s: \"%.200s\" is not an absolute path", what, given);
	int named_inside = inside(given, allowed) && strstr(given, "/../") == NULL;
	int fd = open(given, O_PATH | O_CLOEXEC);
	if (fd < 0 || path_of(fd, path) < 0) {
		if (named_inside)
			ipb_error_errno(err, errno, "%s: cannot find program %.200s", what, given);
		else
			refuse(given, what, err);
		goto fail;
	}
	if (!inside(path, allowed)) {
		refuse(given, what, err);
		goto fail;
	}
	if (fstat(fd, &w->about) < 0 || !S_ISREG(w->about.st_mode) || access(path, X_OK) < 0) {
		ipb_error(err, "%s: %.200s is not an executable file", what, path);
		goto fail;
	}
	w->path = strdup(path);
	w->fd = fd;
	if (w->path != NULL)
		return 0;
	ipb_error(err, "no memory for a command");
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}
