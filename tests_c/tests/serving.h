/* A port with a service behind it, served by a thread, for one test at a time.  SPDX-License-Identifier: MIT */
#ifndef SERVING_H
#define SERVING_H

#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "ipb_serve.h"

static struct ipb_error err;
static struct ipb_serve *serve;
static struct ipb_stop stop;
static pthread_t thread;

static void *run(void *arg)
{
	(void)arg;
	ipb_serve_run(serve, &stop, &err);
	return NULL;
}

/* 0, or not. */
static inline int serving_begin(const struct ipb_serve_options *o, struct ipb_service *service)
{
	memset(&stop, 0, sizeof stop);
	serve = ipb_serve_open(o, &err);
	if (serve == NULL)
		return -1;
	ipb_serve_add(serve, service);
	return pthread_create(&thread, NULL, run, NULL);
}

static inline void serving_end(void)
{
	ipb_stop_ask(&stop);
	pthread_join(thread, NULL);
	ipb_serve_close(serve);
}

#endif
