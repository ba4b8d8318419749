/* What makes a run of requests SUSPECT or INVALID: what the tester itself did wrong, and what hides it. By the same limits
 * and with the same codes as the engine (ipb_judge.c).  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ipb_requests_private.h"

#define CLOCK_DRIFT 50e-6 /* as in ipb_judge.c */
#define STEP_NS 20000u    /* time that each request of a burst may take to leave */

void ipb_requests_reason(struct ipb_requests *r, int invalid, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ipb_reason_add(r->reasons, &r->reason_count, IPB_REQ_REASONS_MAX, invalid, code, format, args);
	va_end(args);
}

static double ms(uint64_t ns) { return (double)ns / 1e6; }

static uint64_t grown(uint64_t before, uint64_t after) { return after > before ? after - before : 0; }

static void judge_end(struct ipb_requests *r)
{
	const struct ipb_counts *c = &r->counts;

	if (r->failed)
		ipb_requests_reason(r, 1, r->failed_code, "%s", r->failed_text);
	else if (r->early)
		ipb_requests_reason(r, 1, "stopped", "the test was stopped before its end");
	else if (c->sent > 0 && c->ok == 0)
		ipb_requests_reason(r, 1, "no-answers", "none of %llu %s of the measured phase was answered well: %llu were lost, %llu "
		                    "late, %llu damaged", (unsigned long long)c->sent, r->config.protocol->many,
		                    (unsigned long long)c->lost, (unsigned long long)c->late, (unsigned long long)c->corrupt);
}

/* What this machine had no port or descriptor for. */
static void judge_room(struct ipb_requests *r)
{
	if (r->no_port > 0)
		ipb_requests_reason(r, 1, "out-of-ports", "%llu connections could not begin, since this machine had no free port: give "
		                    "linger=0, several addresses (bind=\"A;B\"), or widen net.ipv4.ip_local_port_range",
		                    (unsigned long long)r->no_port);
	if (r->no_descriptor > 0)
		ipb_requests_reason(r, 1, "out-of-descriptors", "%llu connections could not begin, since the daemon may open no more "
		                    "files: raise its limit (ulimit -n, LimitNOFILE= of the service), or lower connections=",
		                    (unsigned long long)r->no_descriptor);
}

static void judge_sending(struct ipb_requests *r)
{
	const struct ipb_limits *l = &r->config.limits;
	const uint64_t in_burst = r->config.burst > 1 ? (uint64_t)r->config.burst * STEP_NS : 0;
	const uint64_t p99 = ipb_hist_percentile(&r->lateness, 99);
	const char *many = r->config.protocol->many;

	if (r->config.rate <= 0)
		return;
	if (p99 > l->lateness_p99_suspect_ns + in_burst)
		ipb_requests_reason(r, p99 > l->lateness_p99_invalid_ns + in_burst, "send-lateness", "%s left late: 1 %% of them %.3f ms "
		                    "or more after they could have (limit %.3f ms, worst %.3f ms)", many, ms(p99),
		                    ms(l->lateness_p99_suspect_ns), ms(r->lateness.max_ns));
	const uint64_t missing = r->unsent - (r->unsent < r->no_port + r->no_descriptor ? r->unsent : r->no_port + r->no_descriptor);
	const double share = r->due > 0 ? (double)missing / (double)r->due : 0;
	if (missing > 0 && share > l->rate_suspect)
		ipb_requests_reason(r, share > l->rate_invalid, "rate-not-reached", "%llu of %llu %s that were due never left: all "
		                    "connections were waiting for answers (more connections=, or a lower rate=)",
		                    (unsigned long long)missing, (unsigned long long)r->due, many);
}

static void judge_gaps(struct ipb_requests *r, double seconds)
{
	const struct ipb_limits *l = &r->config.limits;
	const double share = (double)r->gaps.sum_ns / 1e9 / seconds;

	if (share <= l->gap_suspect && r->gaps.longest_ns <= l->gap_longest_suspect_ns)
		return;
	ipb_requests_reason(r, share > l->gap_invalid, "scheduling-gaps", "the tester's loop stood still %llu times for more than "
	                    "%.3f ms, %.2f %% of the measured phase, the longest time for %.3f ms: something else runs on its "
	                    "processor (try cpu= and rt=)", (unsigned long long)r->gaps.count, ms(l->gap_ns), share * 100,
	                    ms(r->gaps.longest_ns));
}

/* Times are of the answered ones alone. */
static void judge_failures(struct ipb_requests *r)
{
	const uint64_t *f = r->failures;
	const uint64_t all = r->counts.lost - (r->config.udp ? f[IPB_REQ_TIMED_OUT] : 0);

	if (all == 0 || r->counts.ok == 0)
		return;
	ipb_requests_reason(r, 0, "failures", "%llu of %llu %s failed: %llu refused, %llu reset, %llu closed by the target, %llu timed "
	                    "out, %llu other%s%s", (unsigned long long)all, (unsigned long long)r->counts.sent,
	                    r->config.protocol->many, (unsigned long long)f[IPB_REQ_REFUSED], (unsigned long long)f[IPB_REQ_RESET],
	                    (unsigned long long)f[IPB_REQ_CLOSED], (unsigned long long)f[IPB_REQ_TIMED_OUT],
	                    (unsigned long long)f[IPB_REQ_OTHER], f[IPB_REQ_OTHER] > 0 ? ": " : "",
	                    f[IPB_REQ_OTHER] > 0 ? r->other : "");
}

static void judge_machine(struct ipb_requests *r)
{
	const struct ipb_limits *l = &r->config.limits;
	const struct ipb_sysmon *a = &r->before, *b = &r->after;
	const uint64_t ticks = grown(a->all_ticks, b->all_ticks), steal = grown(a->steal_ticks, b->steal_ticks);
	const int64_t step = b->realtime_offset_ns - a->realtime_offset_ns;

	if (ticks > 0 && (double)steal > l->steal_suspect * (double)ticks)
		ipb_requests_reason(r, 0, "steal", "the hypervisor took %.2f %% of this machine's processor time",
		                    100.0 * (double)steal / (double)ticks);
	if (a->at_ns >= r->start_ns && a->frequency_khz > 0 && b->frequency_khz > 0 && a->cpu == b->cpu) {
		const double change = (double)b->frequency_khz / (double)a->frequency_khz - 1;
		if (fabs(change) > l->frequency_suspect)
			ipb_requests_reason(r, 0, "cpu-frequency", "the processor's clock changed by %.1f %% during the run (from %llu kHz)",
			                    change * 100, (unsigned long long)a->frequency_khz);
	}
	if ((uint64_t)(step < 0 ? -step : step) > l->clock_step_ns)
		ipb_requests_reason(r, 0, "clock-step", "the real-time clock was moved by %.3f ms during the run", (double)step / 1e6);
	const double length = b->at_ns > r->start_ns ? (double)(b->at_ns - r->start_ns) : 0;
	if (fabs((double)r->clock_error_ns) > (double)l->clock_step_ns + CLOCK_DRIFT * length)
		ipb_requests_reason(r, 0, "clock-drift", "the time stamp counter and CLOCK_MONOTONIC drifted apart by %.3f ms in %.1f s",
		                    (double)r->clock_error_ns / 1e6, length / 1e9);
}

static double seconds_of(const struct ipb_requests *r)
{
	return r->end_ns > r->measure_ns ? (double)(r->end_ns - r->measure_ns) / 1e9 : 0;
}

void ipb_req_judge_whole(struct ipb_requests *r)
{
	judge_end(r);
	judge_room(r);
	judge_failures(r);
}

void ipb_req_judge_thread(struct ipb_requests *r)
{
	if (seconds_of(r) <= 0)
		return;
	judge_sending(r);
	judge_gaps(r, seconds_of(r));
}

void ipb_req_judge_machine(struct ipb_requests *r)
{
	if (seconds_of(r) > 0)
		judge_machine(r);
}

void ipb_req_judge(struct ipb_requests *r)
{
	ipb_req_judge_whole(r);
	ipb_req_judge_thread(r);
	ipb_req_judge_machine(r);
}
