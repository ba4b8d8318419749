/* Processor and priority of a measuring thread, for as long as it measures.  SPDX-License-Identifier: MIT */
#ifndef IPB_PRIVILEGES_H
#define IPB_PRIVILEGES_H

#include <sched.h>

struct ipb_privileges {
	int cpu, rt; /* what was asked for: -1 and 0: nothing */
	cpu_set_t cpus;
	struct sched_param param;
	int policy;
};

/* Of the calling thread. cpu -1: any; rt: SCHED_FIFO priority, 0: none. What cannot be had is left: set-up has tried it. */
void ipb_privileges_take(struct ipb_privileges *old, int cpu, int rt);
void ipb_privileges_leave(const struct ipb_privileges *old);

#endif
