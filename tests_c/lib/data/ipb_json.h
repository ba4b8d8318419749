/*
 * Writes JSON text into a growing buffer.  SPDX-License-Identifier: MIT
 *
 * Commas are put by the writer. Strings are escaped; bytes that are not UTF-8 become U+FFFD. Numbers that JSON does
 * not have (NaN, infinity) become null. When memory runs out or IPB_JSON_LIMIT is passed, `failed` is set and
 * ipb_json_take gives NULL. Pass key NULL inside an array and for the outermost value.
 */
#ifndef IPB_JSON_H
#define IPB_JSON_H

#include <stddef.h>
#include <stdint.h>

#define IPB_JSON_LIMIT (64u << 20) /* bytes of text */
#define IPB_JSON_DEPTH 32          /* nesting that ipb_json_check accepts */

struct ipb_json {
	char *text;
	size_t size, capacity;
	int failed;
	int comma; /* the next value needs a comma before it */
};

void ipb_json_init(struct ipb_json *j);
void ipb_json_free(struct ipb_json *j);
/* Gives the NUL-terminated text, to be freed by the caller, or NULL when something failed; empties the writer. */
char *ipb_json_take(struct ipb_json *j);

void ipb_json_object(struct ipb_json *j, const char *key); /* { */
void ipb_json_end_object(struct ipb_json *j);              /* } */
void ipb_json_array(struct ipb_json *j, const char *key);  /* [ */
void ipb_json_end_array(struct ipb_json *j);               /* ] */
void ipb_json_string(struct ipb_json *j, const char *key, const char *value); /* value NULL gives null */
void ipb_json_format(struct ipb_json *j, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4))); /* a string, at most 1023 bytes */
void ipb_json_uint(struct ipb_json *j, const char *key, uint64_t value);
void ipb_json_int(struct ipb_json *j, const char *key, int64_t value);
void ipb_json_number(struct ipb_json *j, const char *key, double value); /* shortest of up to 17 digits */
void ipb_json_bool(struct ipb_json *j, const char *key, int value);
void ipb_json_null(struct ipb_json *j, const char *key);
void ipb_json_base64(struct ipb_json *j, const char *key, const void *data, size_t size);
/* Puts size bytes of ready members ("a":1,"b":2) into the open object; nothing when size is 0. */
void ipb_json_members(struct ipb_json *j, const char *text, size_t size);

/* 0 when the bytes are exactly one well-formed JSON object, at most IPB_JSON_DEPTH deep; else -1. */
int ipb_json_check(const char *text, size_t size);

#endif
