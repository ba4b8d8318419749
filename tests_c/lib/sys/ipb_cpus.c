/* The processors' time; see ipb_cpus.h.  SPDX-License-Identifier: MIT */
#include "ipb_cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

/* Columns of a line of /proc/stat, proc_stat(5). */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, COLUMNS };

void ipb_cpus_read(struct ipb_cpus *c)
{
	char line[LINE_MAX_BYTES];
	FILE *f = fopen("/proc/stat", "re");

	c->count = 0;
	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL && strncmp(line, "cpu", 3) == 0) {
		uint64_t v[COLUMNS] = { 0 }, all = 0;
		char *at = line + 3;
		if (*at == ' ')
			continue; /* the sum */
		const unsigned long number = strtoul(at, &at, 10);
		if (number >= IPB_CPUS_MAX)
			break;
		for (int i = 0; i < COLUMNS; i++)
			all += v[i] = strtoull(at, &at, 10);
		while (c->count <= number)
			memset(&c->cpu[c->count++], 0, sizeof c->cpu[0]);
		c->cpu[number].all = all;
		c->cpu[number].idle = v[IDLE] + v[IOWAIT];
		c->cpu[number].softirq = v[IRQ] + v[SOFTIRQ];
	}
	fclose(f);
}

int ipb_cpus_of(const struct ipb_cpus *from, const struct ipb_cpus *to, int cpu, double *busy, double *softirq)
{
	const uint32_t i = (uint32_t)cpu;

	*busy = *softirq = 0;
	if (cpu < 0 || i >= from->count || i >= to->count || to->cpu[i].all <= from->cpu[i].all || to->cpu[i].idle < from->cpu[i].idle)
		return -1;
	const double all = (double)(to->cpu[i].all - from->cpu[i].all);
	*busy = 1 - (double)(to->cpu[i].idle - from->cpu[i].idle) / all;
	*softirq = (double)(to->cpu[i].softirq - from->cpu[i].softirq) / all;
	return 0;
}

void ipb_cpus_between(const struct ipb_cpus *from, const struct ipb_cpus *to, struct ipb_cpus_use *use)
{
	*use = (struct ipb_cpus_use){ .cpu = -1 };
	for (uint32_t i = 0; i < from->count && i < to->count; i++) {
		double busy, softirq;
		if (ipb_cpus_of(from, to, (int)i, &busy, &softirq) < 0)
			continue;
		use->total += busy;
		use->count++;
		if (use->cpu >= 0 && busy <= use->busy)
			continue;
		use->cpu = (int)i;
		use->busy = busy;
		use->softirq = softirq;
	}
}
