/* Requests and responses; see ipb_answers.h.  SPDX-License-Identifier: MIT */
#include "ipb_answers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ipb_clock.h"

#define PIECE 65536u
#define TICK_NS 1000000000ull

struct answers_conn {
	struct ipb_serve_watch watch;
	struct ipb_answers *answers;
	uint32_t request, response; /* bytes */
	uint64_t got;               /* of the next request */
	uint64_t owed, part;        /* bytes that are still to be sent; sent of the next response */
	uint64_t last_ns;
	struct answers_conn *next, **from;
};

struct ipb_answers {
	struct ipb_service service;
	struct answers_conn *conns;
	uint64_t next_ns;
	_Atomic uint64_t connections, requests, responses;
	uint8_t in[PIECE], out[PIECE]; /* out: zeros */
};

static void end_conn(struct answers_conn *k)
{
	ipb_serve_unwatch(k->answers->service.serve, &k->watch);
	close(k->watch.fd);
	*k->from = k->next;
	if (k->next != NULL)
		k->next->from = k->from;
	free(k);
}

/* Sends what is owed. 1: all; 0: later; -1: the client is gone. */
static int pay(struct answers_conn *k)
{
	while (k->owed > 0) {
		const ssize_t n = send(k->watch.fd, k->answers->out, k->owed < PIECE ? (size_t)k->owed : PIECE, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		k->owed -= (uint64_t)n;
		k->part += (uint64_t)n;
		k->answers->responses += k->part / k->response;
		k->part %= k->response;
	}
	return 1;
}

static void ready(struct ipb_serve_watch *w, uint32_t events)
{
	struct answers_conn *k = (struct answers_conn *)w;
	struct ipb_answers *a = k->answers;
	const int waited = k->owed > 0;

	k->last_ns = ipb_now_ns();
	int paid = pay(k);
	if (paid > 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		const ssize_t n = recv(w->fd, a->in, PIECE, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			end_conn(k);
			return;
		}
		k->got += n > 0 ? (uint64_t)n : 0;
		a->requests += k->got / k->request;
		k->owed += k->got / k->request * k->response;
		k->got %= k->request;
		paid = pay(k);
	}
	if (paid < 0)
		end_conn(k);
	else if (waited != (paid == 0))
		ipb_serve_watch(a->service.serve, w, paid == 0 ? EPOLLOUT : EPOLLIN);
}

static int take(struct ipb_service *service, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *h,
                struct ipb_welcome *welcome)
{
	struct ipb_answers *a = service->context;
	struct answers_conn *k = calloc(1, sizeof *k);
	uint8_t bytes[IPB_WELCOME_SIZE];
	int yes = 1;

	(void)peer;
	if (k == NULL || h->udp || h->reply_size == 0 || !ipb_serve_has_room(service->serve, fd)) {
		welcome->code = h->udp || h->reply_size == 0 ? IPB_WELCOME_REFUSED : IPB_WELCOME_BUSY;
		snprintf(welcome->text, sizeof welcome->text, "%s", h->udp || h->reply_size == 0
		         ? "requests are answered over TCP, with a byte or more" : "no room for one more connection");
		free(k);
		return -1;
	}
	k->watch = (struct ipb_serve_watch){ .fd = fd, .ready = ready };
	k->answers = a;
	k->request = h->size;
	k->response = h->reply_size;
	k->last_ns = ipb_now_ns();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	welcome->code = IPB_WELCOME_OK;
	welcome->now_ns = k->last_ns;
	ipb_welcome_encode(welcome, bytes);
	if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof bytes ||
	    ipb_serve_watch(service->serve, &k->watch, EPOLLIN) < 0) {
		free(k);
		welcome->code = IPB_WELCOME_BUSY;
		return -1;
	}
	k->next = a->conns;
	k->from = &a->conns;
	if (k->next != NULL)
		k->next->from = &k->next;
	a->conns = k;
	a->connections++;
	return 0;
}

static uint64_t tick(struct ipb_service *service, uint64_t now_ns)
{
	struct ipb_answers *a = service->context;

	if (now_ns >= a->next_ns) {
		for (struct answers_conn *k = a->conns, *next; k != NULL; k = next) {
			next = k->next;
			if (now_ns > k->last_ns && now_ns - k->last_ns > IPB_ANSWERS_IDLE_NS)
				end_conn(k);
		}
		a->next_ns = now_ns + TICK_NS;
	}
	return a->next_ns;
}

static void end(struct ipb_service *service)
{
	struct ipb_answers *a = service->context;

	while (a->conns != NULL)
		end_conn(a->conns);
}

struct ipb_answers *ipb_answers_new(void)
{
	struct ipb_answers *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->service = (struct ipb_service){ .kinds = 1u << IPB_HELLO_REQUESTS, .context = a, .take = take, .tick = tick, .end = end };
	return a;
}

struct ipb_service *ipb_answers_service(struct ipb_answers *a) { return &a->service; }

void ipb_answers_free(struct ipb_answers *a) { free(a); }

void ipb_answers_counts(struct ipb_answers *a, struct ipb_answers_counts *c)
{
	*c = (struct ipb_answers_counts){ a->connections, a->requests, a->responses };
}
