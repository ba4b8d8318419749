/* peer=discard and peer=chargen: services that know nothing of a test (RFC 863, RFC 864), over TCP.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "ipb_clock.h"
#include "stream.h"

/* The first stream finds the address, the others go to the same. */
static int open_streams(struct stream_test *t, int sends, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	const struct ipb_sock_options o = { .dscp = -1 };
	const int first = ipb_sock_connect(c->host, c->port, SOCK_STREAM, &o, err);

	if (first < 0)
		return -1;
	t->control = first;
	t->address.size = sizeof t->address.storage;
	if (getpeername(first, (struct sockaddr *)&t->address.storage, &t->address.size) < 0)
		return ipb_error_errno(err, errno, "cannot connect to %s", c->host);
	ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
	t->peer->close(t); /* the streams have options of their own, which are set before they connect */
	if (ipb_pump_init(&t->pump, c->streams, err) < 0)
		return -1;
	int *fds = calloc(c->streams, sizeof *fds);
	if (fds == NULL)
		return ipb_error(err, "no memory for %u streams", c->streams);
	const int status = stream_connect_all(t, fds, c->streams, err);
	for (uint32_t i = 0; status == 0 && i < c->streams; i++) {
		t->pump.streams[i].fd = fds[i];
		t->pump.streams[i].sends = sends;
	}
	free(fds);
	return status;
}

static int open_discard(struct stream_test *t, struct ipb_error *err) { return open_streams(t, 1, err); }
static int open_chargen(struct stream_test *t, struct ipb_error *err) { return open_streams(t, 0, err); }

static void close_first(struct stream_test *t) { stream_peer_ipbench.close(t); }

const struct stream_peer stream_peer_discard = {
	.name = "discard", .directions = IPB_UP, .port = 9, .open = open_discard, .close = close_first,
};

const struct stream_peer stream_peer_chargen = {
	.name = "chargen", .directions = IPB_DOWN, .port = 19, .open = open_chargen, .close = close_first,
};
