/* On which way packets were lost; see directions.h.  SPDX-License-Identifier: MIT */
#include "directions.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BEFORE 4096          /* numbers before a flow's first answer that may still come, overtaken */
#define DAMAGED UINT32_MAX   /* in by_s: answered, with a number that is not known */
#define DOUBLED UINT32_MAX   /* in by_r: an answer to a packet that was answered before */
#define POPULATE_MAX (32u << 20) /* bytes that are touched before the run */

static uint32_t *map_words(uint64_t n)
{
	const size_t bytes = (size_t)n * sizeof(uint32_t);
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (bytes <= POPULATE_MAX ? MAP_POPULATE : 0), -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

/* Numbers of the reflector that there is room for: those before the first, and some more than packets, for doubled ones. */
static uint64_t numbers(const struct directions *d) { return d->room + d->room / 4 + 2ull * BEFORE * d->flows; }

int directions_open(struct directions *d, uint64_t packets, uint32_t flows, struct ipb_error *err)
{
	memset(d, 0, sizeof *d);
	d->flows = flows;
	if (packets > DIRECTIONS_MAX) {
		d->full = 1;
		packets = flows;
	}
	d->room = packets + flows;
	d->by_s = map_words(d->room);
	d->by_r = map_words(numbers(d));
	d->flow = calloc(flows, sizeof *d->flow);
	if (d->by_s == NULL || d->by_r == NULL || d->flow == NULL) {
		directions_close(d);
		return ipb_error(err, "no memory to tell on which way each of %llu packets is lost", (unsigned long long)packets);
	}
	for (uint32_t i = 0; i < flows; i++)
		d->flow[i].first_r = -1;
	return 0;
}

void directions_close(struct directions *d)
{
	if (d->by_s != NULL)
		munmap(d->by_s, (size_t)d->room * sizeof(uint32_t));
	if (d->by_r != NULL)
		munmap(d->by_r, (size_t)numbers(d) * sizeof(uint32_t));
	free(d->flow);
	memset(d, 0, sizeof *d);
}

void directions_answer(struct directions *d, uint32_t flow, uint64_t s, uint32_t r, int damaged)
{
	struct direction_flow *f = &d->flow[flow];
	const uint64_t at = s * d->flows + flow;

	if (at >= d->room) {
		d->full = 1;
		return;
	}
	if (damaged) {
		if (d->by_s[at] == 0)
			d->by_s[at] = DAMAGED;
		return;
	}
	d->answers++;
	d->equal += (uint32_t)s == r;
	if (f->first_r < 0)
		f->first_r = f->last_r = f->highest_r = r;
	const int64_t whole = f->last_r + (int32_t)(r - (uint32_t)f->last_r); /* numbers wrap at 2^32 */
	f->last_r = whole;
	const int64_t index = whole - f->first_r + BEFORE;
	if (index < 0 || (uint64_t)index * d->flows + flow >= numbers(d)) {
		d->again = 1;
		return;
	}
	uint32_t *of_r = &d->by_r[(uint64_t)index * d->flows + flow];
	if (*of_r != 0) { /* the same answer once more, or another packet's with the same number */
		if (*of_r == (uint32_t)s + 1 || (*of_r == DOUBLED && d->by_s[at] != 0))
			d->duplicate_backward++;
		else
			d->again = 1;
		return;
	}
	if (whole < f->highest_r)
		d->reordered_backward++;
	else
		f->highest_r = whole;
	if (d->by_s[at] != 0 && d->by_s[at] != DAMAGED) {
		*of_r = DOUBLED;
		return;
	}
	*of_r = (uint32_t)s + 1;
	d->by_s[at] = (uint32_t)index + 1;
}

/* What lies between two answers after which both sequences begin anew. */
struct stretch {
	uint64_t unanswered, measured; /* packets; those of the measured phase among them */
	uint64_t missing, damaged;     /* numbers that never came; answers whose number is not known */
};

static void attribute(const struct stretch *t, struct direction_counts *c)
{
	const uint64_t missing = t->missing > t->damaged ? t->missing - t->damaged : 0;
	const uint64_t back = missing < t->unanswered ? missing : t->unanswered;

	/* More numbers than packets: one was doubled on its way out, and an answer to it was lost. */
	c->duplicate_forward += missing - back;
	if (back == 0)
		c->lost_forward += t->measured;
	else if (back == t->unanswered)
		c->lost_backward += t->measured;
	else if (t->measured == t->unanswered)
		c->lost_forward += t->unanswered - back, c->lost_backward += back;
	else
		c->lost_unknown += t->measured;
}

static void count_flow(const struct directions *d, uint32_t flow, uint64_t first, uint64_t end, uint64_t sent,
                       struct direction_counts *c)
{
	const struct direction_flow *f = &d->flow[flow];
	const uint64_t packets = sent > flow ? (sent - flow + d->flows - 1) / d->flows : 0;
	const uint64_t top = f->first_r < 0 ? 0 : (uint64_t)(f->highest_r - f->first_r) + BEFORE + 1;
	uint64_t next_r = 0, highest = 0; /* numbers checked; the highest one that an answer so far had, + 1 */
	uint64_t answered = 0, seen = 0;  /* packets up to here with a number; numbers up to there with a packet */
	struct stretch t = { 0 };
	int begun = 0;                    /* an answer came before: else nothing is known */

	while (next_r < top && d->by_r[next_r * d->flows + flow] == 0)
		next_r++; /* before the first answer no number is known to be missing */
	for (uint64_t s = 0; s < packets; s++) {
		const uint64_t at = s * d->flows + flow;
		const uint32_t index = d->by_s[at];
		if (index == 0) {
			t.unanswered++;
			t.measured += at >= first && at < end;
			continue;
		}
		if (index == DAMAGED) {
			t.damaged++;
			continue;
		}
		answered++;
		highest = index > highest ? index : highest;
		for (; next_r < highest; next_r++) {
			const uint32_t of_r = d->by_r[next_r * d->flows + flow];
			t.missing += of_r == 0;
			seen += of_r != 0 && of_r != DOUBLED;
			c->duplicate_forward += of_r == DOUBLED;
		}
		if (answered != seen)
			continue; /* a number up to here is that of a later packet: they overtook one another */
		if (begun)
			attribute(&t, c);
		else
			c->lost_unknown += t.measured;
		begun = 1;
		t = (struct stretch){ 0 };
	}
	c->lost_unknown += t.measured; /* after the last answer */
	for (uint64_t r = next_r; r < top; r++)
		c->duplicate_forward += d->by_r[r * d->flows + flow] == DOUBLED;
	/* Overtaken on the way out: in the order of the reflector's numbers. */
	uint32_t latest = 0;
	for (uint64_t r = 0; r < top; r++) {
		const uint32_t of_r = d->by_r[r * d->flows + flow];
		if (of_r == 0 || of_r == DOUBLED)
			continue;
		if (of_r < latest)
			c->reordered_forward++;
		else
			latest = of_r;
	}
}

int directions_count(const struct directions *d, uint64_t first, uint64_t end, uint64_t sent, struct direction_counts *c)
{
	*c = (struct direction_counts){ .duplicate_backward = d->duplicate_backward, .reordered_backward = d->reordered_backward };
	if (d->full || d->again || sent > d->room)
		return -1;
	for (uint32_t flow = 0; flow < d->flows; flow++)
		count_flow(d, flow, first, end, sent, c);
	return 0;
}
