/* What several threads report, as one; see ipb_threads.h.  SPDX-License-Identifier: MIT */
#include "ipb_threads.h"

#include <stddef.h>

#include "plugin.h"

static uint64_t load(const uint64_t *from) { return __atomic_load_n(from, __ATOMIC_ACQUIRE); }

void ipb_threads_add_progress(struct ipbench_progress *sum, const struct ipbench_progress *one, int first)
{
	const uint32_t phase = __atomic_load_n(&one->phase, __ATOMIC_ACQUIRE);
	const uint64_t dark_ns = load(&one->dark_ns);
	const uint64_t most[] = { load(&one->p50_ns), load(&one->p99_ns),     load(&one->p999_ns),
		                  load(&one->max_ns), load(&one->elapsed_ns), load(&one->expected_ns) };
	uint64_t *const of[] = { &sum->p50_ns, &sum->p99_ns, &sum->p999_ns, &sum->max_ns, &sum->elapsed_ns, &sum->expected_ns };

	for (size_t k = 0; k < sizeof of / sizeof *of; k++)
		*of[k] = most[k] > *of[k] ? most[k] : *of[k];
	sum->phase = phase < sum->phase ? phase : sum->phase;
	sum->unknown |= load(&one->unknown);
	sum->sent += load(&one->sent);
	sum->ok += load(&one->ok);
	sum->lost += load(&one->lost);
	sum->bad += load(&one->bad);
	sum->rate_bps += load(&one->rate_bps);
	sum->sent_bps += load(&one->sent_bps);
	sum->dark_ns = first || dark_ns < sum->dark_ns ? dark_ns : sum->dark_ns;
}

void ipb_threads_report(struct ipbench_progress *to, const struct ipbench_progress *sum)
{
	if (sum->phase < IPBENCH_PHASE_WARMUP || sum->phase == IPBENCH_PHASE_DONE)
		return;
	IPBENCH_PROGRESS_SET(to, phase, sum->phase);
	IPBENCH_PROGRESS_SET(to, elapsed_ns, sum->elapsed_ns);
	IPBENCH_PROGRESS_SET(to, expected_ns, sum->expected_ns);
	IPBENCH_PROGRESS_SET(to, sent, sum->sent);
	IPBENCH_PROGRESS_SET(to, ok, sum->ok);
	IPBENCH_PROGRESS_SET(to, lost, sum->lost);
	IPBENCH_PROGRESS_SET(to, bad, sum->bad);
	IPBENCH_PROGRESS_SET(to, rate_bps, sum->rate_bps);
	IPBENCH_PROGRESS_SET(to, sent_bps, sum->sent_bps);
	IPBENCH_PROGRESS_SET(to, p50_ns, sum->p50_ns);
	IPBENCH_PROGRESS_SET(to, p99_ns, sum->p99_ns);
	IPBENCH_PROGRESS_SET(to, p999_ns, sum->p999_ns);
	IPBENCH_PROGRESS_SET(to, max_ns, sum->max_ns);
	IPBENCH_PROGRESS_SET(to, dark_ns, sum->dark_ns);
	IPBENCH_PROGRESS_SET(to, unknown, sum->unknown);
	IPBENCH_PROGRESS_SET(to, version, IPBENCH_EXT_MAJOR);
	IPBENCH_PROGRESS_SET(to, updates, to->updates + 1);
}
