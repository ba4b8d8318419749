/*
 * Numbered packets as they come: which are new, which came again, which were overtaken.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_SEQUENCE_H
#define IPB_SEQUENCE_H

#include <stdint.h>

#define IPB_SEQUENCE_WINDOW 65536 /* packets back to which a duplicate is known from a late one */

struct ipb_sequence {
	uint64_t first, highest;
	uint64_t unique, duplicate, reordered; /* reordered: new, and with a number below the highest */
	uint64_t *seen; /* IPB_SEQUENCE_WINDOW bits */
};

/* Before the first packet; all other members are to be 0. 0, or -1 without memory. */
int ipb_sequence_init(struct ipb_sequence *s);
void ipb_sequence_free(struct ipb_sequence *s);
/* 1 when this number had not come before, as far as the window knows. */
int ipb_sequence_add(struct ipb_sequence *s, uint64_t number);

#endif
