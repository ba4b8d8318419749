/* The engine's part of the result document.  SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"
#include "ipb_limits.h"
#include "ipb_results.h"
#include "ipb_summary.h"

static uint64_t growth(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

static void pacing(const struct ipb_engine *e, struct ipb_json *j)
{
	double seconds = e->end_ns > e->measure_ns ? (double)(e->end_ns - e->measure_ns) / 1e9 : 0;
	double pps = e->config.rate_bps / 8 / e->config.sizes.mean;

	ipb_json_object(j, "pacing");
	ipb_summary_json(j, "lateness", &e->lateness);
	ipb_json_number(j, "requested_pps", pps);
	if (seconds > 0)
		ipb_json_number(j, "achieved_pps", (double)e->sent_in_window / seconds);
	if (seconds > 0) {
		ipb_json_number(j, "missing_share", e->missing);
		ipb_json_number(j, "missing_share_limit", e->missing_limit);
	}
	ipb_json_uint(j, "unsent", e->unsent);
	if (e->deadline_missed && e->track.counts.ok < e->config.samples)
		ipb_json_uint(j, "missing_samples", e->config.samples - e->track.counts.ok);
	ipb_json_uint(j, "refused", e->track.refused);
	if (e->track.refused > 0)
		ipb_trouble_json(&e->refusals, 1, j, "refusals");
	ipb_json_uint(j, "blocked_ns", e->blocked_ns);
	ipb_json_uint(j, "blocked_packets", e->excused.count);
	ipb_json_uint(j, "unaccepted", e->unaccepted);
	if (e->config.proto == IPB_TCP && e->config.flows > 1)
		ipb_json_uint(j, "blocked_flows", e->flows_ever_blocked);
	if (e->config.proto != IPB_TCP)
		ipb_json_uint(j, "queued", ipb_engine_held(e));
	if (e->excused.count + e->unaccepted > 0)
		ipb_json_format(j, "note", "%s did not accept packets for %.3f s of the measured phase: %llu left late for "
		                "that, %llu never left", e->config.proto == IPB_TCP ? "the target" : "the tester's own link",
		                (double)e->blocked_ns / 1e9, (unsigned long long)e->excused.count,
		                (unsigned long long)e->unaccepted);
	ipb_json_uint(j, "busy", e->busy);
	ipb_limits_report(&e->config.limits, &e->gaps, j);
	ipb_json_end_object(j);
}

static void reasons(const struct ipb_engine *e, struct ipb_json *j)
{
	ipb_json_array(j, "reasons");
	for (uint32_t i = 0; i < e->reason_count; i++)
		ipb_results_reason(j, e->reasons[i].invalid, e->reasons[i].code, "%s", e->reasons[i].text);
	ipb_json_end_array(j);
}

void ipb_series_report(const struct ipb_series *s, struct ipb_json *j)
{
	size_t left = s->times ? IPB_RESULTS_TIMES_MAX : 0;
	uint32_t n = s->count;

	while (n > 0 && (uint64_t)(n - 1) * s->interval_ns >= s->length_ns && s->intervals[n - 1].sent == 0)
		n--;
	ipb_json_array(j, "series");
	for (uint32_t i = 0; i < n; i++) {
		const struct ipb_interval *v = &s->intervals[i];
		ipb_json_object(j, NULL);
		ipb_json_uint(j, "t_ns", (uint64_t)i * s->interval_ns);
		ipb_json_uint(j, "sent", v->sent);
		ipb_json_uint(j, "ok", v->ok);
		ipb_json_uint(j, "lost", ipb_interval_lost(v));
		if (v->ok > 0) {
			ipb_json_number(j, "mean_ns", v->sum_ns / (double)v->ok);
			ipb_json_uint(j, "p50_ns", ipb_interval_percentile(v, s->base_ns, 0.5));
			ipb_json_uint(j, "p99_ns", ipb_interval_percentile(v, s->base_ns, 0.99));
			ipb_json_uint(j, "max_ns", v->max_ns);
			ipb_results_times(j, v->counts, IPB_COARSE_LENGTH, s->base_ns, &left);
		}
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
}

static void interval(struct ipb_json *j, const char *key, const struct ipb_confidence *c, const char *method)
{
	if (c->batches == 0) {
		ipb_json_null(j, key);
		return;
	}
	ipb_json_object(j, key);
	ipb_json_number(j, "estimate_ns", c->estimate_ns);
	ipb_json_number(j, "low_ns", c->low_ns);
	ipb_json_number(j, "high_ns", c->high_ns);
	if (c->half_share >= 0)
		ipb_json_number(j, "half_share", c->half_share);
	ipb_json_format(j, "method", "%s, %u batches", method, c->batches);
	ipb_json_end_object(j);
}

static void engine(const struct ipb_engine *e, struct ipb_json *j)
{
	static const char *const protos[] = { "tcp", "udp", "raw" }, *const ios[] = { "auto", "socket", "mmsg", "gso", "ring", "xdp" };
	static const char *const arrivals[] = { "constant", "poisson", "burst" };
	const struct ipb_engine_config *c = &e->config;

	ipb_json_object(j, "engine");
	ipb_json_string(j, "socktype", protos[c->proto]);
	ipb_json_string(j, "requested", ios[c->io]);
	ipb_json_string(j, "chosen", e->x->name);
	ipb_json_string(j, "why", e->io_why);
	ipb_json_string(j, "packets", c->format != NULL ? c->format->name : e->header.full ? "with header" : "plain");
	ipb_json_string(j, "check", c->by_number ? "number" : "all");
	if (c->by_number)
		ipb_json_uint(j, "by_number", e->by_number);
	ipb_json_string(j, "arrival", arrivals[c->arrival]);
	ipb_json_uint(j, "burst", c->burst);
	ipb_json_uint(j, "seed", c->seed);
	ipb_json_uint(j, "flows", c->flows);
	ipb_json_string(j, "clock", e->clock.source);
	ipb_json_string(j, "clock_why", e->clock.why);
	ipb_json_int(j, "clock_drift_ns", e->clock_error_ns);
	ipb_json_uint(j, "first_packet", e->track.first != UINT64_MAX ? e->track.first : 0);
	ipb_json_uint(j, "all_packets", e->track.next);
	if (c->proto == IPB_TCP) {
		ipb_json_uint(j, "connections_unanswered", e->unanswered);
		ipb_json_uint(j, "packets_unanswered", e->unanswered_packets);
	}
	ipb_json_uint(j, "stray", e->stray);
	ipb_json_uint(j, "icmp_errors", ipb_trouble_count(&e->troubles, 0));
	if (ipb_trouble_count(&e->troubles, 0) > 0) {
		char kinds[IPB_TROUBLE_TEXT];
		ipb_trouble_json(&e->troubles, 0, j, "icmp");
		ipb_trouble_text(&e->troubles, 0, kinds, sizeof kinds);
		ipb_json_format(j, "icmp_note", "packets were rejected on the way, in all phases; those not answered count as lost: %s",
		                kinds);
	}
	uint64_t wrong;
	ipb_json_uint(j, "receive_queue_drops", ipb_engine_queue_drops(e, &wrong));
	ipb_json_uint(j, "wrong_checksums", wrong);
	ipb_json_uint(j, "udp_rcvbuf_errors", e->after.udp_rcvbuf_errors - e->before.udp_rcvbuf_errors);
	ipb_json_uint(j, "udp_in_errors", e->after.udp_in_errors - e->before.udp_in_errors);
	ipb_json_uint(j, "udp_sndbuf_errors", growth(e->before.udp_sndbuf_errors, e->after.udp_sndbuf_errors));
	ipb_json_uint(j, "interface_drops", growth(e->before.link_drops, e->after.link_drops));
	ipb_json_uint(j, "clipped", e->response.clipped);
	ipb_json_int(j, "cpu", e->after.cpu);
	ipb_json_end_object(j);
}

static void environment(const struct ipb_engine *e, struct ipb_json *j)
{
	const struct ipb_noise *n = &e->noise;

	ipb_json_object(j, "environment");
	ipb_engine_network(e, j);
	ipb_json_object(j, "during_run");
	uint64_t ticks = e->after.all_ticks - e->before.all_ticks;
	ipb_json_number(j, "steal_share", ticks > 0 ? (double)(e->after.steal_ticks - e->before.steal_ticks) / (double)ticks : 0);
	ipb_json_uint(j, "run_delay_ns", growth(e->before.run_delay_ns, e->after.run_delay_ns));
	ipb_json_uint(j, "involuntary_switches", growth(e->before.involuntary_switches, e->after.involuntary_switches));
	ipb_json_uint(j, "major_faults", growth(e->before.major_faults, e->after.major_faults));
	if (e->after.frequency_khz > 0)
		ipb_json_uint(j, "frequency_khz", e->after.frequency_khz);
	ipb_json_end_object(j);
	if (n->reads > 0) {
		ipb_json_object(j, "noise");
		ipb_json_int(j, "cpu", n->cpu);
		ipb_json_uint(j, "duration_ns", n->duration_ns);
		ipb_json_uint(j, "reads", n->reads);
		ipb_json_uint(j, "gap_limit_ns", n->gap_limit_ns);
		ipb_json_uint(j, "gaps", n->gaps);
		ipb_json_uint(j, "gap_sum_ns", n->gap_sum_ns);
		ipb_json_uint(j, "p50_ns", n->p50_ns);
		ipb_json_uint(j, "p99_ns", n->p99_ns);
		ipb_json_uint(j, "p999_ns", n->p999_ns);
		ipb_json_uint(j, "max_ns", n->max_ns);
		ipb_json_end_object(j);
	}
	ipb_json_end_object(j);
}

void ipb_engine_report(const struct ipb_engine *e, struct ipb_json *j)
{
	pacing(e, j);
	reasons(e, j);
	const struct ipb_series series = { .intervals = e->intervals, .count = e->interval_count, .interval_ns = e->interval_ns,
		                           .length_ns = e->end_ns > e->measure_ns ? e->end_ns - e->measure_ns : 0,
		                           .base_ns = e->base_ns, .times = e->config.series_times };
	ipb_series_report(&series, j);
	ipb_engine_report_outages(e, j);
	ipb_json_object(j, "confidence");
	interval(j, "mean", &e->mean, "batch means");
	interval(j, "median", &e->median, "batch means of the share below the median, read back as quantiles");
	ipb_json_end_object(j);
	engine(e, j);
	ipb_layers_report(e, j);
	ipb_json_object(j, "window");
	ipb_json_uint(j, "start_ns", e->measure_ns);
	ipb_json_uint(j, "end_ns", e->end_ns);
	ipb_json_end_object(j);
	environment(e, j);
	if (e->threads != NULL)
		ipb_json_members(j, e->threads->text, e->threads->size);
	if (e->config.format != NULL)
		e->config.format->report(e->config.format_state, j);
}
