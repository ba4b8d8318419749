/* Connections and their hellos; see ipb_serve.h.  SPDX-License-Identifier: MIT */
#include "ipb_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_descriptors.h"
#include "ipb_sock.h"

#define EVENTS 64
#define ACCEPT_PAUSE_NS 100000000ull /* no connection is accepted for so long after the system had no room for one */
#define DATAGRAMS_A_TURN 64
#define HOSTS 4096u          /* that are told apart, but for those that meet in one place */
#define MANY 8u              /* a host with more than one in so many pending connections makes no room for more of its own */

/* A connection whose hello has not come whole. */
struct pending {
	struct ipb_serve_watch watch;
	struct ipb_serve *serve;
	uint64_t deadline_ns;
	uint32_t host; /* its place in hosts */
	struct sockaddr_storage peer;
	uint32_t got;
	uint8_t bytes[IPB_HELLO_SIZE];
	struct pending *next, **from;
};

struct ipb_serve {
	struct ipb_serve_watch tcp, udp;
	struct ipb_service *services;
	struct pending *pending;
	uint32_t pending_count, pending_max;
	uint16_t hosts[HOSTS]; /* pending connections of each */
	uint64_t secret;       /* which hosts meet in one place */
	uint64_t hello_ns;
	int epoll, descriptors;
	uint64_t accept_again_ns; /* 0: connections are accepted */
	_Atomic uint64_t connections, refused, strangers;
	uint8_t datagram[65536];
};

int ipb_serve_watch(struct ipb_serve *s, struct ipb_serve_watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, w->fd, &e) == 0)
		return 0;
	return errno == ENOENT ? epoll_ctl(s->epoll, EPOLL_CTL_ADD, w->fd, &e) : -1;
}

void ipb_serve_unwatch(struct ipb_serve *s, struct ipb_serve_watch *w) { epoll_ctl(s->epoll, EPOLL_CTL_DEL, w->fd, NULL); }

int ipb_serve_has_room(const struct ipb_serve *s, int fd) { return fd < s->descriptors; }

static void forget(struct pending *p)
{
	ipb_serve_unwatch(p->serve, &p->watch);
	*p->from = p->next;
	if (p->next != NULL)
		p->next->from = p->from;
	p->serve->pending_count--;
	p->serve->hosts[p->host]--;
	free(p);
}

/* Closes so that nothing stays here. */
static void drop(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static void refuse(struct ipb_serve *s, int fd, struct ipb_welcome *welcome)
{
	uint8_t bytes[IPB_WELCOME_SIZE];

	s->refused++;
	welcome->now_ns = ipb_now_ns();
	ipb_welcome_encode(welcome, bytes);
	send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	/* Not reset, as it would be with a hello that nobody has read: the sentence would be lost. */
	recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	close(fd);
}

static void greet(struct ipb_serve *s, int fd, const struct sockaddr_storage *peer, const uint8_t *bytes)
{
	struct ipb_welcome welcome = { .code = IPB_WELCOME_UNKNOWN, .text = "this target offers no such service" };
	struct ipb_hello hello;

	if (ipb_hello_decode(&hello, bytes) < 0) {
		s->strangers++;
		drop(fd);
		return;
	}
	for (struct ipb_service *v = s->services; v != NULL; v = v->next)
		if ((v->kinds >> hello.kind & 1) && v->take(v, fd, peer, &hello, &welcome) == 0)
			return;
	refuse(s, fd, &welcome);
}

static void read_hello(struct ipb_serve_watch *w, uint32_t events)
{
	struct pending *p = (struct pending *)w;
	struct ipb_serve *s = p->serve;
	const int fd = p->watch.fd;
	uint8_t bytes[IPB_HELLO_SIZE];
	struct sockaddr_storage peer;

	(void)events;
	/* Not a byte more than the hello: what follows is the service's. */
	const ssize_t n = recv(fd, p->bytes + p->got, IPB_HELLO_SIZE - p->got, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->got += (uint32_t)n;
	if (n > 0 && p->got < IPB_HELLO_SIZE)
		return;
	memcpy(bytes, p->bytes, sizeof bytes);
	peer = p->peer;
	forget(p);
	if (n > 0) {
		greet(s, fd, &peer, bytes);
		return;
	}
	s->strangers++;
	drop(fd);
}

static uint32_t host_of(const struct ipb_serve *s, const struct sockaddr_storage *peer)
{
	return (uint32_t)(((ipb_sock_host(peer) ^ s->secret) * 0x9e3779b97f4a7c15ull) >> 40) % HOSTS;
}

/* The host that has the most pending connections loses its oldest, unless one more of this host would make it one with as many. */
static int make_room(struct ipb_serve *s, uint32_t host)
{
	struct pending *oldest = NULL;

	if (s->hosts[host] * MANY > s->pending_count)
		return 0;
	for (struct pending *p = s->pending; p != NULL; p = p->next)
		if (oldest == NULL || s->hosts[p->host] >= s->hosts[oldest->host])
			oldest = p;
	if (oldest == NULL || s->hosts[oldest->host] <= s->hosts[host] + 1)
		return 0;
	const int fd = oldest->watch.fd;
	s->strangers++;
	forget(oldest);
	drop(fd);
	return 1;
}

static void accept_one(struct ipb_serve *s, int fd, const struct sockaddr_storage *peer)
{
	const uint32_t host = host_of(s, peer);
	struct pending *p = NULL;

	if ((s->pending_count >= s->pending_max || !ipb_serve_has_room(s, fd)) && make_room(s, host)) {
		const int low = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* where the one before it was */
		if (low >= 0) {
			close(fd);
			fd = low;
		}
	}
	if (s->pending_count < s->pending_max && ipb_serve_has_room(s, fd))
		p = calloc(1, sizeof *p);
	if (p == NULL) {
		struct ipb_welcome welcome = { .code = IPB_WELCOME_BUSY, .text = "the target has no room for one more connection" };
		refuse(s, fd, &welcome);
		return;
	}
	s->connections++;
	p->watch = (struct ipb_serve_watch){ fd, read_hello };
	p->serve = s;
	p->host = host;
	s->hosts[host]++;
	p->peer = *peer;
	p->deadline_ns = ipb_now_ns() + s->hello_ns;
	p->next = s->pending;
	p->from = &s->pending;
	if (p->next != NULL)
		p->next->from = &p->next;
	s->pending = p;
	s->pending_count++;
	if (ipb_serve_watch(s, &p->watch, EPOLLIN) < 0) {
		forget(p);
		drop(fd);
	}
}

/* Without room for a descriptor the socket stays readable: it is not watched for a while. */
static void accept_all(struct ipb_serve_watch *w, uint32_t events)
{
	struct ipb_serve *s = (struct ipb_serve *)w;

	(void)events;
	for (;;) {
		struct sockaddr_storage peer = { 0 };
		socklen_t size = sizeof peer;
		const int fd = accept4(s->tcp.fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accept_one(s, fd, &peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			s->refused++;
			s->accept_again_ns = ipb_now_ns() + ACCEPT_PAUSE_NS;
			ipb_serve_watch(s, &s->tcp, 0);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void read_datagrams(struct ipb_serve_watch *w, uint32_t events)
{
	struct ipb_serve *s = (struct ipb_serve *)((char *)w - offsetof(struct ipb_serve, udp));

	(void)events;
	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof from;
		struct ipb_join join;
		const ssize_t n = recvfrom(w->fd, s->datagram, sizeof s->datagram, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (n < 0)
			return;
		const int is_join = ipb_join_decode(&join, s->datagram, (size_t)n) == 0;
		for (struct ipb_service *v = s->services; v != NULL; v = v->next)
			if (is_join && v->join != NULL)
				v->join(v, w->fd, &from, size, &join);
			else if (!is_join && v->datagram != NULL)
				v->datagram(v, w->fd, &from, size, s->datagram, (size_t)n);
	}
}

struct ipb_serve *ipb_serve_open(const struct ipb_serve_options *o, struct ipb_error *err)
{
	struct ipb_sock_options tcp = { .dscp = -1, .mptcp = o->mptcp }, udp = { .dscp = -1, .reuse_port = 1 };
	struct ipb_serve *s = calloc(1, sizeof *s);

	if (s == NULL) {
		ipb_error(err, "no memory for the services");
		return NULL;
	}
	s->epoll = s->udp.fd = s->tcp.fd = -1;
	if (getrandom(&s->secret, sizeof s->secret, 0) != (ssize_t)sizeof s->secret) {
		ipb_error_errno(err, errno, "cannot read random numbers");
		ipb_serve_close(s);
		return NULL;
	}
	s->pending_max = o->pending_max > 0 ? o->pending_max : IPB_SERVE_PENDING_MAX;
	s->hello_ns = (o->hello_ms > 0 ? o->hello_ms : IPB_SERVE_HELLO_MS) * 1000000ull;
	s->descriptors = ipb_raise_descriptors(IPB_SERVE_DESCRIPTORS) - IPB_SERVE_DESCRIPTORS_LEFT;
	s->tcp = (struct ipb_serve_watch){ ipb_sock_listen(o->ip, o->port, SOCK_STREAM, &tcp, err), accept_all };
	if (s->tcp.fd >= 0)
		s->udp = (struct ipb_serve_watch){ ipb_sock_listen(o->ip, ipb_sock_port(s->tcp.fd), SOCK_DGRAM, &udp, err), read_datagrams };
	if (s->tcp.fd >= 0 && s->udp.fd >= 0) {
		s->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (s->epoll >= 0 && ipb_serve_watch(s, &s->tcp, EPOLLIN) == 0 && ipb_serve_watch(s, &s->udp, EPOLLIN) == 0)
			return s;
		ipb_error_errno(err, errno, "cannot wait for connections");
	}
	ipb_serve_close(s);
	return NULL;
}

void ipb_serve_add(struct ipb_serve *s, struct ipb_service *service)
{
	service->serve = s;
	service->next = s->services;
	s->services = service;
}

uint16_t ipb_serve_port(const struct ipb_serve *s) { return ipb_sock_port(s->tcp.fd); }

void ipb_serve_counts(const struct ipb_serve *s, struct ipb_serve_counts *c)
{
	*c = (struct ipb_serve_counts){ s->connections, s->refused, s->strangers };
}

/* Ends what waits for too long; returns when to check again. */
static uint64_t tick(struct ipb_serve *s, uint64_t now_ns)
{
	uint64_t next = now_ns + IPB_SERVE_TICK_MS * 1000000ull;

	for (struct pending *p = s->pending, *after; p != NULL; p = after) {
		after = p->next;
		if (now_ns < p->deadline_ns)
			continue;
		const int fd = p->watch.fd;
		s->strangers++;
		forget(p);
		drop(fd);
	}
	if (s->accept_again_ns != 0 && now_ns >= s->accept_again_ns) {
		s->accept_again_ns = 0;
		ipb_serve_watch(s, &s->tcp, EPOLLIN);
	}
	for (struct ipb_service *v = s->services; v != NULL; v = v->next) {
		const uint64_t wanted = v->tick != NULL ? v->tick(v, now_ns) : next;
		if (wanted < next)
			next = wanted;
	}
	return next;
}

int ipb_serve_run(struct ipb_serve *s, const struct ipb_stop *stop, struct ipb_error *err)
{
	int status = 0;

	while (!ipb_stop_asked(stop)) {
		struct epoll_event events[EVENTS];
		const uint64_t now = ipb_now_ns(), next = tick(s, now), after = ipb_now_ns();
		const int wait_ms = next > after ? (int)((next - after + 999999) / 1000000) : 0;
		/* One at a time: what is ready may end another that is. */
		const int n = epoll_wait(s->epoll, events, 1, wait_ms);
		if (n < 0 && errno != EINTR) {
			status = ipb_error_errno(err, errno, "cannot wait for connections");
			break;
		}
		if (n > 0) {
			struct ipb_serve_watch *w = events[0].data.ptr;
			w->ready(w, events[0].events);
		}
	}
	for (struct ipb_service *v = s->services; v != NULL; v = v->next)
		if (v->end != NULL)
			v->end(v);
	return status;
}

void ipb_serve_close(struct ipb_serve *s)
{
	if (s == NULL)
		return;
	while (s->pending != NULL) {
		const int fd = s->pending->watch.fd;
		forget(s->pending);
		drop(fd);
	}
	if (s->tcp.fd >= 0)
		close(s->tcp.fd);
	if (s->udp.fd >= 0)
		close(s->udp.fd);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}
