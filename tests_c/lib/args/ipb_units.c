/* Numbers with units; see ipb_args.h.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"

#define DIGITS "0123456789"
#define EXPONENT_MAX 999 /* of a number that is typed */

struct unit {
	const char *name;
	int power;     /* of ten */
	double factor; /* beside it */
};

#define NUMBER_MAX 256 /* bytes of a number without its unit */

/* A power of ten goes into the decimal text, so that 1.1M is exactly 1100000. */
static const struct unit multiples[] = {
	{ "", 0, 1 },
	{ "k", 3, 1 }, { "K", 3, 1 }, { "M", 6, 1 }, { "G", 9, 1 }, { "T", 12, 1 },
	{ "Ki", 0, 1024.0 }, { "ki", 0, 1024.0 }, { "Mi", 0, 1048576.0 }, { "Gi", 0, 1073741824.0 },
	{ "Ti", 0, 1099511627776.0 },
};
static const struct unit times[] = { /* in nanoseconds */
	{ "ns", 0, 1 }, { "us", 3, 1 }, { "\xc2\xb5s", 3, 1 }, { "\xce\xbcs", 3, 1 }, { "ms", 6, 1 }, { "s", 9, 1 },
	{ "min", 9, 60 }, { "h", 9, 3600 },
};
static const struct unit percent = { "%", -2, 1 };

static const struct unit *find(const struct unit *units, size_t count, const char *text, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == size && memcmp(units[i].name, text, size) == 0)
			return &units[i];
	return NULL;
}

static int ends(const char *text, size_t size, const char *ending)
{
	size_t n = strlen(ending);

	return size >= n && memcmp(text + size - n, ending, n) == 0;
}

/* Length of a decimal number in front of text, 0 for none; no hexadecimal, no infinity, no white space. */
static size_t decimal(const char *text)
{
	size_t n = *text == '-' || *text == '+', whole = strspn(text + n, DIGITS);

	n += whole;
	if (text[n] == '.') {
		size_t fraction = strspn(text + n + 1, DIGITS);
		if (whole + fraction == 0)
			return 0;
		n += 1 + fraction;
	} else if (whole == 0) {
		return 0;
	}
	if (text[n] == 'e' || text[n] == 'E') {
		size_t sign = text[n + 1] == '-' || text[n + 1] == '+', digits = strspn(text + n + 1 + sign, DIGITS);
		if (digits > 0)
			n += 1 + sign + digits;
	}
	return n;
}

/* The number text[0..size) in this unit. */
static int scaled(const char *text, size_t size, const struct unit *unit, double *value)
{
	char number[NUMBER_MAX + 32];
	size_t mantissa = 0;
	long exponent = 0;

	if (size > NUMBER_MAX)
		return -1;
	while (mantissa < size && text[mantissa] != 'e' && text[mantissa] != 'E')
		mantissa++;
	if (mantissa < size)
		exponent = strtol(text + mantissa + 1, NULL, 10);
	if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return -1;
	snprintf(number, sizeof number, "%.*se%ld", (int)mantissa, text, exponent + unit->power);
	*value = strtod(number, NULL) * unit->factor;
	return isfinite(*value) ? 0 : -1;
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

static const struct unit *unit_of(const char *type, const char *bare, const char *text)
{
	size_t size = strlen(text);

	if (strcmp(type, "time") == 0) {
		if (size == 0)
			text = bare != NULL && *bare != '\0' ? bare : "s";
		return find(times, sizeof times / sizeof *times, text, strlen(text));
	}
	if (strcmp(type, "float") == 0 && strcmp(text, percent.name) == 0)
		return &percent;
	if (strcmp(type, "rate") == 0)
		size -= ends(text, size, "bps") ? 3 : ends(text, size, "bit/s") ? 5 : 0;
	if (strcmp(type, "size") == 0)
		size -= ends(text, size, "B");
	return find(multiples, sizeof multiples / sizeof *multiples, text, size);
}

int ipb_parse_value(const char *type, const char *unit, const char *text, double *value)
{
	if (strcmp(type, "bool") == 0)
		return parse_bool(text, value);
	size_t size = decimal(text);
	const struct unit *found = size > 0 ? unit_of(type, unit, text + size) : NULL;
	if (found == NULL || scaled(text, size, found, value) < 0)
		return -1;
	if (strcmp(type, "time") == 0)
		*value = nearbyint(*value);
	int whole = strcmp(type, "int") == 0 || strcmp(type, "size") == 0;
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
