/* Is this text one JSON object? For text that came from the network.  SPDX-License-Identifier: MIT */
#include "ipb_json.h"

#include <string.h>

struct scan {
	const char *at, *end;
};

static void space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static int digits(struct scan *s)
{
	const char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > from ? 0 : -1;
}

static int number(struct scan *s)
{
	if (s->at < s->end && *s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (digits(s) < 0)
		return -1;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (digits(s) < 0)
			return -1;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		if (digits(s) < 0)
			return -1;
	}
	return 0;
}

static int hex(struct scan *s)
{
	for (int i = 0; i < 4; i++, s->at++)
		if (s->at >= s->end || strchr("0123456789abcdefABCDEF", *s->at) == NULL || *s->at == '\0')
			return -1;
	return 0;
}

static int string(struct scan *s)
{
	if (s->at >= s->end || *s->at != '"')
		return -1;
	for (s->at++; s->at < s->end; s->at++) {
		unsigned char c = (unsigned char)*s->at;
		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return -1;
		if (c != '\\')
			continue;
		if (++s->at >= s->end || *s->at == '\0')
			return -1;
		if (*s->at == 'u') {
			s->at++;
			if (hex(s) < 0)
				return -1;
			s->at--;
		} else if (strchr("\"\\/bfnrt", *s->at) == NULL) {
			return -1;
		}
	}
	return -1;
}

static int word(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0)
		return -1;
	s->at += n;
	return 0;
}

static int value(struct scan *s, int depth);

/* The inside of an object or array, up to and with its closing mark. */
static int members(struct scan *s, int depth, char closing)
{
	s->at++;
	space(s);
	if (s->at < s->end && *s->at == closing) {
		s->at++;
		return 0;
	}
	for (;;) {
		space(s);
		if (closing == '}') {
			if (string(s) < 0)
				return -1;
			space(s);
			if (s->at >= s->end || *s->at++ != ':')
				return -1;
		}
		if (value(s, depth + 1) < 0)
			return -1;
		space(s);
		if (s->at >= s->end)
			return -1;
		char c = *s->at++;
		if (c == closing)
			return 0;
		if (c != ',')
			return -1;
	}
}

static int value(struct scan *s, int depth)
{
	if (depth > IPB_JSON_DEPTH)
		return -1;
	space(s);
	if (s->at >= s->end)
		return -1;
	switch (*s->at) {
	case '{': return members(s, depth, '}');
	case '[': return members(s, depth, ']');
	case '"': return string(s);
	case 't': return word(s, "true");
	case 'f': return word(s, "false");
	case 'n': return word(s, "null");
	default: return number(s);
	}
}

int ipb_json_check(const char *text, size_t size)
{
	struct scan s = { text, text + size };

	space(&s);
	if (s.at >= s.end || *s.at != '{' || value(&s, 0) < 0)
		return -1;
	space(&s);
	return s.at == s.end ? 0 : -1;
}
