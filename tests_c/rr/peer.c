/* The hello of rr's connections; see peer.h.  SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipb_hello.h"

#define PATIENCE_S 5 /* for the hello beside UDP */

struct greeting {
	uint32_t sent, got;
	uint8_t welcome[IPB_WELCOME_SIZE];
};

struct peer {
	uint8_t hello[IPB_HELLO_SIZE];
	struct greeting *greetings; /* one a connection; UDP: none */
	int controls[IPB_REQ_SOURCES_MAX], control_count;
	char why[160]; /* the first refusal */
};

struct peer *peer_open(uint32_t connections, uint32_t request, uint32_t response, int udp)
{
	const struct ipb_hello h = { .kind = IPB_HELLO_REQUESTS, .direction = IPB_BOTH, .udp = (uint8_t)udp, .dscp = 255, .streams = 1,
		                     .size = request, .reply_size = response };
	struct peer *p = calloc(1, sizeof *p);

	if (p == NULL || (p->greetings = calloc(connections, sizeof *p->greetings)) == NULL) {
		free(p);
		return NULL;
	}
	ipb_hello_encode(&h, p->hello);
	return p;
}

void peer_close(struct peer *p)
{
	if (p == NULL)
		return;
	while (p->control_count > 0)
		close(p->controls[--p->control_count]);
	free(p->greetings);
	free(p);
}

static int greet(int fd, const struct peer *p, const struct ipb_address *target, const struct ipb_address *source,
                 struct ipb_welcome *w, struct ipb_error *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	uint8_t bytes[IPB_WELCOME_SIZE];
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* of connect, too */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if ((source != NULL && bind(fd, (const struct sockaddr *)&source->storage, source->size) < 0) ||
	    connect(fd, (const struct sockaddr *)&target->storage, target->size) < 0 ||
	    send(fd, p->hello, IPB_HELLO_SIZE, MSG_NOSIGNAL) != IPB_HELLO_SIZE)
		return ipb_error_errno(err, errno == EINPROGRESS ? ETIMEDOUT : errno,
		                       "argument peer: the target takes no connection (TCP) beside requests over UDP; is it stream_target?");
	n = recv(fd, bytes, sizeof bytes, MSG_WAITALL);
	if (n != (ssize_t)sizeof bytes || ipb_welcome_decode(w, bytes) < 0)
		return ipb_error(err, "argument peer: the target gave no welcome for requests over UDP; is it stream_target?");
	return w->code == IPB_WELCOME_OK ? 0 : ipb_error(err, "argument peer: the target refuses: %s", w->text);
}

int peer_introduce(void *state, const struct ipb_address *target, const struct ipb_address *source, uint64_t *word,
                   struct ipb_error *err)
{
	struct peer *p = state;
	struct ipb_welcome w;
	const int fd = socket(target->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a connection beside requests over UDP");
	if (greet(fd, p, target, source, &w, err) < 0) {
		close(fd);
		return -1;
	}
	p->controls[p->control_count++] = fd;
	*word = w.token;
	return 0;
}

static int handshake(void *io, uint32_t c, int fd)
{
	struct peer *p = io;
	struct greeting *g = &p->greetings[c];
	struct ipb_welcome w;

	while (g->sent < IPB_HELLO_SIZE) {
		ssize_t n = send(fd, p->hello + g->sent, IPB_HELLO_SIZE - g->sent, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		g->sent += (uint32_t)n;
	}
	while (g->got < IPB_WELCOME_SIZE) {
		ssize_t n = recv(fd, g->welcome + g->got, IPB_WELCOME_SIZE - g->got, 0);
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
		g->got += (uint32_t)n;
	}
	const int whole = ipb_welcome_decode(&w, g->welcome) == 0;
	if (whole && w.code == IPB_WELCOME_OK)
		return 1;
	if (p->why[0] == '\0' && whole)
		snprintf(p->why, sizeof p->why, "the target refuses: %s", w.text);
	else if (p->why[0] == '\0')
		snprintf(p->why, sizeof p->why, "it gave no welcome for requests (is it stream_target?)");
	errno = EPROTO;
	return -1;
}

static ssize_t peer_send(void *io, uint32_t c, int fd, const void *bytes, size_t size)
{
	(void)io;
	(void)c;
	return send(fd, bytes, size, MSG_NOSIGNAL);
}

static ssize_t peer_receive(void *io, uint32_t c, int fd, void *bytes, size_t size)
{
	(void)io;
	(void)c;
	return recv(fd, bytes, size, 0);
}

static void peer_end(void *io, uint32_t c)
{
	struct peer *p = io;

	p->greetings[c].sent = p->greetings[c].got = 0;
}

static const char *peer_why(void *io) { return ((struct peer *)io)->why; }

const struct ipb_req_io peer_io = { .send = peer_send, .receive = peer_receive, .handshake = handshake, .close = peer_end,
	                            .why = peer_why };
