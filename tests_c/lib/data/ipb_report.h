/*
 * A result that is a text, with the same figures as JSON behind it.  SPDX-License-Identifier: MIT
 *
 * What target tests send: the text that the original would print, a NUL, and, in the extended form only, one JSON
 * object (the keys of `results` in plugin.h) and a NUL. An original controller stops at the first NUL. A target
 * without an operating system sends a text alone, with or without its NUL.
 */
#ifndef IPB_REPORT_H
#define IPB_REPORT_H

#include "ipb_error.h"

#define IPB_REPORT_MAX (1 << 20) /* bytes of text and of JSON, each, that unmarshall accepts */

/* Makes the block for marshall: text, and json unless it is NULL. json is freed. 0 or -1; *data is malloc'ed. */
int ipb_report_marshall(const char *text, char *json, char **data, int *size);

/* Checks len bytes from the network and copies them to *data (malloc'ed): text, NUL, JSON or nothing, NUL. 0 or -1 and a
 * sentence. */
int ipb_report_unmarshall(const char *input, int len, char **data, int *data_len, struct ipb_error *err);

/* The text of an unmarshalled block, "" when there is none. */
const char *ipb_report_text(const struct client_data *data);

/* Its JSON object, or "" when the sender gave none. */
const char *ipb_report_json(const struct client_data *data);

/* For `results`: a copy of that JSON, or of fallback when there is none (fallback NULL: "{}"). 0 or -1. */
int ipb_report_results(const struct client_data *data, const char *fallback, char **json);

/* For `output`: prints the text, as a line. */
int ipb_report_print(struct client_data *data);

/* free() and NULL, for the cleanup functions. */
void ipb_report_free(char **data);

#endif
