/*
 * Memory of one thread that shares no cache line with another thread's.  SPDX-License-Identifier: MIT
 *
 * Two threads that write to one line make each other wait for it with every write, though neither reads what the other
 * writes. Lines are 64 bytes; processors fetch them in pairs, so that 128 bytes are kept apart.
 */
#ifndef IPB_APART_H
#define IPB_APART_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define IPB_APART 128u /* bytes */

/* A block of any content that begins and ends at such boundaries, which nothing has touched; NULL without memory. */
static inline void *ipb_apart_raw(size_t size)
{
	const size_t whole = (size + IPB_APART - 1) / IPB_APART * IPB_APART;
	void *block = NULL;

	return whole < size || posix_memalign(&block, IPB_APART, whole > 0 ? whole : IPB_APART) != 0 ? NULL : block;
}

/* The same, with zeros. For free(), both. */
static inline void *ipb_apart(size_t size)
{
	void *block = ipb_apart_raw(size);

	return block != NULL ? memset(block, 0, size) : NULL;
}

/* Zeros for count things of that size. */
static inline void *ipb_apart_array(size_t count, size_t size)
{
	return size != 0 && count > SIZE_MAX / 2 / size ? NULL : ipb_apart(count * size);
}

#endif
