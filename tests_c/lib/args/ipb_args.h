/*
 * Arguments of a test, `name=value,name=value`, read by the table that the host also shows to users.
 * SPDX-License-Identifier: MIT
 *
 * A value may stand in double quotes, and may then hold commas. A name alone means 1 (for "bool"). Blanks and tabs
 * around an argument do not count. Every value is checked against its option's type and range when it is parsed, so that
 * reading it later cannot fail. Types:
 *   int, size   whole number; k M G T (1000) and Ki Mi Gi Ti (1024) may follow; size may end in B
 *   rate        the same, may be fractional, may end in bps or bit/s
 *   float       decimal; with % it is divided by 100
 *   time        decimal with ns us µs ms s min h; a bare number is in the option's unit ("s" when it has none)
 *   bool        1 0 yes no true false on off
 *   enum        one of the words of the range, "tcp|udp"
 *   string      anything
 * A range is "LOW..HIGH" in the same notation; either end may be left out.
 * All mistakes of a text are reported together, a sentence each: ipb_mistakes_end in ipb_error.h.
 * An empty value is an error; an empty string is name="". The controller reads the same grammar and units from
 * base/units.ts and base/args.ts; tests/fixtures/argument_cases.txt holds both to the same texts.
 *
 * In the original's spelling (ipb_original_spelling) blanks and tabs separate arguments too, and these are warnings: an
 * unknown argument, which is passed over; a number with something behind it, of which the leading digits count; a word of
 * an enum in other letters, or another word, which leaves the default; an empty value, as a script with an empty variable
 * makes it, which is 0 for a time that may be 0 and the default for everything else.
 */
#ifndef IPB_ARGS_H
#define IPB_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_error.h"

#define IPB_ARGS_MAX_OPTIONS 96    /* options in one table */
#define IPB_ARGS_MAX_TEXT 65536    /* bytes of arguments */
#define IPB_ARGS_EITHER 2          /* `controller` of ipb_args_parse: both halves' options are known */

struct ipb_value {
	const char *text; /* as typed, without quotes; the default where nothing was typed */
	double number;    /* int, size, rate, float (as a fraction), time (ns), bool (0 or 1) */
	uint64_t whole;   /* the same, rounded down; 0 for negative ones */
	uint32_t index;   /* of the word, for enum */
	int given;        /* non-zero: typed by the user */
};

struct ipb_args {
	const struct ipbench_option *options;
	uint32_t count;
	char *text; /* owner of the strings */
	struct ipb_value values[IPB_ARGS_MAX_OPTIONS];
};

/* Parses text (NULL counts as "") by those options whose `controller` flag equals controller (0, 1), or by all of them
 * (IPB_ARGS_EITHER). 0, or -1 and a sentence in err. a needs no initialisation; it is to be freed after success. The table must outlive it. */
int ipb_args_parse(struct ipb_args *a, const struct ipbench_option *options, uint32_t count, const char *text,
                   int controller, struct ipb_error *err);
/* The same, and forgets the values: are the arguments right? */
int ipb_args_check(const struct ipbench_option *options, uint32_t count, const char *text, int controller,
                   struct ipb_error *err);
void ipb_args_free(struct ipb_args *a);

/* The value of an option of the table. Asking for a name that is not in the table aborts: it is a programming error
 * that the first run of a test shows. */
const struct ipb_value *ipb_args_get(const struct ipb_args *a, const char *name);
static inline uint64_t ipb_args_uint(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->whole; }
static inline double ipb_args_number(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->number; }
static inline uint64_t ipb_args_ns(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->whole; }
static inline int ipb_args_bool(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->number != 0; }
static inline const char *ipb_args_string(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->text; }
static inline uint32_t ipb_args_enum(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->index; }
static inline int ipb_args_given(const struct ipb_args *a, const char *name) { return ipb_args_get(a, name)->given; }

/* One value of a type ("int", "rate", "time" …, not enum or string), whole text. unit: for a bare number of type time
 * (NULL or "": seconds). 0 or -1. Used by the parser and for values inside lists. */
int ipb_parse_value(const char *type, const char *unit, const char *text, double *value);

/* Edit distance of two words, for "did you mean"; words over 63 bytes count as far apart. */
unsigned ipb_edit_distance(const char *a, const char *b);

#endif
