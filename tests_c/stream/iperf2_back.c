/* The server's own connections; see iperf2_back.h.  SPDX-License-Identifier: MIT */
#include "iperf2_back.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_stream_socket.h"
#include "iperf2.h"
#include "told.h"

#define GRACE_NS 300000000ull /* that the server sends beyond our measured phase, so that it does not end before it */
#define END_NS 2500000000ull  /* and how long we wait for that end */

/* One test runs in a process at a time. */
static int listener = -1;
static uint16_t port;
/* Those that ask, and carry nothing else. */
static int asking[STREAM_TOLD_MAX];
static uint32_t asked;

int iperf2_back_check(const struct stream_config *c, struct ipb_error *err)
{
	static const char *const words[] = { "", "up", "down", "both" };

	if (c->udp)
		return ipb_error(err, "argument direction: %s does not go with peer=iperf2 and udp, since small systems send nothing over "
		                 "UDP; use proto=tcp, or peer=iperf3 where that runs", words[c->direction]);
	if (c->bps > 0)
		return ipb_error(err, "argument bps: an iperf2 server sends as fast as it goes; leave bps out with direction=%s",
		                 words[c->direction]);
	return 0;
}

/* At the address from which the server is reached, on a free port, with the receive buffers that are asked for. */
static int listen_at(struct stream_test *t, const struct sockaddr_storage *own, socklen_t size, struct ipb_error *err)
{
	const struct ipb_stream_options o = { .rcvbuf = t->config.rcvbuf, .mss = t->config.mss, .dscp = t->config.dscp };
	struct sockaddr_storage at = *own;
	socklen_t at_size = sizeof at;

	if (at.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&at)->sin6_port = 0;
	else
		((struct sockaddr_in *)&at)->sin_port = 0;
	listener = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0)
		return ipb_error_errno(err, errno, "cannot open a TCP socket");
	if (ipb_stream_prepare(listener, &o, err) < 0)
		return -1;
	if (bind(listener, (struct sockaddr *)&at, size) < 0 || listen(listener, STREAM_TOLD_MAX) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &at_size) < 0)
		return ipb_error_errno(err, errno, "cannot listen for the iperf2 server's streams");
	port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port : ((struct sockaddr_in *)&at)->sin_port);
	return 0;
}

int iperf2_back_open(struct stream_test *t, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	const struct ipb_sock_options o = { .dscp = -1 };
	struct sockaddr_storage own = { 0 };
	socklen_t size = sizeof own;
	const int probe = ipb_sock_connect(c->host, c->port, SOCK_STREAM, &o, err);

	if (probe < 0)
		return -1;
	t->address.size = sizeof t->address.storage;
	const int status = getpeername(probe, (struct sockaddr *)&t->address.storage, &t->address.size) < 0 ||
	                                   getsockname(probe, (struct sockaddr *)&own, &size) < 0
	                           ? ipb_error_errno(err, errno, "cannot connect to %s", c->host) : 0;
	close(probe);
	if (status < 0)
		return -1;
	ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
	if (listen_at(t, &own, size, err) < 0)
		return -1;
	t->control = listener; /* it has the address and the interface of the streams */
	if (ipb_pump_init(&t->pump, c->direction == IPB_BOTH ? 2 * c->streams : c->streams, err) < 0)
		return -1;
	for (uint32_t i = 0; i < t->pump.count; i++)
		t->pump.streams[i].sends = c->direction == IPB_BOTH && i < c->streams;
	return 0;
}

static int same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return 0;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* One connection of the server's; others are refused. */
static int accept_one(struct stream_test *t, uint32_t had, uint64_t until_ns, struct ipb_error *err)
{
	for (;;) {
		struct pollfd p[2] = { { .fd = listener, .events = POLLIN }, { .fd = t->stopping.event, .events = POLLIN } };
		struct sockaddr_storage from = { 0 };
		socklen_t size = sizeof from;
		const uint64_t now = ipb_now_ns();
		if (ipb_stop_asked(&t->stopping))
			return ipb_error(err, "stopped while waiting for the iperf2 server's streams");
		if (now >= until_ns)
			return ipb_error(err, "the iperf2 server at %s made %u of %u connections to port %u of this tester within %d s: iperf -s "
			                 "and lwIP do when they are asked to send, Zephyr and ESP-IDF do not (use direction=up), and a "
			                 "firewall may be in between", t->target_name, had, t->config.streams, port, STREAM_ANSWER_MS / 1000);
		poll(p, 2, (int)((until_ns - now) / 1000000) + 1);
		const int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && same_host(&from, &t->address.storage))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno == EMFILE || errno == ENFILE)
			return ipb_error_errno(err, errno, "cannot take the iperf2 server's stream %u", had);
	}
}

int iperf2_back_go(struct stream_test *t, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	const uint32_t first = c->direction == IPB_BOTH ? c->streams : 0;
	uint8_t settings[IPERF2_SETTINGS];

	if (stream_connect_all(t, asking, c->streams, err) < 0)
		return -1;
	asked = c->streams;
	iperf2_ask_back(settings, port, c->warmup_ns + c->duration_ns + GRACE_NS);
	const uint64_t until = ipb_now_ns() + STREAM_ANSWER_MS * 1000000ull;
	for (uint32_t i = 0; i < c->streams; i++) {
		if (stream_write(asking[i], settings, sizeof settings, until, "sending iperf2's settings", err) < 0)
			return -1;
		shutdown(asking[i], SHUT_WR);
	}
	for (uint32_t i = 0; i < c->streams; i++)
		if ((t->pump.streams[first + i].fd = accept_one(t, i, until, err)) < 0)
			return -1;
	return 0;
}

void iperf2_back_end(struct stream_test *t)
{
	const uint64_t until = ipb_now_ns() + END_NS;

	for (uint32_t i = 0; i < t->pump.count; i++)
		while (!t->pump.streams[i].sends && ipb_now_ns() < until &&
		       atomic_load_explicit(&t->pump.streams[i].over, memory_order_acquire) == IPB_PUMP_RUNS)
			poll(NULL, 0, 1);
}

void iperf2_back_close(void)
{
	for (uint32_t i = 0; i < asked; i++)
		if (asking[i] >= 0)
			close(asking[i]);
	asked = 0;
	if (listener >= 0)
		close(listener);
	listener = -1;
}
