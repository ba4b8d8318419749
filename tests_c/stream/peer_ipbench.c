/* peer=ipbench: stream_target; see ipb_hello.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "stream.h"

#define PINGS 16             /* for the offset of the clocks: the one with the shortest round trip counts */
#define OPEN_AT_A_TIME 64    /* streams without a hello; a target accepts so many of many testers at once, and no more */
#define JOIN_AGAIN_NS 100000000ull
#define WELCOMES "waiting for its welcome"

static uint64_t answer_by(void) { return ipb_now_ns() + STREAM_ANSWER_MS * 1000000ull; }

static struct ipb_hello hello_of(const struct stream_test *t, enum ipb_hello_kind kind)
{
	const struct stream_config *c = &t->config;
	struct ipb_hello h = {
		.kind = (uint8_t)kind, .direction = (uint8_t)c->direction, .udp = (uint8_t)c->udp, .copy = (uint8_t)c->copy,
		.zerocopy = (uint8_t)c->zerocopy, .dscp = c->dscp < 0 ? 255 : (uint8_t)c->dscp, .streams = c->streams,
		.session = t->session, .token = t->token, .size = c->size, .bps = (uint64_t)c->bps,
		.length_ns = c->warmup_ns + c->duration_ns + 2 * IPB_NS_PER_S, .rcvbuf = c->rcvbuf, .sndbuf = c->sndbuf, .mss = c->mss,
	};

	memcpy(h.cc, c->cc, strnlen(c->cc, sizeof h.cc - 1));
	return h;
}

static int send_hello(int fd, const struct ipb_hello *h, struct ipb_error *err)
{
	uint8_t bytes[IPB_HELLO_SIZE];

	ipb_hello_encode(h, bytes);
	return stream_write(fd, bytes, sizeof bytes, answer_by(), "sending it a hello", err);
}

static int read_welcome(struct stream_test *t, int fd, struct ipb_welcome *w, struct ipb_error *err)
{
	uint8_t bytes[IPB_WELCOME_SIZE];

	if (stream_read(fd, bytes, sizeof bytes, answer_by(), WELCOMES, err) < 0)
		return ipb_error(err, "%s does not answer as stream_target does (%s); does it run there, or is it an iperf3, or "
		                 "discard, which peer= would name?", t->target_name, errno == ECONNRESET ? "it reset the connection" : "no welcome came");
	if (ipb_welcome_decode(w, bytes) < 0)
		return ipb_error(err, "%s is no stream_target of this version: its welcome cannot be read", t->target_name);
	if (w->code != IPB_WELCOME_OK)
		return ipb_error(err, "%s refused: %s", t->target_name, w->text);
	return 0;
}

static int send_message(struct stream_test *t, enum ipb_message_type type, uint64_t a, uint64_t b, uint64_t c, struct ipb_error *err)
{
	const struct ipb_message m = { (uint8_t)type, a, b, c };
	uint8_t bytes[IPB_MESSAGE_SIZE];

	ipb_message_encode(&m, bytes);
	return stream_write(t->control, bytes, sizeof bytes, answer_by(), "control connection", err);
}

/* The next message; one of failure becomes its sentence. */
static int read_message(struct stream_test *t, enum ipb_message_type wanted, uint64_t until_ns, const char *what,
                        struct ipb_message *m, struct ipb_error *err)
{
	uint8_t bytes[IPB_MESSAGE_SIZE];
	char text[256] = "";

	if (stream_read(t->control, bytes, sizeof bytes, until_ns, what, err) < 0)
		return -1;
	if (ipb_message_decode(m, bytes) < 0)
		return ipb_error(err, "the target sent what is no message (%s)", what);
	if (m->type == IPB_MESSAGE_FAILED && m->a < sizeof text && stream_read(t->control, text, m->a, until_ns, what, err) == 0) {
		for (size_t i = 0; text[i] != '\0'; i++)
			if ((unsigned char)text[i] < ' ')
				text[i] = '?';
		return ipb_error(err, "the target failed: %s", text);
	}
	return m->type == wanted ? 0 : ipb_error(err, "the target sent an unexpected message (%s)", what);
}

/* The offset of the clocks, from the shortest of some round trips: it is right to half of that. */
static int compare_clocks(struct stream_test *t, int64_t *offset_ns, uint64_t *error_ns, struct ipb_error *err)
{
	struct ipb_message m;

	*error_ns = UINT64_MAX;
	for (int i = 0; i < PINGS; i++) {
		const uint64_t before = ipb_now_ns();
		if (send_message(t, IPB_MESSAGE_PING, before, 0, 0, err) < 0 ||
		    read_message(t, IPB_MESSAGE_PONG, answer_by(), "comparing clocks", &m, err) < 0)
			return -1;
		const uint64_t after = ipb_now_ns();
		if (m.a != before)
			return ipb_error(err, "the target answered another question (comparing clocks)");
		if ((after - before) / 2 >= *error_ns)
			continue;
		*error_ns = (after - before) / 2;
		*offset_ns = (int64_t)(m.b - (before + *error_ns));
	}
	return 0;
}

/* Some streams, with their hellos. */
static int open_some(struct stream_test *t, uint32_t from, uint32_t count, struct ipb_error *err)
{
	struct ipb_hello h = hello_of(t, IPB_HELLO_STREAM);
	struct ipb_welcome w;
	int fds[OPEN_AT_A_TIME];

	if (stream_connect_all(t, fds, count, err) < 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		t->pump.streams[from + i].fd = fds[i];
		t->pump.streams[from + i].sends = ipb_hello_way(&h, from + i) == IPB_UP;
	}
	for (uint32_t i = 0; i < count; i++) {
		h.index = from + i;
		if (send_hello(fds[i], &h, err) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < count; i++)
		if (read_welcome(t, fds[i], &w, err) < 0)
			return -1;
	return 0;
}

static int open_tcp(struct stream_test *t, struct ipb_error *err)
{
	const uint32_t all = t->pump.count;
	uint32_t count;

	for (uint32_t from = 0; from < all; from += count) {
		count = all - from < OPEN_AT_A_TIME ? all - from : OPEN_AT_A_TIME;
		if (open_some(t, from, count, err) < 0)
			return -1;
	}
	return 0;
}

/* Asks again and again, since datagrams get lost. */
static int join_one(struct stream_test *t, struct ipb_stream *s, uint64_t until_ns, struct ipb_error *err)
{
	struct ipb_join ask = { IPB_JOIN, s->index, t->session, t->token }, answer;
	uint8_t bytes[IPB_JOIN_SIZE];
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	for (uint64_t now = ipb_now_ns(), again = 0; now < until_ns && !ipb_stop_asked(&t->stopping); now = ipb_now_ns()) {
		if (now >= again) {
			ipb_join_encode(&ask, bytes);
			send(s->fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
			again = now + JOIN_AGAIN_NS;
		}
		poll(&p, 1, (int)((again - now) / 1000000) + 1);
		const ssize_t n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n < 0 || ipb_join_decode(&answer, bytes, (size_t)n) < 0 || answer.session != t->session || answer.index != s->index)
			continue;
		if (answer.type == IPB_JOIN_READY)
			return 0;
		if (answer.type == IPB_JOIN_CHALLENGE && ask.type == IPB_JOIN) {
			ask.type = IPB_JOIN_ANSWER;
			ask.word = answer.word;
			again = 0;
		}
	}
	return ipb_error(err, "stream %u over UDP did not come to stand: %s, port %u, answers over TCP but not over UDP (a firewall?)",
	                 s->index, t->target_name, t->config.port);
}

static int open_udp(struct stream_test *t, struct ipb_error *err)
{
	const struct ipb_hello h = hello_of(t, IPB_HELLO_STREAM);
	const uint64_t until = ipb_now_ns() + STREAM_OPEN_MS * 1000000ull;

	for (uint32_t i = 0; i < t->pump.count; i++) {
		struct ipb_stream *s = &t->pump.streams[i];
		s->fd = stream_udp_socket(t, err);
		s->sends = ipb_hello_way(&h, i) == IPB_UP;
		if (s->fd < 0 || join_one(t, s, until, err) < 0)
			return -1;
	}
	return 0;
}

/* The target may have lost the last READY of a stream over UDP, so it is asked. */
static int all_joined(struct stream_test *t, struct ipb_error *err)
{
	struct ipb_message m;

	if (send_message(t, IPB_MESSAGE_READY, 0, 0, 0, err) < 0 ||
	    read_message(t, IPB_MESSAGE_READY, answer_by(), "asking for its streams", &m, err) < 0)
		return -1;
	return m.a == t->pump.count ? 0 : ipb_error(err, "the target has %llu of %u streams", (unsigned long long)m.a, t->pump.count);
}

static int open_session(struct stream_test *t, struct ipb_error *err)
{
	const struct stream_config *c = &t->config;
	const struct ipb_sock_options o = { .dscp = -1, .nodelay = 1 };
	const struct ipb_hello h = hello_of(t, IPB_HELLO_BULK);
	struct ipb_welcome w;

	t->control = ipb_sock_connect(c->host, c->port, SOCK_STREAM, &o, err);
	if (t->control < 0) {
		char why[IPB_ERROR_SIZE];
		snprintf(why, sizeof why, "%s", ipb_error_text(err));
		return strstr(why, strerror(ECONNREFUSED)) == NULL ? -1 :
		       ipb_error(err, "%.800s (start \"ipbench sink\" there, or run stream_target with --target-test; peer= is for "
		                 "other servers, such as iperf3)", why);
	}
	t->address.size = sizeof t->address.storage;
	if (getpeername(t->control, (struct sockaddr *)&t->address.storage, &t->address.size) < 0)
		return ipb_error_errno(err, errno, "cannot connect to %s", c->host);
	ipb_sock_name((const struct sockaddr *)&t->address.storage, t->address.size, t->target_name, sizeof t->target_name);
	if (send_hello(t->control, &h, err) < 0 || read_welcome(t, t->control, &w, err) < 0)
		return -1;
	t->session = w.session;
	t->token = w.token;
	return 0;
}

static int open_all(struct stream_test *t, struct ipb_error *err)
{
	const uint32_t count = t->config.direction == IPB_BOTH ? 2 * t->config.streams : t->config.streams;

	if (open_session(t, err) < 0 || ipb_pump_init(&t->pump, count, err) < 0 ||
	    (t->config.udp ? open_udp(t, err) : open_tcp(t, err)) < 0 || all_joined(t, err) < 0)
		return -1;
	t->pump.config.session = t->session;
	return compare_clocks(t, &t->offset_ns, &t->offset_error_ns, err);
}

static int go(struct stream_test *t, struct ipb_error *err)
{
	const uint64_t offset = (uint64_t)t->offset_ns;

	return send_message(t, IPB_MESSAGE_GO, t->begin_ns + offset, t->window_start_ns + offset, t->window_end_ns + offset, err);
}

/* The target sends nothing now; what comes is its failure or its end. */
static int turn(struct stream_test *t, uint64_t until_ns, struct ipb_error *err)
{
	struct pollfd p[2] = { { .fd = t->control, .events = POLLIN }, { .fd = t->stopping.event, .events = POLLIN } };
	struct ipb_message m;
	const uint64_t now = ipb_now_ns();

	if (now >= until_ns)
		return 0;
	poll(p, 2, (int)((until_ns - now + 999999) / 1000000));
	return p[0].revents == 0 ? 0 : read_message(t, IPB_MESSAGES, answer_by(), "during the transfer", &m, err);
}

static int read_result(struct stream_test *t, struct ipb_error *err)
{
	const uint64_t until = answer_by();
	struct ipb_message m;

	if (read_message(t, IPB_MESSAGE_RESULT, until, "waiting for its result", &m, err) < 0)
		return -1;
	if (m.a > IPB_BULK_RESULT_MAX)
		return ipb_error(err, "the target's result has %llu bytes, more than %u", (unsigned long long)m.a, IPB_BULK_RESULT_MAX);
	uint8_t *bytes = malloc(m.a > 0 ? m.a : 1);
	if (bytes == NULL)
		return ipb_error(err, "no memory for the target's result");
	int status = stream_read(t->control, bytes, m.a, until, "reading its result", err);
	if (status == 0 && ipb_bulk_result_read(&t->theirs, t->pump.count, bytes, m.a) < 0)
		status = ipb_error(err, "the target's result cannot be read");
	free(bytes);
	t->has_theirs = status == 0;
	return status;
}

static int end(struct stream_test *t, struct ipb_error *err)
{
	int64_t later_ns;
	uint64_t error_ns;

	if (send_message(t, IPB_MESSAGE_END, t->config.udp ? STREAM_UDP_DRAIN_NS : 0, 0, 0, err) < 0 || read_result(t, err) < 0 ||
	    compare_clocks(t, &later_ns, &error_ns, err) < 0)
		return -1;
	/* What the clocks have parted by since then is in doubt, too. */
	const int64_t moved = later_ns - t->offset_ns;
	t->offset_error_ns += (uint64_t)(moved < 0 ? -moved : moved);
	return 0;
}

static void close_all(struct stream_test *t)
{
	if (t->control >= 0)
		close(t->control);
	t->control = -1;
}

const struct stream_peer stream_peer_ipbench = {
	.name = "ipbench",
	.directions = IPB_BOTH,
	.udp = 1,
	.port = IPB_SERVE_PORT,
	.is_ours = 1,
	.open = open_all,
	.go = go,
	.turn = turn,
	.end = end,
	.close = close_all,
};
