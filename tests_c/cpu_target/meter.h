/*
 * What cpu_target and cpu_target_lukem have in common: burners from setup on, readings at START and STOP, figures.
 * SPDX-License-Identifier: MIT
 */
#ifndef METER_H
#define METER_H

#include "burner.h"
#include "ipb_energy.h"
#include "ipb_json.h"
#include "ipb_stop.h"
#include "plugin.h"

struct meter {
	struct burners burners;
	uint64_t warmup_ns, cooldown_ns;
	struct ipb_stop stopping; /* the reading `last` and stop_ns are written before it is asked for */
	struct burner_reading first, last; /* the measured window's ends */
	struct burner_stat stat_first[BURNER_CPUS_MAX], stat_last[BURNER_CPUS_MAX];
	int stat_known;
	struct ipb_energy energy;
	struct ipb_energy_reading energy_first, energy_last;
	uint64_t window_start_ns, window_end_ns; /* CLOCK_MONOTONIC */
	uint64_t stop_ns;                         /* when stop was called */
	/* Readings of the last cooldown_ns, a ring; only kept when there is a cooldown. */
	struct burner_reading *ring;
	struct burner_stat *ring_stat;
	struct ipb_energy_reading *ring_energy;
	uint64_t *ring_ns;
	unsigned ring_size, ring_used;
};

#define METER_TICK_NS 100000000ull       /* between readings of the ring, and updates of the progress page */
#define METER_STEAL_LIMIT 0.01           /* a share of CPU time taken by the hypervisor that makes a figure SUSPECT */

int meter_setup(struct meter *m, const char *cpus, struct ipb_error *err);
int meter_start(struct meter *m, const struct ipbench_host *host); /* returns when stopped */
void meter_stop(struct meter *m);                                  /* async-signal-safe */
void meter_end(struct meter *m);
double meter_use(const struct meter *m, double *each); /* mean of all CPUs in percent; each (may be NULL): by CPU */
/* {"metrics":[…],"energy":{…},"reasons":[…],"window":{…}}, malloc'ed, or NULL. lukem: idle and total cycles as well. */
char *meter_json(const struct meter *m, int lukem);

#define METER_METRICS 13
/* What its figures are, for the extension's table. */
extern const struct ipbench_metric meter_metrics[METER_METRICS];

#endif
