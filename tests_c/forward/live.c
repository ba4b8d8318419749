/* What can be watched of a receiver while it receives; see receiver.h.  SPDX-License-Identifier: MIT */
#include "receiver.h"

static uint64_t live_delay(const struct forward_tally *t, double percentile)
{
	const int64_t ns = t->delay.base_ns + (int64_t)ipb_hist_percentile(&t->delay.above, percentile);

	return ns > 0 ? (uint64_t)ns : 0;
}

/* One-way delays so far, where clocks are the same: those of the slowest sender. */
static void live_delays(struct forward_receiver *r)
{
	static const double percentiles[] = { 50, 99, 99.9, 100 };
	_Atomic uint64_t *const to[] = { &r->live.p50_ns, &r->live.p99_ns, &r->live.p999_ns, &r->live.max_ns };

	for (uint32_t k = 0; k < sizeof percentiles / sizeof *percentiles; k++) {
		uint64_t most = 0;
		for (uint32_t i = 0; i < r->tally_count; i++) {
			const struct forward_tally *t = &r->tallies[i];
			const uint64_t one = t->same_clock && t->delay.above.count > 0 ? live_delay(t, percentiles[k]) : 0;
			most = one > most ? one : most;
		}
		atomic_store(to[k], most);
	}
}

void forward_receiver_update(struct forward_receiver *r)
{
	uint64_t ok = 0, bad = 0, lost = 0, bytes = 0;
	uint32_t ended = 0;
	int measuring = 0;

	for (uint32_t i = 0; i < r->tally_count; i++) {
		const struct forward_tally *t = &r->tallies[i];
		const struct forward_sums s = forward_tally_sums(t);
		const uint64_t came = s.ok + s.late + s.corrupt, span = t->first == UINT64_MAX ? 0 : t->last_measured - t->first + 1;
		ok += s.ok;
		bad += s.late + s.corrupt;
		bytes += s.bytes;
		lost += span > came ? span - came : 0;
		measuring |= t->measuring;
		ended += t->ended > 0;
	}
	atomic_store(&r->live.ok, ok);
	atomic_store(&r->live.bad, bad);
	atomic_store(&r->live.lost, lost);
	atomic_store(&r->live.bytes, bytes);
	atomic_store(&r->live.measuring, measuring);
	atomic_store(&r->live.ended, ended == r->tally_count);
	live_delays(r);
	if (r->publish != NULL)
		r->publish(r);
}
