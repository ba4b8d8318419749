/*
 * nfs_latency's result: on the wire, as a row and as JSON.  SPDX-License-Identifier: MIT
 */
#ifndef NFS_RESULT_H
#define NFS_RESULT_H

#include "load.h"
#include "plugin.h"

#define NFS_RESULT_MAX (256 + 3 * IPB_HIST_ENCODED_MAX)
#define NFS_LATENESS_NS 1000000ull /* 1 % of the reads this late or later: the tester did not keep its times */

/* In memory: what unmarshall checks and output reads. */
struct nfs_result {
	double rate;  /* asked for, reads a second */
	uint64_t size;
	struct tally tally;
	char first_error[200];
};

/* malloc'ed bytes; 0 or -1. */
int nfs_result_encode(const struct load *l, char **data, int *size);
/* 0, or -1 and a sentence; to be freed after success. */
int nfs_result_decode(struct nfs_result *r, const char *data, int size, struct ipb_error *err);
void nfs_result_free(struct nfs_result *r);

/* The header and the row of n clients together, on standard output. 0, or -1 and a sentence. */
int nfs_output(const struct client_data data[], int n, struct ipb_error *err);
/* One client's part of the result document; NULL without memory. */
char *nfs_json(const struct nfs_result *r);

#endif
