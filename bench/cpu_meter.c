/*
 * A known burner: uses a share of one CPU.  SPDX-License-Identifier: MIT
 *
 *   cpu_meter CPU PERCENT SECONDS
 *
 * Works in periods of 10 ms and corrects each by what its own CPU time says so far. Prints the share that it really
 * used, in percent, from CLOCK_PROCESS_CPUTIME_ID.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PERIOD_NS 10000000ll

static int64_t now_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	cpu_set_t one;

	if (argc != 4)
		return fprintf(stderr, "usage: cpu_meter CPU PERCENT SECONDS\n"), 2;
	CPU_ZERO(&one);
	CPU_SET(atoi(argv[1]), &one);
	if (sched_setaffinity(0, sizeof one, &one) < 0)
		return perror("cpu_meter: cannot run on that CPU"), 1;
	double share = atof(argv[2]) / 100;
	int64_t begin = now_ns(CLOCK_MONOTONIC), end = begin + (int64_t)(atof(argv[3]) * 1e9);
	int64_t cpu_begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int64_t due = begin; due < end; due += PERIOD_NS) {
		struct timespec until = { due / 1000000000, due % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		int64_t goal = cpu_begin + (int64_t)((double)(due + PERIOD_NS - begin) * share);
		while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < goal && now_ns(CLOCK_MONOTONIC) < due + PERIOD_NS)
			;
	}
	double wall = (double)(now_ns(CLOCK_MONOTONIC) - begin);
	printf("%.2f\n", 100 * (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) / wall);
	return 0;
}
