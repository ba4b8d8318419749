/* A reflector's clock that is stepped, as its own stamps show it.  SPDX-License-Identifier: MIT */
#ifndef STAMP_STEPS_H
#define STAMP_STEPS_H

#include <stdint.h>

#define STAMP_STEPS_WINDOW 32u /* packets whose least delays are compared with those of two windows before */

struct stamp_least {
	int64_t forward, backward;
};

struct stamp_steps {
	struct stamp_least now, before[2];
	uint32_t count, windows;
	int64_t moved_ns; /* the largest step that was seen; 0: none */
};

/* The delays of a packet, offset of the clocks included. What one way gains from a step the other loses: a path that changes does
 * that by chance alone. */
void stamp_steps_add(struct stamp_steps *s, int64_t forward, int64_t backward);

#endif
