/* Counts what came from one sender; see tally.h.  SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW (1ull << FORWARD_WINDOW_BITS)
#define YEAR_NS (366ull * 86400 * 1000000000)

int forward_tally_init(struct forward_tally *t, uint32_t sender, uint64_t timeout_ns)
{
	*t = (struct forward_tally){ .sender = sender, .first = UINT64_MAX, .timeout_ns = timeout_ns, .flow_count = 1 };
	t->seen = calloc(WINDOW / 64, sizeof *t->seen); /* pages come as they are needed */
	t->flows = calloc(FORWARD_FLOWS_MAX, sizeof *t->flows);
	t->intervals = calloc(FORWARD_INTERVALS_MAX, sizeof *t->intervals);
	if (t->seen == NULL || t->flows == NULL || t->intervals == NULL || ipb_oneway_init(&t->delay) < 0)
		return -1;
	for (uint32_t i = 0; i < FORWARD_RECORD_FLOWS; i++)
		if ((t->flows[i].records = calloc(FORWARD_RECORDS, sizeof *t->flows[i].records)) == NULL)
			return -1;
	return 0;
}

void forward_tally_free(struct forward_tally *t)
{
	for (uint32_t i = 0; t->flows != NULL && i < FORWARD_RECORD_FLOWS; i++)
		free(t->flows[i].records);
	free(t->flows);
	free(t->seen);
	free(t->intervals);
	ipb_oneway_free(&t->delay);
	memset(t, 0, sizeof *t);
}

void forward_tally_control(struct forward_tally *t, const struct forward_packet *p, uint64_t own_clock)
{
	const struct forward_control *c = &p->control;

	if (p->type == FORWARD_END) {
		t->ended++;
		t->told = c->sent;
		t->told_first = c->first;
		t->told_numbers = c->numbers;
	} else {
		t->learned++;
	}
	/* The first one counts: what packets were sorted by does not change on the way. */
	if (t->announced || c->interval_ns == 0 || c->duration_ns > YEAR_NS || c->flows == 0 || c->flows > FORWARD_FLOWS_MAX ||
	    c->duration_ns / c->interval_ns >= FORWARD_INTERVALS_MAX)
		return;
	t->control = *c;
	t->announced = 1;
	t->flow_count = c->flows;
	t->last_due = c->measure_ns;
	t->same_clock = own_clock != 0 && c->clock == own_clock;
	t->interval_count = (uint32_t)(c->duration_ns / c->interval_ns) + 1;
}

static int seen_before(struct forward_tally *t, uint64_t number)
{
	uint64_t *word = &t->seen[number % WINDOW / 64];
	const uint64_t bit = 1ull << (number % 64);
	const int seen = (*word & bit) != 0;

	*word |= bit;
	return seen;
}

/* The window moves up: the places of the numbers up to this one are free. */
static void advance(struct forward_tally *t, uint64_t number)
{
	uint64_t from = t->started ? t->highest + 1 : 0;

	if (number - from >= WINDOW) {
		memset(t->seen, 0, WINDOW / 8);
		from = number + 1;
	}
	from = from > WINDOW ? from : WINDOW; /* the first time around all are free */
	for (; from <= number; from++)
		t->seen[from % WINDOW / 64] &= ~(1ull << (from % 64));
	t->highest = number;
	t->started = 1;
}

/* The whole number, from its lower 32 bits; -1 when there is none. */
static int64_t whole_number(const struct forward_tally *t, uint32_t low)
{
	const int64_t near = t->started ? (int64_t)t->highest : 0;

	return near + (int32_t)(low - (uint32_t)near);
}

/* A packet came that others had overtaken: how many packets before it the first of them came. Where more records were
 * made since than are kept, at least so many. */
static uint64_t extent_of(const struct forward_flow *f, uint64_t number)
{
	const uint64_t count = f->record_count, kept = count < FORWARD_RECORDS ? count : FORWARD_RECORDS;
	uint64_t low = count - kept, high = count; /* records rise in number and place: the first one above `number` */

	if (f->records == NULL)
		return 0;
	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;
		if (f->records[middle % FORWARD_RECORDS].number > number)
			high = middle;
		else
			low = middle + 1;
	}
	return low < count ? f->arrived - f->records[low % FORWARD_RECORDS].place : 0;
}

/* The order in which a flow's packets of the measured phase come. */
static void follow(struct forward_flow *f, uint64_t number)
{
	if (number + 1 > f->next) {
		f->next = number + 1;
		if (f->records != NULL)
			f->records[f->record_count++ % FORWARD_RECORDS] = (struct forward_record){ number, f->arrived };
	} else {
		const uint64_t extent = extent_of(f, number);
		f->reordered++;
		f->extent = extent > f->extent ? extent : f->extent;
	}
	f->arrived++;
}

/* The interval of the time series that the packet was due in whose time forward_tally_add has just read. */
static struct forward_interval *interval_of(struct forward_tally *t)
{
	const uint64_t since = t->last_due > t->control.measure_ns ? t->last_due - t->control.measure_ns : 0;
	const uint64_t i = since / t->control.interval_ns;

	return &t->intervals[i < t->interval_count ? i : t->interval_count - 1];
}

/* Stamp of this machine less stamp of the sender's. */
static int64_t raw_delay(struct forward_tally *t, const struct forward_packet *p, uint64_t now_ns)
{
	const uint64_t due = (p->time - p->late_ns) & FORWARD_TIME_MASK;

	t->last_due += (uint64_t)forward_time_since(t->last_due & FORWARD_TIME_MASK, due);
	return (int64_t)(now_ns - (t->last_due + p->late_ns));
}

/* A whole packet of the measured phase, for the first time. */
static void measure(struct forward_tally *t, struct forward_flow *f, uint32_t got, int64_t raw_ns)
{
	const int64_t least = t->same_clock ? 0 : t->delay.started ? t->delay.base_ns : raw_ns;
	struct forward_interval *v = t->announced ? interval_of(t) : NULL;

	if (t->announced && raw_ns > least && (uint64_t)(raw_ns - least) > t->timeout_ns) {
		f->late++;
		return;
	}
	f->ok++;
	f->bytes += got;
	if (v == NULL)
		return;
	v->ok++;
	v->bytes += got;
	ipb_oneway_record(&t->delay, raw_ns);
	if (!t->same_clock)
		return;
	const uint64_t delay_ns = raw_ns > 0 ? (uint64_t)raw_ns : 0;
	v->delayed++;
	v->sum_ns += (double)delay_ns;
	v->max_ns = delay_ns > v->max_ns ? delay_ns : v->max_ns;
}

void forward_tally_add(struct forward_tally *t, const struct forward_packet *p, int corrupt, uint32_t got, uint64_t now_ns)
{
	if (corrupt && !p->known) {
		t->corrupt_unknown += (uint64_t)t->measuring;
		return;
	}
	const int64_t number = whole_number(t, p->number);
	if (number < 0 || (t->started && (uint64_t)number + WINDOW <= t->highest)) {
		t->too_old++;
		return;
	}
	struct forward_flow *f = &t->flows[(uint64_t)number % t->flow_count];
	const int measured = p->type == FORWARD_MEASURED;

	const int64_t raw_ns = t->announced ? raw_delay(t, p, now_ns) : 0;

	t->all += !corrupt;
	t->measuring = measured;
	if (!t->started || (uint64_t)number > t->highest)
		advance(t, (uint64_t)number);
	if (seen_before(t, (uint64_t)number)) {
		f->duplicate += (uint64_t)measured;
		return;
	}
	if (!measured && t->announced && !corrupt)
		ipb_oneway_learn(&t->delay, raw_ns);
	if (!measured)
		return;
	t->first_ns = t->first == UINT64_MAX ? now_ns : t->first_ns;
	t->last_ns = now_ns;
	t->first = (uint64_t)number < t->first ? (uint64_t)number : t->first;
	t->last_measured = (uint64_t)number > t->last_measured ? (uint64_t)number : t->last_measured;
	follow(f, (uint64_t)number);
	if (corrupt)
		f->corrupt++;
	else
		measure(t, f, got, raw_ns);
}

int forward_tally_has(const struct forward_tally *t, uint64_t number)
{
	return t->started && number <= t->highest && (t->seen[number % WINDOW / 64] >> (number % 64) & 1) != 0;
}

struct forward_sums forward_tally_sums(const struct forward_tally *t)
{
	struct forward_sums s = { 0 };

	for (uint32_t i = 0; i < t->flow_count; i++) {
		const struct forward_flow *f = &t->flows[i];
		s.ok += f->ok;
		s.late += f->late;
		s.corrupt += f->corrupt;
		s.duplicate += f->duplicate;
		s.reordered += f->reordered;
		s.bytes += f->bytes;
		s.extent = f->extent > s.extent ? f->extent : s.extent;
	}
	return s;
}

int forward_tally_is_complete(const struct forward_tally *t)
{
	const struct forward_sums s = forward_tally_sums(t);

	return t->ended > 0 && s.ok + s.late + s.corrupt == t->told;
}
