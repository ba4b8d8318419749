/*
 * How many files this process may have open.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_DESCRIPTORS_H
#define IPB_DESCRIPTORS_H

#include <stdint.h>

/* Raises the limit towards wanted, beyond the hard limit where this process may; returns the limit that holds then. */
int ipb_raise_descriptors(uint32_t wanted);

#endif
