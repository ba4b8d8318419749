/* Sentences about failures; see ipb_error.h.  SPDX-License-Identifier: MIT */
#include "ipb_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *place(struct ipb_error *err, size_t *size)
{
	if (err->text != NULL && err->size > 0) {
		*size = err->size;
		return err->text;
	}
	*size = sizeof err->own;
	return err->own;
}

void ipb_error_attach(struct ipb_error *err, const struct ipbench_host *host)
{
	err->text = host != NULL ? host->error : NULL;
	err->size = host != NULL && host->error != NULL ? host->error_size : 0;
	err->own[0] = '\0';
	err->host = host;
}

int ipb_error(struct ipb_error *err, const char *format, ...)
{
	va_list args;
	size_t size;

	if (err == NULL)
		return -1;
	char *to = place(err, &size);
	va_start(args, format);
	vsnprintf(to, size, format, args);
	va_end(args);
	return -1;
}

int ipb_original_spelling(const struct ipbench_host *host)
{
	size_t end = offsetof(struct ipbench_host, original_spelling) + sizeof host->original_spelling;

	return host == NULL || (host->size >= end && host->original_spelling != 0);
}

int ipb_objection(struct ipb_error *err, const char *format, ...)
{
	va_list args;
	size_t size;
	char text[IPB_ERROR_SIZE];

	if (err == NULL)
		return -1;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (ipb_original_spelling(err->host)) {
		fprintf(stderr, "%s\n", text);
		return 0;
	}
	char *to = place(err, &size);
	snprintf(to, size, "%s", text);
	return -1;
}

int ipb_error_errno(struct ipb_error *err, int errno_value, const char *format, ...)
{
	va_list args;
	size_t size;
	char reason[128];

	if (err == NULL)
		return -1;
	char *to = place(err, &size);
	va_start(args, format);
	int n = vsnprintf(to, size, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < size)
		snprintf(to + n, size - (size_t)n, ": %s", strerror_r(errno_value, reason, sizeof reason));
	return -1;
}

const char *ipb_error_text(const struct ipb_error *err)
{
	return err->text != NULL && err->size > 0 ? err->text : err->own;
}

void ipb_error_clear(struct ipb_error *err)
{
	size_t size;

	place(err, &size)[0] = '\0';
}

int ipb_forgive(struct ipb_error *err)
{
	if (err == NULL || !ipb_original_spelling(err->host))
		return -1;
	fprintf(stderr, "%s\n", ipb_error_text(err));
	ipb_error_clear(err);
	return 0;
}

/* Whether the line is one of the lines of text. */
static int has_line(const char *text, const char *line)
{
	size_t size = strlen(line);

	for (const char *at = text; (at = strstr(at, line)) != NULL; at += size)
		if ((at == text || at[-1] == '\n') && (at[size] == '\n' || at[size] == '\0'))
			return 1;
	return 0;
}

void ipb_mistakes_add(struct ipb_mistakes *m, struct ipb_error *err)
{
	const char *sentence = err != NULL ? ipb_error_text(err) : "";
	size_t used = strlen(m->text), size = strlen(sentence);

	if (size > 0 && has_line(m->text, sentence))
		return;
	m->count++;
	/* The count of those without room needs some itself. */
	const size_t room = sizeof m->text - sizeof "\n… and 4294967295 more" - used;
	if (used == 0)
		snprintf(m->text, room, "%s", sentence);
	else if (size + 2 > room)
		m->left_out++;
	else
		snprintf(m->text + used, room, "\n%s", sentence);
	if (err != NULL)
		ipb_error_clear(err);
}

int ipb_mistakes_end(const struct ipb_mistakes *m, struct ipb_error *err)
{
	if (m->count == 0)
		return 0;
	if (m->left_out == 0)
		return ipb_error(err, "%s", m->text);
	return ipb_error(err, "%s\n… and %u more", m->text, m->left_out);
}

int ipb_error_print(const struct ipb_error *err, const char *name)
{
	if (err->text != NULL && err->size > 0)
		return -1;
	for (const char *line = err->own; *line != '\0';) {
		int size = (int)strcspn(line, "\n");
		fprintf(stderr, "%s: %.*s\n", name, size, line);
		line += size + (line[size] == '\n');
	}
	return -1;
}

void ipb_warn(const char *name, const char *format, ...)
{
	char text[IPB_ERROR_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\n", name, text);
}

/* The host gives it in its plugin process's environment: what runs there is the runtime inside the program's file. */
const char *ipb_program(void)
{
	const char *name = getenv("IPBENCH_PROGRAM");

	return name != NULL && *name != '\0' ? name : "/path/to/ipbenchd";
}
