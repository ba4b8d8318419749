/* The connections of the TCP echo: how they come, which of them stay, and how they end; see echo_tcp_private.h.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "echo_tcp_private.h"
#include "ipb_sock.h"

int tcp_watch(struct tcp_loop *l, struct tcp_connection *c, int operation, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	return epoll_ctl(l->epoll, operation, c != NULL ? c->fd : l->s->fd, &e);
}

static void unlink_it(struct tcp_loop *l, struct tcp_connection *c)
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

static void link_first(struct tcp_loop *l, struct tcp_connection *c)
{
	c->last_ns = l->now_ns;
	c->next = l->all;
	if (l->all != NULL)
		l->all->previous = c;
	else
		l->idlest = c;
	l->all = c;
}

void tcp_touch(struct tcp_loop *l, struct tcp_connection *c)
{
	if (c->last_ns == l->now_ns)
		return;
	unlink_it(l, c);
	link_first(l, c);
}

void tcp_drop(struct tcp_loop *l, struct tcp_connection *c)
{
	unlink_it(l, c);
	close(c->fd);
	free(c->unsent);
	free(c->part);
	free(c);
	l->count--;
	atomic_fetch_sub_explicit(&l->s->has, 1, memory_order_relaxed);
}

/* The DSCP with which the connection was opened becomes that of its answers. The kernel has kept it, and reports it for
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

/* Closes so that the other end notices at once, and nothing stays here. */
static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void tcp_end(struct tcp_loop *l, struct tcp_connection *c)
{
	echo_add(&l->s->ended, 1);
	reset(c->fd);
	tcp_drop(l, c);
}

uint64_t tcp_idle_ms(const struct tcp_loop *l, const struct tcp_connection *c) { return (l->now_ns - c->last_ns) / 1000000; }

/* Whether one more connection has a place; the one that is idle for longest may have to make it. */
static int make_room(struct tcp_loop *l, int fd)
{
	if (l->count < l->s->connections_max && fd < l->descriptors)
		return 1;
	if (l->idlest == NULL || tcp_idle_ms(l, l->idlest) < ECHO_IDLE_MS)
		return 0;
	tcp_end(l, l->idlest);
	return 1;
}

/* It is counted in `has` already. */
static void accept_one(struct tcp_loop *l, int fd)
{
	struct ipb_sock_options o = { .dscp = -1, .nodelay = 1 };
	struct tcp_connection *c = make_room(l, fd) ? calloc(1, sizeof *c) : NULL;
	int yes = 1;

	if (c == NULL) {
		echo_add(&l->s->refused, 1);
		atomic_fetch_sub_explicit(&l->s->has, 1, memory_order_relaxed);
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
	if ((l->s->check && c->part == NULL) || tcp_watch(l, c, EPOLL_CTL_ADD, EPOLLIN) < 0)
		tcp_end(l, c);
}

/* Keeps the connection, or hands it to the server that has the fewest. */
static void place(struct tcp_loop *l, int fd)
{
	struct echo_server *to = l->s;

	for (uint32_t i = 0; i < l->s->team_count; i++)
		if (atomic_load_explicit(&l->s->team[i].has, memory_order_relaxed) < atomic_load_explicit(&to->has, memory_order_relaxed))
			to = &l->s->team[i];
	atomic_fetch_add_explicit(&to->has, 1, memory_order_relaxed);
	if (to == l->s) {
		accept_one(l, fd);
	} else if (write(to->give_fd, &fd, sizeof fd) != sizeof fd) { /* it does not keep up, with a thousand that wait */
		atomic_fetch_sub_explicit(&to->has, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&l->s->has, 1, memory_order_relaxed);
		accept_one(l, fd);
	}
}

/* Accepts what was handed over. Whole numbers are written and read, since a pipe does not divide so few bytes. */
static void take_handed(struct tcp_loop *l)
{
	int fds[TCP_EVENTS];
	const ssize_t n = read(l->s->fd, fds, sizeof fds);

	for (ssize_t i = 0; i < n / (ssize_t)sizeof *fds; i++)
		accept_one(l, fds[i]);
}

/* Without room for a descriptor the socket stays readable: it is not watched for a while. */
void tcp_accept(struct tcp_loop *l)
{
	if (l->s->takes) {
		take_handed(l);
		return;
	}
	for (;;) {
		int fd = accept4(l->s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			place(l, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			echo_add(&l->s->refused, 1);
			l->accept_again_ns = l->now_ns + ECHO_PAUSE_MS * 1000000ull;
			tcp_watch(l, NULL, EPOLL_CTL_MOD, 0);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

int tcp_raise_descriptors(void)
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
