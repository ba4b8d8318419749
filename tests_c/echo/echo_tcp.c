/* TCP echo: many connections, one epoll.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define EVENTS 64
#define READS_A_TURN 8 /* of one connection before the others have their turn */

struct connection {
	int fd;
	uint32_t at, size; /* what of `unsent` is still to go out */
	uint32_t held;     /* check: bytes at the start of `part`, of a packet that is not whole yet */
	uint8_t *unsent;   /* NULL while everything went out at once */
	uint8_t *part;
	uint64_t last_ns;  /* when something last came from it or went to it */
	struct connection *next, *previous;
};

struct loop {
	struct echo_server *s;
	int epoll;
	uint32_t count;
	int descriptors;            /* numbers from here on are not for connections */
	uint64_t now_ns, swept_ns;
	uint64_t accept_again_ns;   /* 0: connections are accepted */
	struct connection *all, *idlest; /* in the order of last_ns */
	uint8_t buffer[ECHO_TCP_BUFFER];
};

int echo_tcp_open(struct echo_server *s, const char *ip, uint16_t port, struct ipb_error *err)
{
	struct ipb_sock_options o = { .dscp = -1, .nodelay = 1 };

	s->kind = ECHO_TCP;
	s->memory_max = ECHO_TCP_MEMORY;
	s->stuck_ms = ECHO_STUCK_MS;
	s->fd = ipb_sock_listen(ip, port, SOCK_STREAM, &o, err);
	return s->fd < 0 ? -1 : 0;
}

static int watch(struct loop *l, struct connection *c, int operation, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	return epoll_ctl(l->epoll, operation, c != NULL ? c->fd : l->s->fd, &e);
}

static void unlink_it(struct loop *l, struct connection *c)
{
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		l->all = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	else
		l->idlest = c->previous;
	c->next = c->previous = NULL;
}

static void link_first(struct loop *l, struct connection *c)
{
	c->last_ns = l->now_ns;
	c->next = l->all;
	if (l->all != NULL)
		l->all->previous = c;
	else
		l->idlest = c;
	l->all = c;
}

/* Something came from it or went to it. */
static void touch(struct loop *l, struct connection *c)
{
	if (c->last_ns == l->now_ns)
		return;
	unlink_it(l, c);
	link_first(l, c);
}

static void drop(struct loop *l, struct connection *c)
{
	unlink_it(l, c);
	close(c->fd);
	free(c->unsent);
	free(c->part);
	free(c);
	l->count--;
}

/* The DSCP with which the connection was opened becomes that of its answers. The kernel has kept it, and tells it of
 * sockets that ask for it. */
static void reflect_dscp(int fd)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr m = { .msg_control = control };
	int yes = 1, tos = -1;
	socklen_t size = sizeof control;
	struct sockaddr_storage peer;
	socklen_t peer_size = sizeof peer;

	if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return;
	const struct in6_addr *six = &((struct sockaddr_in6 *)&peer)->sin6_addr;
	const int v6 = peer.ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(six);
	const int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	setsockopt(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &yes, sizeof yes);
	if (getsockopt(fd, level, v6 ? IPV6_2292PKTOPTIONS : IP_PKTOPTIONS, control, &size) < 0)
		return;
	m.msg_controllen = size;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == level && c->cmsg_type == (v6 ? IPV6_TCLASS : IP_TOS))
			memcpy(&tos, CMSG_DATA(c), sizeof tos);
	if (tos < 0)
		return;
	tos &= ECHO_DSCP_BITS;
	setsockopt(fd, level, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
}

/* Closes so that the other end learns of it at once, and nothing stays here. */
static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void end_connection(struct loop *l, struct connection *c)
{
	echo_add(&l->s->ended, 1);
	reset(c->fd);
	drop(l, c);
}

static uint64_t idle_ms(const struct loop *l, const struct connection *c) { return (l->now_ns - c->last_ns) / 1000000; }

/* Whether one more connection has a place; the one that is idle for longest may have to make it. */
static int make_room(struct loop *l, int fd)
{
	if (l->count < ECHO_CONNECTIONS_MAX && fd < l->descriptors)
		return 1;
	if (l->idlest == NULL || idle_ms(l, l->idlest) < ECHO_IDLE_MS)
		return 0;
	end_connection(l, l->idlest);
	return 1;
}

static void accept_one(struct loop *l, int fd)
{
	struct ipb_sock_options o = { .dscp = -1, .nodelay = 1 };
	struct connection *c = make_room(l, fd) ? calloc(1, sizeof *c) : NULL;
	int yes = 1;

	if (c == NULL) {
		echo_add(&l->s->refused, 1);
		reset(fd);
		close(fd);
		return;
	}
	c->fd = fd;
	link_first(l, c);
	l->count++;
	echo_add(&l->s->connections, 1);
	if (l->s->reflect_dscp)
		reflect_dscp(fd);
	ipb_sock_apply(fd, AF_INET6, &o, NULL); /* Nagle's algorithm would hold answers back */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	if (l->s->check)
		c->part = malloc(l->s->check_size);
	if ((l->s->check && c->part == NULL) || watch(l, c, EPOLL_CTL_ADD, EPOLLIN) < 0)
		end_connection(l, c);
}

/* Takes those that wait. Without room for a descriptor the socket stays readable: we look away from it for a while. */
static void accept_all(struct loop *l)
{
	for (;;) {
		int fd = accept4(l->s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accept_one(l, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			echo_add(&l->s->refused, 1);
			l->accept_again_ns = l->now_ns + ECHO_PAUSE_MS * 1000000ull;
			watch(l, NULL, EPOLL_CTL_MOD, 0);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

/* Bytes that a connection keeps here and in the kernel. */
static int64_t memory_of(const struct connection *c)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof info;

	if (getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
		return c->size;
	return (int64_t)c->size + info[SK_MEMINFO_WMEM_QUEUED] + info[SK_MEMINFO_RMEM_ALLOC];
}

/* Ends connections that do not take their answers: those that took nothing for long, and, when all together keep too
 * much, the ones that took nothing for longest. */
static void sweep(struct loop *l)
{
	int64_t kept = 0;
	struct connection *previous;

	l->swept_ns = l->now_ns;
	for (struct connection *c = l->all; c != NULL; c = c->next)
		if (c->size > 0)
			kept += memory_of(c);
	for (struct connection *c = l->idlest; c != NULL; c = previous) {
		previous = c->previous;
		if (c->size == 0)
			continue;
		if (kept <= l->s->memory_max && idle_ms(l, c) < l->s->stuck_ms)
			return;
		kept -= memory_of(c);
		end_connection(l, c);
	}
}

/* Sends size bytes; what does not go now is kept, and nothing more is read until it went. 0, or -1: connection over. */
static int give(struct loop *l, struct connection *c, const uint8_t *data, size_t size)
{
	while (size > 0 && c->size == 0) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0)
			break;
		touch(l, c);
		echo_count(l->s, 0, (uint64_t)n);
		data += n;
		size -= (size_t)n;
	}
	if (size == 0)
		return 0;
	if (c->unsent == NULL && (c->unsent = malloc(2 * ECHO_TCP_BUFFER)) == NULL)
		return -1;
	if (c->size + size > 2 * ECHO_TCP_BUFFER)
		return -1;
	if (c->size == 0)
		c->at = 0;
	memcpy(c->unsent + c->at + c->size, data, size);
	c->size += (uint32_t)size;
	return watch(l, c, EPOLL_CTL_MOD, EPOLLOUT);
}

/* Check mode: cuts the stream into packets. */
static int give_checked(struct loop *l, struct connection *c, const uint8_t *data, size_t size)
{
	uint32_t whole = l->s->check_size;

	while (size > 0) {
		size_t take = whole - c->held < size ? whole - c->held : size;
		memcpy(c->part + c->held, data, take);
		c->held += (uint32_t)take;
		data += take;
		size -= take;
		if (c->held < whole)
			return 0;
		c->held = 0;
		echo_check(l->s, c->part, whole);
		echo_count(l->s, 1, 0);
		if (give(l, c, c->part, whole) < 0)
			return -1;
	}
	return 0;
}

static int take(struct loop *l, struct connection *c)
{
	for (int i = 0; i < READS_A_TURN && c->size == 0; i++) {
		ssize_t n = recv(c->fd, l->buffer, sizeof l->buffer, 0);
		if (n == 0)
			return -1;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		touch(l, c);
		if (!l->s->check)
			echo_count(l->s, 1, 0);
		if ((l->s->check ? give_checked(l, c, l->buffer, (size_t)n) : give(l, c, l->buffer, (size_t)n)) < 0)
			return -1;
		if ((size_t)n < sizeof l->buffer)
			return 0;
	}
	return 0;
}

static int give_rest(struct loop *l, struct connection *c)
{
	while (c->size > 0) {
		ssize_t n = send(c->fd, c->unsent + c->at, c->size, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		touch(l, c);
		echo_count(l->s, 0, (uint64_t)n);
		c->at += (uint32_t)n;
		c->size -= (uint32_t)n;
	}
	free(c->unsent);
	c->unsent = NULL;
	return watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

static void turn(struct loop *l)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, ECHO_WAKE_MS), accepting = 0;

	l->now_ns = ipb_now_ns();
	if (l->accept_again_ns != 0 && l->now_ns >= l->accept_again_ns) {
		l->accept_again_ns = 0;
		watch(l, NULL, EPOLL_CTL_MOD, EPOLLIN);
	}
	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;
		if (c == NULL) {
			accepting = 1;
			continue;
		}
		int status = c->size > 0 ? give_rest(l, c) : take(l, c);
		if (status < 0)
			drop(l, c);
	}
	/* Both may end connections, which the events named. */
	if (accepting)
		accept_all(l);
	if (l->now_ns - l->swept_ns > ECHO_SWEEP_MS * 1000000ull)
		sweep(l);
}

/* As many descriptors as the system grants us; the limit that holds then. */
static int raise_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = ECHO_DESCRIPTORS_LEFT };
	const rlim_t wanted = ECHO_CONNECTIONS_MAX + 4 * ECHO_DESCRIPTORS_LEFT;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
		struct rlimit more = { limit.rlim_max < wanted ? limit.rlim_max : wanted, limit.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	return (int)(limit.rlim_cur < wanted ? limit.rlim_cur : wanted);
}

void echo_tcp_run(struct echo_server *s)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return;
	l->s = s;
	l->now_ns = l->swept_ns = ipb_now_ns();
	l->descriptors = raise_descriptors() - ECHO_DESCRIPTORS_LEFT;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0 && watch(l, NULL, EPOLL_CTL_ADD, EPOLLIN) == 0)
		while (!ipb_stop_asked(s->stop))
			turn(l);
	while (l->all != NULL)
		drop(l, l->all);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}
