/* Why a result is not to be trusted; see figures.h.  SPDX-License-Identifier: MIT */
#include "figures.h"
#include "ipb_results.h"

#define STEAL_SHARE 0.01       /* of the machine's time, as for the other tests */
#define REACHED_SHARE 0.99     /* of the rate that was asked for */
#define CLOCK_SHARE 0.01       /* of the measured phase */

double stream_wanted_bps(const struct stream_config *c) { return c->bps * (c->direction == IPB_BOTH ? 2 : 1); }

int stream_is_short(const struct stream_test *t, const struct stream_figures *f)
{
	return t->config.bps <= 0 || f->up_bps + f->down_bps < REACHED_SHARE * stream_wanted_bps(&t->config);
}

static void judge_use(const struct stream_test *t, const struct ipb_bulk_result *r, const char *who, const char *code,
                      struct ipb_json *j)
{
	const struct ipb_pump_use *u = &r->use;
	const double limit = t->config.limit_cpu;

	if (!u->known || stream_judge_threads(t, r, who, code, j))
		return;
	if (u->cpus.cpu >= 0 && u->cpus.busy >= limit && u->cpus.softirq >= STREAM_SOFTIRQ_SHARE)
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

/* Whether each stream had more than a write to send in the measured phase, so that silence is remarkable. */
static int all_have_work(const struct stream_config *c)
{
	return c->bps <= 0 || c->bps / c->streams * (double)c->duration_ns / 8e9 >= 2.0 * c->size;
}

/* Of a direction, nothing arrived at all, or by some of its streams. */
static void judge_silence(const struct stream_test *t, int direction, struct ipb_json *j)
{
	const char *way = direction == IPB_UP ? "to the target" : "from the target";
	uint32_t silent = 0, all = 0;

	for (uint32_t i = 0; i < t->pump.count; i++) {
		const struct stream_pair p = stream_pair_of(t, i);
		all += p.direction == direction;
		silent += p.direction == direction && !(stream_pair_goodput(t, &p) > 0);
	}
	if (silent == 0 || !all_have_work(&t->config))
		return;
	if (silent == all)
		ipb_results_reason(j, 1, "nothing-arrived", "not a byte arrived in the measured phase of the streams %s", way);
	else
		ipb_results_reason(j, 0, "stream-silent", "%u of %u streams %s carried nothing in the measured phase", silent, all, way);
}

void stream_reasons(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	const struct stream_config *c = &t->config;

	ipb_json_array(j, "reasons");
	if (*t->failure_code != '\0')
		ipb_results_reason(j, 1, t->failure_code, "%s", t->failure);
	else if (!(f->up_bps + f->down_bps > 0))
		ipb_results_reason(j, 1, "nothing-arrived", "not a byte arrived in the measured phase");
	else
		for (int direction = IPB_UP; direction <= IPB_DOWN; direction++)
			judge_silence(t, direction, j);
	if (t->plain > 0 && *t->failure_code == '\0')
		ipb_results_reason(j, 0, "mptcp-fallback", "%u of %u streams were plain TCP: the target, or something on the way, does not "
		                   "take Multipath TCP (stream_target mptcp=1, sysctl net.mptcp.enabled)", t->plain, t->pump.count);
	if (f->refused > 0)
		ipb_results_reason(j, 0, "send-refused", "the kernel of the sender refused to send %llu datagrams of the measured phase, and "
		                   "each was tried again later: less may have been sent than would have gone",
		                   (unsigned long long)f->refused);
	if (c->udp && c->bps > 0 && f->sent_bps < REACHED_SHARE * stream_wanted_bps(c) && *t->failure_code == '\0')
		ipb_results_reason(j, 0, "rate-not-reached", "%.0f bit/s were sent of the requested %.0f", f->sent_bps,
		                   stream_wanted_bps(c));
	if (stream_is_short(t, f)) {
		if (t->has_own)
			judge_use(t, &t->own, "tester", "tester-processor", j);
		if (t->has_theirs)
			judge_use(t, &t->theirs, "target", "target-processor", j);
	}
	judge_clock(t, j);
	judge_machine(t, j);
	ipb_json_end_array(j);
}
