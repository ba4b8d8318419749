/* TCP echo: many connections, one epoll.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo_tcp_private.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define READS_A_TURN 8 /* of one connection before the others have their turn */

int echo_tcp_open(struct echo_server *s, const char *ip, uint16_t port, struct ipb_error *err)
{
	struct ipb_sock_options o = { .dscp = -1, .nodelay = 1 };

	s->kind = ECHO_TCP;
	s->memory_max = ECHO_TCP_MEMORY;
	s->stuck_ms = ECHO_STUCK_MS;
	s->connections_max = ECHO_CONNECTIONS_MAX;
	s->fd = ipb_sock_listen(ip, port, SOCK_STREAM, &o, err);
	return s->fd < 0 ? -1 : 0;
}

int echo_tcp_share(struct echo_server *servers, uint32_t count, struct ipb_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct echo_server *s = &servers[i];
		int pipe[2];
		s->kind = ECHO_TCP;
		s->team = servers;
		s->team_count = count;
		s->memory_max = ECHO_TCP_MEMORY / count;
		s->stuck_ms = ECHO_STUCK_MS;
		s->connections_max = ECHO_CONNECTIONS_MAX / count;
		if (i == 0)
			continue;
		if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
			return ipb_error_errno(err, errno, "cannot make a pipe for an echo thread");
		s->takes = 1;
		s->fd = pipe[0];
		s->give_fd = pipe[1];
	}
	return 0;
}

/* Bytes that a connection keeps here and in the kernel. */
static int64_t memory_of(const struct tcp_connection *c)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof info;

	if (getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
		return c->size;
	return (int64_t)c->size + info[SK_MEMINFO_WMEM_QUEUED] + info[SK_MEMINFO_RMEM_ALLOC];
}

/* Ends connections that do not read their answers: those that read nothing for long, and, when all together keep too
 * much, the ones that read nothing for longest. */
static void sweep(struct tcp_loop *l)
{
	int64_t kept = 0;
	struct tcp_connection *previous;

	l->swept_ns = l->now_ns;
	for (struct tcp_connection *c = l->all; c != NULL; c = c->next)
		if (c->size > 0)
			kept += memory_of(c);
	for (struct tcp_connection *c = l->idlest; c != NULL; c = previous) {
		previous = c->previous;
		if (c->size == 0)
			continue;
		if (kept <= l->s->memory_max && tcp_idle_ms(l, c) < l->s->stuck_ms)
			return;
		kept -= memory_of(c);
		tcp_end(l, c);
	}
}

/* Sends size bytes; what does not go now is kept, and nothing more is read until it went. 0, or -1: connection over. */
static int give(struct tcp_loop *l, struct tcp_connection *c, const uint8_t *data, size_t size)
{
	while (size > 0 && c->size == 0) {
		ssize_t n = send(c->fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0)
			break;
		tcp_touch(l, c);
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
	return tcp_watch(l, c, EPOLL_CTL_MOD, EPOLLOUT);
}

/* Check mode: cuts the stream into packets. */
static int give_checked(struct tcp_loop *l, struct tcp_connection *c, const uint8_t *data, size_t size)
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

static int take(struct tcp_loop *l, struct tcp_connection *c)
{
	for (int i = 0; i < READS_A_TURN && c->size == 0; i++) {
		ssize_t n = recv(c->fd, l->buffer, sizeof l->buffer, 0);
		if (n == 0)
			return -1;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		tcp_touch(l, c);
		if (!l->s->check)
			echo_count(l->s, 1, 0);
		if ((l->s->check ? give_checked(l, c, l->buffer, (size_t)n) : give(l, c, l->buffer, (size_t)n)) < 0)
			return -1;
		if ((size_t)n < sizeof l->buffer)
			return 0;
	}
	return 0;
}

static int give_rest(struct tcp_loop *l, struct tcp_connection *c)
{
	while (c->size > 0) {
		ssize_t n = send(c->fd, c->unsent + c->at, c->size, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		tcp_touch(l, c);
		echo_count(l->s, 0, (uint64_t)n);
		c->at += (uint32_t)n;
		c->size -= (uint32_t)n;
	}
	free(c->unsent);
	c->unsent = NULL;
	return tcp_watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

static void turn(struct tcp_loop *l)
{
	struct epoll_event events[TCP_EVENTS];
	int n = epoll_wait(l->epoll, events, TCP_EVENTS, ECHO_WAKE_MS), accepting = 0;

	l->now_ns = ipb_now_ns();
	if (l->accept_again_ns != 0 && l->now_ns >= l->accept_again_ns) {
		l->accept_again_ns = 0;
		tcp_watch(l, NULL, EPOLL_CTL_MOD, EPOLLIN);
	}
	for (int i = 0; i < n; i++) {
		struct tcp_connection *c = events[i].data.ptr;
		if (c == NULL) {
			accepting = 1;
			continue;
		}
		int status = c->size > 0 ? give_rest(l, c) : take(l, c);
		if (status < 0)
			tcp_drop(l, c);
	}
	/* Both may end connections, which the events named. */
	if (accepting)
		tcp_accept(l);
	if (l->now_ns - l->swept_ns > ECHO_SWEEP_MS * 1000000ull)
		sweep(l);
}

void echo_tcp_run(struct echo_server *s)
{
	struct tcp_loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return;
	l->s = s;
	l->now_ns = l->swept_ns = ipb_now_ns();
	l->descriptors = tcp_raise_descriptors() - ECHO_DESCRIPTORS_LEFT;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0 && tcp_watch(l, NULL, EPOLL_CTL_ADD, EPOLLIN) == 0)
		while (!ipb_stop_asked(s->stop))
			turn(l);
	while (l->all != NULL)
		tcp_drop(l, l->all);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}
