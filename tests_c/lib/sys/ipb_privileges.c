/* Processor and priority of a measuring thread; see ipb_privileges.h.  SPDX-License-Identifier: MIT */
#include "ipb_privileges.h"

#include <pthread.h>

void ipb_privileges_take(struct ipb_privileges *old, int cpu, int rt)
{
	cpu_set_t one;
	struct sched_param param = { .sched_priority = rt };

	old->cpu = cpu;
	old->rt = rt;
	sched_getaffinity(0, sizeof old->cpus, &old->cpus);
	pthread_getschedparam(pthread_self(), &old->policy, &old->param);
	if (cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
	}
	if (rt > 0)
		pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

void ipb_privileges_leave(const struct ipb_privileges *old)
{
	if (old->rt > 0)
		pthread_setschedparam(pthread_self(), old->policy, &old->param);
	if (old->cpu >= 0)
		sched_setaffinity(0, sizeof old->cpus, &old->cpus);
}
