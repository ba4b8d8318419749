/* Numbered packets; see ipb_sequence.h.  SPDX-License-Identifier: MIT */
#include "ipb_sequence.h"

#include <stdlib.h>
#include <string.h>

int ipb_sequence_init(struct ipb_sequence *s)
{
	s->seen = calloc(IPB_SEQUENCE_WINDOW / 64, sizeof *s->seen);
	return s->seen != NULL ? 0 : -1;
}

void ipb_sequence_free(struct ipb_sequence *s)
{
	free(s->seen);
	s->seen = NULL;
}

static uint64_t *word_of(struct ipb_sequence *s, uint64_t number) { return &s->seen[number % IPB_SEQUENCE_WINDOW / 64]; }

/* Forgets what lies between the old highest number and the new one. */
static void advance(struct ipb_sequence *s, uint64_t to)
{
	if (to - s->highest >= IPB_SEQUENCE_WINDOW) {
		memset(s->seen, 0, IPB_SEQUENCE_WINDOW / 8);
	} else {
		for (uint64_t n = s->highest + 1; n <= to; n++)
			*word_of(s, n) &= ~(1ull << n % 64);
	}
	s->highest = to;
}

int ipb_sequence_add(struct ipb_sequence *s, uint64_t number)
{
	if (s->unique == 0) {
		s->first = s->highest = number;
	} else if (number > s->highest) {
		advance(s, number);
	} else {
		if (s->highest - number < IPB_SEQUENCE_WINDOW && (*word_of(s, number) >> number % 64 & 1)) {
			s->duplicate++;
			return 0;
		}
		s->reordered++;
		if (number < s->first)
			s->first = number;
		if (s->highest - number >= IPB_SEQUENCE_WINDOW) {
			s->unique++;
			return 1;
		}
	}
	*word_of(s, number) |= 1ull << number % 64;
	s->unique++;
	return 1;
}
