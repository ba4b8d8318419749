/*
 * One measurement by several threads: each has an engine of its own (ipb_engine.h), with its flows, histograms and records,
 * and none waits for another.  SPDX-License-Identifier: MIT
 *
 * Rate, samples and flows are shared out evenly. All engines start at one instant, each some part of an interval after the
 * one before, so that constant arrivals are evenly spaced over all threads together; their measured phases are the same
 * stretch of time. A number of samples is collected by all together: the phase ends for all when they are in. Afterwards the
 * engines' counts, histograms and series are added up, and what the tester did wrong is reported of the thread that did it.
 *
 * With one thread it is that engine, on the thread that calls.
 */
#ifndef IPB_TEAM_H
#define IPB_TEAM_H

#include "ipb_engine.h"
#include "ipb_json.h"
#include "ipb_threads.h"

struct ipb_team;

/* Shares of the configuration that cannot be shared out evenly, and what several threads cannot do. threads: from the
 * arguments. May raise flows, to one for each thread, when they were not given. 0, or -1 and a sentence. */
int ipb_team_check(struct ipb_engine_config *whole, const struct ipb_threads *threads, int flows_given, struct ipb_error *err);

/* Sets all engines up, each on its thread's processor. The strings of `whole` live as long as the team. NULL and a sentence
 * on failure. */
struct ipb_team *ipb_team_open(const struct ipb_engine_config *whole, const struct ipb_threads *threads,
                               struct ipb_error *err);
void ipb_team_close(struct ipb_team *t);

/* Runs all phases. progress may be NULL. 0 when it came to its end, even a bad one; -1 and a sentence when a thread could not
 * be started. */
int ipb_team_run(struct ipb_team *t, struct ipbench_progress *progress, struct ipb_error *err);
/* Makes ipb_team_run return soon. Any thread. */
void ipb_team_stop(struct ipb_team *t);

/* The engine of a thread. After the run the first one's has what all of them measured: its result and its report are those
 * of the team, until ipb_team_close. */
struct ipb_engine *ipb_team_engine(struct ipb_team *t, uint32_t thread);

#endif
