/*
 * Several threads of one test, each on a processor of its own where there are enough.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_THREADS_H
#define IPB_THREADS_H

#include <stdint.h>

#include "ipb_apart.h"
#include "ipb_args.h"
#include "ipb_error.h"

#define IPB_THREADS_MAX 64u
#define IPB_THREADS_CPUS_MAX 1024u

/* Their rows of a table of options. */
#define IPB_THREAD_OPTIONS \
	{ "threads", "int", "", "1", "1..64", "Threads that share the work, each with sockets and counts of its own.", 0, 0 }, \
	{ "cpus", "string", "", "", "", "Processors of the threads in their order, 0-3 or 0;2;4-7, over again when there are more threads; not given: several threads are spread over those there are.", 0, 0 }

struct ipb_threads {
	uint32_t count;            /* at least 1 */
	int cpu[IPB_THREADS_MAX];  /* of each; -1: any */
	int given;                 /* the user chose the processors */
};

/* Reads "0,2-3" or "0;2-3" into to (at most IPB_THREADS_CPUS_MAX numbers, each below that). Returns how many, or -1 and a sentence. */
int ipb_threads_list(const char *text, int *to, struct ipb_error *err);

/* From the arguments threads and cpus. here 0: on the controller's side, where the processors are not known. 0, or -1 and a
 * sentence. */
int ipb_threads_plan(struct ipb_threads *t, const struct ipb_args *a, int here, struct ipb_error *err);

/* Reads cpus into to, at most max of them, each of which this process may use; here as for ipb_threads_plan. Returns how many, 0
 * when text is "", or -1 and a sentence. */
int ipb_threads_cpus(const char *text, int *to, uint32_t max, int here, struct ipb_error *err);

/* Puts the calling thread on a processor; -1 leaves it. 0, or -1 and errno. */
int ipb_threads_pin(int cpu);

/* A sentence's subject: "thread 1 on processor 3", or "thread 1" when it is on none of its own. */
void ipb_threads_name(const struct ipb_threads *t, uint32_t thread, char *to, size_t size);

/* Runs work(context, i) for each i < count on a thread of its own, and comes back when all have. With `watch`, it is called
 * on this thread until all have, at least every wait_ns; it returns how long it may be left alone. 0, or -1 and a sentence when
 * threads could not be started: then `cancel` is called, if there is one, so that those that run end. */
struct ipb_threads_job {
	void (*work)(void *context, uint32_t i);
	uint64_t (*watch)(void *context);
	void (*cancel)(void *context);
	void *context;
};
int ipb_threads_run(const struct ipb_threads_job *job, uint32_t count, struct ipb_error *err);

struct ipbench_progress;

/* Adds one thread's page to a sum that begins with the phase IPBENCH_PHASE_DONE. Percentiles are those of the slowest
 * thread: none of all packets together can be above. It is dark where it is for all threads. */
void ipb_threads_add_progress(struct ipbench_progress *sum, const struct ipbench_progress *one, int first);

/* Reports such a sum on the test's own page while the threads run; the end is reported when all is added up. */
void ipb_threads_report(struct ipbench_progress *to, const struct ipbench_progress *sum);

struct ipb_counts;
struct ipb_gaps;
struct ipb_hist;
struct ipb_json;
struct ipb_reason;

/* A failure of one thread as that of all: "thread 1: …". `to` may be `why`. */
void ipb_threads_failure(const struct ipb_threads *t, uint32_t thread, const char *why, char *to, size_t size);

/* The reasons of one thread, and whether it could not keep up. */
struct ipb_thread_reasons {
	const struct ipb_reason *list;
	uint32_t count;
	int at_limit;
};

/* One reason for all threads that have it: that of the thread that has it worst, in a sentence that begins with who that is and
 * how many they are. is_limit: it is one for which a thread was at its limit. Returns NULL when no thread has it. */
const struct ipb_reason *ipb_threads_reason(const struct ipb_threads *t, const struct ipb_thread_reasons *own, const char *code,
                                            int is_limit, char *text, size_t size);

/* What the document has of each thread of a test that measures round trips. */
struct ipb_thread_figures {
	const struct ipb_counts *counts;
	double requested_bps, sent_bps, received_bps;
	const struct ipb_hist *lateness, *response;
	const struct ipb_gaps *gaps;
	uint64_t unsent, start_ns, end_ns; /* the window */
	int at_limit;
};

/* Begins the object of a thread, of a test of any kind: its number, and its processor, -1: none of its own. */
void ipb_thread_begin(struct ipb_json *j, uint32_t thread, int64_t cpu);
/* Writes its figures into it. */
void ipb_thread_write(struct ipb_json *j, const struct ipb_thread_figures *f);

#endif
