/* What became of each request: counts, times, the series, live figures.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_limits.h"
#include "ipb_requests_private.h"

#define INTERVAL_LEAST_NS 100000000ull
#define REPORT_NS 200000000ull

int ipb_req_tally_open(struct ipb_requests *r)
{
	uint64_t step = r->config.duration_ns / IPB_REQ_INTERVALS_MAX;

	if (ipb_hist_init(&r->response) < 0 || ipb_hist_init(&r->service) < 0 || ipb_hist_init(&r->lateness) < 0 ||
	    ipb_hist_init(&r->connect) < 0 || ipb_hist_init(&r->first_byte) < 0)
		return -1;
	r->interval_ns = step > INTERVAL_LEAST_NS ? step : INTERVAL_LEAST_NS;
	r->interval_count = (uint32_t)(r->config.duration_ns / r->interval_ns) + 1;
	r->intervals = ipb_apart_array(r->interval_count, sizeof *r->intervals);
	r->coarse = ipb_apart_array((size_t)r->interval_count, IPB_COARSE_LENGTH * sizeof *r->coarse);
	r->coarse_all = ipb_apart_array(IPB_COARSE_LENGTH, sizeof *r->coarse_all);
	if (r->intervals == NULL || r->coarse == NULL || r->coarse_all == NULL)
		return -1;
	for (uint32_t i = 0; i < r->interval_count; i++)
		r->intervals[i].counts = r->coarse + (size_t)i * IPB_COARSE_LENGTH;
	return 0;
}

void ipb_req_tally_close(struct ipb_requests *r)
{
	ipb_hist_free(&r->response);
	ipb_hist_free(&r->service);
	ipb_hist_free(&r->lateness);
	ipb_hist_free(&r->connect);
	ipb_hist_free(&r->first_byte);
	free(r->intervals);
	free(r->coarse);
	free(r->coarse_all);
}

static struct ipb_interval *interval(struct ipb_requests *r, uint64_t due_ns)
{
	uint64_t i = (due_ns - r->measure_ns) / r->interval_ns;

	return &r->intervals[i < r->interval_count ? i : r->interval_count - 1];
}

void ipb_req_started(struct ipb_requests *r, struct ipb_req_slot *s, uint64_t could_ns)
{
	r->since_answer++;
	if (r->silent_since_ns == 0)
		r->silent_since_ns = s->start_ns;
	r->last_start_ns = s->start_ns;
	r->sent_in_window += (uint64_t)ipb_req_in_window(r);
	if (!ipb_req_measured(r, s->due_ns))
		return;
	r->counts.sent++;
	r->out_measured++;
	interval(r, s->due_ns)->sent++;
	ipb_hist_record(&r->lateness, s->start_ns > could_ns ? s->start_ns - could_ns : 0);
}

void ipb_req_unstarted(struct ipb_requests *r, struct ipb_req_slot *s)
{
	r->sent_in_window -= (uint64_t)(s->start_ns >= r->measure_ns && s->start_ns < r->end_ns && r->sent_in_window > 0);
	if (!ipb_req_measured(r, s->due_ns))
		return;
	r->counts.sent--;
	r->out_measured--;
	interval(r, s->due_ns)->sent--;
	r->unsent++;
}

void ipb_req_answered(struct ipb_requests *r, struct ipb_req_slot *s, int corrupt)
{
	const uint64_t now_ns = r->now_ns, response = now_ns - s->due_ns, service = now_ns - s->start_ns;

	r->answers++;
	r->since_answer = r->failed_since = 0;
	r->silent_since_ns = 0;
	r->last_answer_ns = now_ns;
	r->ok_in_window += (uint64_t)(!corrupt && ipb_req_in_window(r));
	if (!ipb_req_measured(r, s->due_ns))
		return;
	r->out_measured--;
	struct ipb_interval *i = interval(r, s->due_ns);
	if (corrupt || service > r->config.drain_ns) {
		*(corrupt ? &r->counts.corrupt : &r->counts.late) += 1;
		i->bad++;
		return;
	}
	const uint32_t bucket = ipb_coarse_index(response);
	r->counts.ok++;
	ipb_hist_record(&r->response, response);
	ipb_hist_record(&r->service, service);
	i->ok++;
	i->sum_ns += (double)response;
	i->counts[bucket]++;
	r->coarse_all[bucket]++;
	if (response > i->max_ns)
		i->max_ns = response;
}

void ipb_req_lost(struct ipb_requests *r, struct ipb_req_slot *s, enum ipb_req_failure why)
{
	r->failed_since += (uint64_t)(why != IPB_REQ_TIMED_OUT);
	r->last_failure = why;
	if (!ipb_req_measured(r, s->due_ns))
		return;
	r->out_measured--;
	r->counts.lost++;
	r->failures[why]++;
}

void ipb_req_gap(struct ipb_requests *r, uint64_t from_ns, uint64_t to_ns)
{
	ipb_gaps_add(&r->gaps, &r->config.limits, from_ns, to_ns, r->measure_ns, r->end_ns);
}

void ipb_req_progress(struct ipb_requests *r)
{
	struct ipbench_progress *p = r->progress;
	const uint64_t now_ns = r->now_ns, ok = r->counts.ok, max_ns = r->response.count > 0 ? r->response.max_ns : 0;
	const double seconds = ((double)now_ns - (double)r->progress_last_ns) / 1e9;

	r->progress_due_ns = now_ns + REPORT_NS;
	if (p == NULL)
		return;
	IPBENCH_PROGRESS_SET(p, version, IPBENCH_EXT_MAJOR);
	IPBENCH_PROGRESS_SET(p, phase, r->phase);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now_ns > r->start_ns ? now_ns - r->start_ns : 0);
	IPBENCH_PROGRESS_SET(p, expected_ns, r->config.warmup_ns + r->config.duration_ns + r->config.cooldown_ns);
	IPBENCH_PROGRESS_SET(p, sent, r->counts.sent);
	IPBENCH_PROGRESS_SET(p, ok, ok);
	IPBENCH_PROGRESS_SET(p, lost, r->counts.lost);
	IPBENCH_PROGRESS_SET(p, bad, r->counts.late + r->counts.corrupt);
	if (r->phase != IPBENCH_PHASE_DONE && seconds > 0) {
		IPBENCH_PROGRESS_SET(p, rate_bps, (uint64_t)((double)(r->total_in - r->progress_bytes_in) * 8 / seconds));
		IPBENCH_PROGRESS_SET(p, sent_bps, (uint64_t)((double)(r->total_out - r->progress_bytes_out) * 8 / seconds));
	}
	const double shares[] = { 0.5, 0.99, 0.999 };
	uint64_t ns[3];
	for (int i = 0; i < 3; i++) {
		ns[i] = ipb_coarse_percentile(r->coarse_all, ok, shares[i]);
		ns[i] = ns[i] < max_ns ? ns[i] : max_ns;
	}
	IPBENCH_PROGRESS_SET(p, p50_ns, ns[0]);
	IPBENCH_PROGRESS_SET(p, p99_ns, ns[1]);
	IPBENCH_PROGRESS_SET(p, p999_ns, ns[2]);
	IPBENCH_PROGRESS_SET(p, max_ns, max_ns);
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
	r->progress_last_ns = now_ns;
	r->progress_bytes_in = r->total_in;
	r->progress_bytes_out = r->total_out;
}

static void add_intervals(struct ipb_requests *to, const struct ipb_requests *from)
{
	for (uint32_t i = 0; i < to->interval_count && i < from->interval_count; i++)
		ipb_interval_add(&to->intervals[i], &from->intervals[i]);
	for (uint32_t k = 0; k < IPB_COARSE_LENGTH; k++)
		to->coarse_all[k] += from->coarse_all[k];
}

void ipb_req_add(struct ipb_requests *to, const struct ipb_requests *from)
{
	ipb_counts_add(&to->counts, &from->counts);
	to->due += from->due;
	to->sent_in_window += from->sent_in_window;
	to->ok_in_window += from->ok_in_window;
	to->bytes_sent += from->bytes_sent;
	to->bytes_received += from->bytes_received;
	to->queued += from->queued;
	to->unsent += from->unsent;
	for (int i = 0; i < IPB_REQ_FAILURES; i++)
		to->failures[i] += from->failures[i];
	to->no_port += from->no_port;
	to->no_descriptor += from->no_descriptor;
	to->opened += from->opened;
	to->stray += from->stray;
	to->total_in += from->total_in;
	to->total_out += from->total_out;
	if (to->other[0] == '\0')
		memcpy(to->other, from->other, sizeof to->other);
	ipb_hist_merge(&to->response, &from->response);
	ipb_hist_merge(&to->service, &from->service);
	ipb_hist_merge(&to->lateness, &from->lateness);
	ipb_hist_merge(&to->connect, &from->connect);
	ipb_hist_merge(&to->first_byte, &from->first_byte);
	to->gaps.count += from->gaps.count;
	to->gaps.sum_ns += from->gaps.sum_ns;
	to->gaps.longest_ns = from->gaps.longest_ns > to->gaps.longest_ns ? from->gaps.longest_ns : to->gaps.longest_ns;
	add_intervals(to, from);
	if (llabs(from->clock_error_ns) > llabs(to->clock_error_ns))
		to->clock_error_ns = from->clock_error_ns;
}
