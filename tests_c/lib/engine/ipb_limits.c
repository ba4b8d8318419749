/* From which disturbance on a result is SUSPECT or INVALID: the arguments limit_*, and the sets of them that have a name.
 * docs/measurement.md gives the reason of each value.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"
#include "ipb_json.h"
#include "ipb_limits.h"

enum { PRESET_LAB, PRESET_PAPER, PRESET_SHARED, PRESET_COUNT };

/* In the order of the range of `limits`. */
static const char *const preset_names[PRESET_COUNT] = { "lab", "paper", "shared" };

/* As they would be typed. Those of the lab are the options' defaults. */
static const struct {
	const char *name, *paper, *shared;
} presets[] = {
	{ "limit_lateness", "100us", "20ms" },
	{ "limit_lateness_invalid", "10ms", "1s" },
	{ "limit_rate", "0.1%", "5%" },
	{ "limit_rate_invalid", "1%", "20%" },
	{ "limit_gap", "100us", "2ms" },
	{ "limit_gaps", "0.1%", "20%" },
	{ "limit_gaps_invalid", "5%", "60%" },
	{ "limit_longest_gap", "5ms", "500ms" },
	{ "limit_drops", "0", "0.1%" },
	{ "limit_steal", "0.1%", "25%" },
	{ "limit_frequency", "2%", "30%" },
	{ "limit_clock_step", "1ms", "5ms" },
};

/* The number in the unit of the option's type: ns for a time, a fraction for a share. */
static double limit(const struct ipb_args *a, const char *name)
{
	const uint32_t preset = ipb_args_enum(a, "limits");
	double number = 0;

	if (preset == PRESET_LAB || ipb_args_given(a, name))
		return ipb_args_number(a, name);
	for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
		if (strcmp(presets[i].name, name) == 0) {
			const struct ipbench_option *o = a->options;
			while (strcmp(o->name, name) != 0)
				o++;
			const char *text = preset == PRESET_PAPER ? presets[i].paper : presets[i].shared;
			if (ipb_parse_value(o->type, o->unit, text, &number) < 0)
				abort(); /* a slip in the table, which the first run of a test shows */
			return number;
		}
	abort();
}

static uint64_t limit_ns(const struct ipb_args *a, const char *name) { return (uint64_t)limit(a, name); }

void ipb_limits_configure(struct ipb_limits *l, const struct ipb_args *a)
{
	l->preset = preset_names[ipb_args_enum(a, "limits")];
	l->lateness_p99_suspect_ns = limit_ns(a, "limit_lateness");
	l->lateness_p99_invalid_ns = limit_ns(a, "limit_lateness_invalid");
	l->rate_suspect = limit(a, "limit_rate");
	l->rate_invalid = limit(a, "limit_rate_invalid");
	l->gap_ns = limit_ns(a, "limit_gap");
	l->gap_suspect = limit(a, "limit_gaps");
	l->gap_invalid = limit(a, "limit_gaps_invalid");
	l->gap_longest_suspect_ns = limit_ns(a, "limit_longest_gap");
	l->drop_invalid = limit(a, "limit_drops");
	l->steal_suspect = limit(a, "limit_steal");
	l->frequency_suspect = limit(a, "limit_frequency");
	l->clock_step_ns = limit_ns(a, "limit_clock_step");
}

void ipb_limits_report(const struct ipb_limits *l, const struct ipb_gaps *g, struct ipb_json *j)
{
	ipb_json_uint(j, "gaps", g->count);
	ipb_json_uint(j, "gap_sum_ns", g->sum_ns);
	ipb_json_uint(j, "gap_longest_ns", g->longest_ns);
	ipb_json_uint(j, "gap_limit_ns", l->gap_ns);
	ipb_json_object(j, "limits");
	if (l->preset != NULL)
		ipb_json_string(j, "preset", l->preset);
	ipb_json_uint(j, "lateness_ns", l->lateness_p99_suspect_ns);
	ipb_json_uint(j, "lateness_invalid_ns", l->lateness_p99_invalid_ns);
	ipb_json_number(j, "rate", l->rate_suspect);
	ipb_json_number(j, "rate_invalid", l->rate_invalid);
	ipb_json_uint(j, "gap_ns", l->gap_ns);
	ipb_json_number(j, "gaps", l->gap_suspect);
	ipb_json_number(j, "gaps_invalid", l->gap_invalid);
	ipb_json_uint(j, "longest_gap_ns", l->gap_longest_suspect_ns);
	ipb_json_number(j, "drops", l->drop_invalid);
	ipb_json_number(j, "steal", l->steal_suspect);
	ipb_json_number(j, "frequency", l->frequency_suspect);
	ipb_json_uint(j, "clock_step_ns", l->clock_step_ns);
	ipb_json_end_object(j);
}
