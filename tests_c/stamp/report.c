/* What `stamp` puts into the result document.  SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"
#include "ipb_results.h"
#include "ipb_summary.h"
#include "stamp.h"

/* A metric of a time or share; left out where it is not known. */
static void percentile(struct ipb_json *j, const char *name, const struct ipb_hist *h, double at)
{
	if (h->count > 0)
		ipb_results_metric(j, name, (double)ipb_hist_percentile(h, at) / 1000, "us");
}

static void lost_metrics(struct ipb_json *j, const struct direction_counts *c, uint64_t sent)
{
	const double all = (double)sent, arrived = all - (double)c->lost_forward;

	ipb_results_metric(j, "lost_forward", (double)c->lost_forward, "packets");
	ipb_results_metric(j, "lost_backward", (double)c->lost_backward, "packets");
	ipb_results_metric(j, "lost_unknown", (double)c->lost_unknown, "packets");
	if (sent > 0 && c->lost_unknown == 0) {
		ipb_results_mean(j, "loss_forward", 100 * (double)c->lost_forward / all, "%", all);
		if (arrived > 0)
			ipb_results_mean(j, "loss_backward", 100 * (double)c->lost_backward / arrived, "%", arrived);
	}
	ipb_results_metric(j, "duplicate_forward", (double)c->duplicate_forward, "packets");
	ipb_results_metric(j, "duplicate_backward", (double)c->duplicate_backward, "packets");
	ipb_results_metric(j, "reordered_forward", (double)c->reordered_forward, "packets");
	ipb_results_metric(j, "reordered_backward", (double)c->reordered_backward, "packets");
}

/* Why it is not known on which way packets were lost; NULL: it is. */
static const char *unknown_ways(const struct stamp_session *s, int counted)
{
	if (s->stateless > 0)
		return "the reflector keeps no state: its answers do not tell how many packets reached it";
	if (s->stateless < 0)
		return s->kind_why;
	if (s->directions.again)
		return "the reflector began to count anew during the run";
	return counted < 0 ? "the run has more packets than are remembered for it: lower the rate, or shorten the run" : NULL;
}

static void clocks(const struct stamp_session *s, struct ipb_json *j)
{
	const struct ipb_sync *worse = s->sync_after.error_ns > s->sync.error_ns ? &s->sync_after : &s->sync;

	/* How far the engine's clock has gone from CLOCK_MONOTONIC, with which others are compared. */
	const uint64_t anchor_error_ns = s->anchor_error_ns + (uint64_t)llabs(s->engine->clock_error_ns);

	ipb_json_object(j, "one_way_record");
	ipb_oneway_json(&s->forward, j, "forward");
	ipb_oneway_json(&s->backward, j, "backward");
	ipb_json_format(j, "anchor_ns", "%" PRId64, s->anchor_ns);
	ipb_json_uint(j, "anchor_error_ns", anchor_error_ns);
	ipb_json_uint(j, "session", s->settings.ssid);
	if (s->sync.synchronized && s->sync_after.synchronized)
		ipb_json_uint(j, "own_error_ns", worse->error_ns + anchor_error_ns + (uint64_t)llabs(s->moved_ns));
	else
		ipb_json_null(j, "own_error_ns");
	if (s->replies > 0 && s->unsynchronized + s->bad_estimate == 0)
		ipb_json_uint(j, "far_error_ns", s->far_error_ns);
	else
		ipb_json_null(j, "far_error_ns");
	ipb_json_end_object(j);
}

static void jitter(struct ipb_json *j, const char *key, const struct stamp_jitter *v)
{
	ipb_summary_json(j, key, &v->size);
}

static void details(const struct stamp_session *s, struct ipb_json *j, const char *unknown)
{
	ipb_json_object(j, "stamp");
	ipb_json_string(j, "mode", s->settings.authenticated ? "authenticated" : "unauthenticated");
	ipb_json_string(j, "hmac_by", s->key != NULL ? ipb_hmac_by(s->key) : NULL);
	ipb_json_string(j, "reflector", s->stateless < 0 ? NULL : s->stateless ? "stateless" : "stateful");
	ipb_json_string(j, "reflector_why", s->kind_why);
	ipb_json_string(j, "ways_unknown", unknown);
	ipb_json_string(j, "times", s->settings.ptp ? "ptp" : "ntp");
	ipb_json_string(j, "reflector_times", s->replies == 0 ? NULL : s->far_ptp ? "ptp" : "ntp");
	ipb_json_uint(j, "ssid", s->settings.ssid);
	ipb_json_bool(j, "synchronized", s->sync.synchronized);
	ipb_json_uint(j, "clock_error_ns", s->sync.error_ns);
	ipb_json_string(j, "clock_by", ipb_sync_name(s->sync.by));
	if (s->replies > 0) {
		ipb_json_uint(j, "ttl_least", s->ttl_least);
		ipb_json_uint(j, "ttl_most", s->ttl_most);
	}
	jitter(j, "forward_ipdv", &s->forward_jitter);
	jitter(j, "backward_ipdv", &s->backward_jitter);
	ipb_json_uint(j, "unrecognized_tlvs", s->heard.unrecognized);
	ipb_json_uint(j, "malformed_tlvs", s->heard.malformed);
	ipb_json_uint(j, "unverified_tlvs", s->heard.integrity + s->heard.forged);
	if (s->heard.source_in != 0) {
		ipb_json_int(j, "sync_source_in", s->heard.source_in);
		ipb_json_int(j, "timestamp_method_in", s->heard.method_in);
		ipb_json_int(j, "sync_source_out", s->heard.source_out);
		ipb_json_int(j, "timestamp_method_out", s->heard.method_out);
	}
	if (s->heard.dscp2 >= 0) {
		ipb_json_int(j, "dscp_arrived", s->heard.dscp2);
		ipb_json_int(j, "ecn_arrived", s->heard.ecn2);
		ipb_json_int(j, "dscp_refused", s->heard.reverse_refused);
	}
	if (s->heard.has_direct) {
		ipb_json_uint(j, "reflector_received", s->heard.direct_received);
		ipb_json_uint(j, "reflector_sent", s->heard.direct_sent);
	}
	ipb_json_end_object(j);
}

void stamp_report(void *state, struct ipb_json *j)
{
	const struct stamp_session *s = state;
	const struct ipb_engine *e = s->engine;
	struct direction_counts c;
	struct ipb_hist h = { 0 };

	const int counted = directions_count(&s->directions, e->track.first, e->track.end, e->track.next, &c);
	const char *unknown = unknown_ways(s, counted);
	ipb_json_array(j, "metrics");
	if (unknown == NULL)
		lost_metrics(j, &c, e->track.counts.sent);
	if (ipb_hist_init(&h) == 0) {
		ipb_oneway_variation(&s->forward, &h);
		percentile(j, "forward_pdv_p50", &h, 50);
		percentile(j, "forward_pdv_p99", &h, 99);
		percentile(j, "forward_pdv_max", &h, 100);
		ipb_oneway_variation(&s->backward, &h);
		percentile(j, "backward_pdv_p50", &h, 50);
		percentile(j, "backward_pdv_p99", &h, 99);
		percentile(j, "backward_pdv_max", &h, 100);
		ipb_hist_free(&h);
	} else {
		j->failed = 1;
	}
	percentile(j, "forward_ipdv_p99", &s->forward_jitter.size, 99);
	percentile(j, "backward_ipdv_p99", &s->backward_jitter.size, 99);
	percentile(j, "turnaround_p50", &s->turnaround, 50);
	percentile(j, "turnaround_p99", &s->turnaround, 99);
	ipb_results_metric(j, "forged", (double)s->forged, "packets");
	ipb_results_metric(j, "changed", (double)s->changed, "packets");
	ipb_results_metric(j, "asymmetric", (double)s->asymmetric, "packets");
	ipb_results_metric(j, "zero_ssid", (double)s->zero_ssid, "packets");
	ipb_results_metric(j, "implausible_turnaround", (double)s->implausible, "packets");
	ipb_json_end_array(j);
	clocks(s, j);
	details(s, j, unknown);
}
