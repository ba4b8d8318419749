/* The inside of the TCP echo, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef ECHO_TCP_PRIVATE_H
#define ECHO_TCP_PRIVATE_H

#include "echo.h"

#define TCP_EVENTS 64 /* that one call fetches */

struct tcp_connection {
	int fd;
	uint32_t at, size; /* what of `unsent` is still to go out */
	uint32_t held;     /* check: bytes at the start of `part`, of a packet that is not whole yet */
	uint8_t *unsent;   /* NULL while everything went out at once */
	uint8_t *part;
	uint64_t last_ns;  /* when something last came from it or went to it */
	struct tcp_connection *next, *previous;
};

struct tcp_loop {
	struct echo_server *s;
	int epoll;
	uint32_t count;
	int descriptors;            /* numbers from here on are not for connections */
	uint64_t now_ns, swept_ns;
	uint64_t accept_again_ns;   /* 0: connections are accepted */
	struct tcp_connection *all, *idlest; /* in the order of last_ns */
	uint8_t buffer[ECHO_TCP_BUFFER];
};

int tcp_watch(struct tcp_loop *l, struct tcp_connection *c, int operation, uint32_t events);
/* Something came from it or went to it. */
void tcp_touch(struct tcp_loop *l, struct tcp_connection *c);
/* Closes it, and forgets it. */
void tcp_drop(struct tcp_loop *l, struct tcp_connection *c);
/* The same for one that we end: the other end notices at once, and nothing stays here. */
void tcp_end(struct tcp_loop *l, struct tcp_connection *c);
/* How long nothing came from it or went to it. */
uint64_t tcp_idle_ms(const struct tcp_loop *l, const struct tcp_connection *c);
/* Accepts the connections that wait; for a while none when there is no room for a descriptor. */
void tcp_accept(struct tcp_loop *l);
/* As many descriptors as the system grants us; the limit that holds then. */
int tcp_raise_descriptors(void);

#endif
