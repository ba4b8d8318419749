/* How long it was dark: the runs of lost packets of a measured phase, and the times in which nothing came back though
 * nothing was lost; see ipb_outage.h.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"
#include "ipb_threads.h"

#define STALL_LEAST_NS 50000000ull /* shorter times without answers are none: TCP repeats after 200 ms at the earliest */
#define DARK_LEAST_NS 100000000ull /* nor is it dark sooner, */
#define DARK_TIMES 4u              /* or before so many times the round trip that all but 0.1 % do not exceed */
#define NS_PER_S 1000000000

uint64_t ipb_engine_stall_limit(const struct ipb_engine *e)
{
	const uint64_t packets_ns = (uint64_t)(e->sched.interval_ns * e->config.outage);

	return packets_ns > STALL_LEAST_NS ? packets_ns : STALL_LEAST_NS;
}

/* The part of a time that lies in the measured phase. */
static void add_stall(struct ipb_engine *e, uint64_t from_ns, uint64_t to_ns, int open)
{
	from_ns = from_ns > e->measure_ns ? from_ns : e->measure_ns;
	if (to_ns > e->end_ns) {
		to_ns = e->end_ns;
		open = 1;
	}
	if (to_ns > from_ns)
		ipb_stalls_add(&e->stalls, &(struct ipb_stall){ from_ns, to_ns, open });
}

void ipb_engine_note_reply(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t since = e->last_reply_ns, stood = e->stood_ns - e->stood_at_reply_ns;

	e->stood_at_reply_ns = e->stood_ns;
	/* Of what came while the loop stood still it is not known when. */
	if (since != 0 && now_ns - since > e->stalls.limit_ns + stood)
		add_stall(e, since, now_ns, 0);
}

void ipb_engine_note_blocked(struct ipb_engine *e, uint64_t from_ns, uint64_t to_ns)
{
	if (e->config.proto != IPB_TCP && to_ns - from_ns > e->stalls.limit_ns)
		add_stall(e, from_ns, to_ns, 0);
}

uint64_t ipb_engine_dark_ns(const struct ipb_engine *e, uint64_t now_ns)
{
	uint64_t least = e->progress != NULL ? DARK_TIMES * e->progress->p999_ns : 0;

	if (e->config.one_way != NULL) /* nothing comes back here */
		return 0;
	if (e->sends_since_reply < e->config.outage || now_ns < e->silent_since_ns || e->phase == IPBENCH_PHASE_DRAIN ||
	    e->phase == IPBENCH_PHASE_DONE)
		return 0;
	least = least > DARK_LEAST_NS ? least : DARK_LEAST_NS;
	least = least > ipb_engine_stall_limit(e) ? least : ipb_engine_stall_limit(e);
	return now_ns - e->silent_since_ns > least ? now_ns - e->silent_since_ns : 0;
}

void ipb_engine_find_outages(struct ipb_engine *e)
{
	const struct ipb_track *t = &e->track;
	const uint64_t all = ipb_track_told(t);

	if (e->config.one_way != NULL)
		return;
	/* The last reply of a connection that went silent. */
	if (e->config.proto == IPB_TCP && e->last_reply_ns != 0 && ipb_track_out(t) > 0 && e->end_ns > e->last_reply_ns &&
	    e->end_ns - e->last_reply_ns > e->stalls.limit_ns)
		add_stall(e, e->last_reply_ns, e->end_ns, 1);
	ipb_stalls_sort(&e->stalls);
	e->outage_step_ns = e->sched.interval_ns;
	e->outages.shift = t->first != UINT64_MAX ? (uint32_t)(t->first % e->config.flows) : 0;
	for (uint64_t i = 0; i < all;) {
		const uint64_t n = ipb_track_all_answered(t, i, all);
		if (n > 0)
			ipb_outages_answered(&e->outages, n);
		else
			ipb_track_tell(t, i, &e->outages);
		i += n > 0 ? n : 1;
	}
	ipb_outages_end(&e->outages);
}

/* Of several engines: the next packet of each. */
struct turn {
	const struct ipb_engine *e;
	uint64_t at, end; /* counted from its first measured one */
};

static uint64_t turn_due(const struct turn *t) { return t->at < t->end ? ipb_even_at(&t->e->measured_due, t->at) : UINT64_MAX; }

/* Whose packet is due next; n when there is none. */
static uint32_t whose_turn(const struct turn *turns, uint32_t n)
{
	uint64_t least = UINT64_MAX;
	uint32_t found = n;

	for (uint32_t i = 0; i < n; i++)
		if (turn_due(&turns[i]) < least) {
			least = turn_due(&turns[i]);
			found = i;
		}
	return found;
}

/* The flows of the first packets, in the order in which they are due. */
static uint32_t *order_of(const struct turn *turns, uint32_t n, uint32_t flows)
{
	struct turn ahead[IPB_THREADS_MAX];
	uint32_t *order = calloc(flows, sizeof *order);

	memcpy(ahead, turns, n * sizeof *turns);
	for (uint32_t p = 0; order != NULL && p < flows; p++) {
		const uint32_t i = whose_turn(ahead, n), each = flows / n;
		if (i == n)
			break;
		order[p] = i * each + (uint32_t)((ahead[i].e->track.first + ahead[i].at++) % each);
	}
	return order;
}

/* All threads' packets in the order in which they were due. */
static void tell_in_turn(struct turn *turns, uint32_t n, struct ipb_outages *o)
{
	for (uint32_t i; (i = whose_turn(turns, n)) < n;) {
		uint64_t answered = UINT64_MAX;
		for (uint32_t k = 0; k < n && answered > 0; k++) {
			const uint64_t own = turns[k].at == turns[0].at
			                     ? ipb_track_all_answered(&turns[k].e->track, turns[k].at, turns[k].end) : 0;
			answered = own < answered ? own : answered;
		}
		if (answered > 0) {
			ipb_outages_answered(o, answered * n);
			for (uint32_t k = 0; k < n; k++)
				turns[k].at += answered;
		} else {
			ipb_track_tell(&turns[i].e->track, turns[i].at++, o);
		}
	}
}

/* What is common to the stalls of all: a time in which none of them got anything. */
static void join_stalls(struct ipb_engine *const *engines, uint32_t n)
{
	struct ipb_stalls all = engines[0]->stalls;

	for (uint32_t i = 1; i < n; i++) {
		const struct ipb_stalls *b = &engines[i]->stalls;
		struct ipb_stalls both = { .limit_ns = all.limit_ns, .left_out = all.left_out + b->left_out };
		for (uint32_t x = 0; x < all.kept_count; x++)
			for (uint32_t y = 0; y < b->kept_count; y++) {
				const struct ipb_stall *p = &all.kept[x], *q = &b->kept[y];
				const struct ipb_stall part = { p->start_ns > q->start_ns ? p->start_ns : q->start_ns,
					                        p->end_ns < q->end_ns ? p->end_ns : q->end_ns, p->open && q->open };
				if (part.end_ns > part.start_ns)
					ipb_stalls_add(&both, &part);
			}
		all = both;
	}
	ipb_stalls_sort(&all);
	engines[0]->stalls = all;
}

void ipb_engine_join_outages(struct ipb_engine *const *engines, uint32_t n)
{
	struct ipb_engine *e = engines[0];
	struct turn turns[IPB_THREADS_MAX];
	struct ipb_outages all;
	struct ipb_error none = { 0 };

	for (uint32_t i = 0; i < n; i++)
		turns[i] = (struct turn){ engines[i], 0, ipb_track_told(&engines[i]->track) };
	join_stalls(engines, n);
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = 0; k < IPB_LATE_SPANS; k++)
			e->late_us[k] = engines[i]->late_us[k] > e->late_us[k] ? engines[i]->late_us[k] : e->late_us[k];
	if (ipb_outages_init(&all, e->config.outage, e->config.flows * n, &none) < 0)
		return; /* the first thread's are reported */
	const uint32_t first = whose_turn(turns, n);
	if (all.flows > 1)
		all.order = order_of(turns, n, all.flows);
	const struct ipb_even due = first < n ? engines[first]->measured_due : (struct ipb_even){ 0 };
	tell_in_turn(turns, n, &all);
	ipb_outages_end(&all);
	ipb_outages_free(&e->outages);
	e->outages = all;
	e->outage_step_ns = e->sched.interval_ns / n;
	const double whole = floor(e->outage_step_ns);
	e->measured_due = (struct ipb_even){ due.start_ns, due.start_fraction, (uint64_t)whole, (uint64_t)ldexp(e->outage_step_ns - whole, 64) };
}

/* An instant of the run as a date. offset_ns: of the real-time clock to the monotonic one. */
static void date(struct ipb_json *j, uint64_t ns, int64_t offset_ns)
{
	const int64_t real = (int64_t)ns + offset_ns;
	const time_t seconds = (time_t)(real / NS_PER_S);
	struct tm t;
	char text[32];

	if (gmtime_r(&seconds, &t) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t) == 0) {
		ipb_json_null(j, "at");
		return;
	}
	ipb_json_format(j, "at", "%s.%06dZ", text, (int)(real % NS_PER_S / 1000));
}

/* How late packets left that were due about then, at most. */
static uint64_t lateness_about(const struct ipb_engine *e, uint64_t at_ns)
{
	const uint64_t span = (at_ns > e->measure_ns ? at_ns - e->measure_ns : 0) / e->late_span_ns;
	uint64_t most = 0;

	for (uint64_t i = span > 0 ? span - 1 : 0; i <= span + 1 && i < IPB_LATE_SPANS; i++)
		most = e->late_us[i] > most ? e->late_us[i] : most;
	return most * 1000;
}

/* How far an outage's length may be from what the number of its packets gives: one interval, and what the packets at either
 * edge left late. */
static uint64_t error_of(const struct ipb_engine *e, uint64_t begin_ns, uint64_t end_ns, double step_ns)
{
	const uint64_t begin = lateness_about(e, begin_ns), end = lateness_about(e, end_ns);

	return (uint64_t)(step_ns + 0.5) + (begin > end ? begin : end);
}

struct writing {
	const struct ipb_engine *e;
	int64_t offset_ns; /* of the real-time clock to the monotonic one */
};

static void write_outage(const void *context, struct ipb_json *j, const struct ipb_outage *o, uint32_t flows)
{
	const struct ipb_engine *e = ((const struct writing *)context)->e;
	const int64_t offset_ns = ((const struct writing *)context)->offset_ns;
	const double step_ns = e->outage_step_ns * flows;
	const uint64_t begin = ipb_even_at(&e->measured_due, o->first), length = (uint64_t)(step_ns * (double)o->packets + 0.5);

	ipb_json_object(j, NULL);
	if (flows > 1)
		ipb_json_uint(j, "flow", e->config.flow_base + o->flow);
	ipb_json_uint(j, "t_ns", begin - e->measure_ns);
	date(j, begin, offset_ns);
	ipb_json_uint(j, "length_ns", length);
	ipb_json_uint(j, "error_ns", error_of(e, begin, begin + length, step_ns));
	ipb_json_uint(j, "packets", o->packets);
	ipb_json_uint(j, "refused", o->refused);
	/* What came before, or after, is not of the measured phase. */
	if (o->first < flows)
		ipb_json_bool(j, "open_begin", 1);
	if (o->first + o->packets * flows >= e->outages.next)
		ipb_json_bool(j, "open_end", 1);
	ipb_json_end_object(j);
}

static void write_stalls(const struct ipb_engine *e, struct ipb_json *j, int64_t offset_ns)
{
	const struct ipb_stalls *s = &e->stalls;

	ipb_json_object(j, "stalls");
	ipb_json_uint(j, "limit_ns", s->limit_ns);
	ipb_json_uint(j, "count", s->count);
	ipb_json_uint(j, "sum_ns", s->sum_ns);
	ipb_json_uint(j, "longest_ns", s->longest_ns);
	ipb_json_array(j, "list");
	for (uint32_t i = 0; i < s->kept_count; i++) {
		ipb_json_object(j, NULL);
		ipb_json_uint(j, "t_ns", s->kept[i].start_ns - e->measure_ns);
		date(j, s->kept[i].start_ns, offset_ns);
		ipb_json_uint(j, "length_ns", s->kept[i].end_ns - s->kept[i].start_ns);
		if (s->kept[i].open)
			ipb_json_bool(j, "open_end", 1);
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
	ipb_json_uint(j, "left_out", s->left_out);
	ipb_json_end_object(j);
}

void ipb_engine_report_outages(const struct ipb_engine *e, struct ipb_json *j)
{
	const struct ipb_outages *o = &e->outages;
	const int64_t offset_ns = e->after.realtime_offset_ns;

	if (e->config.one_way != NULL) /* what was lost is known at the other end */
		return;
	ipb_json_object(j, "outages");
	ipb_json_uint(j, "least_packets", e->config.outage);
	if (e->config.arrival != IPB_ARRIVAL_CONSTANT) {
		ipb_json_string(j, "reason", "how long a run of lost packets lasted is known where packets are due evenly spaced "
		                "(arrival=constant)");
	} else {
		ipb_json_uint(j, "interval_ns", (uint64_t)(e->outage_step_ns + 0.5));
		const struct writing w = { e, offset_ns };
		ipb_outage_write_sum(j, &o->sum, e->outage_step_ns, 1);
		if (o->lost > 0)
			ipb_json_uint(j, "last_lost_ns", ipb_even_at(&e->measured_due, o->last_lost) - e->measure_ns);
		ipb_outage_write_list(j, "list", &o->list, 1, write_outage, &w);
		ipb_json_uint(j, "left_out", o->list.left_out);
		if (e->config.flows > 1)
			ipb_outage_write_flows(j, o, e->config.flow_base, e->outage_step_ns, 1, write_outage, &w);
	}
	ipb_outage_runs(j, o);
	write_stalls(e, j, offset_ns);
	ipb_json_end_object(j);
}
