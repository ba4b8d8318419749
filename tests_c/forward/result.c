/* Results of forward; see result.h.  SPDX-License-Identifier: MIT */
#include "result.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"
#include "ipb_report.h"
#include "ipb_results.h"

#define LINE 320            /* bytes of a line of the text */

/* Where reasons go. */
struct reasons {
	struct ipb_engine *e;
	struct ipb_reason *own;
	uint32_t count, max;
};

static void reason(struct reasons *to, int invalid, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void reason(struct reasons *to, int invalid, const char *code, const char *format, ...)
{
	char text[sizeof to->own->text];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (to->e != NULL) {
		ipb_engine_reason(to->e, invalid, code, "%s", text);
	} else if (to->count < to->max) {
		struct ipb_reason *r = &to->own[to->count++];
		r->invalid = invalid;
		snprintf(r->code, sizeof r->code, "%s", code);
		snprintf(r->text, sizeof r->text, "%s", text);
	}
}

static uint64_t grown(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

/* Packets that the socket's queue had no room for. */
static uint64_t queue_drops(const struct forward_receiver *r)
{
	const uint64_t drops = grown(r->drops_start, r->drops);

	return r->raw ? drops : ipb_sysmon_queue_drops(drops, &r->before, &r->after);
}

/* What the receiving machine has lost by itself, and what it refused. */
static void judge_drops(const struct forward_receiver *r, const struct ipb_limits *l, struct reasons *to)
{
	const uint64_t queue = queue_drops(r), wrong = grown(r->drops_start, r->drops) - queue;
	const uint64_t link = grown(r->link_start, r->link);
	const double most = l->drop_invalid * (double)(r->received + queue + link);

	if (queue > 0)
		reason(to, (double)queue > most, "receive-drops", "the receiving tester's own socket dropped %" PRIu64 " packets because "
		       "its queue was full: they count as lost, and the device did not lose them (try rcvbuf=)", queue);
	if (link > 0)
		reason(to, (double)link > most, "receive-link-drops", "the receiving tester's interface %s dropped %" PRIu64 " packets "
		       "because its ring was full: they count as lost", r->iface, link);
	if (r->backlog > r->backlog_start)
		reason(to, 0, "receive-backlog", "the receiving machine dropped %" PRIu64 " packets because a processor's queue was full: some "
		       "may be the test's (try a larger net.core.netdev_max_backlog)", r->backlog - r->backlog_start);
	if (wrong > 0)
		reason(to, 0, "receive-checksums", "the receiving tester's kernel refused %" PRIu64 " packets to the test's port for a wrong "
		       "UDP checksum: they were damaged on their way, and count as lost", wrong);
}

static void judge_tally(const struct forward_tally *t, struct reasons *to)
{
	if (t->too_old > 0)
		reason(to, 0, "too-old", "%" PRIu64 " packets of tester %u came more than %u packets after younger ones: they count as "
		       "lost", t->too_old, t->sender, 1u << FORWARD_WINDOW_BITS);
}

uint32_t forward_judge_receiver(const struct forward_receiver *r, const struct forward_config *c, int stopped,
                                struct ipb_engine *e, struct ipb_reason *own, uint32_t max)
{
	struct reasons to = { e, own, 0, max };
	const struct ipb_limits *l = &c->engine.limits;

	if (r->fd < 0)
		return 0;
	if (r->error != 0)
		reason(&to, 1, "receive-error", "receiving ended early: %s", strerror(r->error));
	else if (stopped && e == NULL)
		reason(&to, 1, "stopped", "the test was stopped before its end");
	judge_drops(r, l, &to);
	const int64_t step = r->after.realtime_offset_ns - r->before.realtime_offset_ns;
	if (r->kernel_stamps && (uint64_t)(step < 0 ? -step : step) > l->clock_step_ns)
		reason(&to, 0, "clock-step", "the receiving machine's real-time clock was moved by %.3f ms during the run: stamps of the "
		       "kernel are of that clock", (double)step / 1e6);
	for (uint32_t i = 0; i < r->tally_count; i++)
		judge_tally(&r->tallies[i], &to);
	return to.count;
}

static void write_hist(struct ipb_json *j, const char *key, const struct ipb_hist *h)
{
	uint8_t *bytes = h->count > 0 ? malloc(IPB_HIST_ENCODED_MAX) : NULL;
	const size_t size = bytes != NULL ? ipb_hist_encode(h, bytes, IPB_HIST_ENCODED_MAX) : 0;

	if (size > 0)
		ipb_json_base64(j, key, bytes, size);
	else
		ipb_json_null(j, key);
	free(bytes);
}

static void write_flows(const struct forward_tally *t, struct ipb_json *j)
{
	ipb_json_array(j, "flows");
	for (uint32_t i = 0; i < t->flow_count; i++) {
		const struct forward_flow *f = &t->flows[i];
		const uint64_t words[] = { f->ok, f->late, f->corrupt, f->duplicate, f->reordered, f->extent };
		ipb_json_array(j, NULL);
		for (uint32_t k = 0; k < sizeof words / sizeof *words; k++)
			ipb_json_uint(j, NULL, words[k]);
		ipb_json_end_array(j);
	}
	ipb_json_end_array(j);
}

static void write_intervals(const struct forward_tally *t, struct ipb_json *j)
{
	ipb_json_array(j, "series");
	for (uint32_t i = 0; i < t->interval_count; i++) {
		const struct forward_interval *v = &t->intervals[i];
		ipb_json_array(j, NULL);
		ipb_json_uint(j, NULL, v->ok);
		ipb_json_number(j, NULL, v->delayed > 0 ? v->sum_ns / (double)v->delayed : 0);
		ipb_json_uint(j, NULL, v->max_ns);
		ipb_json_end_array(j);
	}
	ipb_json_end_array(j);
}

static void write_tally(const struct forward_tally *t, struct ipb_json *j)
{
	const struct forward_sums s = forward_tally_sums(t);

	ipb_json_object(j, NULL);
	ipb_json_uint(j, "from", t->sender);
	ipb_json_uint(j, "ok", s.ok);
	ipb_json_uint(j, "late", s.late);
	ipb_json_uint(j, "corrupt", s.corrupt);
	ipb_json_uint(j, "corrupt_unknown", t->corrupt_unknown);
	ipb_json_uint(j, "duplicate", s.duplicate);
	ipb_json_uint(j, "reordered", s.reordered);
	ipb_json_uint(j, "reorder_extent", s.extent);
	ipb_json_uint(j, "bytes", s.bytes);
	ipb_json_uint(j, "all", t->all);
	ipb_json_uint(j, "learned", t->learned);
	if (t->ended > 0)
		ipb_json_uint(j, "told", t->told);
	else
		ipb_json_null(j, "told");
	if (t->first_ns != 0) {
		ipb_json_uint(j, "first_ns", t->first_ns);
		ipb_json_uint(j, "last_ns", t->last_ns);
	}
	ipb_json_bool(j, "same_clock", t->same_clock);
	ipb_oneway_json(&t->delay, j, "delay");
	forward_write_outages(t, j);
	write_flows(t, j);
	write_intervals(t, j);
	ipb_json_end_object(j);
}

static void write_receiver(const struct forward_receiver *r, struct ipb_json *j)
{
	ipb_json_array(j, "received");
	for (uint32_t i = 0; i < r->tally_count; i++)
		write_tally(&r->tallies[i], j);
	ipb_json_end_array(j);
	ipb_json_uint(j, "packets", r->received);
	ipb_json_uint(j, "stray", r->stray);
	ipb_json_uint(j, "misrouted", r->misrouted);
	ipb_json_uint(j, "corrupt_unknown", r->corrupt_unknown);
	ipb_json_uint(j, "other_vlan", r->other_vlan);
	ipb_json_uint(j, "queue_drops", queue_drops(r));
	ipb_json_uint(j, "wrong_checksums", grown(r->drops_start, r->drops) - queue_drops(r));
	ipb_json_uint(j, "backlog_drops", grown(r->backlog_start, r->backlog));
	ipb_json_uint(j, "interface_drops", grown(r->link_start, r->link));
	ipb_json_string(j, "interface", r->iface[0] != '\0' ? r->iface : NULL);
	ipb_json_uint(j, "stamp_error_ns", r->stamp_error_ns);
	ipb_json_string(j, "stamps", r->kernel_stamps ? "kernel" : "user");
	ipb_json_bool(j, "all_in", r->all_in);
	ipb_json_uint(j, "listened_ns", grown(r->start_ns, r->ended_ns));
}

static void write_sender(const struct forward_config *c, const struct ipb_engine *e, const uint64_t *sent,
                         struct ipb_json *j)
{
	struct ipb_engine_result r;
	char rejections[400];

	ipb_engine_result(e, &r);
	ipb_engine_rejections(e, rejections, sizeof rejections);
	ipb_json_int(j, "to", c->to);
	ipb_json_uint(j, "sent", r.counts.sent);
	ipb_json_uint(j, "window_ns", grown(r.window_start_ns, r.window_end_ns));
	ipb_json_number(j, "packet_size", r.packet_size);
	ipb_json_string(j, "rejections", rejections[0] != '\0' ? rejections : NULL);
	ipb_json_array(j, "sent_flows");
	for (uint32_t i = 0; i < c->engine.flows; i++)
		ipb_json_uint(j, NULL, sent[i]);
	ipb_json_end_array(j);
}

static void write_rates(const struct ipb_engine *e, struct ipb_json *j)
{
	struct ipb_engine_result r;

	ipb_engine_result(e, &r);
	ipb_json_object(j, "rates");
	ipb_json_number(j, "requested_bps", r.requested_bps);
	ipb_json_number(j, "sent_bps", r.sent_bps);
	ipb_json_null(j, "received_bps");
	ipb_json_end_object(j);
	ipb_json_object(j, "histograms");
	ipb_json_null(j, "response");
	ipb_json_null(j, "service");
	write_hist(j, "lateness", r.lateness);
	ipb_json_end_object(j);
}

static void write_metrics(const struct forward_receiver *r, struct ipb_json *j)
{
	uint64_t extent = 0;

	for (uint32_t i = 0; i < r->tally_count; i++) {
		const struct forward_sums s = forward_tally_sums(&r->tallies[i]);
		extent = s.extent > extent ? s.extent : extent;
	}
	ipb_json_array(j, "metrics");
	if (r->fd >= 0) {
		ipb_results_metric(j, "stray_packets", (double)r->stray, "packets");
		ipb_results_metric(j, "misrouted_packets", (double)r->misrouted, "packets");
		ipb_results_metric(j, "reorder_extent", (double)extent, "packets");
		ipb_results_metric(j, "receive_queue_drops", (double)queue_drops(r), "packets");
		ipb_results_metric(j, "wrong_checksums", (double)(grown(r->drops_start, r->drops) - queue_drops(r)), "packets");
		ipb_results_metric(j, "interface_drops", (double)grown(r->link_start, r->link), "packets");
		if (r->raw)
			ipb_results_metric(j, "other_vlan", (double)r->other_vlan, "packets");
	}
	ipb_json_end_array(j);
}

static uint64_t whole(int64_t ns) { return ns > 0 ? (uint64_t)ns : 0; }

static double mean_of(const struct ipb_oneway *o)
{
	const double mean = (double)o->base_ns + ((double)o->above.sum - (double)o->below.sum) / (double)ipb_oneway_count(o);

	return mean > 0 ? mean : 0;
}

/* The lines that the row is made of: S of what was sent, R of what came from one sender. */
static char *lines(const struct forward_config *c, uint32_t own, const struct ipb_engine *e, const struct forward_receiver *r)
{
	char *text = malloc((size_t)LINE * (r->tally_count + 2)), *at = text;
	struct ipb_engine_result s;

	if (text == NULL)
		return NULL;
	at += sprintf(at, "forward 1\n");
	if (e != NULL) {
		ipb_engine_result(e, &s);
		at += snprintf(at, LINE, "S %u %d %" PRIu64 " %.0f %.0f %.3f %" PRIu64 "\n", own, c->to, s.counts.sent, s.requested_bps,
		               s.sent_bps, s.packet_size, grown(s.window_start_ns, s.window_end_ns));
	}
	for (uint32_t i = 0; i < r->tally_count; i++) {
		const struct forward_tally *t = &r->tallies[i];
		const struct forward_sums m = forward_tally_sums(t);
		const uint64_t delays = t->same_clock ? ipb_oneway_count(&t->delay) : 0;
		at += snprintf(at, LINE, "R %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		               " %.3f %" PRIu64 "\n", own, t->sender, m.ok, m.late, m.corrupt + t->corrupt_unknown, m.duplicate, m.reordered,
		               m.bytes, delays, delays > 0 ? whole(ipb_oneway_min(&t->delay)) : 0, delays > 0 ? mean_of(&t->delay) : 0,
		               delays > 0 ? whole(ipb_oneway_max(&t->delay)) : 0);
	}
	return text;
}

int forward_marshall(const struct forward_config *c, uint32_t own, const struct ipb_engine *e, const uint64_t *sent,
                     const struct forward_receiver *r, const struct ipb_reason *reasons, uint32_t reason_count,
                     char **data, int *size)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	if (e != NULL) {
		write_rates(e, &j);
		ipb_engine_report(e, &j);
	} else {
		ipb_json_array(&j, "reasons");
		for (uint32_t i = 0; i < reason_count; i++)
			ipb_results_reason(&j, reasons[i].invalid, reasons[i].code, "%s", reasons[i].text);
		ipb_json_end_array(&j);
	}
	write_metrics(r, &j);
	ipb_json_object(&j, "forward");
	ipb_json_uint(&j, "own", own);
	if (e != NULL)
		write_sender(c, e, sent, &j);
	if (r->fd >= 0)
		write_receiver(r, &j);
	ipb_json_end_object(&j);
	ipb_json_end_object(&j);
	char *json = ipb_json_take(&j), *text = lines(c, own, e, r);
	if (json == NULL || text == NULL) {
		free(json);
		free(text);
		return -1;
	}
	const int status = ipb_report_marshall(text, json, data, size);
	free(text);
	return status;
}
