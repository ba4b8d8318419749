/* The engine's intervals of confidence, progress and noise.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <sched.h>
#include <string.h>

#include "ipb_engine_private.h"
#include "ipb_stats.h"

#define SCAN_STEP 512 /* histogram buckets scanned for one progress report */
#define NOISE_GAP_NS 2000u
#define UNTIL_CI_BATCHES 25u /* at least: arrivals at random may leave some of IPB_BATCHES without a round trip at first */
#define EDGE_SHARE 0.1 /* of the samples at least must be on both sides of where the median's spread is counted */

/* Consecutive intervals of the series, joined into at most IPB_BATCHES batches of about as many samples. */
struct batches {
	uint64_t all, seen; /* samples */
	uint32_t count;
	double sum[IPB_BATCHES], weight[IPB_BATCHES], below[IPB_BATCHES];
};

/* The next interval, which holds samples. Returns the batch that it went into. */
static uint32_t add_interval(struct batches *b, uint64_t ok, double sum_ns)
{
	uint32_t at = (uint32_t)((double)b->seen * IPB_BATCHES / (double)b->all);

	at = at < IPB_BATCHES ? at : IPB_BATCHES - 1;
	b->sum[at] += sum_ns;
	b->weight[at] += (double)ok;
	b->seen += ok;
	return at;
}

/* Sums become means, and empty batches go. */
static void end_batches(struct batches *b)
{
	for (uint32_t i = 0; i < IPB_BATCHES; i++)
		if (b->weight[i] > 0) {
			b->sum[b->count] = b->sum[i] / b->weight[i];
			b->below[b->count] = b->below[i] / b->weight[i];
			b->weight[b->count++] = b->weight[i];
		}
}

/* edge: values up to this bucket of the coarse histogram count into `below`; -1: none. */
static void make_batches(const struct ipb_engine *e, struct batches *b, int64_t edge)
{
	*b = (struct batches){ .all = e->response.count };
	for (uint32_t i = 0; i < e->interval_count; i++) {
		const struct ipb_interval *v = &e->intervals[i];
		if (v->ok == 0)
			continue;
		const uint32_t at = add_interval(b, v->ok, v->sum_ns);
		for (int64_t k = 0; k <= edge; k++)
			b->below[at] += v->counts[k];
	}
	end_batches(b);
}

/* Whether the whole interval of the mean is narrower than that share of it. Whoever looks often finds it narrow by chance at some
 * time: the first look waits for nearly all batches, and the phase has to become longer by a quarter until the next one. Batches
 * that are like those before them are too short for what disturbs the target: then the interval is narrower than it should be. */
static int is_narrow(const struct batches *b, double share, uint64_t measured_ns, uint64_t *wait_ns)
{
	double mean;

	*wait_ns = IPB_UNTIL_CI_NS;
	if (b->count < UNTIL_CI_BATCHES)
		return 0;
	if (measured_ns / IPB_UNTIL_CI_STEP > *wait_ns)
		*wait_ns = measured_ns / IPB_UNTIL_CI_STEP;
	const double half = ipb_batch_half_width(b->sum, b->weight, b->count, &mean);
	return half * 2 <= share * mean && ipb_batch_correlation(b->sum, b->weight, b->count) <= 1 / sqrt(b->count);
}

int ipb_engine_is_narrow(struct ipb_engine *e, uint64_t now_ns)
{
	struct batches b;
	uint64_t wait_ns;

	if (now_ns < e->until_ci_due_ns)
		return 0;
	make_batches(e, &b, -1);
	const int narrow = is_narrow(&b, e->config.until_ci, now_ns > e->measure_ns ? now_ns - e->measure_ns : 0, &wait_ns);
	e->until_ci_due_ns = now_ns + wait_ns;
	return narrow;
}

int ipb_engine_sums_are_narrow(const struct ipb_sum *sums, uint32_t count, double share, uint64_t measured_ns, uint64_t *wait_ns)
{
	struct batches b = { 0 };

	for (uint32_t i = 0; i < count; i++)
		b.all += sums[i].ok;
	for (uint32_t i = 0; i < count; i++)
		if (sums[i].ok > 0)
			add_interval(&b, sums[i].ok, sums[i].sum_ns);
	end_batches(&b);
	return is_narrow(&b, share, measured_ns, wait_ns);
}

/* How much the share of samples up to a bucket's end varies from batch to batch, carried to a share of one half. -1
 * when the end is too far from the median for that. */
static double share_half_width(const struct ipb_engine *e, int64_t edge, double *share)
{
	struct batches b;

	make_batches(e, &b, edge);
	double half = ipb_batch_half_width(b.below, b.weight, b.count, share);
	if (!(*share >= EDGE_SHARE && *share <= 1 - EDGE_SHARE))
		return -1;
	return half * sqrt(0.25 / (*share * (1 - *share)));
}

/* The interval of the share of samples below the median, read back as quantiles (R. S. Woodruff, "Confidence Intervals
 * for Medians and Other Position Measures", JASA 47, 1952), with batch means for its spread. Samples are counted up to
 * the end of a coarse bucket: the nearer one of that which holds the median. No interval when nearly all samples are in
 * that one bucket, since then their spread is not known. */
static void median_confidence(struct ipb_engine *e, uint32_t batches)
{
	const struct ipb_hist *h = &e->response;
	uint64_t median = ipb_hist_percentile(h, 50);
	int64_t bucket = ipb_coarse_index(median > e->base_ns ? median - e->base_ns : 0);
	double above, below;
	double half = share_half_width(e, bucket, &above), other = share_half_width(e, bucket - 1, &below);

	if (half < 0 || (other >= 0 && 0.5 - below < above - 0.5))
		half = other;
	if (half < 0)
		return;
	double low = 50 - 100 * half, high = 50 + 100 * half;
	uint64_t least = ipb_hist_bucket_value(ipb_hist_index(ipb_hist_percentile(h, low > 0 ? low : 0)));
	e->median = (struct ipb_confidence){ (double)median, (double)(least > h->min_ns ? least : h->min_ns),
	                                     (double)ipb_hist_percentile(h, high < 100 ? high : 100), half, batches };
}

void ipb_engine_confidence(struct ipb_engine *e)
{
	struct batches b;
	double mean;

	if (e->response.count == 0)
		return;
	make_batches(e, &b, -1);
	if (b.count < IPB_BATCHES_MIN)
		return;
	double half = ipb_batch_half_width(b.sum, b.weight, b.count, &mean);
	e->mean = (struct ipb_confidence){ mean, mean - half > 0 ? mean - half : 0, mean + half, -1, b.count };
	median_confidence(e, b.count);
}

static void store(uint64_t *to, uint64_t value) { __atomic_store_n(to, value, __ATOMIC_RELEASE); }

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

#define OVERDUE_LEAST_NS 100000000ull /* no packet is overdue sooner */
#define OVERDUE_TIMES 4u              /* and none before so many times the round trip that all but 0.1 % do not exceed */
#define OVERDUE_STEP (1u << 16)       /* packets scanned for one progress report */

/* How many packets of the measured phase left longer ago than that, as far as the marks show. */
static uint64_t sent_before(struct ipb_engine *e, uint64_t now_ns, uint64_t wait_ns)
{
	uint64_t sent = 0;

	if (now_ns - e->marks[e->last_mark].at_ns >= wait_ns / (IPB_MARKS / 2)) {
		e->last_mark = (e->last_mark + 1) % IPB_MARKS;
		e->marks[e->last_mark].at_ns = now_ns;
		e->marks[e->last_mark].sent = e->track.counts.sent;
	}
	for (uint32_t i = 0; i < IPB_MARKS; i++)
		if (now_ns - e->marks[i].at_ns >= wait_ns && e->marks[i].sent > sent)
			sent = e->marks[i].sent;
	return sent;
}

/* What is decided to be lost is known after the drain; live figures show what is overdue: packets that have been out for
 * 100 ms and for four times what round trips take so far, or for as long as a reply may take at all. They are checked in
 * their order, each once; those that are answered after all are taken off by what is still out in all. */
static void overdue(struct ipb_engine *e, uint64_t now_ns)
{
	const struct ipb_track *t = &e->track;
	uint64_t wait_ns = OVERDUE_TIMES * e->progress->p999_ns;

	wait_ns = wait_ns > OVERDUE_LEAST_NS ? wait_ns : OVERDUE_LEAST_NS;
	wait_ns = wait_ns < t->timeout_ns ? wait_ns : t->timeout_ns;
	const uint64_t old = sent_before(e, now_ns, wait_ns) & ~(uint64_t)(IPB_TRACK_SCAN_STEP - 1);
	const uint64_t end = old > e->overdue_seen + OVERDUE_STEP ? e->overdue_seen + OVERDUE_STEP : old;
	e->overdue += ipb_track_unanswered(t, e->overdue_seen, end);
	e->overdue_seen = end > e->overdue_seen ? end : e->overdue_seen;
	const uint64_t out = ipb_track_out(t);
	if (e->overdue > out)
		e->overdue = out;
}

static void report(struct ipb_engine *e, uint64_t now_ns)
{
	struct ipbench_progress *p = e->progress;
	double seconds = (double)(now_ns - e->progress_last_ns) / 1e9;

	store(&p->elapsed_ns, now_ns - e->start_ns);
	store(&p->expected_ns, ipb_engine_expected_ns(&e->config));
	store(&p->sent, e->track.counts.sent);
	store(&p->ok, e->track.counts.ok);
	store(&p->lost, e->config.one_way != NULL ? 0 : e->phase == IPBENCH_PHASE_DONE ? e->track.counts.lost : e->overdue);
	store(&p->bad, e->track.counts.late + e->track.counts.corrupt);
	if (e->phase != IPBENCH_PHASE_DONE && seconds > 0) {
		double bits = e->config.sizes.mean * 8 / seconds;
		store(&p->rate_bps, (uint64_t)((double)(e->received_all - e->progress_last_ok) * bits));
		store(&p->sent_bps, (uint64_t)((double)(e->track.next - e->progress_last_sent) * bits));
	}
	store(&p->max_ns, e->response.max_ns);
	store(&p->dark_ns, ipb_engine_dark_ns(e, now_ns));
	if (e->config.one_way != NULL) /* the receiver knows */
		store(&p->unknown, IPBENCH_UNKNOWN_OK | IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_BAD | IPBENCH_UNKNOWN_RATE);
	IPBENCH_PROGRESS_SET(p, version, IPBENCH_EXT_MAJOR);
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
	if (e->config.one_way == NULL)
		overdue(e, now_ns);
}

uint64_t ipb_interval_percentile(const struct ipb_interval *v, uint64_t base_ns, double share)
{
	uint64_t value = v->ok > 0 ? base_ns + ipb_coarse_percentile(v->counts, v->ok, share) : 0;

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
	n->p50_ns = ipb_coarse_percentile(counts, n->reads, 0.5);
	n->p99_ns = ipb_coarse_percentile(counts, n->reads, 0.99);
	n->p999_ns = ipb_coarse_percentile(counts, n->reads, 0.999);
	memset(counts, 0, IPB_COARSE_LENGTH * sizeof *counts);
	if (pinned)
		sched_setaffinity(0, sizeof old, &old);
}
