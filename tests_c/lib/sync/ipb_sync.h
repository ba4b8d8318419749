/*
 * How far this machine's clock is from UTC, as those know who keep it.  SPDX-License-Identifier: MIT
 *
 * chronyd and ptp4l are asked through their sockets, and the smaller bound counts; where neither knows, the kernel
 * (adjtimex), which holds what any such program has set last, on a clock that may be 500 ppm off from then on.
 */
#ifndef IPB_SYNC_H
#define IPB_SYNC_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define IPB_SYNC_DEADLINE_NS 100000000ull    /* for all that are asked; one that keeps a clock answers in a millisecond */
#define IPB_SYNC_PATIENCE_NS 60000000000ull  /* who was silent once is not asked again for so long */
#define IPB_SYNC_INTERVAL_NS 1000000000ull   /* how often a watch asks */

enum ipb_sync_source { IPB_SYNC_KERNEL, IPB_SYNC_CHRONY, IPB_SYNC_PTP4L };

struct ipb_sync {
	enum ipb_sync_source by;
	int synchronized;  /* to UTC, by somebody else's clock */
	uint64_t error_ns; /* bound of the distance from UTC */
	int tai_s;         /* TAI less UTC, where it is known; else 0 */
};

/* "kernel", "chrony" or "ptp4l" */
const char *ipb_sync_name(enum ipb_sync_source by);

void ipb_sync_read(struct ipb_sync *s);

/* A thread that asks every second, for those who cannot wait for an answer. */
struct ipb_sync_watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int running, end;
	struct ipb_sync latest;
};

/* The first answer is there when it returns. Without the thread (-1 and errno) that one stays. */
int ipb_sync_watch_open(struct ipb_sync_watch *w);
void ipb_sync_watch_close(struct ipb_sync_watch *w);
/* Does not wait: 0, and nothing is copied, while a new answer is being put there. */
int ipb_sync_watch_get(struct ipb_sync_watch *w, struct ipb_sync *s);

#endif
