/* The hello of rr's connections; see peer.h.  SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>

#include "ipb_hello.h"

struct greeting {
	uint32_t sent, got;
	uint8_t welcome[IPB_WELCOME_SIZE];
};

struct peer {
	uint8_t hello[IPB_HELLO_SIZE];
	struct greeting *greetings; /* one a connection */
};

struct peer *peer_open(uint32_t connections, uint32_t request, uint32_t response)
{
	const struct ipb_hello h = { .kind = IPB_HELLO_REQUESTS, .direction = IPB_BOTH, .dscp = 255, .streams = 1, .size = request,
		                     .reply_size = response };
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
	if (p != NULL)
		free(p->greetings);
	free(p);
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
	if (ipb_welcome_decode(&w, g->welcome) == 0 && w.code == IPB_WELCOME_OK)
		return 1;
	errno = EPROTONOSUPPORT;
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

const struct ipb_req_io peer_io = { .send = peer_send, .receive = peer_receive, .handshake = handshake, .close = peer_end };
