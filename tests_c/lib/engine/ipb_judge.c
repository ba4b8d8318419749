/* Was the tester itself good enough? What the target did wrong is a result; what the tester did wrong is a reason.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ipb_engine_private.h"

/* The counter and CLOCK_MONOTONIC part by what the calibration missed, and by what NTP changes the latter's rate in the
 * run; neither harms a measurement of times by more than this share. */
#define CLOCK_DRIFT 50e-6
#define BURST_STEP_NS 10000u /* time that each packet of a burst may take to leave */

void ipb_reason_add(struct ipb_reason *list, uint32_t *count, uint32_t max, int invalid, const char *code, const char *format,
                    va_list args)
{
	if (*count == max)
		return;
	struct ipb_reason *r = &list[(*count)++];
	r->invalid = invalid;
	snprintf(r->code, sizeof r->code, "%s", code);
	vsnprintf(r->text, sizeof r->text, format, args);
}

void ipb_engine_reason(struct ipb_engine *e, int invalid, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ipb_reason_add(e->reasons, &e->reason_count, IPB_ENGINE_REASONS_MAX, invalid, code, format, args);
	va_end(args);
}

/* The 99th percentile of the lateness that was the tester's own. */
static uint64_t own_lateness_p99(const struct ipb_engine *e)
{
	const struct ipb_hist *all = &e->lateness, *excused = &e->excused;
	uint64_t seen = 0, rank = (uint64_t)ceil((double)(all->count - excused->count) * 0.99);

	if (excused->count == 0)
		return ipb_hist_percentile(all, 99);
	for (uint32_t i = 0; rank > 0 && i < IPB_HIST_LENGTH; i++)
		if ((seen += all->counts[i] - excused->counts[i]) >= rank)
			return ipb_hist_bucket_value(i);
	return 0;
}

static double ms(uint64_t ns) { return (double)ns / 1e6; }

static uint64_t grown(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

/* How often the interface lost its carrier, or was down: what this machine does not send then is what such a test measures
 */
static uint32_t lost_carrier(const struct ipb_engine *e)
{
	return e->after.link_downs > e->before.link_downs ? e->after.link_downs - e->before.link_downs : 0;
}

static void judge_carrier(struct ipb_engine *e)
{
	if (lost_carrier(e) > 0)
		ipb_engine_reason(e, 0, "own-link-down", "the tester's own interface %s lost its carrier %u time%s: what this machine did "
		                  "not send then, or dropped, counts as dark, and packets may be missing for that alone", e->link,
		                  lost_carrier(e), lost_carrier(e) == 1 ? "" : "s");
}

/* The share by which the bytes due in so many seconds may fall short of the rate by chance: three standard deviations,
 * and one burst, which the phase's end may cut off. Independent sizes S at Poisson instants are a compound Poisson
 * process: the sum's variance is n E(S^2) = n mean^2 (1 + cv^2), for n packets expected (S. M. Ross, "Introduction to
 * Probability Models", section 5.4.2); with n fixed it is n mean^2 cv^2. */
double ipb_engine_rate_slack(const struct ipb_engine_config *c, double seconds)
{
	double n = c->rate_bps * seconds / 8 / c->sizes.mean, cv = c->sizes.cv;

	if (!(n > 0))
		return 1;
	return 3 * sqrt(((c->arrival == IPB_ARRIVAL_POISSON ? 1 : 0) + cv * cv) / n) + (double)c->burst / n;
}

/* Share of the requested rate that was not sent; below 0: more was sent. What the target does not accept is its doing:
 * so much may be missing without being called so, or leave when it is accepted again. */
static double missing_share(const struct ipb_engine *e, double seconds)
{
	const double all = e->config.rate_bps * seconds / 8, sent = e->window_sent_bytes;
	const double least = all * (1 - (double)e->blocked_ns / 1e9 / seconds);

	if (sent < least)
		return 1 - sent / least;
	return sent > all ? 1 - sent / all : 0;
}

void ipb_engine_note_missing(struct ipb_engine *e, double seconds)
{
	e->missing = missing_share(e, seconds);
	e->missing_limit = e->config.limits.rate_suspect + ipb_engine_rate_slack(&e->config, seconds);
}

/* Non-zero when the packets did not leave when they should have. */
static int judge_sending(struct ipb_engine *e, double seconds)
{
	const struct ipb_limits *l = &e->config.limits;
	uint64_t p99 = own_lateness_p99(e);
	int bad = 0;

	/* The packets of a burst are due together and leave one after another. */
	uint64_t in_burst = e->config.burst > 1 ? (uint64_t)e->config.burst * BURST_STEP_NS : 0;
	double slack = ipb_engine_rate_slack(&e->config, seconds);
	bad |= ipb_engine_judge_link(e, seconds, in_burst, slack);
	if (p99 > l->lateness_p99_suspect_ns + in_burst) {
		bad = 1;
		ipb_engine_reason(e, p99 > l->lateness_p99_invalid_ns + in_burst, "send-lateness",
		                  "packets left late: 1 %% of them %.3f ms or more after they were due (limit %.3f ms, worst %.3f ms)",
		                  ms(p99), ms(l->lateness_p99_suspect_ns), ms(e->lateness.max_ns));
	}
	ipb_engine_note_missing(e, seconds);
	const double missing = e->missing;
	if (fabs(missing) > l->rate_suspect + slack) {
		bad = 1;
		ipb_engine_reason(e, fabs(missing) > l->rate_invalid + slack, missing > 0 ? "rate-not-reached" : "rate-exceeded",
		                  "the tester sent %.2f %% %s than the requested %.0f bit/s: %.0f bit/s", fabs(missing) * 100,
		                  missing > 0 ? "less" : "more", e->config.rate_bps, e->window_sent_bytes * 8 / seconds);
	}
	if (e->unsent > 0) {
		bad = 1;
		ipb_engine_reason(e, 1, "packets-not-sent", "%llu packets that were due in the measured phase never left",
		                  (unsigned long long)e->unsent);
	}
	return bad;
}

int ipb_engine_stood_still(const struct ipb_engine *e, double seconds)
{
	const struct ipb_limits *l = &e->config.limits;

	return (double)e->gaps.sum_ns / 1e9 / seconds > l->gap_suspect || e->gaps.longest_ns > l->gap_longest_suspect_ns;
}

static int judge_gaps(struct ipb_engine *e, double seconds)
{
	const struct ipb_limits *l = &e->config.limits;
	double share = (double)e->gaps.sum_ns / 1e9 / seconds;

	if (!ipb_engine_stood_still(e, seconds))
		return 0;
	ipb_engine_reason(e, share > l->gap_invalid, "scheduling-gaps",
	                  "the tester's loop stood still %llu times for more than %.3f ms, %.2f %% of the measured phase, the longest "
	                  "time for %.3f ms: something else runs on its processor (%s)",
	                  (unsigned long long)e->gaps.count, ms(l->gap_ns), share * 100, ms(e->gaps.longest_ns),
	                  e->config.rt > 0 ? "rt= is set: kernel.sched_rt_runtime_us keeps a part of each second from it"
	                                   : "try cpu= and rt=");
	return 1;
}

void ipb_engine_before(struct ipb_engine *e)
{
	ipb_sysmon_read(&e->before, e->link);
	e->busy_start = e->busy;
	e->turned_away_start = e->turned_away;
}

/* The kernel drops a packet that the queueing discipline does not accept, or for which the socket's buffer has no room; it
 * counts UDP's in SndbufErrors. The sender gets both as errors (ENOBUFS, EAGAIN) and sends again. What a discipline drops later
 * (fq_codel), or the driver, only the interface counts. */
static int judge_send_drops(struct ipb_engine *e)
{
	uint64_t link = grown(e->before.link_drops, e->after.link_drops), host = 0;

	if (e->config.proto == IPB_UDP)
		host = grown(e->busy - e->busy_start, grown(e->before.udp_sndbuf_errors, e->after.udp_sndbuf_errors));
	link = grown(e->turned_away - e->turned_away_start, link);
	if (e->track.counts.lost == 0 || (link == 0 && host == 0) || lost_carrier(e) > 0)
		return 0;
	if (e->config.one_way != NULL) { /* what is lost is known at the other end */
		ipb_engine_reason(e, (double)link > e->config.limits.drop_invalid * (double)e->track.counts.sent, "send-drops",
		                  "this machine dropped %llu packets before they left (%llu of them counted by interface %s): they "
		                  "count as sent, and none has arrived (try a lower rate, or another queueing discipline)",
		                  (unsigned long long)(link > host ? link : host), (unsigned long long)link,
		                  *e->link != '\0' ? e->link : "unknown");
		return 1;
	}
	ipb_engine_reason(e, (double)link > e->config.limits.drop_invalid * (double)e->track.counts.sent, "send-drops",
	                  "this machine dropped %llu packets before they left (%llu of them counted by interface %s) while "
	                  "%llu were lost: they may be the tester's (try a lower rate, or another queueing discipline)",
	                  (unsigned long long)(link > host ? link : host), (unsigned long long)link,
	                  *e->link != '\0' ? e->link : "unknown", (unsigned long long)e->track.counts.lost);
	return 1;
}

uint64_t ipb_engine_queue_drops(const struct ipb_engine *e, uint64_t *wrong)
{
	const uint64_t drops = grown(e->rxq_drops_start, e->rxq_drops);
	const int by_socket = e->config.proto == IPB_UDP && e->x != NULL && e->x->drops == NULL;
	const uint64_t full = by_socket ? ipb_sysmon_queue_drops(drops, &e->before, &e->after) : drops;

	*wrong = drops - full;
	return full;
}

static int judge_drops(struct ipb_engine *e)
{
	uint64_t wrong, drops = ipb_engine_queue_drops(e, &wrong);
	uint64_t buffer = grown(e->before.udp_rcvbuf_errors, e->after.udp_rcvbuf_errors);
	uint64_t errors = grown(e->before.udp_in_errors, e->after.udp_in_errors);
	uint64_t sent = e->track.counts.sent;
	int bad = 0;

	if (e->config.one_way != NULL)
		return 0;
	errors = errors > wrong ? errors - wrong : 0;
	if (drops > 0) {
		bad = 1;
		ipb_engine_reason(e, sent > 0 && (double)drops > e->config.limits.drop_invalid * (double)sent, "receive-drops",
		                  "the tester's own socket dropped %llu packets because its receive queue was full (try rcvbuf=)",
		                  (unsigned long long)drops);
	}
	if (wrong > 0)
		ipb_engine_reason(e, 0, "receive-checksums", "the tester's kernel refused %llu replies for a wrong UDP checksum: they were "
		                  "damaged on their way or by the target, and count as lost", (unsigned long long)wrong);
	if (drops == 0 && (buffer > 0 || errors > 0) && e->config.proto == IPB_UDP && e->track.counts.lost > 0) {
		bad = 1;
		ipb_engine_reason(e, 0, "host-receive-errors",
		                  "this machine dropped %llu UDP packets (%llu for want of buffer) while %llu were lost; they may be "
		                  "the tester's", (unsigned long long)errors, (unsigned long long)buffer,
		                  (unsigned long long)e->track.counts.lost);
	}
	return bad;
}

/* Packets of the measured phase that the kernel did not send: they are no loss of the target's, and never left. */
static void judge_refusals(struct ipb_engine *e)
{
	const uint64_t refused = e->track.refused, all = e->track.counts.sent + refused;
	char kinds[IPB_TROUBLE_TEXT];

	if (refused == 0)
		return;
	ipb_trouble_text(&e->refusals, 1, kinds, sizeof kinds);
	const int invalid = lost_carrier(e) == 0 && (double)refused > e->config.limits.drop_invalid * (double)all;
	for (uint32_t i = 0; i < e->refusals.used; i++)
		if (e->refusals.kinds[i].error == EMSGSIZE) {
			ipb_engine_reason(e, invalid, "packet-too-long", "%llu packets never left: with df=1 packets of %u bytes do not fit "
			                  "the path's MTU of %u bytes (give a smaller size, or leave df out, so that there are fragments)",
			                  (unsigned long long)e->refusals.kinds[i].count, e->config.sizes.largest, e->path_mtu);
			if (e->refusals.used == 1)
				return;
		}
	ipb_engine_reason(e, invalid, "send-refused", "%llu packets never left, since this machine's kernel refused them (a route, a "
	                  "filter, a full table?): %s", (unsigned long long)refused, kinds);
}

/* The kernel of a target accepts connections for a program that never reads from them (it is out of descriptors, for one): all
 * that is sent there is lost, and that is no loss of packets. */
static void judge_unanswered(struct ipb_engine *e)
{
	const uint32_t n = e->unanswered;

	if (n == 0 || n == e->config.flows) /* all: the target is silent, and is called so */
		return;
	ipb_engine_reason(e, 0, "connections-unanswered", "%u of %u connections never got an answer, and the %llu packets sent by them "
	                  "count as lost: the target's kernel accepted them, its program did not serve them (out of descriptors?)", n,
	                  e->config.flows, (unsigned long long)e->unanswered_packets);
}

static void judge_machine(struct ipb_engine *e)
{
	const struct ipb_limits *l = &e->config.limits;
	const struct ipb_sysmon *a = &e->before, *b = &e->after;
	uint64_t ticks = grown(a->all_ticks, b->all_ticks), steal = grown(a->steal_ticks, b->steal_ticks);

	if (ticks > 0 && (double)steal > l->steal_suspect * (double)ticks)
		ipb_engine_reason(e, 0, "steal", "the hypervisor took %.2f %% of this machine's processor time",
		                  100.0 * (double)steal / (double)ticks);
	/* A processor that has just been woken is slow, and that is over when the warm-up is: only readings of the running
	 * loop compare, and only those of one processor. */
	if (a->at_ns >= e->start_ns && a->frequency_khz > 0 && b->frequency_khz > 0 && a->cpu == b->cpu) {
		double change = (double)b->frequency_khz / (double)a->frequency_khz - 1;
		if (change > l->frequency_suspect || -change > l->frequency_suspect)
			ipb_engine_reason(e, 0, "cpu-frequency", "the processor's clock changed by %.1f %% during the run (from %llu kHz)",
			                  change * 100, (unsigned long long)a->frequency_khz);
	}
	int64_t step = b->realtime_offset_ns - a->realtime_offset_ns;
	if ((uint64_t)(step < 0 ? -step : step) > l->clock_step_ns)
		ipb_engine_reason(e, 0, "clock-step", "the real-time clock was moved by %.3f ms during the run", (double)step / 1e6);
	double error = fabs((double)e->clock_error_ns), length = b->at_ns > e->start_ns ? (double)(b->at_ns - e->start_ns) : 0;
	if (error > (double)l->clock_step_ns + CLOCK_DRIFT * length)
		ipb_engine_reason(e, 0, "clock-drift", "the time stamp counter and CLOCK_MONOTONIC drifted apart by %.3f ms in %.1f s",
		                  (double)e->clock_error_ns / 1e6, length / 1e9);
}

/* A phase may be shorter than the time from one packet to the next. */
static void nothing_sent(struct ipb_engine *e)
{
	const double seconds = (double)(e->end_ns - e->measure_ns) / 1e9, bits = e->config.sizes.mean * 8;
	const double every = e->config.rate_bps > 0 ? bits / e->config.rate_bps : 0;

	if (seconds < 2 * every)
		ipb_engine_reason(e, 1, "nothing-sent", "sent nothing in the measured phase: it took %.3g s, and at the rate asked for a "
		                  "packet is due every %.3g s: ask for a longer duration or a higher rate", seconds, every);
	else
		ipb_engine_reason(e, 1, "nothing-sent", "sent nothing in the measured phase");
}

static void no_answers(struct ipb_engine *e)
{
	const struct ipb_counts *c = &e->track.counts;

	if (c->sent == 0)
		nothing_sent(e);
	else if (c->corrupt + c->late == 0)
		ipb_engine_reason(e, 1, "no-answers", "no packet of the measured phase was answered");
	else
		ipb_engine_reason(e, 1, "no-answers", "no packet of the measured phase came back well: %llu were damaged, %llu late, %llu "
		                  "lost", (unsigned long long)c->corrupt, (unsigned long long)c->late, (unsigned long long)c->lost);
}

/* Round trips that were wanted and did not come in. Where as many packets were sent, the target has lost them: that is
 * its result, and no fault of the run. What a target does not accept over TCP is its own doing, too. */
static void judge_samples(struct ipb_engine *e)
{
	const struct ipb_counts *c = &e->track.counts;
	const uint64_t offered = c->sent + (e->config.proto == IPB_TCP ? e->unaccepted : 0);

	if (!e->deadline_missed || c->ok >= e->config.samples || offered >= e->config.samples)
		return;
	e->samples_missing = 1;
	ipb_engine_reason(e, 1, "samples-missing", "only %llu of %llu round trips came in within %.1f s, and only %llu packets "
	                  "were sent", (unsigned long long)c->ok, (unsigned long long)e->config.samples,
	                  (double)(e->end_ns - e->measure_ns) / 1e9, (unsigned long long)c->sent);
}

static void judge_end(struct ipb_engine *e)
{
	if (e->failed)
		ipb_engine_reason(e, 1, e->failed_code, "%s", e->failed_text);
	else if (e->early)
		ipb_engine_reason(e, 1, "stopped", "the test was stopped before its end");
	else if (e->config.one_way != NULL)
		return;
	else if (e->track.counts.ok == 0)
		no_answers(e);
	else
		judge_samples(e);
}

/* Replies that are not as the tester wants them, and were accepted, or are good otherwise. */
static void judge_replies(struct ipb_engine *e)
{
	if (e->by_number > 0)
		ipb_engine_reason(e, 0, "checked-by-number", "%llu of %llu replies had the right number and else other bytes than their "
		                  "packet, and count as good (check=number)", (unsigned long long)e->by_number,
		                  (unsigned long long)e->track.counts.ok);
	if (e->numbered > 0 && e->track.counts.ok == 0)
		ipb_engine_reason(e, 0, "number-alone", "%llu replies had the right number and else other bytes: does the echo keep the "
		                  "first 8 bytes alone? (check=number takes them)", (unsigned long long)e->numbered);
	if (e->unwritten)
		ipb_engine_reason(e, 0, "word-not-written", "none of %llu replies held the first word + 1 in the second: %s",
		                  (unsigned long long)e->checked, e->untouched == e->checked
		                  ? "the echo does not write the checked word; is it a plain echo?" : "the echo writes something else there");
}

void ipb_engine_judge_run(struct ipb_engine *e)
{
	judge_end(e);
	judge_replies(e);
	judge_carrier(e);
	judge_refusals(e);
	judge_unanswered(e);
}

int ipb_engine_judge_thread(struct ipb_engine *e, double seconds)
{
	const int bad = judge_sending(e, seconds);

	return bad | judge_gaps(e, seconds);
}

void ipb_engine_judge_machine(struct ipb_engine *e, double seconds, int bad)
{
	if (seconds <= 0)
		return;
	int drops = judge_drops(e) | judge_send_drops(e);
	if (e->track.counts.lost > 0 && bad && !drops && e->config.one_way == NULL)
		ipb_engine_reason(e, 0, "loss-while-saturated", "%llu packets were lost while the tester itself could not keep up: the "
		                  "loss may be its own", (unsigned long long)e->track.counts.lost);
	if (e->trains)
		ipb_engine_reason(e, 0, "trains", "packets left in trains (engine=gso): rates and losses hold, times are of trains and "
		                  "no measurement of latency");
	judge_machine(e);
}

void ipb_engine_judge(struct ipb_engine *e)
{
	const double seconds = ipb_engine_seconds(e);

	ipb_engine_judge_run(e);
	ipb_engine_judge_machine(e, seconds, seconds > 0 && ipb_engine_judge_thread(e, seconds));
}
