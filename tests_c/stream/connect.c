/* Sockets of the streams; see stream.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_stream_socket.h"
#include "stream.h"

#define AT_A_TIME 64 /* connections on their way; more than a listener holds would be lost and begun again after a second */

static struct ipb_stream_options options_of(const struct stream_config *c)
{
	return (struct ipb_stream_options){ .udp = c->udp, .cc = c->cc, .mss = c->mss, .rcvbuf = c->rcvbuf, .sndbuf = c->sndbuf,
		                            .dscp = c->dscp };
}

static int no_descriptor(uint32_t count, struct ipb_error *err)
{
	return ipb_error(err, "no file descriptors left for %u streams: raise \"ulimit -n\", or ask for fewer streams", count);
}

static int begin(struct stream_test *t, struct ipb_error *err)
{
	const struct ipb_stream_options o = options_of(&t->config);
	const int fd = socket(t->address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                      t->config.mptcp ? IPB_IPPROTO_MPTCP : 0);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return no_descriptor(t->pump.count, err);
	if (fd < 0 && t->config.mptcp)
		return ipb_sock_no_mptcp(errno, err);
	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a TCP socket");
	if (ipb_stream_prepare(fd, &o, err) < 0)
		goto fail;
	if (connect(fd, (const struct sockaddr *)&t->address.storage, t->address.size) == 0 || errno == EINPROGRESS)
		return fd;
	ipb_error_errno(err, errno, "cannot connect a stream to %s", t->target_name);
fail:
	close(fd);
	return -1;
}

/* 1 when it is up, 0 when not yet, -1 and a sentence. */
static int stands(struct stream_test *t, int fd, short events, struct ipb_error *err)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (events == 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	return error == 0 ? 1 : ipb_error_errno(err, error, "cannot connect a stream to %s", t->target_name);
}

/* One round: fills up what is on its way, waits, and counts what is up. */
static int round_of(struct stream_test *t, int *fds, uint32_t count, uint32_t *begun, struct pollfd *way, uint32_t *on_way,
                    uint64_t deadline_ns, struct ipb_error *err)
{
	while (*on_way < AT_A_TIME && *begun < count) {
		const int fd = fds[*begun] = begin(t, err);
		if (fd < 0)
			return -1;
		way[(*on_way)++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		++*begun;
	}
	const uint64_t now = ipb_now_ns();
	if (now >= deadline_ns)
		return ipb_error(err, "only %u of %u streams to %s stood after %d s", *begun - *on_way, count, t->target_name,
		                 STREAM_OPEN_MS / 1000);
	if (ipb_stop_asked(&t->stopping))
		return ipb_error(err, "stopped while the streams were being opened");
	poll(way, *on_way, IPB_PUMP_WAKE_MS);
	for (uint32_t i = 0; i < *on_way;) {
		const int state = stands(t, way[i].fd, way[i].revents, err);
		if (state < 0)
			return -1;
		if (state > 0)
			way[i] = way[--*on_way];
		else
			i++;
	}
	return 0;
}

int stream_connect_all(struct stream_test *t, int *fds, uint32_t count, struct ipb_error *err)
{
	struct pollfd way[AT_A_TIME];
	uint32_t begun = 0, on_way = 0;
	const uint64_t deadline = ipb_now_ns() + STREAM_OPEN_MS * 1000000ull;

	for (uint32_t i = 0; i < count; i++)
		fds[i] = -1;
	while (begun < count || on_way > 0) {
		if (round_of(t, fds, count, &begun, way, &on_way, deadline, err) == 0)
			continue;
		for (uint32_t i = 0; i < count; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return -1;
	}
	return 0;
}

int stream_udp_socket(struct stream_test *t, struct ipb_error *err)
{
	const struct ipb_stream_options o = options_of(&t->config);
	const int fd = socket(t->address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return no_descriptor(t->pump.count, err);
	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a UDP socket");
	if (ipb_stream_prepare(fd, &o, err) == 0) {
		if (connect(fd, (const struct sockaddr *)&t->address.storage, t->address.size) == 0)
			return fd;
		ipb_error_errno(err, errno, "cannot send to %s", t->target_name);
	}
	close(fd);
	return -1;
}

static int wait_for(int fd, short events, uint64_t until_ns, const char *what, struct ipb_error *err)
{
	const uint64_t now = ipb_now_ns();
	struct pollfd p = { .fd = fd, .events = events };

	if (now >= until_ns)
		return ipb_error(err, "the target gave no answer in time (%s)", what);
	poll(&p, 1, (int)((until_ns - now) / 1000000) + 1);
	return 0;
}

int stream_read(int fd, void *to, size_t size, uint64_t until_ns, const char *what, struct ipb_error *err)
{
	for (size_t got = 0; got < size;) {
		const ssize_t n = recv(fd, (char *)to + got, size - got, MSG_DONTWAIT);
		if (n == 0)
			return ipb_error(err, "the target closed the connection (%s)", what);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ipb_error_errno(err, errno, "the connection to the target broke (%s)", what);
		if (n > 0)
			got += (size_t)n;
		else if (wait_for(fd, POLLIN, until_ns, what, err) < 0)
			return -1;
	}
	return 0;
}

int stream_write(int fd, const void *from, size_t size, uint64_t until_ns, const char *what, struct ipb_error *err)
{
	for (size_t sent = 0; sent < size;) {
		const ssize_t n = send(fd, (const char *)from + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ipb_error_errno(err, errno, "the connection to the target broke (%s)", what);
		if (n >= 0)
			sent += (size_t)n;
		else if (wait_for(fd, POLLOUT, until_ns, what, err) < 0)
			return -1;
	}
	return 0;
}
