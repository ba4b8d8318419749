/* Requests and responses; see ipb_answers.h.  SPDX-License-Identifier: MIT */
#include "ipb_answers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define PIECE 65536u
#define TICK_NS 1000000000ull
#define MANY 8u /* a host that has one place of so many has many */

struct answers_conn {
	struct ipb_serve_watch watch;
	struct ipb_answers *answers;
	uint32_t request, response; /* bytes */
	uint64_t got;               /* of the next request */
	uint64_t owed, part;        /* bytes that are still to be sent; sent of the next response */
	uint64_t last_ns;
	struct answers_conn *next, **from;
	/* UDP: who asks, where he asks, and what shows that it is he. */
	int udp;
	uint32_t place;             /* in askers */
	struct sockaddr_storage peer, own;
	uint64_t token;
};

struct ipb_answers {
	struct ipb_service service;
	struct answers_conn *conns;
	uint64_t next_ns;
	struct answers_conn *askers[IPB_ANSWERS_ASKERS_MAX]; /* NULL: free; the token's last bits are the place */
	_Atomic uint64_t connections, requests, responses, strangers;
	uint8_t in[PIECE], out[PIECE]; /* out: zeros */
};

static void end_conn(struct answers_conn *k)
{
	ipb_serve_unwatch(k->answers->service.serve, &k->watch);
	close(k->watch.fd);
	if (k->udp)
		k->answers->askers[k->place] = NULL;
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

/* Over UDP the connection carries nothing more; it only has to stay. */
static void ready_udp(struct ipb_serve_watch *w, uint32_t events)
{
	struct answers_conn *k = (struct answers_conn *)w;
	uint8_t rest[64];
	const ssize_t n = recv(w->fd, rest, sizeof rest, MSG_DONTWAIT);

	(void)events;
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		end_conn(k);
}

/* From the address at which the asker has found this target. */
static ssize_t send_response(struct answers_conn *k, int fd, const struct sockaddr_storage *to, socklen_t to_size)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = { 0 };
	struct iovec part = { k->answers->out, k->response };
	struct msghdr m = { .msg_name = (void *)to, .msg_namelen = to_size, .msg_iov = &part, .msg_iovlen = 1,
		            .msg_control = control.bytes };

	if (k->own.ss_family == AF_INET6) {
		const struct in6_pktinfo i = { .ipi6_addr = ((const struct sockaddr_in6 *)&k->own)->sin6_addr };
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof i), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO };
		memcpy(CMSG_DATA(&control.head), &i, sizeof i);
		m.msg_controllen = CMSG_SPACE(sizeof i);
	} else {
		const struct in_pktinfo i = { .ipi_spec_dst = ((const struct sockaddr_in *)&k->own)->sin_addr };
		control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof i), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO };
		memcpy(CMSG_DATA(&control.head), &i, sizeof i);
		m.msg_controllen = CMSG_SPACE(sizeof i);
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void datagram(struct ipb_service *service, int fd, const struct sockaddr_storage *from, socklen_t from_size,
                     const uint8_t *bytes, size_t size)
{
	struct ipb_answers *a = service->context;
	const uint64_t token = size >= IPB_REQUEST_LEAST ? ipb_get_be(bytes + IPB_REQUEST_TOKEN_AT, 8) : 0;
	struct answers_conn *k = a->askers[token % IPB_ANSWERS_ASKERS_MAX];

	if (k == NULL || k->token != token || size != k->request || !ipb_sock_same_host(from, &k->peer)) {
		a->strangers++;
		return;
	}
	k->last_ns = ipb_now_ns();
	a->requests++;
	memcpy(a->out, bytes, IPB_RESPONSE_LEAST);
	if (send_response(k, fd, from, from_size) == (ssize_t)k->response)
		a->responses++;
	memset(a->out, 0, IPB_RESPONSE_LEAST);
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

static uint32_t asks(const struct ipb_answers *a, uint64_t host)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++)
		n += a->askers[i] != NULL && ipb_sock_host(&a->askers[i]->peer) == host;
	return n;
}

/* All places are taken: the host that has the most loses the one that has asked nothing for the longest, unless this host would have
 * as many then. It is not looked for on behalf of one that has many. */
static void make_room(struct ipb_answers *a, const struct sockaddr_storage *peer)
{
	const uint32_t mine = asks(a, ipb_sock_host(peer)) + 1;
	struct answers_conn *victim = NULL;
	uint32_t most = mine;

	if (mine * MANY > IPB_ANSWERS_ASKERS_MAX)
		return;
	for (uint32_t i = 0; i < IPB_ANSWERS_ASKERS_MAX; i++) {
		struct answers_conn *k = a->askers[i];
		const uint32_t n = asks(a, ipb_sock_host(&k->peer));
		if (n < most || n == mine || (n == most && k->last_ns >= victim->last_ns))
			continue;
		most = n;
		victim = k;
	}
	if (victim != NULL)
		end_conn(victim);
}

/* A place and a token that nobody can guess. 0, or -1 when there is no place. */
static int add_asker(struct ipb_answers *a, struct answers_conn *k, const struct sockaddr_storage *peer)
{
	socklen_t size = sizeof k->own;
	uint32_t place = 0;

	while (place < IPB_ANSWERS_ASKERS_MAX && a->askers[place] != NULL)
		place++;
	if (place == IPB_ANSWERS_ASKERS_MAX) {
		make_room(a, peer);
		for (place = 0; place < IPB_ANSWERS_ASKERS_MAX && a->askers[place] != NULL;)
			place++;
	}
	if (place == IPB_ANSWERS_ASKERS_MAX || getsockname(k->watch.fd, (struct sockaddr *)&k->own, &size) < 0 ||
	    getrandom(&k->token, sizeof k->token, 0) != (ssize_t)sizeof k->token)
		return -1;
	k->token = k->token / IPB_ANSWERS_ASKERS_MAX * IPB_ANSWERS_ASKERS_MAX + place;
	k->peer = *peer;
	k->place = place;
	k->udp = 1;
	return 0;
}

/* Why such requests are not answered; NULL: they are. */
static const char *refusal(const struct ipb_hello *h)
{
	if (h->reply_size == 0)
		return "a response has a byte or more";
	if (h->udp && (h->size < IPB_REQUEST_LEAST || h->reply_size < IPB_RESPONSE_LEAST || h->reply_size > IPB_HELLO_DATAGRAM_MAX))
		return "over UDP a request has 16 bytes or more, a response 8 to 65507";
	return NULL;
}

static int take(struct ipb_service *service, int fd, const struct sockaddr_storage *peer, const struct ipb_hello *h,
                struct ipb_welcome *welcome)
{
	struct ipb_answers *a = service->context;
	struct answers_conn *k = calloc(1, sizeof *k);
	uint8_t bytes[IPB_WELCOME_SIZE];
	const char *why = refusal(h);
	int yes = 1;

	if (k != NULL)
		k->watch = (struct ipb_serve_watch){ .fd = fd, .ready = h->udp ? ready_udp : ready };
	if (k == NULL || why != NULL || !ipb_serve_has_room(service->serve, fd) || (h->udp && add_asker(a, k, peer) < 0)) {
		welcome->code = why != NULL ? IPB_WELCOME_REFUSED : IPB_WELCOME_BUSY;
		snprintf(welcome->text, sizeof welcome->text, "%s", why != NULL ? why : "no room for one more connection");
		free(k);
		return -1;
	}
	k->answers = a;
	k->request = h->size;
	k->response = h->reply_size;
	k->last_ns = ipb_now_ns();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (h->udp)
		ipb_sock_watch_peer(fd, 20, 5, 4); /* it may be silent for long here, but has to be there */
	welcome->code = IPB_WELCOME_OK;
	welcome->now_ns = k->last_ns;
	welcome->token = k->token;
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
	if (k->udp)
		a->askers[k->place] = k;
	a->connections++;
	return 0;
}

static uint64_t tick(struct ipb_service *service, uint64_t now_ns)
{
	struct ipb_answers *a = service->context;

	if (now_ns >= a->next_ns) {
		for (struct answers_conn *k = a->conns, *next; k != NULL; k = next) {
			next = k->next;
			if (!k->udp && now_ns > k->last_ns && now_ns - k->last_ns > IPB_ANSWERS_IDLE_NS)
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
		a->service = (struct ipb_service){ .kinds = 1u << IPB_HELLO_REQUESTS, .context = a, .take = take,
		                                  .datagram = datagram, .tick = tick, .end = end };
	return a;
}

struct ipb_service *ipb_answers_service(struct ipb_answers *a) { return &a->service; }

void ipb_answers_free(struct ipb_answers *a) { free(a); }

void ipb_answers_counts(struct ipb_answers *a, struct ipb_answers_counts *c)
{
	*c = (struct ipb_answers_counts){ a->connections, a->requests, a->responses, a->strangers };
}
