/* Arguments by a table; see ipb_args.h.  SPDX-License-Identifier: MIT */
#include "ipb_args.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 64 /* bytes of a word of an enum or of one end of a range */
#define NAMES_MAX 400 /* bytes of known names in a sentence */
#define ANOTHER 1   /* of set_value: the value was passed over, the one before holds */

static int lenient(const struct ipb_error *err) { return err != NULL && ipb_original_spelling(err->host); }


/* One argument of the text, without its quotes; value is NULL where there is no "=". */
struct part {
	char *name, *value;
	int quoted; /* there were quotes */
};

static int is(const struct ipbench_option *o, const char *type) { return strcmp(o->type, type) == 0; }

static int mine(const struct ipbench_option *o, int controller)
{
	return controller == IPB_ARGS_EITHER || (o->controller != 0) == (controller != 0);
}

/* In the original's spelling: a word in letters of another case is meant, anything else leaves the default. */
static int any_enum(const struct ipbench_option *o, struct ipb_value *v, struct ipb_error *err)
{
	const char *word = o->range;
	uint32_t index = 0;

	for (; *word != '\0'; index++) {
		size_t size = strcspn(word, "|");
		if (strlen(v->text) == size && strncasecmp(word, v->text, size) == 0)
			break;
		word += size + (word[size] == '|');
	}
	int size = (int)strcspn(word, "|");
	ipb_objection(err, "argument %s: \"%.100s\" is not one of %s; %.*s is used", o->name, v->text, o->range,
	              size > 0 ? size : 100, size > 0 ? word : o->dflt);
	if (size == 0)
		return ANOTHER;
	v->index = index;
	return 0;
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
	if (lenient(err))
		return any_enum(o, v, err);
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
	if (v->number < low || v->number > high) {
		/* "1s..24h" says its units itself. */
		int told = is(o, "time") && isalpha((unsigned char)o->range[strlen(o->range) - 1]);
		const char *unit = told ? "" : o->unit;
		return ipb_error(err, "argument %s: %.100s is out of range; it takes %s%s%s", o->name, v->text, o->range,
		                 *unit ? " " : "", unit);
	}
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

/* 0; ANOTHER when nothing was set; -1 and a sentence. */
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

/* "warmup=" of a script whose variable is empty. The original reads 0, which a time may be; where 0 cannot be, it
 * hangs or crashes, and the default holds here. */
static int set_empty(const struct ipbench_option *o, struct ipb_value *v, struct ipb_error *err)
{
	struct ipb_value before = *v;
	const char *used = is(o, "time") ? "0" : is(o, "bool") ? "1" : "";

	if (!lenient(err))
		return ipb_error(err, "argument %s needs a value: %s=…", o->name, o->name);
	if (*used != '\0' && set_value(o, v, used, NULL) == 0) {
		v->given = 1;
	} else {
		*v = before;
		used = *before.text != '\0' ? before.text : "nothing";
	}
	return ipb_objection(err, "argument %s has no value; %s is used", o->name, used);
}

/* What the original makes of a text that is no number as a whole, in place: its leading digits, 0 when there are none;
 * for a flag, 1. */
static void keep_digits(const struct ipbench_option *o, char *text, struct ipb_error *err)
{
	size_t sign = *text == '-' || *text == '+', size = sign + strspn(text + sign, "0123456789");
	const char *none = is(o, "bool") ? "1" : size == sign ? "0" : NULL;

	ipb_objection(err, "argument %s: \"%.100s\" is not %s; %.*s is used, as the original does", o->name, text, example(o),
	              none != NULL ? 1 : (int)size, none != NULL ? none : text);
	if (none != NULL)
		*text = *none, size = 1;
	text[size] = '\0';
}

static int is_number(const struct ipbench_option *o) { return !is(o, "string") && !is(o, "enum"); }

static int set(const struct ipbench_option *o, struct ipb_value *v, const struct part *part, struct ipb_error *err)
{
	struct ipb_value before = *v;

	if (part->value == NULL && is(o, "bool"))
		return set_value(o, v, "1", err) < 0 ? -1 : (v->given = 1, 0);
	if (part->value == NULL || (*part->value == '\0' && !(part->quoted && is(o, "string"))))
		return set_empty(o, v, err);
	double number;
	if (lenient(err) && is_number(o) && ipb_parse_value(o->type, o->unit, part->value, &number) < 0)
		keep_digits(o, part->value, err);
	int status = set_value(o, v, part->value, err);
	if (status == ANOTHER)
		*v = before;
	v->given |= status == 0;
	return status < 0 ? -1 : 0;
}

static int unknown(const struct ipb_args *a, const char *name, int controller, struct ipb_error *err)
{
	const struct ipbench_option *near = NULL;
	size_t letters = strlen(name);
	unsigned best = letters < 3 ? 2 : letters < 4 ? 3 : 4; /* one letter is near everything, three any other three */

	for (uint32_t i = 0; i < a->count; i++) {
		const struct ipbench_option *o = &a->options[i];
		if (strcmp(o->name, name) == 0)
			return ipb_objection(err, "argument %s belongs to the %s", name,
			                 controller ? "test's arguments, not to those of its controller half"
			                            : "controller half's arguments (--test-controller-args)");
		unsigned distance = ipb_edit_distance(name, o->name);
		if (mine(o, controller) && distance < best) {
			best = distance;
			near = o;
		}
	}
	size_t size = strcspn(name, " \t");
	if (near != NULL && size > 0 && name[size + strspn(name + size, " \t")] == '\0' && strlen(near->name) == size &&
	    memcmp(near->name, name, size) == 0)
		return ipb_objection(err, "argument \"%s\" is not known; did you mean %s=…, without a blank before the \"=\"?", name,
		                 near->name);
	if (near != NULL)
		return ipb_objection(err, "argument \"%.100s\" is not known; did you mean \"%s\"?", name, near->name);
	char names[NAMES_MAX + sizeof ", …"] = "";
	size_t used = 0;
	for (uint32_t i = 0; i < a->count; i++) {
		size_t size = strlen(a->options[i].name) + 2;
		if (!mine(&a->options[i], controller))
			continue;
		if (used + size > NAMES_MAX) {
			memcpy(names + used, ", …", sizeof ", …");
			break;
		}
		used += (size_t)sprintf(names + used, "%s%s", used > 0 ? ", " : "", a->options[i].name);
	}
	return ipb_objection(err, "argument \"%.100s\" is not known%s%s", name, used ? "; known: " : "; none is expected here",
	                     names);
}

/* Cuts the next NAME[=VALUE] off *at, in place, and leaves out its quotes. 1 when there is one, 0 at the end, -1 for a
 * broken one. blanks: they separate, as commas do. */
static int next(char **at, int blanks, struct part *part, struct ipb_error *err)
{
	char *p = *at + strspn(*at, ", \t"), *to = p, *end = p;
	int quoted = 0;

	*part = (struct part){ .name = p };
	if (*p == '\0')
		return 0;
	for (; *p != '\0' && (quoted || (*p != ',' && !(blanks && isblank((unsigned char)*p)))); p++) {
		if (*p == '"') {
			quoted = !quoted;
			part->quoted = 1;
			end = to;
		} else if (*p == '=' && part->value == NULL) {
			*to++ = '\0';
			part->value = end = to;
		} else {
			*to++ = *p;
			if (quoted || !isblank((unsigned char)*p))
				end = to; /* blanks behind an argument are none of it */
		}
	}
	if (quoted)
		return ipb_error(err, "argument %.100s: the double quote is not closed", part->name);
	*at = *p != '\0' ? p + 1 : p;
	*end = '\0';
	return 1;
}

static int parse_all(struct ipb_args *a, int controller, struct ipb_error *err)
{
	struct ipb_mistakes mistakes = { 0 };
	char *at = a->text;
	struct part part;
	int found, status = 0;

	while ((found = next(&at, lenient(err), &part, err)) > 0) {
		uint32_t i = 0;
		while (i < a->count && (strcmp(a->options[i].name, part.name) != 0 || !mine(&a->options[i], controller)))
			i++;
		status = i == a->count ? unknown(a, part.name, controller, err)
		                       : set(&a->options[i], &a->values[i], &part, err);
		if (status < 0)
			ipb_mistakes_add(&mistakes, err);
	}
	if (found < 0)
		ipb_mistakes_add(&mistakes, err);
	return ipb_mistakes_end(&mistakes, err);
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
