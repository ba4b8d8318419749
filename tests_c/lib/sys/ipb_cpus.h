/*
 * How busy each processor of this machine was, and with what.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_CPUS_H
#define IPB_CPUS_H

#include <stdint.h>

#define IPB_CPUS_MAX 1024

/* Ticks since the machine started, /proc/stat. */
struct ipb_cpus {
	uint32_t count;
	struct {
		uint64_t all, idle, softirq; /* softirq: and hard interrupts */
	} cpu[IPB_CPUS_MAX];
};

struct ipb_cpus_use {
	int cpu;        /* the busiest; -1: not known */
	double busy;    /* share of the time, 0..1 */
	double softirq; /* of it in interrupts */
	double total;   /* processors' worth that were busy, all together, */
	uint32_t count; /* of so many */
};

/* What cannot be read leaves count 0. */
void ipb_cpus_read(struct ipb_cpus *c);
/* Shares of one processor's time: busy, and of it in interrupts. 0, or -1: it is not known, and both are 0. */
int ipb_cpus_of(const struct ipb_cpus *from, const struct ipb_cpus *to, int cpu, double *busy, double *softirq);
void ipb_cpus_between(const struct ipb_cpus *from, const struct ipb_cpus *to, struct ipb_cpus_use *use);

#endif
