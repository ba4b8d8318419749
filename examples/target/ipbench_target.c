/* See ipbench_target.h.  SPDX-License-Identifier: MIT */
#include "ipbench_target.h"

/* Nothing of a C library is used, so that nothing has to be there. */
static size_t length_of(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

static void copy(char *to, const char *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = from[i];
}

static int begins(const char *line, size_t size, const char *word)
{
	size_t n = length_of(word);

	if (size < n || (size > n && line[n] != ' '))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (line[i] != word[i])
			return 0;
	return 1;
}

static void add(char *to, size_t room, size_t *used, const char *text)
{
	size_t n = length_of(text);

	if (n > room - *used)
		return;
	copy(to + *used, text, n);
	*used += n;
}

static void answer(struct ipbench_target *t, const char *text)
{
	add(t->reply, sizeof t->reply, &t->reply_used, text);
}

/* A number in decimal digits, in room for 21 characters. */
static char *decimal(uint64_t value, char digits[21])
{
	char *at = digits + 20;

	*at = '\0';
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return at;
}

void ipbench_target_word(struct ipbench_target *t, const char *name, uint64_t value, const char *unit)
{
	char digits[21], *number = decimal(value, digits);

	/* A line is there as a whole or not at all. */
	if (length_of(name) + length_of(number) + length_of(unit) + 3 > sizeof t->text - t->text_used)
		return;
	add(t->text, sizeof t->text, &t->text_used, name);
	add(t->text, sizeof t->text, &t->text_used, "=");
	add(t->text, sizeof t->text, &t->text_used, number);
	if (*unit != '\0')
		add(t->text, sizeof t->text, &t->text_used, " ");
	add(t->text, sizeof t->text, &t->text_used, unit);
	add(t->text, sizeof t->text, &t->text_used, "\n");
}

/* ",IDLE,TOTAL" for the row, what is named behind it, a NUL as scripts of the original expect it. */
static void stop(struct ipbench_target *t)
{
	uint64_t idle = 0, total = 0;
	char digits[21];

	t->ops.cycles(t->ops.context, &idle, &total);
	t->running = 0;
	t->text_used = 0;
	add(t->text, sizeof t->text, &t->text_used, ",");
	add(t->text, sizeof t->text, &t->text_used, decimal(idle - t->idle, digits));
	add(t->text, sizeof t->text, &t->text_used, ",");
	add(t->text, sizeof t->text, &t->text_used, decimal(total - t->total, digits));
	if (t->ops.report != NULL) {
		add(t->text, sizeof t->text, &t->text_used, "\n");
		t->ops.report(t->ops.context, t);
	}
	answer(t, "220 VALID DATA (Data to follow)\nContent-length: ");
	answer(t, decimal(t->text_used + 1, digits));
	answer(t, "\n");
	if (t->text_used + 1 <= sizeof t->reply - t->reply_used) {
		copy(t->reply + t->reply_used, t->text, t->text_used);
		t->reply_used += t->text_used;
		t->reply[t->reply_used++] = '\0';
	}
	t->close = 1;
}

static void command(struct ipbench_target *t, const char *line, size_t size)
{
	if (begins(line, size, "HELLO"))
		answer(t, "200 OK (Ready to go)\n");
	else if (begins(line, size, "LOAD") || begins(line, size, "SETUP"))
		answer(t, "200 OK\n");
	else if (begins(line, size, "START")) {
		if (t->ops.begin != NULL)
			t->ops.begin(t->ops.context);
		t->ops.cycles(t->ops.context, &t->idle, &t->total);
		t->running = 1;
	} else if (begins(line, size, "STOP") && t->running)
		stop(t);
	else if (begins(line, size, "QUIT") || begins(line, size, "ABORT")) {
		answer(t, "222 CLOSING CONTROL CONNECTION\n");
		t->close = 1;
	} else
		answer(t, "400 ERROR\n");
}

void ipbench_target_connected(struct ipbench_target *t)
{
	t->running = 0;
	t->line_used = 0;
	t->reply_used = 0;
	t->close = 0;
	answer(t, "100 IPBENCH V1.0\n");
}

void ipbench_target_received(struct ipbench_target *t, const void *bytes, size_t size)
{
	const char *text = bytes;

	for (size_t i = 0; i < size && !t->close; i++) {
		if (text[i] == '\n') {
			if (t->line_used > sizeof t->line)
				answer(t, "400 ERROR\n");
			else
				command(t, t->line, t->line_used);
			t->line_used = 0;
		} else if (t->line_used < sizeof t->line)
			t->line[t->line_used++] = text[i];
		else
			t->line_used = sizeof t->line + 1; /* too long: its end is waited for */
	}
}
