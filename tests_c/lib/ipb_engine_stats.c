/* The engine's intervals of confidence, progress and noise.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <sched.h>
#include <string.h>

#include "ipb_engine_private.h"
#include "ipb_stats.h"

#define SCAN_STEP 512 /* histogram buckets looked at with one progress report */
#define NOISE_GAP_NS 2000u

/* Consecutive intervals of the series, joined into at most IPB_BATCHES batches of about as many samples. */
struct batches {
	uint32_t count;
	double sum[IPB_BATCHES], weight[IPB_BATCHES], below[IPB_BATCHES];
};

/* edge: values up to this bucket of the coarse histogram count into `below`. */
static void make_batches(const struct ipb_engine *e, struct batches *b, uint32_t edge)
{
	uint64_t all = e->response.count, seen = 0;

	memset(b, 0, sizeof *b);
	for (uint32_t i = 0; i < e->interval_count; i++) {
		const struct ipb_interval *v = &e->intervals[i];
		if (v->ok == 0)
			continue;
		uint32_t at = (uint32_t)((double)seen * IPB_BATCHES / (double)all);
		at = at < IPB_BATCHES ? at : IPB_BATCHES - 1;
		b->sum[at] += v->sum_ns;
		b->weight[at] += (double)v->ok;
		for (uint32_t k = 0; edge > 0 && k <= edge; k++)
			b->below[at] += v->counts[k];
		seen += v->ok;
	}
	for (uint32_t i = 0; i < IPB_BATCHES; i++)
		if (b->weight[i] > 0) {
			b->sum[b->count] = b->sum[i] / b->weight[i];
			b->below[b->count] = b->below[i] / b->weight[i];
			b->weight[b->count++] = b->weight[i];
		}
}

double ipb_engine_mean_half_width(const struct ipb_engine *e)
{
	struct batches b;
	double mean;

	make_batches(e, &b, 0);
	if (b.count < IPB_BATCHES_MIN)
		return HUGE_VAL;
	double half = ipb_batch_half_width(b.sum, b.weight, b.count, &mean);
	return mean > 0 ? half / mean : HUGE_VAL;
}

void ipb_engine_confidence(struct ipb_engine *e)
{
	struct batches b;
	double mean, share;

	if (e->response.count == 0)
		return;
	uint64_t median = ipb_hist_percentile(&e->response, 50);
	make_batches(e, &b, ipb_coarse_index(median));
	if (b.count < IPB_BATCHES_MIN)
		return;
	double half = ipb_batch_half_width(b.sum, b.weight, b.count, &mean);
	e->mean = (struct ipb_confidence){ mean, mean - half > 0 ? mean - half : 0, mean + half, -1, b.count };
	/* The median: how much the share of samples below it varies from batch to batch, read back as quantiles. The
	 * share is counted at a coarse bucket's edge, where it is at least a half; its spread is carried to one half. */
	half = ipb_batch_half_width(b.below, b.weight, b.count, &share);
	if (share > 0 && share < 1)
		half *= sqrt(0.25 / (share * (1 - share)));
	double low = 50 - 100 * half, high = 50 + 100 * half;
	e->median = (struct ipb_confidence){ (double)median, (double)ipb_hist_percentile(&e->response, low > 0 ? low : 0),
	                                     (double)ipb_hist_percentile(&e->response, high < 100 ? high : 100), half, b.count };
}

static void store(uint64_t *to, uint64_t value) { __atomic_store_n(to, value, __ATOMIC_RELAXED); }

/* Percentiles for the progress report, a few hundred buckets at a time: a whole pass would delay packets. */
static void scan(struct ipb_engine *e)
{
	const struct ipb_hist *h = &e->response;

	if (h->count == 0)
		return;
	if (e->scan_at == 0) {
		e->scan_at = ipb_hist_index(h->min_ns);
		e->scan_seen = 0;
		e->scan_total = h->count;
		e->scan_max = ipb_hist_index(h->max_ns);
		e->scan_p50 = e->scan_p99 = e->scan_p999 = h->max_ns;
	}
	for (uint32_t i = 0; i < SCAN_STEP; i++, e->scan_at++) {
		uint64_t before = e->scan_seen;
		e->scan_seen += h->counts[e->scan_at];
		uint64_t value = ipb_hist_bucket_value(e->scan_at);
		if (before * 2 < e->scan_total && e->scan_seen * 2 >= e->scan_total)
			e->scan_p50 = value;
		if (before * 100 < e->scan_total * 99 && e->scan_seen * 100 >= e->scan_total * 99)
			e->scan_p99 = value;
		if (before * 1000 < e->scan_total * 999 && e->scan_seen * 1000 >= e->scan_total * 999)
			e->scan_p999 = value;
		if (e->scan_at >= e->scan_max) {
			store(&e->progress->p50_ns, e->scan_p50);
			store(&e->progress->p99_ns, e->scan_p99);
			store(&e->progress->p999_ns, e->scan_p999);
			e->scan_at = 0;
			return;
		}
	}
}

static void report(struct ipb_engine *e, uint64_t now_ns)
{
	struct ipbench_progress *p = e->progress;
	double seconds = (double)(now_ns - e->progress_last_ns) / 1e9;

	store(&p->elapsed_ns, now_ns - e->start_ns);
	store(&p->expected_ns, ipb_engine_expected_ns(&e->config));
	store(&p->sent, e->track.counts.sent);
	store(&p->ok, e->track.counts.ok);
	store(&p->lost, e->track.counts.lost);
	store(&p->bad, e->track.counts.late + e->track.counts.corrupt);
	if (e->phase != IPBENCH_PHASE_DONE && seconds > 0) {
		double bits = e->config.sizes.mean * 8 / seconds;
		store(&p->rate_bps, (uint64_t)((double)(e->received_all - e->progress_last_ok) * bits));
		store(&p->sent_bps, (uint64_t)((double)(e->track.next - e->progress_last_sent) * bits));
	}
	store(&p->max_ns, e->response.max_ns);
	__atomic_store_n(&p->version, IPBENCH_EXT_MAJOR, __ATOMIC_RELAXED);
	store(&p->updates, p->updates + 1);
	e->progress_last_ns = now_ns;
	e->progress_last_ok = e->received_all;
	e->progress_last_sent = e->track.next;
}

#define REPORT_NS 200000000ull
#define SCAN_NS 5000000ull

void ipb_engine_progress(struct ipb_engine *e, uint64_t now_ns)
{
	e->progress_due_ns = now_ns + SCAN_NS;
	if (e->progress == NULL)
		return;
	if (e->phase == IPBENCH_PHASE_DONE) {
		e->scan_at = 0;
		do
			scan(e);
		while (e->scan_at != 0);
		report(e, now_ns);
		return;
	}
	if (now_ns - e->progress_last_ns >= REPORT_NS)
		report(e, now_ns);
	else
		scan(e);
}

static uint64_t percentile_of(const uint32_t *counts, uint64_t total, double share)
{
	uint64_t seen = 0, rank = (uint64_t)ceil((double)total * share);

	for (uint32_t i = 0; i < IPB_COARSE_LENGTH; i++)
		if ((seen += counts[i]) >= rank)
			return ipb_coarse_highest(i);
	return 0;
}

uint64_t ipb_interval_percentile(const struct ipb_interval *v, double share)
{
	uint64_t value = v->ok > 0 ? percentile_of(v->counts, v->ok, share) : 0;

	return value < v->max_ns ? value : v->max_ns;
}

/* Reads the clock for a while and notes how far apart the readings are: what else runs here, before any packet does.
 * The coarse histogram of the first interval is borrowed. */
void ipb_engine_noise(struct ipb_engine *e)
{
	struct ipb_noise *n = &e->noise;
	uint32_t *counts = e->intervals[0].counts;
	cpu_set_t old, one;
	int pinned = 0;

	if (e->config.cpu >= 0 && sched_getaffinity(0, sizeof old, &old) == 0) {
		CPU_ZERO(&one);
		CPU_SET(e->config.cpu, &one);
		pinned = sched_setaffinity(0, sizeof one, &one) == 0;
	}
	n->cpu = sched_getcpu();
	n->gap_limit_ns = NOISE_GAP_NS;
	n->duration_ns = e->config.noise_ns;
	uint64_t start = ipb_clock_now(&e->clock), last = start, now;
	do {
		now = ipb_clock_now(&e->clock);
		uint64_t gap = now - last;
		counts[ipb_coarse_index(gap)]++;
		n->reads++;
		if (gap > n->max_ns)
			n->max_ns = gap;
		if (gap > NOISE_GAP_NS) {
			n->gaps++;
			n->gap_sum_ns += gap;
		}
		last = now;
	} while (now - start < n->duration_ns);
	n->p50_ns = percentile_of(counts, n->reads, 0.5);
	n->p99_ns = percentile_of(counts, n->reads, 0.99);
	n->p999_ns = percentile_of(counts, n->reads, 0.999);
	memset(counts, 0, IPB_COARSE_LENGTH * sizeof *counts);
	if (pinned)
		sched_setaffinity(0, sizeof old, &old);
}
