/* Numbers with units; see ipb_args.h.  SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"

struct unit {
	const char *name;
	double factor;
};

static const struct unit multiples[] = {
	{ "", 1 },
	{ "k", 1e3 }, { "K", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "T", 1e12 },
	{ "Ki", 1024.0 }, { "ki", 1024.0 }, { "Mi", 1048576.0 }, { "Gi", 1073741824.0 }, { "Ti", 1099511627776.0 },
};
static const struct unit times[] = {
	{ "ns", 1 }, { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	{ "min", 60e9 }, { "h", 3600e9 },
};

static int find(const struct unit *units, size_t count, const char *text, size_t size, double *factor)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0) {
			*factor = units[i].factor;
			return 0;
		}
	return -1;
}

/* Length of text without this ending. */
static size_t without(const char *text, size_t size, const char *ending)
{
	size_t n = strlen(ending);

	return size >= n && memcmp(text + size - n, ending, n) == 0 ? size - n : size;
}

/* A decimal number in front of text; no hexadecimal, no infinity, no white space. Returns what follows, or NULL. */
static const char *decimal(const char *text, double *value)
{
	const char *p = text + (*text == '-' || *text == '+');
	char *end;

	if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
		return NULL;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return NULL;
	*value = strtod(text, &end);
	return isfinite(*value) ? end : NULL;
}

static int parse_bool(const char *text, double *value)
{
	static const char *const words[] = { "0", "1", "no", "yes", "false", "true", "off", "on" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0) {
			*value = i % 2;
			return 0;
		}
	return -1;
}

int ipb_parse_value(const char *type, const char *unit, const char *text, double *value)
{
	double factor = 1;
	int whole = strcmp(type, "int") == 0 || strcmp(type, "size") == 0;

	if (strcmp(type, "bool") == 0)
		return parse_bool(text, value);
	const char *rest = decimal(text, value);
	if (rest == NULL)
		return -1;
	size_t size = strlen(rest);
	if (strcmp(type, "time") == 0) {
		if (size == 0) {
			rest = unit != NULL && *unit != '\0' ? unit : "s";
			size = strlen(rest);
		}
		if (find(times, sizeof times / sizeof *times, rest, size, &factor) < 0)
			return -1;
		*value = nearbyint(*value * factor);
		return 0;
	}
	if (strcmp(type, "float") == 0 && strcmp(rest, "%") == 0) {
		*value /= 100;
		return 0;
	}
	if (strcmp(type, "rate") == 0)
		size = without(rest, without(rest, size, "bps"), "bit/s");
	if (strcmp(type, "size") == 0)
		size = without(rest, size, "B");
	if (find(multiples, sizeof multiples / sizeof *multiples, rest, size, &factor) < 0)
		return -1;
	*value *= factor;
	return whole && *value != floor(*value) ? -1 : 0;
}

unsigned ipb_edit_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t m = strlen(a), n = strlen(b);

	if (m > 63 || n > 63)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}
