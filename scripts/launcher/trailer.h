/*
 * The end of a launcher's file: where its parts are, and what they must sum up to.  SPDX-License-Identifier: MIT
 *
 * Layout of the file: launcher | runtime | loader | bundle | trailer. The parts begin on a page.
 */
#ifndef IPBENCH_TRAILER_H
#define IPBENCH_TRAILER_H

#include <stdint.h>

#define TRAILER_MAGIC "IPBENCH-LAUNCH-1" /* 16 bytes, no NUL; the last thing in the file */
#define TRAILER_PARTS 3

enum trailer_part { PART_RUNTIME, PART_LOADER, PART_BUNDLE };

struct trailer_entry {
	uint64_t offset; /* from the beginning of the file */
	uint64_t length; /* bytes */
	uint64_t sum;    /* sum_bytes() of them */
};

struct trailer {
	uint64_t file_size; /* of the whole file, this trailer included */
	struct trailer_entry part[TRAILER_PARTS];
	uint64_t sum; /* sum_bytes() of the fields before */
	char magic[16];
};

/* A checksum against truncation and damage, not against an attacker: four CRC-32C side by side over the 8-byte words
 * (word i goes to lane i mod 4; the last word is filled with zeros), then one over the lanes and the length. Done in
 * 10 ms for 95 MB where the processor has the instruction. */
uint64_t sum_bytes(const void *data, uint64_t length);

#endif
