/*
 * Idle-cycle counters: one lowest-priority loop on each CPU.  SPDX-License-Identifier: MIT
 *
 * Each burner is a process of its own, pinned to one CPU, in SCHED_IDLE, in a session and so an autogroup of its own
 * at nice 19, and dies with the process that made it. It reads the time stamp counter in a loop: a step shorter than
 * the threshold was spent in the loop and counts as idle; a longer one was spent elsewhere: another task, an
 * interrupt, a softirq, the hypervisor. See README.md for why processes and why not their CPU time.
 */
#ifndef BURNER_H
#define BURNER_H

#include <stdint.h>
#include <sys/types.h>

#include "ipb_clock.h"
#include "ipb_error.h"

#define BURNER_CPUS_MAX 1024
#define BURNER_CALIBRATION_NS 5000000     /* of the loop, to find out how long a step takes */
#define BURNER_STEPS_LONG 12              /* a step of so many times the usual one is time spent elsewhere … */
#define BURNER_THRESHOLD_MIN_NS 300       /* … but not below this … */
#define BURNER_THRESHOLD_MAX_NS 2000      /* … nor above this */
#define BURNER_READY_MS 200               /* how long to wait for the loops to be seen running */
#define BURNER_END_MS 1000                /* how long to wait for them to be gone */

/* What one burner counts; a cache line pair of its own in shared memory. */
struct burner_slot {
	_Atomic uint64_t idle; /* ticks */
	uint64_t pad[15];
};

/* Times of one CPU from /proc/stat, in ticks of _SC_CLK_TCK. */
struct burner_stat {
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
};

/* One reading of everything. */
struct burner_reading {
	uint64_t ticks;                /* of the counter, when it was taken */
	uint64_t idle[BURNER_CPUS_MAX]; /* by burner */
};

struct burners {
	unsigned count;
	int online;                    /* CPUs of the machine */
	int cpu[BURNER_CPUS_MAX];
	pid_t pid[BURNER_CPUS_MAX];
	struct burner_slot *slots;
	struct ipb_clock clock;
	uint64_t threshold;            /* ticks */
	char doubt[320];               /* why the figure may be wrong, "" when nothing is known */
};

/* Reads "4" (the first four CPUs this process may use), "0-3", "0,2-3" or "" (all) into cpus (BURNER_CPUS_MAX of them).
 * Returns how many, or -1 and a sentence. */
int burner_parse_cpus(const char *text, int *cpus, struct ipb_error *err);

/* Calibrates and starts one burner for each CPU. 0, or -1 and a sentence. To be called on a thread that lives as long
 * as the burners are to live: they die with it. */
int burners_start(struct burners *b, const char *cpus, struct ipb_error *err);
/* Ends them, and waits for that for a second at most; harmless when there are none. */
void burners_end(struct burners *b);

/* Takes a reading; async-signal-safe, no allocation. */
void burners_read(const struct burners *b, struct burner_reading *to);
/* Share of one burner's CPU that others used between two readings, 0..1. */
double burners_use(const struct burner_reading *from, const struct burner_reading *to, unsigned index);
double burners_seconds(const struct burners *b, uint64_t ticks);

/* Reads /proc/stat for the burners' CPUs (count of them). 0 or -1. */
int burners_stat(const struct burners *b, struct burner_stat *to);

#endif
