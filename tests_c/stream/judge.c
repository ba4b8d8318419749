/* Why a result is not to be trusted; see figures.h.  SPDX-License-Identifier: MIT */
#include "figures.h"
#include "ipb_results.h"

#define STEAL_SHARE 0.01       /* of the machine's time, as for the other tests */
#define SOFTIRQ_SHARE 0.5      /* of a processor that is at its limit, above which interrupts are what it does */
#define REACHED_SHARE 0.99     /* of the rate that was asked for */
#define CLOCK_SHARE 0.01       /* of the measured phase */

static void judge_use(const struct stream_test *t, const struct ipb_pump_use *u, const char *who, const char *code, struct ipb_json *j)
{
	const double limit = t->config.limit_cpu;

	if (!u->known)
		return;
	if (u->busiest_thread >= limit)
		ipb_results_reason(j, 0, code, "a thread of the %s was running for %.0f %% of the measured phase (limit %.0f %%): the rate "
		                   "is what its processor can do, and the network may carry more", who, 100 * u->busiest_thread, 100 * limit);
	else if (u->cpus.cpu >= 0 && u->cpus.busy >= limit && u->cpus.softirq >= SOFTIRQ_SHARE)
		ipb_results_reason(j, 0, code, "processor %d of the %s was busy for %.0f %% of the measured phase, %.0f %% with interrupts "
		                   "(softirq; limit %.0f %%): the rate is what it can do, and the network may carry more", u->cpus.cpu, who,
		                   100 * u->cpus.busy, 100 * u->cpus.softirq, 100 * limit);
	else if (u->cpus.count > 0 && u->cpus.total >= limit * u->cpus.count)
		ipb_results_reason(j, 0, code, "all %u processors of the %s were busy for %.0f %% of the measured phase (limit %.0f %%): the "
		                   "rate is what they can do, and the network may carry more", u->cpus.count, who,
		                   100 * u->cpus.total / u->cpus.count, 100 * limit);
}

static void judge_clock(const struct stream_test *t, struct ipb_json *j)
{
	const double error = (double)t->offset_error_ns, phase = (double)t->config.duration_ns;

	if (!t->has_theirs || t->offset_error_ns <= t->config.limit_clock_ns || error <= CLOCK_SHARE * phase)
		return;
	ipb_results_reason(j, 0, "clock-offset", "the target's clock is known to ± %.3f ms only, %.1f %% of the measured phase: so much "
	                   "may be wrong in what it received (measure for longer)", error / 1e6, 100 * error / phase);
}

static void judge_machine(const struct stream_test *t, struct ipb_json *j)
{
	const double all = (double)(t->after.all_ticks - t->before.all_ticks);
	const double steal = (double)(t->after.steal_ticks - t->before.steal_ticks);

	if (t->after.all_ticks > t->before.all_ticks && t->after.steal_ticks > t->before.steal_ticks && steal > STEAL_SHARE * all)
		ipb_results_reason(j, 0, "steal", "the hypervisor took %.2f %% of this machine's processor time", 100 * steal / all);
}

void stream_reasons(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	const struct stream_config *c = &t->config;
	const double wanted = c->bps * (c->direction == IPB_BOTH ? 2 : 1), got = f->up_bps + f->down_bps;

	ipb_json_array(j, "reasons");
	if (*t->failure_code != '\0')
		ipb_results_reason(j, 1, t->failure_code, "%s", t->failure);
	else if (got <= 0)
		ipb_results_reason(j, 1, "nothing-arrived", "not a byte arrived in the measured phase");
	if (f->refused > 0)
		ipb_results_reason(j, 0, "send-refused", "the kernel of the sender refused %llu datagrams: they never left",
		                   (unsigned long long)f->refused);
	if (c->udp && c->bps > 0 && f->sent_bps < REACHED_SHARE * wanted && *t->failure_code == '\0')
		ipb_results_reason(j, 0, "rate-not-reached", "%.0f bit/s were sent of the requested %.0f", f->sent_bps, wanted);
	if (c->bps <= 0 || got < REACHED_SHARE * wanted) {
		if (t->has_own)
			judge_use(t, &t->own.use, "tester", "tester-processor", j);
		if (t->has_theirs)
			judge_use(t, &t->theirs.use, "target", "target-processor", j);
	}
	judge_clock(t, j);
	judge_machine(t, j);
	ipb_json_end_array(j);
}
