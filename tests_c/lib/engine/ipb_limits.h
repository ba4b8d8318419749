/*
 * From which disturbance on a result is SUSPECT or INVALID, as arguments.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_LIMITS_H
#define IPB_LIMITS_H

#include "ipb_args.h"
#include "ipb_engine.h"

/* Their rows of a table of options. */
#define IPB_LIMIT_OPTIONS \
	{ "limits", "enum", "", "lab", "lab|paper|shared", "Set of limit_* values: stricter ones for a paper, wider ones for a machine that others use too.", 0, 0 }, \
	{ "limit_lateness", "time", "s", "1ms", "0..1000", "Send lateness p99 from which a result is SUSPECT.", 0, 0 }, \
	{ "limit_lateness_invalid", "time", "s", "100ms", "0..1000", "The same for INVALID.", 0, 0 }, \
	{ "limit_rate", "float", "", "1%", "0..1", "Share of the requested rate that is missing, or sent beyond it, from which a result is SUSPECT.", 0, 0 }, \
	{ "limit_rate_invalid", "float", "", "5%", "0..1", "The same for INVALID.", 0, 0 }, \
	{ "limit_gap", "time", "s", "200us", "1us..1000", "How long the loop may stand still before it is called a gap.", 0, 0 }, \
	{ "limit_gaps", "float", "", "1%", "0..1", "Share of the measured phase in gaps from which a result is SUSPECT.", 0, 0 }, \
	{ "limit_gaps_invalid", "float", "", "30%", "0..1", "The same for INVALID.", 0, 0 }, \
	{ "limit_longest_gap", "time", "s", "50ms", "0..1000", "One gap this long makes a result SUSPECT.", 0, 0 }, \
	{ "limit_drops", "float", "", "0.1%", "0..1", "Share of packets dropped by the own receive queue or interface from which INVALID; any is SUSPECT.", 0, 0 }, \
	{ "limit_steal", "float", "", "1%", "0..1", "Share of processor time taken by the hypervisor from which SUSPECT.", 0, 0 }, \
	{ "limit_frequency", "float", "", "5%", "0..1", "Change of the processor's clock from which SUSPECT.", 0, 0 }, \
	{ "limit_clock_step", "time", "s", "5ms", "0..1000", "Step of the real-time clock, or drift of the time stamp counter, from which SUSPECT.", 0, 0 }

/* Reads `limits` and the arguments limit_*, which the plugin's table has to have, all of them. */
void ipb_limits_configure(struct ipb_limits *l, const struct ipb_args *a);

/* The loop stood still between these instants; what counts is the part within the measured phase, [begin_ns, end_ns). */
static inline void ipb_gaps_add(struct ipb_gaps *g, const struct ipb_limits *l, uint64_t from_ns, uint64_t to_ns, uint64_t begin_ns,
                                uint64_t end_ns)
{
	from_ns = from_ns > begin_ns ? from_ns : begin_ns;
	to_ns = to_ns < end_ns ? to_ns : end_ns;
	if (to_ns <= from_ns || to_ns - from_ns <= l->gap_ns)
		return;
	g->count++;
	g->sum_ns += to_ns - from_ns;
	if (to_ns - from_ns > g->longest_ns)
		g->longest_ns = to_ns - from_ns;
}

/* Writes the gaps as members of the open object, and by what the verdict judges as its member `limits`. */
struct ipb_json;
void ipb_limits_report(const struct ipb_limits *l, const struct ipb_gaps *g, struct ipb_json *j);

#endif
