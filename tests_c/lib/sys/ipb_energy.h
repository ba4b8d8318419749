/*
 * Energy that this machine's processors used, by the counters of their packages (RAPL, the kernel's powercap).
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_ENERGY_H
#define IPB_ENERGY_H

#include <stdint.h>

#define IPB_ENERGY_PACKAGES 16
/* Names another folder than /sys/class/powercap, with the same files in it. */
#define IPB_ENERGY_VARIABLE "IPBENCH_POWERCAP"

struct ipb_energy {
	unsigned count; /* of packages; 0: `why` has the reason */
	int file[IPB_ENERGY_PACKAGES];
	uint64_t range_uj[IPB_ENERGY_PACKAGES]; /* where a counter begins again at 0 */
	char why[160];
};

/* Microjoules of each package, from an instant that nobody knows. */
struct ipb_energy_reading {
	uint64_t uj[IPB_ENERGY_PACKAGES];
	int known;
};

/* Opens the counters of all packages; where one is not readable, none. */
void ipb_energy_open(struct ipb_energy *e);
void ipb_energy_close(struct ipb_energy *e);
/* Async-signal-safe. */
void ipb_energy_read(const struct ipb_energy *e, struct ipb_energy_reading *r);
/* Joules of all packages from one reading to a later one, less than a turn of a counter behind it; -1: not known. */
double ipb_energy_joules(const struct ipb_energy *e, const struct ipb_energy_reading *from,
                         const struct ipb_energy_reading *to);

#endif
