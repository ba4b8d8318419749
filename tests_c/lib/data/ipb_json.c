/* Writes JSON; see ipb_json.h.  SPDX-License-Identifier: MIT */
#include "ipb_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ipb_json_init(struct ipb_json *j) { memset(j, 0, sizeof *j); }

void ipb_json_free(struct ipb_json *j)
{
	free(j->text);
	ipb_json_init(j);
}

char *ipb_json_take(struct ipb_json *j)
{
	char *text = j->failed ? NULL : j->text;

	if (text == NULL)
		free(j->text);
	ipb_json_init(j);
	return text;
}

static void put(struct ipb_json *j, const char *text, size_t size)
{
	if (j->failed)
		return;
	if (size > IPB_JSON_LIMIT || j->size + size + 1 > IPB_JSON_LIMIT) {
		j->failed = 1;
		return;
	}
	if (j->size + size + 1 > j->capacity) {
		size_t wanted = j->capacity ? j->capacity * 2 : 4096;
		while (wanted < j->size + size + 1)
			wanted *= 2;
		char *grown = realloc(j->text, wanted);
		if (grown == NULL) {
			j->failed = 1;
			return;
		}
		j->text = grown;
		j->capacity = wanted;
	}
	if (size)
		memcpy(j->text + j->size, text, size);
	j->size += size;
	j->text[j->size] = '\0';
}

static void put_text(struct ipb_json *j, const char *text) { put(j, text, strlen(text)); }

/* Length of the UTF-8 sequence at s, 0 when it is not one. */
static unsigned sequence(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0)
		return (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] < 0xf0) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] < 0xf5) {
		if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

static void put_quoted(struct ipb_json *j, const char *value)
{
	put(j, "\"", 1);
	for (const unsigned char *s = (const unsigned char *)value; *s != '\0';) {
		unsigned n = sequence(s);
		char escape[8];
		if (n == 0) {
			put_text(j, "\xef\xbf\xbd");
			s++;
			continue;
		}
		if (n == 1 && (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)) {
			if (*s == '"' || *s == '\\')
				snprintf(escape, sizeof escape, "\\%c", *s);
			else
				snprintf(escape, sizeof escape, "\\u%04x", *s);
			put_text(j, escape);
		} else {
			put(j, (const char *)s, n);
		}
		s += n;
	}
	put(j, "\"", 1);
}

static void lead_in(struct ipb_json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	if (key != NULL) {
		put_quoted(j, key);
		put(j, ":", 1);
	}
	j->comma = 1;
}

void ipb_json_object(struct ipb_json *j, const char *key)
{
	lead_in(j, key);
	put(j, "{", 1);
	j->comma = 0;
}

void ipb_json_end_object(struct ipb_json *j)
{
	put(j, "}", 1);
	j->comma = 1;
}

void ipb_json_array(struct ipb_json *j, const char *key)
{
	lead_in(j, key);
	put(j, "[", 1);
	j->comma = 0;
}

void ipb_json_end_array(struct ipb_json *j)
{
	put(j, "]", 1);
	j->comma = 1;
}

void ipb_json_string(struct ipb_json *j, const char *key, const char *value)
{
	if (value == NULL) {
		ipb_json_null(j, key);
		return;
	}
	lead_in(j, key);
	put_quoted(j, value);
}

void ipb_json_format(struct ipb_json *j, const char *key, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ipb_json_string(j, key, text);
}

void ipb_json_uint(struct ipb_json *j, const char *key, uint64_t value)
{
	char text[24];

	lead_in(j, key);
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	put_text(j, text);
}

void ipb_json_int(struct ipb_json *j, const char *key, int64_t value)
{
	char text[24];

	lead_in(j, key);
	snprintf(text, sizeof text, "%lld", (long long)value);
	put_text(j, text);
}

void ipb_json_number(struct ipb_json *j, const char *key, double value)
{
	char text[40];

	if (!isfinite(value)) {
		ipb_json_null(j, key);
		return;
	}
	lead_in(j, key);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	put_text(j, text);
}

void ipb_json_bool(struct ipb_json *j, const char *key, int value)
{
	lead_in(j, key);
	put_text(j, value ? "true" : "false");
}

void ipb_json_null(struct ipb_json *j, const char *key)
{
	lead_in(j, key);
	put_text(j, "null");
}

void ipb_json_base64(struct ipb_json *j, const char *key, const void *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	lead_in(j, key);
	put(j, "\"", 1);
	for (size_t i = 0; i < size; i += 3) {
		unsigned left = size - i < 3 ? (unsigned)(size - i) : 3;
		unsigned long v = (unsigned long)p[i] << 16;
		if (left > 1)
			v |= (unsigned long)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		char four[4] = { digits[v >> 18 & 63], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
		                 left > 2 ? digits[v & 63] : '=' };
		put(j, four, 4);
	}
	put(j, "\"", 1);
}

void ipb_json_members(struct ipb_json *j, const char *text, size_t size)
{
	if (size == 0)
		return;
	lead_in(j, NULL);
	put(j, text, size);
}
