/*
 * discard's result: bytes, and what is read from them.  SPDX-License-Identifier: MIT
 *
 * Numbers of 64 bits in network byte order. The original's eight: bytes, time in us, bit/s sent, packets, size, bit/s
 * requested, full queues, failures. Ours has five more: packets of all phases, packets given up, begin and end of the measured
 * phase (CLOCK_MONOTONIC, ns), the last error number. What the kernel made (engine=inject) adds two: packets that the interface sent,
 * and dropped, meanwhile. Several threads add seven each: processor (-1: none of its own), packets
 * of the measured phase, of all phases, full queues, failures, packets given up, the last error number.
 */
#ifndef DISCARD_RESULT_H
#define DISCARD_RESULT_H

#define IPBENCH_TEST_CLIENT
#include "ipb_threads.h"
#include "plugin.h"

#define RESULT_ORIGINAL 64 /* bytes */
#define RESULT_EXTENDED 104
#define RESULT_LEFT 16
#define RESULT_THREAD 56

/* What the interface did with packets that the kernel made. */
struct left {
	uint64_t sent, dropped;
};

/* What one of several threads did. */
struct thread_result {
	int64_t cpu; /* -1: of no processor of its own */
	uint64_t measured, packets, again, failed, given_up, failure;
};

struct result {
	uint64_t bytes, us, sent_bps, sends, size, requested_bps, again, failed;
	uint64_t packets, given_up, window_start_ns, window_end_ns, failure; /* extended; failure: the last error number */
	int injected;          /* the kernel made the packets, and: */
	struct left left;
	uint32_t thread_count; /* 0: one, which is all */
	struct thread_result threads[IPB_THREADS_MAX];
};

/* How many threads a result of that size has figures of, 0 when there is one; -1: no result has that size. *injected: it
 * has an interface's counters. */
int result_threads(int size, int *injected);
/* 0, or -1 when there is none. */
int result_parse(const struct client_data *data, struct result *r);
/* Whether what the threads did adds up to what the tester did. */
int result_adds_up(const struct result *r);
/* The members of the result document; NULL when there is no result or no memory. */
char *result_json(const struct client_data *data);

#endif
