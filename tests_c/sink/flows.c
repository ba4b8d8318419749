/* What arrived, by sender; see flows.h.  SPDX-License-Identifier: MIT */
#include "flows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_rng.h"

/* Where a sender's place is sought first. Nobody outside knows the seed, so nobody can make all senders share a place. */
static uint32_t place_of(struct flows *f, uint64_t run_id, uint32_t number, uint64_t source)
{
	if (f->seed == 0)
		f->seed = ipb_own_run_id();
	uint64_t state = f->seed ^ run_id;
	state = ipb_mix64(&state) ^ source;
	state = ipb_mix64(&state) ^ number;
	return (uint32_t)ipb_mix64(&state) % FLOW_PLACES;
}

/* Of another run than the own, where that is known. */
static int is_foreign(const struct flows *f, uint64_t run_id) { return f->own != 0 && run_id != f->own; }

/* The sender's counts; NULL when there is no room for one more. */
static struct flow *find(struct flows *f, uint64_t run_id, uint32_t number, uint64_t source)
{
	struct flow *l = f->last;

	if (l != NULL && l->run_id == run_id && l->number == number && l->source == source)
		return l;
	uint32_t at = place_of(f, run_id, number, source);
	for (; f->place[at] != 0; at = (at + 1) % FLOW_PLACES) {
		l = &f->flow[f->place[at] - 1];
		if (l->run_id == run_id && l->number == number && l->source == source)
			return f->last = l;
	}
	if (f->count == FLOWS_MAX || (is_foreign(f, run_id) && f->foreign_count == FLOWS_FOREIGN_MAX))
		return NULL;
	l = &f->flow[f->count];
	if (ipb_sequence_init(&l->sequence) < 0)
		return NULL;
	f->foreign_count += (uint32_t)is_foreign(f, run_id);
	l->run_id = run_id;
	l->number = number;
	l->source = source;
	f->place[at] = (uint16_t)++f->count;
	return f->last = l;
}

void flows_count(struct flows *f, const uint8_t *data, size_t known, size_t size, uint64_t source, uint64_t now_ns)
{
	f->packets++;
	f->bytes += size;
	if (known < DISCARD_HEADER || ipb_get_be(data + DISCARD_MAGIC_AT, 4) != DISCARD_MAGIC || data[32] > DISCARD_END) {
		f->unnumbered++;
		return;
	}
	const uint64_t run_id = ipb_get_be(data + 16, 8);
	struct flow *l = find(f, run_id, (uint32_t)ipb_get_be(data + 12, 4), source);
	f->foreign += (uint64_t)is_foreign(f, run_id);
	if (l == NULL) {
		*(is_foreign(f, run_id) ? &f->foreign_untold : &f->untold) += 1;
		return;
	}
	int fresh = ipb_sequence_add(&l->sequence, ipb_get_be(data, 8)), measured = data[32] == DISCARD_MEASURE;
	uint64_t before = ipb_get_be(data + 24, 8), told = before + (measured ? 1 : 0);
	if (told > l->measured_sent)
		l->measured_sent = told;
	if (!fresh || !measured)
		return;
	if (l->measured == 0 || before < l->first) {
		l->first = before;
		l->first_ns = now_ns;
	}
	if (l->measured == 0 || before > l->last) {
		l->last = before;
		l->last_ns = now_ns;
	}
	l->measured++;
	l->measured_bytes += size;
}

/* What one thread has counted of each sender. */
static void add_senders(const struct flows *f, int own_alone, struct flow_totals *t)
{
	t->untold += f->untold + (own_alone ? 0 : f->foreign_untold);
	t->foreign += own_alone ? f->foreign : 0;
	for (uint32_t i = 0; i < f->count; i++) {
		const struct flow *l = &f->flow[i];
		if (own_alone && is_foreign(f, l->run_id))
			continue;
		t->senders++;
		uint64_t span = l->sequence.highest - l->sequence.first + 1;
		t->missing += span > l->sequence.unique ? span - l->sequence.unique : 0;
		t->duplicate += l->sequence.duplicate;
		t->reordered += l->sequence.reordered;
		t->measured += l->measured;
		t->measured_sent += l->measured_sent;
	}
}

/* How long a sender's measured phase was: as packets from it arrived, and as many as it sent. 0: not known. */
static double phase_ns(const struct flow *l)
{
	if (l->measured < 2 || l->last <= l->first || l->last_ns <= l->first_ns)
		return 0;
	return (double)(l->last_ns - l->first_ns) * (double)l->measured_sent / (double)(l->last - l->first);
}

/* Senders of which too little arrived to show how long they sent. */
struct lone {
	uint64_t packets, bytes, first_ns, last_ns;
};

static void add_lone(struct lone *to, const struct flow *l)
{
	if (to->packets == 0 || l->first_ns < to->first_ns)
		to->first_ns = l->first_ns;
	if (to->packets == 0 || l->last_ns > to->last_ns)
		to->last_ns = l->last_ns;
	to->packets += l->measured;
	to->bytes += l->measured_bytes;
}

static double rate(const struct flows *const *all, uint32_t count, int own_alone)
{
	struct lone lone = { 0 };
	double bytes_a_ns = 0, longest = 0;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < all[i]->count; k++) {
			const struct flow *l = &all[i]->flow[k];
			if (own_alone && is_foreign(all[i], l->run_id))
				continue;
			const double length = phase_ns(l);
			if (length > 0)
				bytes_a_ns += (double)l->measured_bytes / length;
			else if (l->measured > 0)
				add_lone(&lone, l);
			longest = length > longest ? length : longest;
		}
	if (lone.packets > 0 && longest > 0)
		bytes_a_ns += (double)lone.bytes / longest;
	else if (lone.packets > 1 && lone.last_ns > lone.first_ns) /* n packets span n - 1 intervals */
		bytes_a_ns = (double)lone.bytes * (double)(lone.packets - 1) / (double)lone.packets /
		             (double)(lone.last_ns - lone.first_ns);
	return 8e9 * bytes_a_ns;
}

void flows_totals_of(const struct flows *const *all, uint32_t count, struct flow_totals *t)
{
	int own_alone = 0;

	memset(t, 0, sizeof *t);
	for (uint32_t i = 0; i < count; i++)
		own_alone |= all[i]->own != 0 && (all[i]->count > all[i]->foreign_count || all[i]->untold > 0);
	for (uint32_t i = 0; i < count; i++)
		add_senders(all[i], own_alone, t);
	if (t->measured_sent == 0)
		t->loss = NAN;
	else if (t->measured_sent > t->measured)
		t->loss = (double)(t->measured_sent - t->measured) / (double)t->measured_sent;
	t->received_bps = rate(all, count, own_alone);
}

void flows_totals(const struct flows *f, struct flow_totals *t) { flows_totals_of(&f, 1, t); }

void flows_free(struct flows *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		ipb_sequence_free(&f->flow[i].sequence);
	memset(f, 0, sizeof *f);
}
