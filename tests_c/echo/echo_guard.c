/* What an echo does not answer; see echo_guard.h.  SPDX-License-Identifier: MIT */
#include "echo_guard.h"

#include <stdlib.h>
#include <string.h>

#include "ipb_clock.h"
#include "ipb_rng.h"

struct guard *guard_new(void)
{
	struct guard *g = calloc(1, sizeof *g);
	uint64_t mix = ipb_now_ns() ^ (uint64_t)(uintptr_t)g;

	if (g != NULL)
		g->seed = ipb_mix64(&mix); /* so that nobody knows which packets share a place */
	return g;
}

static uint64_t add(uint64_t hash, const uint8_t *data, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, data, size);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static uint64_t tag_of(const struct guard *g, uint64_t sender, const uint8_t *data, size_t size)
{
	uint64_t hash = (g->seed ^ sender) * 0x9e3779b97f4a7c15ull + size;
	size_t known = size < GUARD_KNOWN ? size : GUARD_KNOWN;

	for (size_t at = 0; at < known; at += 8)
		hash = add(hash, data + at, known - at < 8 ? known - at : 8);
	if (size > GUARD_KNOWN) /* the first of them may be known already */
		hash = add(hash, data + size - 8, 8);
	return hash | 1;
}

/* The packet's place: where it is, or that of the one not seen for longest. */
static struct guard_packet *place(struct guard *g, uint64_t tag)
{
	struct guard_packet *set = g->packets[tag >> 32 & (GUARD_SETS - 1)], *oldest = set;

	for (int i = 0; i < GUARD_WAYS; i++) {
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].last_ns < oldest->last_ns)
			oldest = &set[i];
	}
	*oldest = (struct guard_packet){ .tag = tag };
	return oldest;
}

static void begin_silence(struct guard_packet *p, uint64_t now_ns)
{
	uint64_t took_ns = now_ns > p->first_ns ? now_ns - p->first_ns : 1;
	uint64_t silence_ns = GUARD_SILENCE_NS + GUARD_SILENCE_ROUNDS * took_ns / p->count;
	uint64_t needed = silence_ns / 2 * p->count / took_ns / GUARD_GOES_ON;

	p->needed = needed < GUARD_GOES_ON_MIN   ? GUARD_GOES_ON_MIN
	            : needed > GUARD_GOES_ON_MAX ? GUARD_GOES_ON_MAX
	                                         : (uint32_t)needed;
	p->late = 0;
	p->silent_until_ns = now_ns + silence_ns;
	p->late_from_ns = p->silent_until_ns - silence_ns / 2;
}

static void end_silence(struct guard_packet *p, uint64_t now_ns)
{
	p->silent_until_ns = 0;
	p->count = 0;
	if (p->late < p->needed) {
		p->sent_anew += p->sent_anew < GUARD_SENT_ANEW_MAX;
		return;
	}
	p->trusted_until_ns = now_ns + (GUARD_TRUST_NS << p->trusted);
	p->trusted += p->trusted < GUARD_TRUST_DOUBLINGS;
}

int guard_goes_round(struct guard *g, uint64_t sender, const uint8_t *data, size_t size, int endless, uint64_t now_ns)
{
	struct guard_packet *p = place(g, tag_of(g, sender, data, size));
	uint64_t before_ns = p->last_ns;
	uint32_t counts = now_ns != before_ns, times = 1 + p->sent_anew;

	p->last_ns = now_ns;
	if (now_ns < p->silent_until_ns) {
		p->late += counts && now_ns >= p->late_from_ns;
		return 1;
	}
	if (now_ns - before_ns > (p->silent_until_ns > 0 || p->sent_anew > 0 ? GUARD_REMEMBER_NS : GUARD_WINDOW_NS))
		*p = (struct guard_packet){ .tag = p->tag, .last_ns = now_ns };
	if (p->silent_until_ns > 0)
		end_silence(p, now_ns);
	if (now_ns < p->trusted_until_ns)
		return 0;
	if (p->count == 0 || (!endless && now_ns - p->first_ns > times * GUARD_WINDOW_NS)) {
		p->first_ns = now_ns;
		p->count = 0;
	}
	p->count += counts;
	if (!counts || p->count < times * (endless ? GUARD_SAME_ENDLESS : GUARD_SAME_HOPS))
		return 0;
	begin_silence(p, now_ns);
	return 1;
}

int guard_is_service(uint16_t port)
{
	switch (port) {
	case 0:   /* no answer can go there */
	case 7:   /* echo */
	case 9:   /* discard */
	case 11:  /* active users */
	case 13:  /* time of day */
	case 17:  /* quote of the day */
	case 19:  /* characters */
	case 37:  /* time */
	case 53:  /* DNS */
	case 69:  /* TFTP */
	case 111: /* port mapper */
	case 123: /* NTP */
	case 137: /* NetBIOS names */
	case 161: /* SNMP */
	case 389: /* LDAP without connections */
	case 520: /* RIP */
	case 623: /* remote management */
		return 1;
	default:
		return 0;
	}
}
