/* Answers unchanged iperf3 clients: ports, cookies, who may begin; see iperf3_server.h.  SPDX-License-Identifier: MIT */
#include "iperf3_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "iperf3_session.h"

#define ACCEPTS 64        /* connections accepted in one round */
#define ROUND_MS 100      /* how often deadlines are checked */
#define FULL_NS 300000000ull /* a client waits so long for a test that is just ending before it is refused */
#define FULL_ROUND_MS 10

struct pending {
	int fd;
	uint64_t refuse_ns; /* 0: not yet known that there is no room */
	uint32_t have;
	uint64_t deadline_ns;
	struct sockaddr_storage peer;
	char cookie[IPERF3_COOKIE];
};

static struct sockaddr_storage plain(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	struct sockaddr_storage to = *a;
	struct sockaddr_in *four = (struct sockaddr_in *)&to;

	if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return to;
	memset(&to, 0, sizeof to);
	four->sin_family = AF_INET;
	memcpy(&four->sin_addr, six->sin6_addr.s6_addr + 12, 4);
	return to;
}

int iperf3_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_storage x = plain(a), y = plain(b);

	if (x.ss_family != y.ss_family)
		return 0;
	if (x.ss_family == AF_INET)
		return ((const struct sockaddr_in *)&x)->sin_addr.s_addr == ((const struct sockaddr_in *)&y)->sin_addr.s_addr;
	const struct sockaddr_in6 *p = (const struct sockaddr_in6 *)&x, *q = (const struct sockaddr_in6 *)&y;
	return x.ss_family == AF_INET6 && memcmp(&p->sin6_addr, &q->sin6_addr, 16) == 0 && p->sin6_scope_id == q->sin6_scope_id;
}

int iperf3_server_open(struct iperf3_server *s, const struct iperf3_server_options *options, struct ipb_error *err)
{
	struct ipb_sock_options udp = { .dscp = -1, .reuse = 1 }; /* each stream gets a socket at the same port */

	memset(s, 0, sizeof *s);
	s->options = *options;
	s->tcp = s->udp = -1;
	if (options->ip != NULL && strlen(options->ip) >= sizeof s->ip)
		return ipb_error(err, "the address to listen on is too long");
	strcpy(s->ip, options->ip != NULL ? options->ip : "");
	s->options.ip = s->ip;
	if (iperf3_json_ready(err) < 0)
		return -1;
	if (pthread_mutex_init(&s->lock, NULL) != 0)
		return ipb_error(err, "cannot make a lock for the iperf3 server");
	s->tcp = ipb_sock_listen(options->ip, options->port, SOCK_STREAM, NULL, err);
	if (s->tcp < 0)
		return -1;
	s->port = ipb_sock_port(s->tcp);
	s->udp = ipb_sock_listen(options->ip, s->port, SOCK_DGRAM, &udp, err);
	if (s->udp < 0 || ipb_stop_open(&s->ending) < 0) {
		iperf3_server_close(s);
		return -1;
	}
	return 0;
}

/* "Come again later", in iperf3's form. */
static void refuse(struct iperf3_server *s, int fd)
{
	int8_t denied = IPERF3_ACCESS_DENIED;

	send(fd, &denied, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	atomic_fetch_add_explicit(&s->totals.refused, 1, memory_order_relaxed);
}

/* Gives a session another stream; 0, or -1 when it wants none. With the lock. */
static int hand_over(struct iperf3_session *t, int fd)
{
	uint64_t one = 1;

	if (t->stage != IPERF3_OPENING || t->queued >= t->wanted)
		return -1;
	t->queue[t->queued++] = fd;
	return write(t->wake, &one, sizeof one) < 0 ? -1 : 0;
}

/* 0, or -1 when there is no room. */
static int begin(struct iperf3_server *s, const struct pending *p)
{
	static uint64_t serial; /* of this thread alone */
	struct iperf3_session *t = NULL;
	uint32_t slot = 0;

	pthread_mutex_lock(&s->lock);
	while (slot < s->options.tests && s->sessions[slot] != NULL)
		slot++;
	if (slot < s->options.tests)
		t = calloc(1, sizeof *t);
	if (t != NULL) {
		t->server = s;
		t->control = p->fd;
		t->peer = p->peer;
		t->serial = ++serial;
		memcpy(t->cookie, p->cookie, IPERF3_COOKIE);
		t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (t->wake < 0 || pthread_create(&t->thread, NULL, iperf3_session_thread, t) != 0) {
			if (t->wake >= 0)
				close(t->wake);
			free(t);
			t = NULL;
		} else {
			s->sessions[slot] = t;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return t == NULL ? -1 : 0;
}

/* A connection's cookie is complete: a stream of a test that waits for streams, or a test's beginning. -1: it has to wait
 * for room. */
static int dispatch(struct iperf3_server *s, struct pending *p, uint64_t now)
{
	int taken = 0, known = 0;

	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->options.tests && !known; i++) {
		struct iperf3_session *t = s->sessions[i];
		if (t == NULL || t->stage == IPERF3_ENDED || memcmp(t->cookie, p->cookie, IPERF3_COOKIE) != 0)
			continue;
		known = 1;
		taken = t->stage == IPERF3_OPENING && !t->params.udp && iperf3_same_host(&t->peer, &p->peer) && hand_over(t, p->fd) == 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (taken || (!known && begin(s, p) == 0))
		return 0;
	if (p->refuse_ns == 0)
		p->refuse_ns = now + FULL_NS;
	if (!known && now < p->refuse_ns)
		return -1;
	refuse(s, p->fd);
	return 0;
}

/* Opens a socket of its own for a UDP stream and answers; 0 or -1. */
static int open_udp(struct iperf3_server *s, const struct sockaddr_storage *from, socklen_t size, const uint8_t *reply)
{
	struct ipb_sock_options options = { .dscp = -1, .df = IPB_DF_OFF, .reuse = 1 };
	int fd = ipb_sock_listen(s->options.ip, s->port, SOCK_DGRAM, &options, NULL);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)from, size) < 0 || send(fd, reply, IPERF3_HELLO_SIZE, MSG_DONTWAIT) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A datagram to the common UDP port: the first of a stream, or nothing. */
static void take_hello(struct iperf3_server *s)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof from;
	uint8_t data[64], reply[IPERF3_HELLO_SIZE];
	struct iperf3_session *first = NULL;

	ssize_t n = recvfrom(s->udp, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &size);
	if (n < 0 || !iperf3_reply(data, (size_t)n, reply))
		return;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->options.tests; i++) {
		struct iperf3_session *t = s->sessions[i];
		if (t != NULL && t->stage == IPERF3_OPENING && t->params.udp && t->queued < t->wanted &&
		    iperf3_same_host(&t->peer, &from) && (first == NULL || t->serial < first->serial))
			first = t;
	}
	if (first != NULL) {
		int fd = open_udp(s, &from, size, reply);
		if (fd >= 0 && hand_over(first, fd) < 0)
			close(fd);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Joins those that have ended; all of them, when `all`. */
static void reap(struct iperf3_server *s, int all)
{
	for (uint32_t i = 0; i < s->options.tests; i++) {
		pthread_mutex_lock(&s->lock);
		struct iperf3_session *t = s->sessions[i];
		int over = t != NULL && (all || t->stage == IPERF3_ENDED);
		pthread_mutex_unlock(&s->lock);
		if (!over)
			continue;
		pthread_join(t->thread, NULL);
		pthread_mutex_lock(&s->lock);
		s->sessions[i] = NULL;
		pthread_mutex_unlock(&s->lock);
		close(t->wake);
		free(t);
	}
}

/* Reads of the cookie what is there. 1: it is complete, 0: not yet, -1: it will not be. */
static int read_cookie(struct pending *p, uint64_t now)
{
	if (p->have == IPERF3_COOKIE)
		return 1;
	ssize_t n = recv(p->fd, p->cookie + p->have, IPERF3_COOKIE - p->have, MSG_DONTWAIT);
	if (n > 0)
		p->have += (uint32_t)n;
	if (p->have == IPERF3_COOKIE)
		return 1;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || now >= p->deadline_ns)
		return -1;
	return 0;
}

static void accept_some(struct iperf3_server *s, struct pending *waiting, uint32_t *count, uint64_t now)
{
	for (int i = 0; i < ACCEPTS; i++) {
		struct pending p = { .deadline_ns = now + IPERF3_COOKIE_MS * 1000000ull };
		socklen_t size = sizeof p.peer;
		int yes = 1;
		p.fd = accept4(s->tcp, (struct sockaddr *)&p.peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (p.fd < 0)
			return;
		setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		if (*count == IPERF3_PENDING_MAX) { /* whoever has been silent for longest makes room */
			close(waiting[0].fd);
			memmove(waiting, waiting + 1, --*count * sizeof *waiting);
		}
		waiting[(*count)++] = p;
	}
}

void iperf3_server_run(struct iperf3_server *s, struct ipb_stop *stop)
{
	struct pending *waiting = calloc(IPERF3_PENDING_MAX, sizeof *waiting);
	struct pollfd *p = calloc(IPERF3_PENDING_MAX + 3, sizeof *p);
	uint32_t count = 0;
	int full = 0;

	while (waiting != NULL && p != NULL && !ipb_stop_asked(stop)) {
		p[0] = (struct pollfd){ .fd = s->tcp, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->udp, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = stop->event, .events = POLLIN };
		for (uint32_t i = 0; i < count; i++)
			p[3 + i] = (struct pollfd){ .fd = waiting[i].refuse_ns == 0 ? waiting[i].fd : -1, .events = POLLIN };
		poll(p, 3 + count, full ? FULL_ROUND_MS : ROUND_MS);
		uint64_t now = ipb_now_ns();
		reap(s, 0);
		uint32_t kept = 0;
		full = 0;
		for (uint32_t i = 0; i < count; i++) {
			int status = read_cookie(&waiting[i], now);
			if (status < 0) {
				close(waiting[i].fd);
			} else if (status == 0 || dispatch(s, &waiting[i], now) < 0) {
				waiting[kept++] = waiting[i];
				full |= status > 0;
			}
		}
		count = kept;
		if (p[0].revents != 0)
			accept_some(s, waiting, &count, now);
		if (p[1].revents != 0)
			take_hello(s);
	}
	for (uint32_t i = 0; i < count; i++)
		close(waiting[i].fd);
	ipb_stop_ask(&s->ending);
	reap(s, 1);
	free(waiting);
	free(p);
}

void iperf3_server_close(struct iperf3_server *s)
{
	if (s->tcp >= 0)
		close(s->tcp);
	if (s->udp >= 0)
		close(s->udp);
	if (s->ending.event > 0)
		close(s->ending.event);
	pthread_mutex_destroy(&s->lock);
	s->tcp = s->udp = -1;
	s->ending.event = 0;
}
