/* A TCP server in a thread, with the faults that clients of requests meet.  SPDX-License-Identifier: MIT */
#ifndef REQUEST_SERVER_H
#define REQUEST_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"

#define SERVER_CONNECTIONS 64
#define SERVER_BYTES 65536

enum server_does {
	SERVER_ECHOES,
	SERVER_IS_SILENT,
	SERVER_HALF_CLOSES, /* after the first bytes of a connection */
	SERVER_RESETS,
	SERVER_DAMAGES,     /* the first byte of what it sends back */
	SERVER_STALLS,      /* echoes, but not for stall_ms, once, at_ns after its first bytes */
	SERVER_DIES,        /* at_ns after its first bytes: closes all, and listens no more */
	SERVER_ANSWERS      /* `text` to each piece that ends with an empty line, so many bytes at a time */
};

struct server {
	enum server_does does;
	uint64_t at_ns;
	int stall_ms;
	const char *text;
	size_t piece;
	int closes;                    /* SERVER_ANSWERS: after each answer */
	int port, listener;
	pthread_t thread;
	atomic_int stop;
	atomic_ullong accepted, bytes, answered;
	uint64_t first_ns;
};

static inline void server_answer(struct server *s, int fd)
{
	const size_t size = strlen(s->text);

	for (size_t at = 0; at < size; at += s->piece) {
		const size_t n = size - at < s->piece ? size - at : s->piece;
		if (send(fd, s->text + at, n, MSG_NOSIGNAL) < 0)
			return;
		if (s->piece < size)
			nanosleep(&(struct timespec){ .tv_nsec = 300000 }, NULL);
	}
	atomic_fetch_add(&s->answered, 1);
}

/* What came on one connection. 0 when the connection is over. */
static inline int server_serve(struct server *s, int fd, char *buffer)
{
	const struct linger at_once = { 1, 0 };
	ssize_t n = recv(fd, buffer, SERVER_BYTES, 0);

	if (n <= 0)
		return 0;
	if (s->first_ns == 0)
		s->first_ns = ipb_now_ns();
	atomic_fetch_add(&s->bytes, (unsigned long long)n);
	switch (s->does) {
	case SERVER_IS_SILENT:
		return 1;
	case SERVER_HALF_CLOSES:
		shutdown(fd, SHUT_WR);
		return 1;
	case SERVER_RESETS:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		return 0;
	case SERVER_DAMAGES:
		buffer[0] ^= 1;
		break;
	case SERVER_STALLS:
		if (s->stall_ms > 0 && ipb_now_ns() - s->first_ns > s->at_ns) {
			nanosleep(&(struct timespec){ .tv_nsec = s->stall_ms * 1000000L }, NULL);
			s->stall_ms = 0;
		}
		break;
	case SERVER_ANSWERS:
		if (n >= 4 && memcmp(buffer + n - 4, "\r\n\r\n", 4) == 0)
			server_answer(s, fd);
		return !s->closes;
	default:
		break;
	}
	for (ssize_t at = 0, sent; at < n; at += sent)
		if ((sent = send(fd, buffer + at, (size_t)(n - at), MSG_NOSIGNAL)) < 0)
			return 0;
	return 1;
}

static inline void *server_run(void *arg)
{
	struct server *s = arg;
	struct pollfd fds[1 + SERVER_CONNECTIONS];
	char *buffer = malloc(SERVER_BYTES);
	int n = 1;

	fds[0] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	while (!atomic_load(&s->stop)) {
		if (s->does == SERVER_DIES && s->first_ns != 0 && ipb_now_ns() - s->first_ns > s->at_ns)
			break;
		poll(fds, (nfds_t)n, 5);
		for (int i = n - 1; i > 0; i--)
			if (fds[i].revents != 0 && !server_serve(s, fds[i].fd, buffer)) {
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		if ((fds[0].revents & POLLIN) && n <= SERVER_CONNECTIONS) {
			fds[n] = (struct pollfd){ .fd = accept(s->listener, NULL, NULL), .events = POLLIN };
			atomic_fetch_add(&s->accepted, 1);
			n += fds[n].fd >= 0;
		}
	}
	while (--n >= 0)
		close(fds[n].fd);
	free(buffer);
	return NULL;
}

/* s: does and what goes with it; everything else is set. 0 or -1. */
static inline int server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(s->listener, 128) < 0 ||
	    getsockname(s->listener, (struct sockaddr *)&a, &size) < 0)
		return -1;
	s->port = ntohs(a.sin_port);
	s->piece = s->piece != 0 ? s->piece : SIZE_MAX / 2;
	return pthread_create(&s->thread, NULL, server_run, s) == 0 ? 0 : -1;
}

static inline void server_end(struct server *s)
{
	atomic_store(&s->stop, 1);
	pthread_join(s->thread, NULL);
}

#endif
