/* See steps.h.  SPDX-License-Identifier: MIT */
#include "steps.h"

#include <stdlib.h>

#define ALIKE 8 /* what both ways changed by differs by less than this part of it */

static int64_t step_between(const struct stamp_least *a, const struct stamp_least *b)
{
	const int64_t forward = b->forward - a->forward, backward = b->backward - a->backward;
	const int64_t least = llabs(forward) < llabs(backward) ? llabs(forward) : llabs(backward);

	return llabs(forward + backward) <= least / ALIKE ? (forward - backward) / 2 : 0;
}

void stamp_steps_add(struct stamp_steps *s, int64_t forward, int64_t backward)
{
	if (s->count == 0 || forward < s->now.forward)
		s->now.forward = forward;
	if (s->count == 0 || backward < s->now.backward)
		s->now.backward = backward;
	if (++s->count < STAMP_STEPS_WINDOW)
		return;
	/* In the window of a step the least delays are those before it of one way, and those after it of the other. */
	const int64_t step = s->windows >= 2 ? step_between(&s->before[1], &s->now) : 0;
	if (llabs(step) > llabs(s->moved_ns))
		s->moved_ns = step;
	s->before[1] = s->before[0];
	s->before[0] = s->now;
	s->count = 0;
	s->windows++;
}
