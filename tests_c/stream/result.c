/* The row and the document's members; see stream.h.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"
#include "ipb_link.h"
#include "ipb_results.h"

static const char *const directions[] = { "", "up", "down", "both" };

void stream_row(const struct stream_test *t, char *to, size_t size)
{
	char up[32] = "", down[32] = "", retransmits[32] = "", lost[32] = "";
	struct stream_figures f;

	stream_figures(t, &f);
	if (t->config.direction & IPB_UP && !isnan(f.up_bps))
		snprintf(up, sizeof up, "%.0f", f.up_bps);
	if (t->config.direction & IPB_DOWN && !isnan(f.down_bps))
		snprintf(down, sizeof down, "%.0f", f.down_bps);
	if (f.tcp_streams > 0)
		snprintf(retransmits, sizeof retransmits, "%llu", (unsigned long long)f.retransmits);
	if (f.has_udp)
		snprintf(lost, sizeof lost, "%llu", (unsigned long long)f.lost);
	snprintf(to, size, "%u,%s,%s,%s,%s", t->pump.count, up, down, retransmits, lost);
}

int stream_is_broken(const struct stream_test *t)
{
	struct stream_figures f;

	stream_figures(t, &f);
	return *t->failure_code != '\0' || !(f.up_bps + f.down_bps > 0);
}

void stream_rates(const struct stream_figures *f, double requested_bps, struct ipb_json *j)
{
	ipb_json_object(j, "rates");
	if (requested_bps > 0)
		ipb_json_number(j, "requested_bps", requested_bps);
	else
		ipb_json_null(j, "requested_bps");
	ipb_json_number(j, "sent_bps", f->sent_bps);
	ipb_json_number(j, "received_bps", f->up_bps + f->down_bps);
	ipb_json_end_object(j);
}

void stream_counts(const struct stream_figures *f, struct ipb_json *j)
{
	const struct ipb_counts c = { .sent = f->datagrams_ok + f->lost, .ok = f->datagrams_ok, .lost = f->lost,
		                      .duplicate = f->duplicate, .reordered = f->reordered };

	ipb_results_counts(j, &c);
}

static void tcp_metrics(const struct stream_figures *f, struct ipb_json *j)
{
	ipb_results_metric(j, "retransmits", (double)f->retransmits, "");
	ipb_results_mean(j, "rtt", f->rtt_ms, "ms", f->tcp_streams);
	ipb_results_metric(j, "rtt_max", f->rtt_max_ms, "ms");
	ipb_results_mean(j, "busy", 100 * f->busy, "%", f->tcp_streams);
	ipb_results_mean(j, "receiver_limited", 100 * f->rwnd_limited, "%", f->tcp_streams);
	ipb_results_mean(j, "send_buffer_limited", 100 * f->sndbuf_limited, "%", f->tcp_streams);
}

static void use_metrics(const struct ipb_pump_use *u, const char *who, struct ipb_json *j)
{
	char name[40];

	if (!u->known)
		return;
	snprintf(name, sizeof name, "%s_thread", who);
	ipb_results_metric(j, name, 100 * u->busiest_thread, "%");
	if (u->cpus.cpu < 0)
		return;
	snprintf(name, sizeof name, "%s_processor", who);
	ipb_results_metric(j, name, 100 * u->cpus.busy, "%");
}

static void metric_if_known(struct ipb_json *j, const char *name, double value, const char *unit)
{
	if (!isnan(value))
		ipb_results_metric(j, name, value, unit);
}

static void metrics(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	ipb_json_array(j, "metrics");
	metric_if_known(j, "goodput", f->up_bps + f->down_bps, "bit/s");
	if (t->config.direction & IPB_UP)
		metric_if_known(j, "goodput_up", f->up_bps, "bit/s");
	if (t->config.direction & IPB_DOWN)
		metric_if_known(j, "goodput_down", f->down_bps, "bit/s");
	metric_if_known(j, "fairness_up", f->fairness_up, "");
	metric_if_known(j, "fairness_down", f->fairness_down, "");
	if (f->tcp_streams > 0)
		tcp_metrics(f, j);
	if (f->has_udp) {
		if (f->datagrams_sent > 0)
			ipb_results_mean(j, "loss", 100 * (double)f->lost / (double)f->datagrams_sent, "%", (double)f->datagrams_sent);
		ipb_results_metric(j, "jitter", f->jitter_ms, "ms");
		ipb_results_metric(j, "duplicates", (double)f->duplicate, "");
		ipb_results_metric(j, "reordered", (double)f->reordered, "");
	}
	if (t->peer->metrics != NULL)
		t->peer->metrics(t, j);
	if (t->has_own)
		use_metrics(&t->own.use, "tester", j);
	if (t->has_theirs)
		use_metrics(&t->theirs.use, "target", j);
	ipb_json_end_array(j);
}

static double step_bytes(const struct stream_test *t, uint32_t k, int received)
{
	const struct ipb_bulk_result *own = t->has_own ? &t->own : NULL, *theirs = t->has_theirs ? &t->theirs : NULL;
	double sum = 0;

	if (own != NULL && k < own->steps)
		sum += received ? own->received[k] : own->sent[k];
	if (theirs != NULL && k < theirs->steps)
		sum += received ? theirs->received[k] : theirs->sent[k];
	return sum;
}

/* Both ends have told what they did. */
static int both_told(const struct stream_test *t) { return t->peer->is_ours && t->has_theirs; }

/* What was sent and has not arrived within an interval, or crossed its end. */
static double step_missing(const struct stream_test *t, uint32_t k)
{
	const double missing = both_told(t) ? step_bytes(t, k, 0) - step_bytes(t, k, 1) : 0;

	return missing > 0 ? missing : 0;
}

/* Bytes sent and received. Of a peer that tells nothing, what it does not tell is what our end did. What was lost in all is
 * shared out as bytes are missing: those that cross an interval's end are not lost. A target of ours that was to tell what it
 * received, and has not, leaves no series. */
static void series(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	const int is_known = t->has_own && (!t->peer->is_ours || t->has_theirs || t->config.direction == IPB_DOWN);
	double missing = 0;

	for (uint32_t k = 0; is_known && k < t->own.steps; k++)
		missing += step_missing(t, k);
	const double share = missing > 0 ? (double)f->lost * t->config.size / missing : 0;
	ipb_json_array(j, "series");
	for (uint32_t k = 0; is_known && k < t->own.steps; k++) {
		double sent = step_bytes(t, k, 0), got = step_bytes(t, k, 1);
		if (!both_told(t))
			sent = got = sent > got ? sent : got;
		ipb_json_object(j, NULL);
		ipb_json_uint(j, "t_ns", k * t->own.step_ns);
		ipb_json_number(j, "sent", floor(sent));
		ipb_json_number(j, "ok", floor(got));
		ipb_json_number(j, "lost", floor(share * step_missing(t, k)));
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
}

static void column(const struct ipb_bulk_stream *s, const char *key, int which, struct ipb_json *j)
{
	ipb_json_array(j, key);
	for (uint32_t i = 0; i < s->sample_count; i++) {
		const struct ipb_tcp_sample *at = &s->samples[i];
		const uint64_t values[] = { at->t_ns, at->rtt_us * 1000ull, at->rttvar_us * 1000ull, at->cwnd, at->retransmits,
			                    at->delivery_bps, at->acked_bytes };
		ipb_json_uint(j, NULL, values[which]);
	}
	ipb_json_end_array(j);
}

static void course(const struct ipb_bulk_stream *s, struct ipb_json *j)
{
	static const char *const keys[] = { "t_ns", "rtt_ns", "rttvar_ns", "cwnd", "retransmits", "delivery_bps", "acked_bytes" };

	ipb_json_object(j, "course");
	for (int i = 0; i < (int)(sizeof keys / sizeof *keys); i++)
		column(s, keys[i], i, j);
	ipb_json_end_object(j);
}

static void tcp_of(const struct ipb_tcp_summary *s, struct ipb_json *j)
{
	ipb_json_uint(j, "retransmits", s->retransmits);
	ipb_json_uint(j, "acked_bytes", s->acked_bytes);
	ipb_json_number(j, "rtt_mean_ns", s->rtt_mean_us * 1e3);
	ipb_json_number(j, "rtt_min_ns", s->rtt_min_us * 1e3);
	ipb_json_number(j, "rtt_max_ns", s->rtt_max_us * 1e3);
	ipb_json_number(j, "rttvar_mean_ns", s->rttvar_mean_us * 1e3);
	ipb_json_number(j, "cwnd_mean", s->cwnd_mean);
	ipb_json_uint(j, "mss", s->mss);
	ipb_json_uint(j, "path_mtu", s->pmtu);
	ipb_json_number(j, "busy_share", s->busy);
	ipb_json_number(j, "receiver_limited_share", s->rwnd_limited);
	ipb_json_number(j, "send_buffer_limited_share", s->sndbuf_limited);
}

static void udp_of(const struct stream_pair *p, struct ipb_json *j)
{
	if (p->sender != NULL)
		ipb_json_uint(j, "datagrams_sent", p->sender->measured);
	if (p->receiver == NULL)
		return;
	ipb_json_uint(j, "datagrams_received", p->receiver->measured);
	ipb_json_uint(j, "duplicate", p->receiver->duplicate);
	ipb_json_uint(j, "reordered", p->receiver->reordered);
	ipb_json_uint(j, "foreign", p->receiver->foreign);
	ipb_json_number(j, "jitter_ns", p->receiver->jitter_ns);
}

static void stream_of(const struct stream_test *t, uint32_t i, struct ipb_json *j)
{
	const struct stream_pair p = stream_pair_of(t, i);

	ipb_json_object(j, NULL);
	ipb_json_uint(j, "stream", i);
	ipb_json_string(j, "direction", directions[p.direction]);
	ipb_json_number(j, "goodput_bps", stream_bps(t, stream_pair_goodput(t, &p)));
	if (p.sender != NULL)
		ipb_json_uint(j, "bytes_sent", p.sender->bytes);
	if (p.receiver != NULL)
		ipb_json_uint(j, "bytes_received", p.receiver->bytes);
	if (t->config.mptcp)
		ipb_json_uint(j, "subflows", t->pump.streams[i].subflows);
	if (p.sender != NULL && p.sender->tcp.known)
		tcp_of(&p.sender->tcp, j);
	if (t->config.udp)
		udp_of(&p, j);
	if (i < STREAM_SERIES_STREAMS && p.sender != NULL && p.sender->sample_count > 0)
		course(p.sender, j);
	ipb_json_end_object(j);
}

static void use_of(const struct ipb_pump_use *u, const char *key, struct ipb_json *j)
{
	if (!u->known)
		return;
	ipb_json_object(j, key);
	ipb_json_uint(j, "threads", u->threads);
	ipb_json_number(j, "busiest_thread_share", u->busiest_thread);
	ipb_json_number(j, "threads_share", u->all_threads);
	if (u->cpus.cpu >= 0) {
		ipb_json_int(j, "busiest_processor", u->cpus.cpu);
		ipb_json_number(j, "processor_busy_share", u->cpus.busy);
		ipb_json_number(j, "processor_softirq_share", u->cpus.softirq);
		ipb_json_number(j, "processors_busy", u->cpus.total);
		ipb_json_uint(j, "processors", u->cpus.count);
	}
	ipb_json_end_object(j);
}

/* What held the senders back, as TCP reports it; no reason to doubt the result. */
static void note(const struct stream_figures *f, struct ipb_json *j)
{
	if (f->tcp_streams == 0)
		return;
	if (f->rwnd_limited >= 0.5)
		ipb_json_format(j, "limited_by", "the receiver's window, %.0f %% of the time", 100 * f->rwnd_limited);
	else if (f->sndbuf_limited >= 0.5)
		ipb_json_format(j, "limited_by", "the send buffer, %.0f %% of the time", 100 * f->sndbuf_limited);
	else if (f->busy >= 0.5)
		ipb_json_string(j, "limited_by", "the congestion window and what the path carries");
	else
		ipb_json_string(j, "limited_by", "the sending program, or its rate");
}

static void engine(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	static const char *const zerocopies[] = { "off", "sendfile", "msg" };
	const struct stream_config *c = &t->config;

	ipb_json_object(j, "engine");
	ipb_json_string(j, "peer", t->peer->name);
	ipb_json_string(j, "protocol", c->udp ? "udp" : c->mptcp ? "mptcp" : "tcp");
	ipb_json_string(j, "direction", directions[c->direction]);
	ipb_json_string(j, "goodput", t->peer->is_ours || c->direction == IPB_DOWN ? "receiver"
	                               : c->udp ? "peer" : "acknowledged");
	ipb_json_string(j, "series_unit", "byte");
	ipb_json_uint(j, "size", c->size);
	ipb_json_string(j, "zerocopy", zerocopies[c->zerocopy]);
	ipb_json_bool(j, "copy", c->copy);
	if (t->peer->is_ours) {
		ipb_json_int(j, "clock_offset_ns", t->offset_ns);
		ipb_json_uint(j, "clock_error_ns", t->offset_error_ns);
	}
	note(f, j);
	if (t->has_own)
		use_of(&t->own.use, "tester", j);
	if (t->has_theirs)
		use_of(&t->theirs.use, "target", j);
	ipb_json_array(j, "streams");
	for (uint32_t i = 0; i < t->pump.count; i++)
		stream_of(t, i, j);
	ipb_json_end_array(j);
	ipb_json_end_object(j);
}

static void environment(const struct stream_test *t, struct ipb_json *j)
{
	ipb_json_object(j, "environment");
	ipb_json_object(j, "network");
	ipb_json_string(j, "target_address", t->target_name);
	ipb_json_string(j, "local_address", t->own_name);
	ipb_json_string(j, "interface", t->link);
	ipb_json_uint(j, "mtu", ipb_link_mtu(t->link));
	ipb_json_end_object(j);
	ipb_json_end_object(j);
}

char *stream_json(const struct stream_test *t)
{
	struct stream_figures f;
	struct ipb_json j;

	stream_figures(t, &f);
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	if (t->has_own || t->has_theirs) {
		stream_rates(&f, stream_wanted_bps(&t->config), &j);
		if (f.has_udp)
			stream_counts(&f, &j);
		stream_threads(t, &f, &j);
		metrics(t, &f, &j);
		ipb_results_window(&j, t->window_start_ns, t->window_end_ns);
		series(t, &f, &j);
	}
	stream_reasons(t, &f, &j);
	engine(t, &f, &j);
	environment(t, &j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}
