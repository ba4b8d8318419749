/* A thread that asks for the clock's error; see ipb_sync.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>

#include "ipb_clock.h"
#include "ipb_sync.h"

static void *watch(void *state)
{
	struct ipb_sync_watch *w = state;
	struct ipb_sync s;

	pthread_mutex_lock(&w->lock);
	while (!w->end) {
		const uint64_t due = ipb_now_ns() + IPB_SYNC_INTERVAL_NS;
		const struct timespec at = { .tv_sec = (time_t)(due / IPB_NS_PER_S), .tv_nsec = (long)(due % IPB_NS_PER_S) };
		if (pthread_cond_timedwait(&w->ended, &w->lock, &at) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&w->lock);
		ipb_sync_read(&s);
		pthread_mutex_lock(&w->lock);
		w->latest = s;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int ipb_sync_watch_open(struct ipb_sync_watch *w)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;

	ipb_sync_read(&w->latest);
	w->end = 0;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* Signals are for the threads that wait for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->running = errno == 0;
	return w->running ? 0 : -1;
}

void ipb_sync_watch_close(struct ipb_sync_watch *w)
{
	if (!w->running)
		return;
	pthread_mutex_lock(&w->lock);
	w->end = 1;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->running = 0;
}

int ipb_sync_watch_get(struct ipb_sync_watch *w, struct ipb_sync *s)
{
	if (pthread_mutex_trylock(&w->lock) != 0)
		return 0;
	*s = w->latest;
	pthread_mutex_unlock(&w->lock);
	return 1;
}
