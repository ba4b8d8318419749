/* The team's inside, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef IPB_TEAM_PRIVATE_H
#define IPB_TEAM_PRIVATE_H

#include "ipb_engine_private.h"
#include "ipb_team.h"

/* One thread. It writes its progress while it runs, in a line of its own. */
struct ipb_team_member {
	_Alignas(IPB_APART) struct ipbench_progress progress;
	_Alignas(IPB_APART) struct ipb_engine *engine;
	struct ipb_error err; /* of its set-up */
	uint32_t probes;      /* ports that were tried */
	int ended;            /* atomic: its run is over */
	int at_limit;         /* after the run: it could not keep up, and nothing else held it up */
};

struct ipb_team {
	struct ipb_engine_config whole; /* of all together */
	struct ipb_threads threads;
	struct ipb_address addresses[IPB_SOCK_ADDRESSES_MAX];
	int address_count;
	struct ipb_xdp_share *xdp;      /* engine=xdp: the program of all threads; else NULL */
	struct ipb_team_member *members;
	struct ipb_json figures;        /* the members `threads` of the report */
	struct ipbench_progress *progress;
	struct ipb_sched common;        /* one thread's schedule, without what it is later than the others */
	uint64_t start_ns, deadline_ns, reported_ns;
	struct ipb_sum *sums;           /* until_ci: round trips of all threads in each interval; else NULL */
	uint32_t sum_count, question;   /* how often the threads were asked for theirs; */
	int asked;                      /* not all of them have answered yet */
	uint64_t ask_due_ns;
	uint64_t last_updates;
	uint32_t rx_queues, tx_queues;  /* of the interface; 0: not known */
	int rps;                        /* the kernel spreads what comes by it */
	uint64_t steer_until_ns;
	const char *steer_why;          /* why ports were chosen, or not */
	int told_end, deadline_missed, failed;
	int cancelled;                  /* atomic: some threads were not started */
	int merged;                     /* the first engine has the configuration of all, and this was */
	struct ipb_engine_config own;   /* its own */
};

/* Raw Ethernet: each thread gets the replies to its own frames. 0, or -1 and a sentence. */
int ipb_team_share_frames(struct ipb_team *t, struct ipb_error *err);
/* Chooses source ports so that replies come to the thread's processor, where that can be; takes a part of the warm-up. */
void ipb_team_steer(struct ipb_team *t);
/* How many of an engine's flows had their last reply on the processor of its thread. */
uint32_t ipb_team_replies_here(const struct ipb_engine *e);
/* The member `steering` of the open object. */
void ipb_team_steering(const struct ipb_team *t, struct ipb_json *j);
/* Something before the start took so long: it is taken from the warm-up, and from the ramp-up. */
void ipb_team_shorten_warmup(struct ipb_team *t, uint64_t took_ns);
/* Damaged replies that cannot be assigned came to the first thread: where it has not lost as many packets, others
 * have. */
void ipb_team_place_unknown(struct ipb_team *t);
/* Writes each thread's figures, while its engine still has them. */
void ipb_team_figures(struct ipb_team *t);
/* Adds all engines to the first one, whose report is then that of all. */
void ipb_team_merge(struct ipb_team *t);
/* What was wrong with the run, and with which thread; after both. */
void ipb_team_judge(struct ipb_team *t);

#endif
