/*
 * How one thread, or a signal handler, asks the thread of `start` to end.  SPDX-License-Identifier: MIT
 *
 * What was written before the request is seen by the thread that has seen the request (release and acquire).
 */
#ifndef IPB_STOP_H
#define IPB_STOP_H

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct ipb_stop {
	atomic_int asked;
	int event; /* becomes readable with the request, for a thread that waits in poll; 0 and -1: there is none */
};

/* Makes the event, where the thread waits for file descriptors. 0, or -1 and errno. */
static inline int ipb_stop_open(struct ipb_stop *s)
{
	s->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->event < 0 ? -1 : 0;
}

/* Async-signal-safe. */
static inline void ipb_stop_ask(struct ipb_stop *s)
{
	uint64_t one = 1;
	int saved = errno;

	atomic_store_explicit(&s->asked, 1, memory_order_release);
	if (s->event > 0 && write(s->event, &one, sizeof one) < 0) {
		/* The event is readable already; and whoever waits checks the flag from time to time as well. */
	}
	errno = saved;
}

static inline int ipb_stop_asked(const struct ipb_stop *s)
{
	return atomic_load_explicit(&s->asked, memory_order_acquire);
}

#endif
