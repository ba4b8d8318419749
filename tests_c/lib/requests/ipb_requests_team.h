/*
 * Requests by several threads: each has connections, a schedule, histograms and counts of its own (ipb_requests.h).
 * SPDX-License-Identifier: MIT
 *
 * Rate and connections are shared out evenly. All start at one instant; afterwards all is added up in the first one, whose
 * result and report are then those of all.
 */
#ifndef IPB_REQUESTS_TEAM_H
#define IPB_REQUESTS_TEAM_H

#include "ipb_requests.h"
#include "ipb_threads.h"

struct ipb_requests_team;

/* 0 when the settings can be shared out, else -1 and a sentence. */
int ipb_requests_team_check(const struct ipb_requests_config *whole, const struct ipb_threads *threads, struct ipb_error *err);

/* share: gives thread i > 0 what must not be another's, in c; NULL: there is nothing. 0, or -1 and a sentence. */
struct ipb_requests_team *ipb_requests_team_open(const struct ipb_requests_config *whole, const struct ipb_threads *threads,
                                                 int (*share)(struct ipb_requests_config *c, uint32_t i, struct ipb_error *err),
                                                 struct ipb_error *err);
void ipb_requests_team_close(struct ipb_requests_team *t);
/* Runs all phases; progress may be NULL. 0 when it came to its end, even a bad one; -1 and a sentence without threads. */
int ipb_requests_team_run(struct ipb_requests_team *t, struct ipbench_progress *progress, struct ipb_error *err);
/* Any thread. */
void ipb_requests_team_stop(struct ipb_requests_team *t);
/* Those of thread i; of the first one, after the run, those of all. */
struct ipb_requests *ipb_requests_team_of(struct ipb_requests_team *t, uint32_t i);
/* The member `threads` of the open object; nothing where there is one. */
void ipb_requests_team_report(const struct ipb_requests_team *t, struct ipb_json *j);

#endif
