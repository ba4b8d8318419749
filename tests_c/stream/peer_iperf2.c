/*
 * peer=iperf2: an iperf 2 server, or one of those that small systems ship (lib/iperf/iperf2.h).  SPDX-License-Identifier: MIT
 *
 * Up, the streams open in `open`. Down and both, they open in `go`, since a server begins when it has the settings: it is
 * asked to connect to a port of ours, by one connection a stream.
 */
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "iperf2.h"
#include "iperf2_back.h"
#include "told.h"

#define STOP_MS 2             /* until a sender that was in its last call has come back */
#define CLOSE_NS 1000000000ull /* the last acknowledgements and the server's end of file may take so long, */
#define CLOSE_MAX_NS 2500000000ull /* … and as long as something moves, so long */
#define LOOK_MS 20
#define BUFFER 65507

static struct stream_told told;

static int check(const struct stream_config *c, struct ipb_error *err)
{
	if (c->streams > STREAM_TOLD_MAX)
		return ipb_error(err, "argument streams: peer=iperf2 takes at most %d, not %u", STREAM_TOLD_MAX, c->streams);
	if (c->udp && c->size < IPERF2_UDP_MIN)
		return ipb_error(err, "argument size: iperf2's datagrams have at least %d bytes, not %u", IPERF2_UDP_MIN, c->size);
	return c->direction == IPB_UP ? 0 : iperf2_back_check(c, err);
}

/* 24 bytes of zeros at the head of each stream: a plain test, from which nothing is to come back. */
static int send_settings(const struct stream_test *t, const int *fds, struct ipb_error *err)
{
	static const uint8_t settings[IPERF2_SETTINGS];
	const uint64_t until = ipb_now_ns() + STREAM_ANSWER_MS * 1000000ull;

	for (uint32_t i = 0; i < t->config.streams; i++)
		if (stream_write(fds[i], settings, sizeof settings, until, "sending iperf2's settings", err) < 0)
			return -1;
	return 0;
}

static int open_tcp(struct stream_test *t, const struct ipb_address *found, int n, int *fds, struct ipb_error *err)
{
	for (int i = 0; i < n; i++) {
		t->address = found[i];
		ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
		if (stream_connect_all(t, fds, t->config.streams, err) == 0)
			return 0;
	}
	return -1;
}

static int open_udp(struct stream_test *t, const struct ipb_address *found, int *fds, struct ipb_error *err)
{
	t->address = found[0];
	ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
	for (uint32_t i = 0; i < t->config.streams; i++)
		if ((fds[i] = stream_udp_socket(t, err)) < 0)
			return -1;
	return 0;
}

static void write_header(const struct ipb_stream *s, uint8_t *to, uint64_t number, uint64_t now_ns, int measured)
{
	(void)s, (void)now_ns, (void)measured;
	iperf2_stamp(to, IPERF2_UDP_MIN, (uint32_t)number, 0, ipb_clock_gettime_ns(CLOCK_REALTIME));
}

static const struct ipb_pump_format format = { .header = IPERF2_UDP_MIN, .write = write_header };

static int open_streams(struct stream_test *t, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];
	int fds[STREAM_TOLD_MAX], status = -1;

	memset(&told, 0, sizeof told);
	if (check(c, err) < 0)
		return -1;
	if (c->direction != IPB_UP)
		return iperf2_back_open(t, err);
	const int n = ipb_sock_resolve(c->host, c->port, c->udp ? SOCK_DGRAM : SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, err);
	if (n < 0 || ipb_pump_init(&t->pump, c->streams, err) < 0)
		return -1;
	for (uint32_t i = 0; i < c->streams; i++)
		fds[i] = -1;
	t->pump.config.format = c->udp ? &format : NULL;
	t->pump.config.rejection_ends = 1; /* there is no control connection */
	status = c->udp ? open_udp(t, found, fds, err) : open_tcp(t, found, n, fds, err);
	for (uint32_t i = 0; i < c->streams; i++) { /* the pump closes what there is */
		t->pump.streams[i].fd = fds[i];
		t->pump.streams[i].sends = 1;
	}
	return status < 0 || c->udp ? status : send_settings(t, fds, err);
}

static int go(struct stream_test *t, struct ipb_error *err)
{
	int fds[STREAM_TOLD_MAX];

	if (t->config.direction == IPB_UP)
		return 0;
	if (t->config.direction == IPB_BOTH) {
		if (stream_connect_all(t, fds, t->config.streams, err) < 0)
			return -1;
		for (uint32_t i = 0; i < t->config.streams; i++)
			t->pump.streams[i].fd = fds[i];
		if (send_settings(t, fds, err) < 0)
			return -1;
	}
	return iperf2_back_go(t, err);
}

static int waiting(const struct stream_test *t)
{
	int all = 0, one;

	for (uint32_t i = 0; i < t->pump.count; i++)
		if (t->pump.streams[i].sends && ioctl(t->pump.streams[i].fd, SIOCOUTQ, &one) == 0)
			all += one;
	return all;
}

/* An end of file after all that was sent, so that the server counts it before the connection goes; as long as it reads
 * something, and a while for its own end of file. */
static void end_tcp(struct stream_test *t)
{
	const uint64_t begin = ipb_now_ns();
	uint64_t moved = begin;
	int before = INT_MAX;

	for (uint32_t i = 0; i < t->pump.count; i++)
		if (t->pump.streams[i].sends)
			shutdown(t->pump.streams[i].fd, SHUT_WR);
	for (uint32_t i = 0; i < t->pump.count && t->pump.streams[i].sends;) {
		struct pollfd p = { .fd = t->pump.streams[i].fd, .events = POLLIN };
		const int left = waiting(t);
		const uint64_t now = ipb_now_ns();
		if (left < before)
			moved = now;
		before = left;
		if (now - moved > CLOSE_NS || now - begin > CLOSE_MAX_NS || ipb_stop_asked(&t->stopping))
			return;
		i += poll(&p, 1, LOOK_MS) != 0;
	}
}

static int end_udp(struct stream_test *t, struct ipb_error *err)
{
	static uint8_t buffer[BUFFER];
	int silent = 0;

	for (uint32_t i = 0; i < t->pump.count; i++) {
		const struct ipb_stream *s = &t->pump.streams[i];
		const int none = 0;
		struct iperf2_report r;
		setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof none);
		const int status = iperf2_udp_end(s->fd, buffer, t->config.size, (uint32_t)s->udp.numbers, silent ? 1 : IPERF2_LAST_TRIES, &r,
		                                  &t->stopping, err);
		if (status < 0)
			return -1;
		silent |= status == 0;
		if (status == 0)
			continue;
		iperf2_report_settle(&r, s->udp.numbers, t->config.size);
		told.told[i] = 1;
		told.seconds[i] = r.seconds;
		told.bytes[i] = r.bytes;
		told.packets[i] = r.datagrams;
		told.lost[i] = (int64_t)r.lost;
		told.jitter_s[i] = r.jitter;
		told.retransmits[i] = -1;
		told.known = 1;
	}
	return told.known ? 0 : ipb_error(err, "the iperf2 server at %s sent no report of what it received within %.1f s, as small "
	                                  "systems do not (lwIP, ESP-IDF): use proto=tcp with it", t->target_name,
	                                  IPERF2_LAST_TRIES * IPERF2_LAST_MS / 1e3);
}

static int end(struct stream_test *t, struct ipb_error *err)
{
	poll(NULL, 0, STOP_MS);
	if (t->config.udp)
		return end_udp(t, err);
	end_tcp(t);
	iperf2_back_end(t);
	return 0;
}

/* Without a reset, which the pump would send where something is on its way: lwIP's lwiperf reads through a null pointer when
 * it gets one, and takes its machine with it. The kernel ends such connections by itself. */
static void close_server(struct stream_test *t)
{
	for (uint32_t i = 0; i < t->pump.count && !t->config.udp; i++)
		if (t->pump.streams[i].fd >= 0) {
			close(t->pump.streams[i].fd);
			t->pump.streams[i].fd = -1;
		}
	iperf2_back_close();
	t->control = -1;
}

static double received(const struct stream_test *t, uint32_t index) { return stream_told_bytes(t, &told, index); }
static void metrics(const struct stream_test *t, struct ipb_json *j) { stream_told_metrics(t, &told, j); }

const struct stream_peer stream_peer_iperf2 = {
	.name = "iperf2", .directions = IPB_BOTH, .udp = 1, .port = IPERF2_PORT, .open = open_streams, .go = go,
	.end = end, .close = close_server, .received = received, .metrics = metrics,
};
