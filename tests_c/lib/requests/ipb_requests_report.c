/* The requests' part of the result document.  SPDX-License-Identifier: MIT */
#include "ipb_limits.h"
#include "ipb_requests_private.h"
#include "ipb_results.h"
#include "ipb_summary.h"

static double seconds_of(const struct ipb_requests *r)
{
	return r->end_ns > r->measure_ns && r->end_ns != UINT64_MAX ? (double)(r->end_ns - r->measure_ns) / 1e9 : 0;
}

static double a_second(const struct ipb_requests *r, double count)
{
	const double seconds = seconds_of(r);

	return seconds > 0 ? count / seconds : 0;
}

void ipb_requests_result(const struct ipb_requests *r, struct ipb_requests_result *to)
{
	const int ran = r->start_ns != 0;

	*to = (struct ipb_requests_result){
		.counts = r->counts,
		.window_start_ns = ran ? r->measure_ns : 0,
		.window_end_ns = ran ? r->end_ns : 0,
		.requested_rate = r->config.rate,
		.sent_rate = a_second(r, (double)r->sent_in_window),
		.completed_rate = a_second(r, (double)r->ok_in_window),
		.requested_bps = r->config.rate * r->config.request_size * 8,
		.sent_bps = a_second(r, (double)r->bytes_sent * 8),
		.received_bps = a_second(r, (double)r->bytes_received * 8),
		.queued = r->queued,
		.unsent = r->unsent,
		.no_port = r->no_port,
		.no_descriptor = r->no_descriptor,
		.opened = r->opened,
		.stray = r->stray,
		.response = &r->response,
		.service = &r->service,
		.lateness = &r->lateness,
		.connect = &r->connect,
		.first_byte = &r->first_byte,
	};
	for (int i = 0; i < IPB_REQ_FAILURES; i++)
		to->failures[i] = r->failures[i];
}

int ipb_requests_broken(const struct ipb_requests *r) { return r->failed || r->early || r->counts.ok == 0; }

static void pacing(const struct ipb_requests *r, struct ipb_json *j)
{
	ipb_json_object(j, "pacing");
	ipb_summary_json(j, "lateness", &r->lateness);
	if (r->config.rate > 0)
		ipb_json_number(j, "requested_pps", r->config.rate);
	ipb_json_number(j, "achieved_pps", a_second(r, (double)r->sent_in_window));
	ipb_json_uint(j, "due", r->due);
	ipb_json_uint(j, "unsent", r->unsent);
	ipb_limits_report(&r->config.limits, &r->gaps, j);
	ipb_json_end_object(j);
}

static void engine(const struct ipb_requests *r, struct ipb_json *j)
{
	static const char *const arrivals[] = { "constant", "poisson", "burst" };
	const struct ipb_requests_config *c = &r->config;
	char name[80];

	ipb_json_object(j, "engine");
	ipb_json_string(j, "socktype", c->udp ? "udp" : "tcp");
	ipb_sock_name((const struct sockaddr *)&r->target.storage, r->target.size, name, sizeof name);
	ipb_json_string(j, "target", name);
	ipb_json_string(j, "loop", c->rate > 0 ? "open" : "closed");
	if (c->rate > 0) {
		ipb_json_string(j, "arrival", arrivals[c->arrival]);
		ipb_json_uint(j, "burst", c->burst);
		ipb_json_uint(j, "seed", c->seed);
	}
	ipb_json_uint(j, "connections", c->connections);
	ipb_json_uint(j, "depth", c->depth);
	ipb_json_bool(j, "fresh", c->fresh);
	ipb_json_uint(j, "local_addresses", r->source_count);
	ipb_json_string(j, "wait", !r->spin ? "sleep" : r->patience_ns == UINT64_MAX ? "spin" : "spin, then sleep");
	ipb_json_string(j, "clock", r->clock.source);
	ipb_json_string(j, "clock_why", r->clock.why);
	ipb_json_int(j, "clock_drift_ns", r->clock_error_ns);
	ipb_json_uint(j, "stray", r->stray);
	ipb_json_uint(j, "clipped", r->response.clipped);
	ipb_json_int(j, "cpu", r->after.cpu);
	ipb_json_end_object(j);
}

static uint64_t growth(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

static void environment(const struct ipb_requests *r, struct ipb_json *j)
{
	const uint64_t ticks = growth(r->before.all_ticks, r->after.all_ticks);

	ipb_json_object(j, "environment");
	ipb_json_object(j, "during_run");
	ipb_json_number(j, "steal_share",
	                ticks > 0 ? (double)growth(r->before.steal_ticks, r->after.steal_ticks) / (double)ticks : 0);
	ipb_json_uint(j, "run_delay_ns", growth(r->before.run_delay_ns, r->after.run_delay_ns));
	ipb_json_uint(j, "involuntary_switches", growth(r->before.involuntary_switches, r->after.involuntary_switches));
	if (r->after.frequency_khz > 0)
		ipb_json_uint(j, "frequency_khz", r->after.frequency_khz);
	ipb_json_end_object(j);
	ipb_json_end_object(j);
}

void ipb_requests_report(const struct ipb_requests *r, struct ipb_json *j)
{
	pacing(r, j);
	ipb_json_array(j, "reasons");
	for (uint32_t i = 0; i < r->reason_count; i++)
		ipb_results_reason(j, r->reasons[i].invalid, r->reasons[i].code, "%s", r->reasons[i].text);
	ipb_json_end_array(j);
	const struct ipb_series series = { .intervals = r->intervals, .count = r->interval_count, .interval_ns = r->interval_ns,
		                           .length_ns = r->start_ns != 0 && r->end_ns > r->measure_ns ? r->end_ns - r->measure_ns : 0,
		                           .base_ns = 0, .times = r->config.series_times };
	ipb_series_report(&series, j);
	engine(r, j);
	if (r->start_ns != 0)
		ipb_results_window(j, r->measure_ns, r->end_ns);
	environment(r, j);
}
