/* Runs of lost packets; see ipb_outage.h.  SPDX-License-Identifier: MIT */
#include "ipb_outage.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"

int ipb_outages_init(struct ipb_outages *o, uint64_t least, uint32_t flows, struct ipb_error *err)
{
	memset(o, 0, sizeof *o);
	o->least = least;
	o->flows = flows;
	if (flows <= 1)
		return 0;
	o->flow_run = calloc(flows, sizeof *o->flow_run);
	o->flow_sum = calloc(flows, sizeof *o->flow_sum);
	if (o->flow_run == NULL || o->flow_sum == NULL) {
		ipb_outages_free(o);
		return ipb_error(err, "no memory for the outages of %u flows", flows);
	}
	return 0;
}

void ipb_outages_free(struct ipb_outages *o)
{
	free(o->flow_run);
	free(o->flow_sum);
	free(o->order);
	o->flow_run = NULL;
	o->flow_sum = NULL;
	o->order = NULL;
}

static uint32_t flow_of(const struct ipb_outages *o, uint64_t number)
{
	return o->order != NULL ? o->order[number % o->flows] : (uint32_t)((number + o->shift) % o->flows);
}

static uint32_t place_of(uint64_t packets)
{
	if (packets <= IPB_OUTAGE_EXACT)
		return (uint32_t)packets - 1;
	const uint32_t place = IPB_OUTAGE_EXACT + 63u - (uint32_t)__builtin_clzll(packets - 1) - 4;
	return place < IPB_OUTAGE_LENGTHS ? place : IPB_OUTAGE_LENGTHS - 1;
}

void ipb_outage_lengths(uint32_t place, uint64_t *from, uint64_t *to)
{
	if (place < IPB_OUTAGE_EXACT) {
		*from = *to = place + 1;
		return;
	}
	*from = ((uint64_t)IPB_OUTAGE_EXACT << (place - IPB_OUTAGE_EXACT)) + 1;
	*to = (uint64_t)IPB_OUTAGE_EXACT << (place - IPB_OUTAGE_EXACT + 1);
}

static void find_shortest(struct ipb_outage_list *l)
{
	l->shortest = 0;
	for (uint32_t i = 1; i < l->count; i++)
		if (l->kept[i].packets < l->kept[l->shortest].packets)
			l->shortest = i;
}

static void keep(struct ipb_outage_list *l, const struct ipb_outage *one)
{
	if (l->count < IPB_OUTAGES_KEPT) {
		l->kept[l->count++] = *one;
		if (l->count == IPB_OUTAGES_KEPT)
			find_shortest(l);
		return;
	}
	l->left_out++;
	if (one->packets <= l->kept[l->shortest].packets)
		return;
	l->kept[l->shortest] = *one;
	find_shortest(l);
}

static void add(struct ipb_outage_sum *s, const struct ipb_outage_run *r)
{
	s->count++;
	s->packets += r->packets;
	s->refused += r->refused;
	s->longest = r->packets > s->longest ? r->packets : s->longest;
}

/* The tester's run is over. */
static void end_run(struct ipb_outages *o)
{
	struct ipb_outage_run *r = &o->run;
	const uint32_t place = place_of(r->packets);

	o->lengths[place]++;
	o->length_packets[place] += r->packets;
	o->runs++;
	o->lost += r->packets;
	if (r->packets >= o->least) {
		add(&o->sum, r);
		keep(&o->list, &(struct ipb_outage){ r->first, r->packets, r->refused, 0 });
		o->last = *r;
	}
	*r = (struct ipb_outage_run){ 0 };
}

/* A flow's run lies in an outage of the tester: nobody got anything then. */
static int is_everybodys(const struct ipb_outages *o, const struct ipb_outage_run *r)
{
	const struct ipb_outage_run *all = o->run.packets >= o->least ? &o->run : &o->last;
	const uint64_t last = r->first + (r->packets - 1) * o->flows;

	return all->packets >= o->least && r->first >= all->first && last < all->first + all->packets;
}

static void end_flow_run(struct ipb_outages *o, uint32_t flow)
{
	struct ipb_outage_run *r = &o->flow_run[flow];

	if (r->packets == 0)
		return;
	o->dark_flows--;
	if (r->packets >= o->least) {
		add(&o->flow_sum[flow], r);
		if (!is_everybodys(o, r))
			keep(&o->flow_list, &(struct ipb_outage){ r->first, r->packets, r->refused, flow });
	}
	*r = (struct ipb_outage_run){ 0 };
}

void ipb_outages_answered(struct ipb_outages *o, uint64_t n)
{
	if (n == 0)
		return;
	if (o->run.packets > 0)
		end_run(o);
	for (uint64_t i = 0; i < n && i < o->flows && o->dark_flows > 0; i++)
		end_flow_run(o, flow_of(o, o->next + i));
	o->next += n;
}

static void extend(struct ipb_outage_run *r, uint64_t number, int refused)
{
	if (r->packets++ == 0)
		r->first = number;
	r->refused += (uint64_t)(refused != 0);
}

void ipb_outages_lost(struct ipb_outages *o, int refused)
{
	extend(&o->run, o->next, refused);
	o->last_lost = o->next;
	if (o->flow_run != NULL) {
		struct ipb_outage_run *r = &o->flow_run[flow_of(o, o->next)];
		o->dark_flows += r->packets == 0;
		extend(r, o->next, refused);
	}
	o->next++;
}

static int by_first(const void *a, const void *b)
{
	const struct ipb_outage *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void ipb_outages_end(struct ipb_outages *o)
{
	if (o->run.packets > 0)
		end_run(o);
	for (uint32_t i = 0; i < o->flows && o->flow_run != NULL; i++)
		end_flow_run(o, i);
	qsort(o->list.kept, o->list.count, sizeof *o->list.kept, by_first);
	qsort(o->flow_list.kept, o->flow_list.count, sizeof *o->flow_list.kept, by_first);
}

static uint64_t length_of(const struct ipb_stall *s) { return s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0; }

static void find_shortest_stall(struct ipb_stalls *s)
{
	s->shortest = 0;
	for (uint32_t i = 1; i < s->kept_count; i++)
		if (length_of(&s->kept[i]) < length_of(&s->kept[s->shortest]))
			s->shortest = i;
}

void ipb_stalls_add(struct ipb_stalls *s, const struct ipb_stall *one)
{
	const uint64_t length = length_of(one);

	if (length < s->limit_ns)
		return;
	s->count++;
	s->sum_ns += length;
	s->longest_ns = length > s->longest_ns ? length : s->longest_ns;
	if (s->kept_count < IPB_OUTAGES_KEPT) {
		s->kept[s->kept_count++] = *one;
		find_shortest_stall(s);
		return;
	}
	s->left_out++;
	if (length <= length_of(&s->kept[s->shortest]))
		return;
	s->kept[s->shortest] = *one;
	find_shortest_stall(s);
}

static int by_start(const void *a, const void *b)
{
	const struct ipb_stall *x = a, *y = b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

void ipb_stalls_sort(struct ipb_stalls *s) { qsort(s->kept, s->kept_count, sizeof *s->kept, by_start); }

void ipb_outage_write_list(struct ipb_json *j, const char *key, const struct ipb_outage_list *l, uint32_t flows,
                           ipb_outage_writer *write, const void *context)
{
	ipb_json_array(j, key);
	for (uint32_t i = 0; i < l->count; i++)
		write(context, j, &l->kept[i], flows);
	ipb_json_end_array(j);
}

void ipb_outage_write_sum(struct ipb_json *j, const struct ipb_outage_sum *s, double step_ns, int tells_refused)
{
	ipb_json_uint(j, "count", s->count);
	ipb_json_uint(j, "packets", s->packets);
	if (tells_refused)
		ipb_json_uint(j, "refused", s->refused);
	ipb_json_uint(j, "sum_ns", (uint64_t)(step_ns * (double)s->packets + 0.5));
	ipb_json_uint(j, "longest_ns", (uint64_t)(step_ns * (double)s->longest + 0.5));
	ipb_json_uint(j, "longest_packets", s->longest);
}

void ipb_outage_write_flows(struct ipb_json *j, const struct ipb_outages *o, uint32_t base, double step_ns, int tells_refused,
                            ipb_outage_writer *write, const void *context)
{
	uint64_t below = UINT64_MAX;
	uint32_t shown = 0, dark = 0;

	for (uint32_t i = 0; i < o->flows; i++)
		dark += o->flow_sum[i].count > 0;
	ipb_json_uint(j, "flows_dark", dark);
	ipb_json_array(j, "flows");
	while (shown < dark && shown < IPB_OUTAGE_FLOWS_SHOWN) {
		uint64_t most = 0;
		for (uint32_t i = 0; i < o->flows; i++)
			if (o->flow_sum[i].packets < below && o->flow_sum[i].packets > most)
				most = o->flow_sum[i].packets;
		for (uint32_t i = 0; i < o->flows && shown < IPB_OUTAGE_FLOWS_SHOWN; i++)
			if (o->flow_sum[i].count > 0 && o->flow_sum[i].packets == most) {
				ipb_json_object(j, NULL);
				ipb_json_uint(j, "flow", base + i);
				ipb_outage_write_sum(j, &o->flow_sum[i], step_ns * o->flows, tells_refused);
				ipb_json_end_object(j);
				shown++;
			}
		below = most;
	}
	ipb_json_end_array(j);
	ipb_outage_write_list(j, "flow_list", &o->flow_list, o->flows, write, context);
	ipb_json_uint(j, "flow_left_out", o->flow_list.left_out);
}

void ipb_outage_runs(struct ipb_json *j, const struct ipb_outages *o)
{
	ipb_json_object(j, "runs");
	ipb_json_uint(j, "count", o->runs);
	ipb_json_uint(j, "packets", o->lost);
	ipb_json_array(j, "lengths");
	for (uint32_t i = 0; i < IPB_OUTAGE_LENGTHS; i++) {
		uint64_t from, to;
		if (o->lengths[i] == 0)
			continue;
		ipb_outage_lengths(i, &from, &to);
		ipb_json_object(j, NULL);
		ipb_json_uint(j, "from", from);
		ipb_json_uint(j, "to", to);
		ipb_json_uint(j, "runs", o->lengths[i]);
		ipb_json_uint(j, "packets", o->length_packets[i]);
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
	ipb_json_end_object(j);
}
