/*
 * nfs_latency's result: on the wire, as a row and as JSON.  SPDX-License-Identifier: MIT
 */
#ifndef NFS_RESULT_H
#define NFS_RESULT_H

#include "load.h"
#include "plugin.h"

#define NFS_RESULT_MAX (256 + 3 * IPB_HIST_ENCODED_MAX)
#define NFS_LATENESS_NS 1000000ull /* 1 % of the reads this late or later: the tester did not keep its times */

#define NFS_ORIGINAL_SAMPLES_MAX 30000000u /* in the original's form, whose result is at most 256 MiB */

/* In memory: what unmarshall checks and output reads. */
struct nfs_result {
	double rate;  /* asked for, reads a second */
	uint64_t size;
	struct tally tally;
	char first_error[200];
	/* Of an original tester, which reports no more: how many it sent and how many came back, how long that took, and the times
	 * that are not 0 (a reply within one round of its loop took no time, and is no figure). `tally` has their histogram,
	 * as service times. */
	int original;
	uint64_t sends, recvs, run_us, *times_us, times;
};

/* malloc'ed bytes; 0 or -1. */
int nfs_result_encode(const struct load *l, char **data, int *size);
/* The original's bytes: big-endian words: time (us), samples, reads sent, replies; then the samples in us. */
int nfs_result_encode_original(const struct tally *t, char **data, int *size);
/* Either. 0, or -1 and a sentence; to be freed after success. */
int nfs_result_decode(struct nfs_result *r, const char *data, int size, struct ipb_error *err);
void nfs_result_free(struct nfs_result *r);

/* The header and the row of n clients together, on standard output. 0, or -1 and a sentence. */
int nfs_output(const struct client_data data[], int n, struct ipb_error *err);
/* One client's part of the result document; NULL without memory. */
char *nfs_json(const struct nfs_result *r);

#endif
