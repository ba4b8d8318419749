/* How long it was dark behind the device: runs of packets that did not come; see ipb_outage.h.
 * SPDX-License-Identifier: MIT */
#include "ipb_error.h"
#include "ipb_json.h"
#include "ipb_outage.h"
#include "result.h"

/* The numbers of the measured phase: as the last packets reported them, or else as they were planned, or as far as packets came. */
static int range(const struct forward_tally *t, uint64_t *first, uint64_t *end)
{
	const int planned = t->announced && t->control.numbers > 0;

	*first = t->ended > 0 ? t->told_first : planned ? t->control.first : t->first;
	*end = t->ended > 0 ? t->told_first + t->told_numbers : planned ? t->control.first + t->control.numbers : t->last_measured + 1;
	return t->announced && *first != UINT64_MAX && *end > *first &&
	       *end - *first <= 1ull << FORWARD_WINDOW_BITS && t->highest < *first + (1ull << FORWARD_WINDOW_BITS);
}

static void find(struct ipb_outages *o, const struct forward_tally *t, uint64_t first, uint64_t end)
{
	uint64_t came = 0;

	for (uint64_t n = first; n < end; n++) {
		if (forward_tally_has(t, n)) {
			came++;
			continue;
		}
		if (came > 0)
			ipb_outages_answered(o, came);
		came = 0;
		ipb_outages_lost(o, 0);
	}
	if (came > 0)
		ipb_outages_answered(o, came);
	ipb_outages_end(o);
}

/* What an outage is recognized by. */
struct writing {
	double step_ns;  /* between two packets of the tester */
	uint64_t all;    /* packets of the measured phase */
};

static void write_outage(const void *context, struct ipb_json *j, const struct ipb_outage *one, uint32_t flows)
{
	const struct writing *w = context;
	const double step_ns = w->step_ns * flows;

	ipb_json_object(j, NULL);
	if (flows > 1)
		ipb_json_uint(j, "flow", one->flow);
	ipb_json_uint(j, "t_ns", (uint64_t)(w->step_ns * (double)one->first + 0.5));
	ipb_json_uint(j, "length_ns", (uint64_t)(step_ns * (double)one->packets + 0.5));
	ipb_json_uint(j, "error_ns", (uint64_t)(step_ns + 0.5));
	ipb_json_uint(j, "packets", one->packets);
	if (one->first < flows)
		ipb_json_bool(j, "open_begin", 1);
	if (one->first + one->packets * flows >= w->all)
		ipb_json_bool(j, "open_end", 1);
	ipb_json_end_object(j);
}

/* There are no stalls: nothing is sent again, and a link that accepts nothing is the sender's. */
static void write_no_stalls(struct ipb_json *j)
{
	static const char *const keys[] = { "limit_ns", "count", "sum_ns", "longest_ns", "left_out" };

	ipb_json_object(j, "stalls");
	for (uint32_t i = 0; i < sizeof keys / sizeof *keys; i++)
		ipb_json_uint(j, keys[i], 0);
	ipb_json_array(j, "list");
	ipb_json_end_array(j);
	ipb_json_end_object(j);
}

void forward_write_outages(const struct forward_tally *t, struct ipb_json *j)
{
	struct ipb_error none = { 0 };
	struct ipb_outages o;
	const uint32_t flows = t->control.flows > 1 ? t->control.flows : 1;
	uint64_t first, end;

	if (!range(t, &first, &end) || ipb_outages_init(&o, IPB_OUTAGE_LEAST, flows, &none) < 0)
		return;
	o.shift = (uint32_t)(first % flows);
	find(&o, t, first, end);
	const struct writing w = { (double)t->control.duration_ns / (double)(end - first), end - first };
	ipb_json_object(j, "outages");
	ipb_json_uint(j, "least_packets", o.least);
	ipb_json_uint(j, "interval_ns", (uint64_t)(w.step_ns + 0.5));
	ipb_outage_write_sum(j, &o.sum, w.step_ns, 0);
	if (o.lost > 0)
		ipb_json_uint(j, "last_lost_ns", (uint64_t)(w.step_ns * (double)o.last_lost + 0.5));
	ipb_outage_write_list(j, "list", &o.list, 1, write_outage, &w);
	ipb_json_uint(j, "left_out", o.list.left_out);
	if (o.flows > 1)
		ipb_outage_write_flows(j, &o, 0, w.step_ns, 0, write_outage, &w);
	ipb_outage_runs(j, &o);
	write_no_stalls(j);
	ipb_json_end_object(j);
	ipb_outages_free(&o);
}
