/*
 * nfs_latency's result on the wire.  SPDX-License-Identifier: MIT
 */
#ifndef NFS_RESULT_H
#define NFS_RESULT_H

#include "load.h"

#define NFS_RESULT_MAX (256 + 2 * IPB_HIST_ENCODED_MAX)

/* In memory: what unmarshall makes and output reads. */
struct nfs_result {
	double rate;  /* asked for, reads a second */
	uint64_t size, sent, ok, bad, skipped, run_ns, window_start_ns, window_end_ns;
	struct ipb_hist response, service;
	char first_error[200];
};

/* malloc'ed bytes; 0 or -1. */
int nfs_result_encode(const struct load *l, char **data, int *size);
/* 0, or -1 and a sentence; to be freed after success. */
int nfs_result_decode(struct nfs_result *r, const char *data, int size, struct ipb_error *err);
void nfs_result_free(struct nfs_result *r);

#endif
