/* What became of each packet; see ipb_track.h.  SPDX-License-Identifier: MIT */
#include "ipb_track.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ipb_apart.h"
#include "ipb_outage.h"

#define SKIP_MAX 1024 /* packets that are given up as lost when one damaged reply comes */
#define POPULATE_MAX (32u << 20) /* bytes of states that are touched before the run */

void ipb_counts_add(struct ipb_counts *to, const struct ipb_counts *from)
{
	to->sent += from->sent;
	to->ok += from->ok;
	to->lost += from->lost;
	to->late += from->late;
	to->corrupt += from->corrupt;
	to->duplicate += from->duplicate;
	to->reordered += from->reordered;
}

/* Zeros that have been touched, in large pages where there are any: a long ring is written from end to end. */
static void *map_ring(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	madvise(map, bytes, MADV_HUGEPAGE);
	memset(map, 0, bytes);
	return map;
}

static size_t refusal_bytes(const struct ipb_track *t) { return (size_t)(t->states_count / 8 + 1); }

int ipb_track_init(struct ipb_track *t, uint64_t ring, uint64_t measured, uint32_t flows, uint64_t timeout_ns,
                   struct ipb_error *err)
{
	uint64_t size = IPB_TRACK_RING_MIN;

	memset(t, 0, sizeof *t);
	if (measured > IPB_TRACK_STATES_MAX)
		return ipb_error(err, "a measured phase of %llu packets is too long; %llu are possible: lower the rate, the "
		                 "samples or the duration", (unsigned long long)measured,
		                 (unsigned long long)IPB_TRACK_STATES_MAX);
	while (size < ring && size < IPB_TRACK_RING_MAX)
		size *= 2;
	t->first = t->end = UINT64_MAX;
	t->mask = size - 1;
	t->flows = flows;
	t->timeout_ns = timeout_ns;
	t->states_count = measured;
	size_t bytes = (size_t)(measured / 4 + 1);
	t->places = map_ring(size * sizeof *t->places);
	t->trains = map_ring(size * sizeof *t->trains);
	t->flow = ipb_apart_array(flows, sizeof *t->flow);
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (bytes <= POPULATE_MAX ? MAP_POPULATE : 0), -1, 0);
	t->states = map == MAP_FAILED ? NULL : map;
	map = mmap(NULL, refusal_bytes(t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	t->refusals = map == MAP_FAILED ? NULL : map;
	if (t->refusals == NULL || t->places == NULL || t->trains == NULL || t->flow == NULL || t->states == NULL) {
		ipb_track_free(t);
		return ipb_error(err, "no memory to keep track of %llu packets", (unsigned long long)(size + measured));
	}
	for (uint32_t i = 0; i < flows; i++)
		t->flow[i].awaited = i;
	return 0;
}

void ipb_track_free(struct ipb_track *t)
{
	if (t->states != NULL)
		munmap(t->states, (size_t)(t->states_count / 4 + 1));
	if (t->refusals != NULL)
		munmap(t->refusals, refusal_bytes(t));
	if (t->places != NULL)
		munmap(t->places, (size_t)(t->mask + 1) * sizeof *t->places);
	if (t->trains != NULL)
		munmap(t->trains, (size_t)(t->mask + 1) * sizeof *t->trains);
	free(t->flow);
	memset(t, 0, sizeof *t);
}

static enum ipb_fate get(const struct ipb_track *t, uint64_t index)
{
	return (enum ipb_fate)(t->states[index >> 2] >> ((index & 3) * 2) & 3);
}

static void set(struct ipb_track *t, uint64_t index, enum ipb_fate fate)
{
	t->states[index >> 2] |= (uint8_t)(fate << ((index & 3) * 2));
}

/* A reply that came all the same would be another's. */
static void never_leaves(struct ipb_track *t, uint64_t index)
{
	if (index >= t->states_count)
		return;
	set(t, index, IPB_FATE_CORRUPT);
	t->refusals[index >> 3] |= (uint8_t)(1u << (index & 7));
}

void ipb_track_refused(struct ipb_track *t, uint64_t due_ns, uint32_t size, uint64_t now_ns, int measured)
{
	const uint64_t number = t->next;

	ipb_track_sent(t, due_ns, size, now_ns, measured);
	if (!measured)
		return;
	t->counts.sent--;
	t->refused++;
	never_leaves(t, number - t->first);
}

void ipb_track_hold(struct ipb_track *t, uint64_t due_ns, uint32_t size, int measured)
{
	ipb_track_sent(t, due_ns, size, due_ns, measured);
	t->counts.sent -= (uint64_t)measured;
	t->held += (uint64_t)measured;
}

void ipb_track_release(struct ipb_track *t, uint64_t number, uint64_t sent_ns, int measured)
{
	ipb_track_train(t, number)->sent_ns = sent_ns;
	t->counts.sent += (uint64_t)measured;
	t->held -= (uint64_t)measured;
}

void ipb_track_give_up(struct ipb_track *t, uint64_t number, int measured)
{
	if (!measured)
		return;
	t->held--;
	t->given_up++;
	never_leaves(t, number - t->first);
}

enum ipb_verdict_reply ipb_track_reply(struct ipb_track *t, uint64_t number, uint32_t flow, int corrupt, uint64_t now_ns)
{
	struct ipb_flow *f = &t->flow[flow];
	int overtaken = number < f->highest;

	if (!overtaken && !corrupt)
		f->highest = number + 1;
	if (number >= f->awaited)
		f->awaited = number + t->flows;
	if (number < t->first || number >= t->end)
		return IPB_TRACK_UNMEASURED;
	uint64_t index = number - t->first;
	if (index >= t->states_count)
		return IPB_TRACK_UNMEASURED;
	if (get(t, index) != IPB_FATE_OUT) {
		t->counts.duplicate++;
		return IPB_TRACK_DUPLICATE;
	}
	if (corrupt) {
		set(t, index, IPB_FATE_CORRUPT);
		t->counts.corrupt++;
		return IPB_TRACK_CORRUPT;
	}
	if (!ipb_track_holds(t, number) || now_ns - ipb_track_train(t, number)->sent_ns > t->timeout_ns) {
		set(t, index, IPB_FATE_LATE);
		t->counts.late++;
		return IPB_TRACK_LATE;
	}
	set(t, index, IPB_FATE_OK);
	t->counts.ok++;
	t->counts.reordered += (uint64_t)overtaken;
	return IPB_TRACK_SAMPLE;
}

void ipb_track_unknown(struct ipb_track *t, uint32_t flow, uint64_t now_ns)
{
	struct ipb_flow *f = &t->flow[flow];

	for (int i = 0; i < SKIP_MAX && f->awaited < t->next; i++, f->awaited += t->flows)
		if (ipb_track_holds(t, f->awaited) && now_ns - ipb_track_train(t, f->awaited)->sent_ns <= t->timeout_ns)
			break;
	if (f->awaited >= t->next)
		return;
	t->unknown += f->awaited >= t->first && f->awaited < t->end;
	f->awaited += t->flows;
}

uint64_t ipb_track_answered(const struct ipb_track *t)
{
	uint64_t answered = 0;

	for (uint32_t i = 0; i < t->flows; i++)
		if (t->flow[i].awaited >= t->flows && t->flow[i].awaited - t->flows + 1 > answered)
			answered = t->flow[i].awaited - t->flows + 1;
	return answered;
}

void ipb_track_finish(struct ipb_track *t)
{
	uint64_t out = ipb_track_out(t);

	t->unplaced = t->unknown > out ? t->unknown - out : 0;
	t->unknown -= t->unplaced;
	t->counts.corrupt += t->unknown;
	t->counts.lost = out - t->unknown;
}

uint64_t ipb_track_unanswered(const struct ipb_track *t, uint64_t from, uint64_t end)
{
	uint64_t out = 0, word;

	for (uint64_t n = from; n < end && end <= t->states_count; n += IPB_TRACK_SCAN_STEP) {
		memcpy(&word, &t->states[n >> 2], sizeof word);
		out += IPB_TRACK_SCAN_STEP - (uint64_t)__builtin_popcountll((word | word >> 1) & 0x5555555555555555ull);
	}
	return out;
}

uint64_t ipb_track_told(const struct ipb_track *t)
{
	const uint64_t all = t->counts.sent + t->refused + t->given_up;

	return all < t->states_count ? all : t->states_count;
}

uint64_t ipb_track_all_answered(const struct ipb_track *t, uint64_t index, uint64_t end)
{
	uint64_t n = 0, word;

	if (index % IPB_TRACK_SCAN_STEP != 0 || t->refused + t->given_up > 0)
		return 0;
	for (; index + n + IPB_TRACK_SCAN_STEP <= end; n += IPB_TRACK_SCAN_STEP) {
		memcpy(&word, &t->states[(index + n) >> 2], sizeof word);
		if (((word | word >> 1) & 0x5555555555555555ull) != 0x5555555555555555ull)
			break;
	}
	return n;
}

void ipb_track_tell(const struct ipb_track *t, uint64_t index, struct ipb_outages *o)
{
	const int never_left = t->refusals[index >> 3] >> (index & 7) & 1;

	if (never_left || get(t, index) == IPB_FATE_OUT)
		ipb_outages_lost(o, never_left);
	else
		ipb_outages_answered(o, 1);
}

enum ipb_fate ipb_track_fate(const struct ipb_track *t, uint64_t number)
{
	if (number < t->first || number - t->first >= t->states_count)
		return IPB_FATE_OUT;
	return get(t, number - t->first);
}
