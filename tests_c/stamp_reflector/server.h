/* A STAMP reflector's socket and thread.  SPDX-License-Identifier: MIT */
#ifndef STAMP_SERVER_H
#define STAMP_SERVER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ipb_clock.h"
#include "ipb_error.h"
#include "ipb_stamp_reflect.h"
#include "ipb_stop.h"
#include "ipb_sync.h"

#define SERVER_BATCH 32            /* datagrams received in one call */
#define SERVER_WAKE_MS 50          /* how often it checks whether it is to stop, when nothing comes */
#define SERVER_SOCKET_BUFFER (8 << 20)
#define SERVER_SYNC_NS 1000000000ull /* how often it is asked what is known of the clock */
#define SERVER_REAL_NS 20000000ull   /* how often the offset of the kernel's stamps is read again */

#define SERVER_STEP_NS 100000        /* a real-time clock that is further from where it was has been set */

struct server {
	int fd;
	int kernel;                /* stamps of arrivals are the kernel's */
	int any_address;
	struct sockaddr_storage own;
	struct ipb_stamp_reflector reflector;
	struct ipb_clock clock;
	int64_t anchor_ns;         /* its time stamps less CLOCK_MONOTONIC; stays as it is */
	uint64_t anchor_error_ns;
	int64_t moved_ns;          /* the real-time clock has been moved since, by so much at present, */
	int64_t moved_most_ns;     /* and by so much at most; it does not change by itself: both clocks are slewed alike */
	struct ipb_sync_watch watch;
	struct ipb_sync sync;
	const struct ipb_stop *stop;
	/* Written by the server's thread, read by others at any time. */
	_Atomic uint64_t packets, bytes;
	_Atomic uint64_t ignored;  /* not answered: from another reflector or a service, sent to many, or at its last hop */
	_Atomic uint64_t failed;   /* answers that could not be sent */
};

/* 0, or -1 and a sentence. The reflector's settings are there; ptp: how it writes times. */
int server_open(struct server *s, const char *ip, uint16_t port, int ptp, struct ipb_error *err);
void server_close(struct server *s);
void server_run(struct server *s);

#endif
