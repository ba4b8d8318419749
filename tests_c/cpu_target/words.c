/* Names and values of a target's text; see words.h.  SPDX-License-Identifier: MIT */
#include "words.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_results.h"

#define NAMES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define DIGITS "0123456789"

struct word {
	char name[WORDS_NAME + 1], unit[WORDS_UNIT + 1];
	double value;
};

/* One line at *at, without its end, in line; *at is behind it. 0 at the end of the text. Too long a line is cut. */
static int next_line(const char **at, char line[WORDS_LINE + 1])
{
	if (**at == '\0')
		return 0;
	size_t length = strcspn(*at, "\n"), kept = length < WORDS_LINE ? length : WORDS_LINE;
	memcpy(line, *at, kept);
	while (kept > 0 && isspace((unsigned char)line[kept - 1]))
		kept--;
	line[kept] = '\0';
	*at += length + ((*at)[length] == '\n');
	return 1;
}

/* "rx.cycles=1234 cycles": 0, or -1 when the line names nothing. */
static int read_word(const char *line, struct word *w)
{
	size_t length = strspn(line, NAMES);
	char *end;

	if (length == 0 || length > WORDS_NAME || !isalpha((unsigned char)line[0]) || line[length] != '=')
		return -1;
	memcpy(w->name, line, length);
	w->name[length] = '\0';
	const char *number = line + length + 1;
	/* strtod knows blanks, "nan", "inf" and hexadecimal digits, too. */
	if (strspn(number, "+-.eE" DIGITS) == 0)
		return -1;
	w->value = strtod(number, &end);
	if (end == number || !isfinite(w->value) || (size_t)(end - number) > strspn(number, "+-.eE" DIGITS))
		return -1;
	if (*end != '\0' && *end != ' ')
		return -1;
	end += strspn(end, " ");
	if (strlen(end) > WORDS_UNIT || strpbrk(end, " \t\"\\") != NULL)
		return -1;
	strcpy(w->unit, end);
	return 0;
}

size_t words_begin(const char *text)
{
	char line[WORDS_LINE + 1];
	struct word w;

	for (const char *at = text, *next = text; next_line(&next, line); at = next)
		if (read_word(line, &w) == 0)
			return (size_t)(at - text) - (at > text);
	return strlen(text);
}

int words_value(const char *text, const char *name, double *value)
{
	char line[WORDS_LINE + 1];
	struct word w;

	const char *at = text;
	for (int lines = 0; lines < WORDS_MAX && next_line(&at, line); lines++)
		if (read_word(line, &w) == 0 && strcmp(w.name, name) == 0) {
			*value = w.value;
			return 0;
		}
	return -1;
}

/* Use of each core that reports idle and total cycles, and of all of them together. */
static void uses(const char *text, int all_known, struct ipb_json *j)
{
	double idle, total, all_idle = 0, all = 0;
	char name[40];

	for (unsigned core = 0; core < WORDS_CORES; core++) {
		snprintf(name, sizeof name, "core%u.idle_cycles", core);
		if (words_value(text, name, &idle) < 0)
			continue;
		snprintf(name, sizeof name, "core%u.total_cycles", core);
		if (words_value(text, name, &total) < 0 || !(total > 0) || !(idle >= 0 && idle <= total))
			continue;
		all_idle += idle;
		all += total;
		snprintf(name, sizeof name, "cpu%u_use", core);
		if (words_value(text, name, &(double){ 0 }) < 0)
			ipb_results_metric(j, name, 100 - 100 * (idle / total), "%");
	}
	if (all > 0 && !all_known && words_value(text, "cpu_use", &total) < 0)
		ipb_results_metric(j, "cpu_use", 100 - 100 * (all_idle / all), "%");
	if (all > 0 && !all_known && words_value(text, "total_cycles", &total) < 0) {
		ipb_results_metric(j, "idle_cycles", all_idle, "");
		ipb_results_metric(j, "total_cycles", all, "");
	}
}

void words_metrics(const char *text, int all_known, struct ipb_json *j, char wrong[WORDS_LINE + 1])
{
	const char *begin = text + words_begin(text), *at = begin + (*begin == '\n');
	char line[WORDS_LINE + 1];
	struct word w;

	begin = at;
	wrong[0] = '\0';
	for (int lines = 0; lines < WORDS_MAX && next_line(&at, line); lines++) {
		if (read_word(line, &w) == 0)
			ipb_results_metric(j, w.name, w.value, w.unit);
		else if (line[0] != '\0' && wrong[0] == '\0')
			strcpy(wrong, line);
	}
	uses(begin, all_known, j);
}
