/* The checksum of IP and UDP in the plain way of RFC 1071, for tests.  SPDX-License-Identifier: MIT */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The one's complement sum of 16-bit words in network byte order, without its complement, added to start. */
static inline uint16_t sum(const uint8_t *data, size_t size, uint32_t start)
{
	uint32_t total = start;

	for (size_t i = 0; i < size; i++)
		total += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

#endif
