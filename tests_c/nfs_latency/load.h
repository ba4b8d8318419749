/*
 * Reads from a file over NFS at a fixed rate, each read when it is due.  SPDX-License-Identifier: MIT
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

#include "ipb_error.h"
#include "ipb_stop.h"
#include "tally.h"

#define LOAD_CALL_MS 5000           /* longest time for mounting, and for opening the file */
#define LOAD_OUTSTANDING_MIN 1024   /* reads that may be under way, at least */
#define LOAD_OUTSTANDING_MAX 262144 /* … and at most; between them, one second's worth */
#define LOAD_SPIN_NS 50000ull       /* the last stretch before a read is due is polled without sleeping */
#define LOAD_BEHIND_NS 100000000ull /* a read that would leave later than this after it was due is given up */

struct load {
	/* what to do */
	const char *host, *path, *filename;
	int version;             /* 3 or 4 */
	uint32_t nfs_port, mount_port; /* 0: ask the port mapper (v3), or 2049 (v4) */
	double rate;             /* reads a second */
	uint32_t size;           /* bytes of a read */
	uint64_t samples, warmup_ns, cooldown_ns, drain_ns;
	int keep_times;          /* non-zero: service times are kept one by one, too */
	int has_uid, has_gid;    /* 0: this process's */
	uint32_t uid, gid;
	struct ipb_stop stopping;
	/* what came of it */
	uint64_t file_size;
	struct tally tally;
	char first_error[200];
	void *state;             /* load.c's own */
};

/* Mounts, opens and examines the file. 0, or -1 and a sentence. */
int load_open(struct load *l, struct ipb_error *err);
/* Runs warm-up, measured phase, cool-down and drain. 0, or -1 and a sentence when the connection was lost. */
int load_run(struct load *l, void (*report)(const struct load *l, int phase, uint64_t elapsed_ns), struct ipb_error *err);
void load_close(struct load *l);

#endif
