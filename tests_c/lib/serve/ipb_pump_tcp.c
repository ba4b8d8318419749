/* One turn of a TCP stream; see ipb_pump.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_pump_private.h"

#ifndef SO_ZEROCOPY /* since Linux 4.14 */
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#define UNCOMPLETED_MAX 64 /* calls, before the kernel's word about them is fetched */

int ipb_pump_tcp_open(struct ipb_pump_worker *w)
{
	const struct ipb_pump_config *c = &w->pump->config;
	int yes = 1;

	/* Paced writes are to leave when they are due: Nagle's algorithm would hold one back until the last was acknowledged. */
	for (uint32_t i = 0; w->sends && c->bps > 0 && i < w->count; i++)
		if (setsockopt(w->streams[i]->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0)
			return -1;
	if (!w->sends || c->zerocopy == IPB_ZEROCOPY_OFF)
		return 0;
	if (c->zerocopy == IPB_ZEROCOPY_MSG) {
		for (uint32_t i = 0; i < w->count; i++)
			if (setsockopt(w->streams[i]->fd, SOL_SOCKET, SO_ZEROCOPY, &yes, sizeof yes) < 0)
				return -1;
		return 0;
	}
	w->file = memfd_create("ipbench-stream", MFD_CLOEXEC);
	return w->file >= 0 && write(w->file, w->buffer, w->buffer_size) == (ssize_t)w->buffer_size ? 0 : -1;
}

/* The memory that was sent never changes, so it does not matter when the kernel is done with it; but the words about it
 * take room in the socket, and without room nothing more is sent this way. */
static void fetch_completions(struct ipb_stream *s)
{
	uint8_t control[128];

	for (;;) {
		struct msghdr m = { .msg_control = control, .msg_controllen = sizeof control };
		if (recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
	}
	s->uncompleted = 0;
}

static ssize_t give(struct ipb_pump_worker *w, struct ipb_stream *s, uint32_t size)
{
	off_t at = 0;

	switch (w->pump->config.zerocopy) {
	case IPB_ZEROCOPY_SENDFILE:
		return sendfile(s->fd, w->file, &at, size);
	case IPB_ZEROCOPY_MSG: {
		if (++s->uncompleted >= UNCOMPLETED_MAX)
			fetch_completions(s);
		const ssize_t n = send(s->fd, w->buffer, size, MSG_NOSIGNAL | MSG_ZEROCOPY);
		if (n >= 0 || errno != ENOBUFS)
			return n;
		fetch_completions(s);
		return send(s->fd, w->buffer, size, MSG_NOSIGNAL);
	}
	default:
		return send(s->fd, w->buffer, size, MSG_NOSIGNAL);
	}
}

int ipb_pump_tcp_send(struct ipb_pump_worker *w, struct ipb_stream *s, uint32_t size)
{
	const ssize_t n = give(w, s, size);

	if (n > 0) {
		ipb_pump_count(s, ipb_now_ns(), (uint64_t)n);
		return 1;
	}
	if (n == 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	return ipb_pump_end(w, s, errno);
}

static void set_batch(struct ipb_stream *s, uint32_t bytes)
{
	const int least = (int)bytes;

	if (bytes != s->batch && setsockopt(s->fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) == 0)
		s->batch = bytes;
}

/* Every few milliseconds: how much is to wake us, at the rate that the stream had since the last time. */
static void choose_batch(struct ipb_stream *s, uint64_t now_ns)
{
	const uint64_t elapsed = now_ns - s->batch_ns;

	if (elapsed < IPB_PUMP_FETCH_MS * 1000000ull)
		return;
	const uint64_t came = (s->bins.total - s->batch_bytes) * IPB_PUMP_BATCH_NS / elapsed;
	uint32_t batch = IPB_PUMP_BATCH_MAX;
	while (batch > came && batch >= IPB_PUMP_BATCH_MIN)
		batch /= 2;
	set_batch(s, batch >= IPB_PUMP_BATCH_MIN ? batch : 1);
	s->batch_ns = now_ns;
	s->batch_bytes = s->bins.total;
}

void ipb_pump_tcp_fetch(struct ipb_pump_worker *w, uint64_t now_ns)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct ipb_stream *s = w->streams[i];
		if (s->batch > 1 && now_ns - s->batch_ns >= 2 * IPB_PUMP_FETCH_MS * 1000000ull)
			choose_batch(s, now_ns);
	}
}

int ipb_pump_tcp_receive(struct ipb_pump_worker *w, struct ipb_stream *s)
{
	const ssize_t n = recv(s->fd, w->buffer, w->buffer_size, w->pump->config.copy ? 0 : MSG_TRUNC);
	const uint64_t now = ipb_now_ns();

	if (n > 0)
		ipb_pump_count(s, now, (uint64_t)n);
	choose_batch(s, now);
	if (n > 0)
		return 1;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return ipb_pump_end(w, s, n == 0 ? 0 : errno);
}
