/* Adds up what the engines of a team measured; see ipb_team.h.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_team_private.h"

static void add_counts(struct ipb_track *to, const struct ipb_track *from)
{
	ipb_counts_add(&to->counts, &from->counts);
	to->next += from->next;
	to->refused += from->refused;
	to->given_up += from->given_up;
	to->unknown += from->unknown;
}

static void add_troubles(struct ipb_troubles *to, const struct ipb_troubles *from)
{
	for (uint32_t i = 0; i < from->used; i++)
		ipb_trouble_add(to, &from->kinds[i]);
	to->others += from->others;
}

/* The intervals' histograms of an engine count from just below its shortest time. To be added up, they have to count from one
 * value: each bucket goes where its highest value belongs, which is still above its true ones by less than 2 %. */
static void rebase(struct ipb_engine *e, uint64_t base_ns)
{
	uint32_t old[IPB_COARSE_LENGTH];

	if (e->base_ns == base_ns)
		return;
	for (uint32_t i = 0; i < e->interval_count; i++) {
		uint32_t *counts = e->intervals[i].counts;
		if (e->intervals[i].ok == 0)
			continue;
		memcpy(old, counts, sizeof old);
		memset(counts, 0, sizeof old);
		for (uint32_t k = 0; k < IPB_COARSE_LENGTH; k++)
			if (old[k] > 0)
				counts[ipb_coarse_index(e->base_ns + ipb_coarse_highest(k) - base_ns)] += old[k];
	}
	e->base_ns = base_ns;
}

static void add_series(struct ipb_engine *to, struct ipb_engine *from)
{
	if (from->response.count > 0) {
		const uint64_t base_ns = to->response.count == 0 || from->base_ns < to->base_ns ? from->base_ns : to->base_ns;
		if (to->response.count > 0)
			rebase(to, base_ns);
		to->base_ns = base_ns;
		rebase(from, base_ns);
	}
	for (uint32_t i = 0; i < to->interval_count && i < from->interval_count; i++)
		ipb_interval_add(&to->intervals[i], &from->intervals[i]);
}

static void add_layers(struct ipb_layers *to, const struct ipb_layers *from)
{
	to->asked += from->asked;
	to->complete += from->complete;
	to->missed += from->missed;
	if (to->used == IPB_STAMPS_USER || from->used == IPB_STAMPS_USER)
		return;
	ipb_hist_merge(&to->send_path, &from->send_path);
	ipb_hist_merge(&to->wire, &from->wire);
	ipb_hist_merge(&to->receive_path, &from->receive_path);
	ipb_hist_merge(&to->user, &from->user);
}

/* What an engine sent and received in its measured phase counts as a rate: where one thread was informed too late that the phase
 * was over, its phase is a little longer, and what it did in it is scaled to the others'. */
static void add_window(struct ipb_engine *to, const struct ipb_engine *from)
{
	const double seconds = ipb_engine_seconds(from), share = seconds > 0 ? ipb_engine_seconds(to) / seconds : 0;

	to->window_sent_bytes += from->window_sent_bytes * share;
	to->window_ok_bytes += from->window_ok_bytes * share;
	to->sent_in_window += share == 1 ? from->sent_in_window : (uint64_t)((double)from->sent_in_window * share + 0.5);
	to->ok_in_window += share == 1 ? from->ok_in_window : (uint64_t)((double)from->ok_in_window * share + 0.5);
}

static uint64_t grown(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

static void add_system(struct ipb_engine *to, const struct ipb_engine *from)
{
	to->after.run_delay_ns += grown(from->before.run_delay_ns, from->after.run_delay_ns);
	to->after.involuntary_switches += grown(from->before.involuntary_switches, from->after.involuntary_switches);
	to->after.major_faults += grown(from->before.major_faults, from->after.major_faults);
	to->busy += from->busy;
	to->busy_start += from->busy_start;
	to->turned_away += from->turned_away;
	to->turned_away_start += from->turned_away_start;
	to->rxq_drops += from->rxq_drops;
	to->rxq_drops_start += from->rxq_drops_start;
	to->queued_start += from->queued_start;
	to->queued_end += from->queued_end;
	if (llabs(from->clock_error_ns) > llabs(to->clock_error_ns))
		to->clock_error_ns = from->clock_error_ns;
}

static void add_gaps(struct ipb_gaps *to, const struct ipb_gaps *from)
{
	to->count += from->count;
	to->sum_ns += from->sum_ns;
	to->longest_ns = from->longest_ns > to->longest_ns ? from->longest_ns : to->longest_ns;
}

/* Single round trips, one thread's behind another's. */
static void add_samples(struct ipb_engine *to, const struct ipb_engine *from)
{
	uint64_t room = to->samples_kept + from->samples_kept;

	if (from->samples_kept == 0)
		return;
	room = room < IPB_ENGINE_SAMPLES_MAX ? room : IPB_ENGINE_SAMPLES_MAX;
	uint64_t *all = realloc(to->samples, (room + 1) * sizeof *all);
	if (all == NULL)
		return; /* fewer are kept */
	memcpy(all + to->samples_kept, from->samples, (room - to->samples_kept) * sizeof *all);
	to->samples = all;
	to->samples_kept = to->samples_room = room;
}

static void add(struct ipb_engine *to, struct ipb_engine *from)
{
	add_window(to, from);
	add_series(to, from);
	add_counts(&to->track, &from->track);
	ipb_hist_merge(&to->response, &from->response);
	ipb_hist_merge(&to->service, &from->service);
	ipb_hist_merge(&to->lateness, &from->lateness);
	ipb_hist_merge(&to->excused, &from->excused);
	add_layers(&to->layers, &from->layers);
	add_troubles(&to->troubles, &from->troubles);
	add_troubles(&to->refusals, &from->refusals);
	add_gaps(&to->gaps, &from->gaps);
	add_system(to, from);
	add_samples(to, from);
	to->path_mtu = from->path_mtu != 0 ? from->path_mtu : to->path_mtu;
	to->blocked_ns += from->blocked_ns;
	to->flows_ever_blocked += from->flows_ever_blocked;
	to->unaccepted += from->unaccepted;
	to->checked += from->checked;
	to->untouched += from->untouched;
	to->by_number += from->by_number;
	to->numbered += from->numbered;
	to->bad += from->bad;
	to->stray += from->stray;
	to->unsent += from->unsent;
	to->received_all += from->received_all;
	to->trains |= from->trains;
	to->unanswered += from->unanswered;
	to->unanswered_packets += from->unanswered_packets;
}

void ipb_team_place_unknown(struct ipb_team *t)
{
	uint64_t left = 0;

	for (uint32_t i = 0; i < t->threads.count; i++)
		left += t->members[i].engine->track.unplaced;
	for (uint32_t i = 0; i < t->threads.count; i++) {
		struct ipb_engine *e = t->members[i].engine;
		const uint64_t lost = e->track.counts.lost, placed = left < lost ? left : lost;
		e->track.counts.lost -= placed;
		e->track.counts.corrupt += placed;
		e->track.unknown += placed;
		e->bad += e->config.check ? placed : 0;
		left -= placed;
	}
}

void ipb_team_merge(struct ipb_team *t)
{
	struct ipb_engine *e = t->members[0].engine;
	const uint32_t n = t->threads.count;
	struct ipb_engine *engines[IPB_THREADS_MAX] = { e };

	for (uint32_t i = 0; i < n; i++)
		engines[i] = t->members[i].engine;
	ipb_engine_join_outages(engines, n);
	for (uint32_t i = 1; i < n; i++)
		add(e, t->members[i].engine);
	e->blocked_ns /= n;
	e->unwritten = e->config.check && e->checked > 0 && e->bad == e->checked + e->track.unknown;
	e->deadline_missed = t->deadline_missed;
	ipb_engine_confidence(e);
}
