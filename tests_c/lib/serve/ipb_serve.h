/*
 * The services of one target behind one TCP port (and the UDP port of the same number): takes connections, reads each
 * one's hello (ipb_hello.h), and hands it to the service of its kind.  SPDX-License-Identifier: MIT
 *
 * One thread runs the loop; services may have threads of their own. Strangers are limited: so many connections may be
 * without a hello, each for IPB_SERVE_HELLO_MS at most, and what is not a whole, sound hello closes the connection. When there
 * are so many, the host that has the most of them loses its oldest to hosts with fewer.
 */
#ifndef IPB_SERVE_H
#define IPB_SERVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "ipb_error.h"
#include "ipb_hello.h"
#include "ipb_stop.h"

#define IPB_SERVE_PENDING_MAX 2048    /* connections whose hello has not come */
#define IPB_SERVE_HELLO_MS 5000
#define IPB_SERVE_TICK_MS 100
#define IPB_SERVE_DESCRIPTORS 8192    /* asked for; what the system gives is what there is */
#define IPB_SERVE_DESCRIPTORS_LEFT 32 /* not for connections */

struct ipb_serve;

/* What the loop waits for on behalf of a service, which keeps it as a part of something of its own. */
struct ipb_serve_watch {
	int fd;
	void (*ready)(struct ipb_serve_watch *w, uint32_t events); /* of epoll(7) */
};

struct ipb_service {
	uint32_t kinds;  /* bits: 1 << enum ipb_hello_kind */
	void *context;
	/* A connection (non-blocking, not watched) with its hello. 0: the service has it now, has sent the welcome and will
	 * close it. -1: not wanted; the loop sends the welcome, whose code and text the service has filled in, and closes. */
	int (*take)(struct ipb_service *service, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *hello,
	            struct ipb_welcome *welcome);
	/* A datagram on the UDP port, of at least IPB_JOIN_SIZE bytes that are a join. May be NULL. */
	void (*join)(struct ipb_service *service, int fd, const struct sockaddr_storage *from, socklen_t from_size,
	             const struct ipb_join *join);
	/* Any other datagram on that port. May be NULL. */
	void (*datagram)(struct ipb_service *service, int fd, const struct sockaddr_storage *from, socklen_t from_size,
	                 const uint8_t *bytes, size_t size);
	/* In each round of the loop, at least every IPB_SERVE_TICK_MS; returns when it wants to be called again. May be NULL. */
	uint64_t (*tick)(struct ipb_service *service, uint64_t now_ns);
	/* When the loop has ended, on the thread of ipb_serve_run. May be NULL. */
	void (*end)(struct ipb_service *service);
	struct ipb_serve *serve; /* set by ipb_serve_add */
	struct ipb_service *next;
};

struct ipb_serve_options {
	const char *ip;  /* "" or NULL: all addresses */
	uint16_t port;   /* 0: any free one */
	int mptcp;       /* accept MPTCP connections, too */
	uint32_t pending_max; /* 0: IPB_SERVE_PENDING_MAX */
	uint32_t hello_ms;    /* 0: IPB_SERVE_HELLO_MS */
};

/* Listens. NULL and a sentence when it cannot. */
struct ipb_serve *ipb_serve_open(const struct ipb_serve_options *o, struct ipb_error *err);
/* Before ipb_serve_run; the service must outlive it. */
void ipb_serve_add(struct ipb_serve *s, struct ipb_service *service);
uint16_t ipb_serve_port(const struct ipb_serve *s);
/* Until stop is asked for. 0, or -1 and a sentence. */
int ipb_serve_run(struct ipb_serve *s, const struct ipb_stop *stop, struct ipb_error *err);
void ipb_serve_close(struct ipb_serve *s);

/* On the loop's thread. events 0: stop watching. 0, or -1 and errno. */
int ipb_serve_watch(struct ipb_serve *s, struct ipb_serve_watch *w, uint32_t events);
void ipb_serve_unwatch(struct ipb_serve *s, struct ipb_serve_watch *w);
/* Whether a service may keep one more descriptor. */
int ipb_serve_has_room(const struct ipb_serve *s, int fd);

/* Since the beginning: connections accepted, and those that were refused or sent no hello. */
struct ipb_serve_counts {
	uint64_t connections, refused, strangers;
};
void ipb_serve_counts(const struct ipb_serve *s, struct ipb_serve_counts *c);

#endif
