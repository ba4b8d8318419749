/*
 * Why the last call failed: one sentence, or several, a line each.  SPDX-License-Identifier: MIT
 *
 * A plugin keeps one `struct ipb_error` and passes it down. After `ipb_error_attach` sentences go to the host's
 * buffer (struct ipbench_host.error); without a host they stay in the structure, and ipb_error_print shows them.
 * One thread at a time.
 */
#ifndef IPB_ERROR_H
#define IPB_ERROR_H

#include "plugin.h"

#define IPB_ERROR_SIZE 1024

struct ipb_error {
	char *text;     /* where sentences go; NULL means `own` */
	uint32_t size;  /* bytes at text */
	char own[IPB_ERROR_SIZE];
	const struct ipbench_host *host; /* NULL: an original host, which attaches nobody */
};

/* Sends the sentences to the host's buffer. host may be NULL: then they stay in err->own. */
void ipb_error_attach(struct ipb_error *err, const struct ipbench_host *host);

/* Writes the sentence (cut at the buffer's size) and returns -1, so that a caller can `return ipb_error(…)`.
 * err may be NULL: then nothing is written. */
int ipb_error(struct ipb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and the text of errno_value. */
int ipb_error_errno(struct ipb_error *err, int errno_value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the run is in the original's spelling (struct ipbench_host); a host that is NULL is an original one. */
int ipb_original_spelling(const struct ipbench_host *host);

/* Something in the arguments that the original lets pass, such as a name that no test knows. In the original's spelling
 * it is a warning on stderr, and 0; otherwise the sentence of a failure, and -1. */
int ipb_objection(struct ipb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes an objection of the failure whose sentence is the last one: 0 when it has become a warning, else -1. */
int ipb_forgive(struct ipb_error *err);

/* The last sentence, "" when there was none. Valid until the next call. */
const char *ipb_error_text(const struct ipb_error *err);

/* Forgets the last sentence. */
void ipb_error_clear(struct ipb_error *err);

/* Several mistakes that are reported together, each a sentence; to be initialised with zeros. */
struct ipb_mistakes {
	char text[IPB_ERROR_SIZE]; /* the sentences, a newline between them */
	uint32_t count;
	uint32_t left_out; /* of count: had no room in text */
};

/* Moves err's sentence to the others, unless it is there already. err may be NULL. */
void ipb_mistakes_add(struct ipb_mistakes *m, struct ipb_error *err);

/* 0 when there was none; else -1, and err has all of them. */
int ipb_mistakes_end(const struct ipb_mistakes *m, struct ipb_error *err);

/* When no host takes the sentences, writes each as one line "NAME: sentence" on stderr; returns -1. */
int ipb_error_print(const struct ipb_error *err, const char *name);

/* Something that the user has to know and that fails nothing: writes it as one line "NAME: sentence" on stderr, which
 * the controller shows. */
void ipb_warn(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The file of the running program, for sentences that name what to grant to it. */
const char *ipb_program(void);

#endif
