/* Arguments by a table; see ipb_args.h.  SPDX-License-Identifier: MIT */
#include "ipb_args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64 /* bytes of a word of an enum or of one end of a range */

static int is(const struct ipbench_option *o, const char *type) { return strcmp(o->type, type) == 0; }

static int mine(const struct ipbench_option *o, int controller)
{
	return controller == IPB_ARGS_EITHER || (o->controller != 0) == (controller != 0);
}

static int check_enum(const struct ipbench_option *o, struct ipb_value *v, struct ipb_error *err)
{
	uint32_t index = 0;

	for (const char *word = o->range; *word != '\0'; index++) {
		size_t size = strcspn(word, "|");
		if (strlen(v->text) == size && memcmp(word, v->text, size) == 0) {
			v->index = index;
			return 0;
		}
		word += size + (word[size] == '|');
	}
	return ipb_error(err, "argument %s: \"%.100s\" is not one of %s", o->name, v->text, o->range);
}

/* One end of a range, text[0..size); keeps *value when it is empty. */
static int range_end(const struct ipbench_option *o, const char *text, size_t size, double *value)
{
	char word[WORD_MAX];

	if (size == 0)
		return 0;
	if (size >= sizeof word)
		return -1;
	memcpy(word, text, size);
	word[size] = '\0';
	return ipb_parse_value(o->type, o->unit, word, value);
}

static int check_range(const struct ipbench_option *o, const struct ipb_value *v, struct ipb_error *err)
{
	double low = -HUGE_VAL, high = HUGE_VAL;
	const char *dots = strstr(o->range, "..");

	if (dots == NULL || is(o, "bool"))
		return 0;
	if (range_end(o, o->range, (size_t)(dots - o->range), &low) < 0 ||
	    range_end(o, dots + 2, strlen(dots + 2), &high) < 0)
		return ipb_error(err, "argument %s: its own range %s cannot be read", o->name, o->range);
	if (v->number < low || v->number > high)
		return ipb_error(err, "argument %s: %.100s is out of range; it takes %s%s%s", o->name, v->text, o->range,
		                 *o->unit ? " " : "", o->unit);
	return 0;
}

static const char *example(const struct ipbench_option *o)
{
	if (is(o, "int"))
		return "a whole number such as 1000 or 10k";
	if (is(o, "size"))
		return "a number of bytes such as 64 or 4Ki";
	if (is(o, "rate"))
		return "a rate such as 10M or 1.5G";
	if (is(o, "time"))
		return "a time such as 10, 500ms or 1.5s";
	if (is(o, "bool"))
		return "0 or 1";
	return "a number such as 0.02 or 2%";
}

static int set_value(const struct ipbench_option *o, struct ipb_value *v, const char *text, struct ipb_error *err)
{
	v->text = text;
	v->number = 0;
	v->whole = 0;
	v->index = 0;
	if (is(o, "string"))
		return 0;
	if (is(o, "enum"))
		return check_enum(o, v, err);
	if (ipb_parse_value(o->type, o->unit, text, &v->number) < 0)
		return ipb_error(err, "argument %s: \"%.100s\" is not %s", o->name, text, example(o));
	if (v->number >= 1)
		v->whole = v->number >= 18446744073709549568.0 ? UINT64_MAX : (uint64_t)v->number;
	return check_range(o, v, err);
}

/* What a script with an empty variable writes, "warmup=": the original read 0. */
static void set_empty(const struct ipbench_option *o, struct ipb_value *v)
{
	struct ipb_value before = *v;

	if (is(o, "time") && set_value(o, v, "0", NULL) == 0)
		v->given = 1;
	else
		*v = before;
}

static int unknown(const struct ipb_args *a, const char *name, int controller, struct ipb_error *err)
{
	const struct ipbench_option *near = NULL;
	unsigned best = 4;

	for (uint32_t i = 0; i < a->count; i++) {
		const struct ipbench_option *o = &a->options[i];
		if (strcmp(o->name, name) == 0)
			return ipb_error(err, "argument %s belongs to the %s", name,
			                 controller ? "test's arguments, not to those of its controller half"
			                            : "controller half's arguments (--test-controller-args)");
		unsigned distance = ipb_edit_distance(name, o->name);
		if (mine(o, controller) && distance < best) {
			best = distance;
			near = o;
		}
	}
	if (near != NULL)
		return ipb_error(err, "argument \"%.100s\" is not known; did you mean %s?", name, near->name);
	char names[700] = "";
	size_t used = 0;
	for (uint32_t i = 0; i < a->count && used < sizeof names - 1; i++)
		if (mine(&a->options[i], controller)) {
			int n = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", a->options[i].name);
			used += n > 0 ? (size_t)n : 0;
		}
	return ipb_error(err, "argument \"%.100s\" is not known; known are: %s", name, used ? names : "none");
}

/* Cuts the next NAME[=VALUE] off *at, in place. 1 when there is one, 0 at the end, -1 for a broken one. */
static int next(char **at, char **name, char **value, struct ipb_error *err)
{
	char *p = *at;

	while (*p == ',' || *p == ' ')
		p++;
	if (*p == '\0')
		return 0;
	*name = p;
	*value = NULL;
	p += strcspn(p, "=,");
	if (*p == '=') {
		*p++ = '\0';
		*value = p;
		char *to = p;
		int quoted = 0;
		for (; *p != '\0' && (quoted || *p != ','); p++) {
			if (*p == '"')
				quoted = !quoted;
			else
				*to++ = *p;
		}
		if (quoted)
			return ipb_error(err, "argument %.100s: the double quote is not closed", *name);
		*at = *p == ',' ? p + 1 : p;
		*to = '\0';
		return 1;
	}
	if (*p == ',')
		*p++ = '\0';
	*at = p;
	return 1;
}

static int parse_all(struct ipb_args *a, int controller, struct ipb_error *err)
{
	char *at = a->text, *name, *value;
	int found;

	while ((found = next(&at, &name, &value, err)) > 0) {
		uint32_t i = 0;
		while (i < a->count && (strcmp(a->options[i].name, name) != 0 || !mine(&a->options[i], controller)))
			i++;
		if (i == a->count)
			return unknown(a, name, controller, err);
		if (value == NULL && !is(&a->options[i], "bool"))
			return ipb_error(err, "argument %s needs a value: %s=…", name, name);
		if (value != NULL && *value == '\0' && !is(&a->options[i], "string")) {
			set_empty(&a->options[i], &a->values[i]);
			continue;
		}
		if (set_value(&a->options[i], &a->values[i], value ? value : "1", err) < 0)
			return -1;
		a->values[i].given = 1;
	}
	return found;
}

int ipb_args_parse(struct ipb_args *a, const struct ipbench_option *options, uint32_t count, const char *text,
                   int controller, struct ipb_error *err)
{
	memset(a, 0, sizeof *a);
	a->options = options;
	a->count = count;
	if (count > IPB_ARGS_MAX_OPTIONS)
		return ipb_error(err, "this test has %u options; %u are possible", count, IPB_ARGS_MAX_OPTIONS);
	if (text != NULL && strlen(text) > IPB_ARGS_MAX_TEXT)
		return ipb_error(err, "the arguments are longer than %u bytes", IPB_ARGS_MAX_TEXT);
	for (uint32_t i = 0; i < count; i++) {
		a->values[i].text = options[i].dflt;
		if (options[i].dflt[0] != '\0' && set_value(&options[i], &a->values[i], options[i].dflt, err) < 0)
			return -1;
	}
	a->text = strdup(text != NULL ? text : "");
	if (a->text == NULL)
		return ipb_error(err, "no memory for the arguments");
	if (parse_all(a, controller, err) < 0) {
		ipb_args_free(a);
		return -1;
	}
	return 0;
}

int ipb_args_check(const struct ipbench_option *options, uint32_t count, const char *text, int controller,
                   struct ipb_error *err)
{
	struct ipb_args a;

	if (ipb_args_parse(&a, options, count, text, controller, err) < 0)
		return -1;
	ipb_args_free(&a);
	return 0;
}

void ipb_args_free(struct ipb_args *a)
{
	free(a->text);
	a->text = NULL;
}

const struct ipb_value *ipb_args_get(const struct ipb_args *a, const char *name)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->options[i].name, name) == 0)
			return &a->values[i];
	fprintf(stderr, "ipb_args_get: no option \"%s\" in this test's table\n", name);
	abort();
}
