/* The client's end of an iperf3 test; see iperf3_client.h.  SPDX-License-Identifier: MIT */
#include "iperf3_client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ipb_clock.h"

#define TERMINATE_MS 200      /* how long giving a test up may take */
#define SETTLE_MS 1000        /* how long the last acknowledgements may take */
#define READ_MS 20            /* after them, until the server has read */
#define UDP_BLOCK_DEFAULT 1460 /* where the control connection has no MSS */

static uint64_t in_ms(unsigned ms) { return ipb_now_ns() + ms * 1000000ull; }

void iperf3_client_init(struct iperf3_client *c)
{
	memset(c, 0, sizeof *c);
	c->control = -1;
}

/* Why reading or writing on the control connection failed: status as of iperf3_read, or -1. */
static int broken(const struct iperf3_client *c, int status, const char *doing, struct ipb_error *err)
{
	if (status > 0)
		return ipb_error(err, "the %s closed the connection while %s: it was ended, or is no iperf3 of 3.1 or newer", c->server,
		                 doing);
	if (errno == ETIMEDOUT)
		return ipb_error(err, "the %s did not answer within %d s while %s: restart it if it hangs", c->server,
		                 IPERF3_CONTROL_MS / 1000, doing);
	if (errno == ECANCELED)
		return ipb_error(err, "stopped while %s with the %s", doing, c->server);
	if (errno == ECONNRESET || errno == EPIPE)
		return ipb_error(err, "the %s broke the connection while %s: was it ended?", c->server, doing);
	return ipb_error_errno(err, errno, "the connection to the %s failed while %s", c->server, doing);
}

/* A state that is none of those awaited. */
static int unexpected(struct iperf3_client *c, int state, const char *doing, const struct ipb_stop *stop,
                      struct ipb_error *err)
{
	uint8_t codes[8];

	if (state == IPERF3_ACCESS_DENIED)
		return ipb_error(err, "the %s is busy with another test, and runs one at a time: wait until that has ended, or give each "
		                 "tester a server or port of its own", c->server);
	if (state == IPERF3_SERVER_TERMINATE)
		return ipb_error(err, "the %s was ended while %s: start it again", c->server, doing);
	if (state != IPERF3_SERVER_ERROR)
		return ipb_error(err, "the %s sent %d while %s, which no version from 3.9 to 3.21 does: is it an iperf3 server?",
		                 c->server, state, doing);
	int status = iperf3_read(c->control, codes, sizeof codes, in_ms(IPERF3_CONTROL_MS), stop);
	if (status != 0)
		return broken(c, status, "telling its error", err);
	uint32_t code = (uint32_t)ipb_get_be(codes, 4), number = (uint32_t)ipb_get_be(codes + 4, 4);
	if (number > 0 && number < 4096)
		return ipb_error_errno(err, (int)number, "the %s refuses (iperf3's error %u): %s", c->server, code,
		                       iperf3_error_name(code));
	return ipb_error(err, "the %s refuses (iperf3's error %u): %s", c->server, code, iperf3_error_name(code));
}

static int await(struct iperf3_client *c, int wanted, unsigned ms, const char *doing, const struct ipb_stop *stop,
                 struct ipb_error *err)
{
	int8_t state;
	int status = iperf3_read(c->control, &state, 1, in_ms(ms), stop);

	if (status != 0)
		return broken(c, status, doing, err);
	return state == wanted ? 0 : unexpected(c, state, doing, stop, err);
}

static int send_params(struct iperf3_client *c, const struct ipb_stop *stop, struct ipb_error *err)
{
	char *text = iperf3_params_encode(&c->params);

	if (text == NULL)
		return ipb_error(err, "no memory for iperf3's parameters");
	int status = iperf3_write_text(c->control, text, in_ms(IPERF3_CONTROL_MS), stop);
	free(text);
	return status < 0 ? broken(c, -1, "sending the parameters", err) : 0;
}

int iperf3_client_connect(struct iperf3_client *c, const char *host, uint16_t port, const struct iperf3_params *params,
                          const struct ipb_sock_options *options, const struct ipb_stop *stop, struct ipb_error *err)
{
	int mss = 0, yes = 1;
	socklen_t size = sizeof mss;

	if (iperf3_json_ready(err) < 0)
		return -1;
	c->params = *params;
	c->host = host;
	c->port = port;
	snprintf(c->server, sizeof c->server, "iperf3 server at %.100s port %u", host, port);
	if (iperf3_cookie(c->cookie) < 0)
		return ipb_error_errno(err, errno, "no random numbers for iperf3's cookie");
	c->control = ipb_sock_connect(host, port, SOCK_STREAM, options, err);
	if (c->control < 0) {
		char why[IPB_ERROR_SIZE];
		snprintf(why, sizeof why, "%s", ipb_error_text(err));
		return ipb_error(err, "%.900s (is \"iperf3 -s\" running there, at this port?)", why);
	}
	setsockopt(c->control, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (c->params.udp && c->params.block == 0) {
		if (getsockopt(c->control, IPPROTO_TCP, TCP_MAXSEG, &mss, &size) < 0 || mss < IPERF3_UDP_BLOCK_MIN ||
		    mss > IPERF3_UDP_BLOCK_MAX)
			mss = UDP_BLOCK_DEFAULT;
		c->params.block = (uint32_t)mss;
	}
	if (iperf3_write(c->control, c->cookie, IPERF3_COOKIE, in_ms(IPERF3_CONTROL_MS), stop) < 0)
		return broken(c, -1, "sending the cookie", err);
	if (await(c, IPERF3_PARAM_EXCHANGE, IPERF3_CONTROL_MS, "taking the connection", stop, err) < 0 ||
	    send_params(c, stop, err) < 0)
		return -1;
	return await(c, IPERF3_CREATE_STREAMS, IPERF3_CONTROL_MS, "reading the parameters", stop, err);
}

/* Sends hello until the server has answered; in a reverse test data may come before the answer, which is lost then. */
static int greet(struct iperf3_client *c, int fd, uint64_t deadline_ns, const struct ipb_stop *stop, struct ipb_error *err)
{
	uint8_t hello[IPERF3_HELLO_SIZE], got[64];
	uint64_t again = 0;

	iperf3_hello(hello);
	for (;;) {
		uint64_t now = ipb_now_ns();
		if (now >= deadline_ns)
			return ipb_error(err, "the %s does not answer over UDP: is its UDP port filtered?", c->server);
		if (now >= again) {
			if (send(fd, hello, sizeof hello, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
				return ipb_error_errno(err, errno, "cannot send to the %s over UDP", c->server);
			again = now + IPERF3_UDP_HELLO_MS * 1000000ull;
		}
		int n = iperf3_wait(fd, POLLIN, again < deadline_ns ? again : deadline_ns, stop);
		if (n < 0)
			return ipb_error(err, "stopped while opening streams to the %s", c->server);
		if (n == 0)
			continue;
		ssize_t size = recv(fd, got, sizeof got, MSG_DONTWAIT | MSG_TRUNC);
		if (size >= 0 && iperf3_is_reply(got, (size_t)size))
			return 0;
		/* Refused: the server listens again for each stream, and was not that far. */
		if (size < 0 && errno == ECONNREFUSED)
			again = now + 10000000;
	}
}

static int open_stream(struct iperf3_client *c, int (*open)(void *, struct ipb_error *), void *context, uint64_t deadline_ns,
                       const struct ipb_stop *stop, struct ipb_error *err)
{
	int udp = c->params.udp;
	const struct ipb_sock_options o = { .dscp = -1, .df = udp ? IPB_DF_OFF : IPB_DF_SYSTEM };
	int fd = open != NULL ? open(context, err) : ipb_sock_connect(c->host, c->port, udp ? SOCK_DGRAM : SOCK_STREAM, &o, err);

	if (fd < 0)
		return -1;
	c->fds[c->count++] = fd;
	if (!udp && c->params.congestion[0] != '\0' &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, c->params.congestion, strlen(c->params.congestion)) < 0)
		return ipb_error_errno(err, errno, "this machine's kernel has no congestion control \"%s\"", c->params.congestion);
	if (udp)
		return greet(c, fd, deadline_ns, stop, err);
	if (iperf3_write(fd, c->cookie, IPERF3_COOKIE, deadline_ns, stop) < 0)
		return broken(c, -1, "opening a stream", err);
	return 0;
}

int iperf3_client_streams(struct iperf3_client *c, int (*open)(void *context, struct ipb_error *err), void *context,
                          const struct ipb_stop *stop, struct ipb_error *err)
{
	uint32_t wanted = c->params.streams * (c->params.bidirectional ? 2 : 1);
	uint64_t deadline = in_ms(IPERF3_STREAMS_MS);

	if (wanted == 0 || wanted > IPERF3_ALL_STREAMS_MAX)
		return ipb_error(err, "iperf3 takes 1..%d streams in a direction, not %u", IPERF3_STREAMS_MAX, c->params.streams);
	c->running = 1;
	for (uint32_t i = 0; i < wanted; i++) {
		if (open_stream(c, open, context, deadline, stop, err) < 0)
			return -1;
		if (iperf3_client_check(c, err) < 0)
			return -1;
		/* That the last one is accepted shows with TEST_START; check has not read it, as it reads errors alone. */
	}
	if (await(c, IPERF3_TEST_START, IPERF3_CONTROL_MS, "taking the streams", stop, err) < 0)
		return -1;
	return await(c, IPERF3_TEST_RUNNING, IPERF3_CONTROL_MS, "starting", stop, err);
}

int iperf3_client_check(struct iperf3_client *c, struct ipb_error *err)
{
	int8_t state;
	ssize_t n = recv(c->control, &state, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		c->running = 0;
		return broken(c, n == 0 ? 1 : -1, "running the test", err);
	}
	if (state == IPERF3_TEST_START || state == IPERF3_TEST_RUNNING)
		return 0;
	c->running = 0;
	if (recv(c->control, &state, 1, MSG_DONTWAIT) != 1)
		return broken(c, -1, "running the test", err);
	return unexpected(c, state, "running the test", NULL, err);
}

/* Puts the server's streams into the order of ours. */
static int match(const struct iperf3_client *c, struct iperf3_results *theirs, struct ipb_error *err)
{
	struct iperf3_results *sorted = calloc(1, sizeof *sorted);
	int status = 0;

	if (sorted == NULL)
		return ipb_error(err, "no memory for iperf3's results");
	*sorted = *theirs;
	for (uint32_t n = 0; n < c->count && status == 0; n++) {
		uint32_t i = 0;
		while (i < theirs->count && theirs->streams[i].id != iperf3_stream_id(n))
			i++;
		if (i == theirs->count)
			status = ipb_error(err, "the %s tells no result for stream %u of %u", c->server, n + 1, c->count);
		else
			sorted->streams[n] = theirs->streams[i];
	}
	sorted->count = c->count;
	if (status == 0)
		*theirs = *sorted;
	free(sorted);
	return status;
}

/* Waits until what was sent is acknowledged, and a moment for the server to read it: it does not count what it has not
 * read when the end comes. */
static void settle(const struct iperf3_client *c, const struct ipb_stop *stop)
{
	uint64_t deadline = in_ms(SETTLE_MS);
	int left = 1, waiting;

	while (left > 0 && ipb_now_ns() < deadline && (stop == NULL || !ipb_stop_asked(stop))) {
		left = 0;
		for (uint32_t i = 0; i < c->count; i++)
			if (iperf3_client_sends(c, i) && ioctl(c->fds[i], SIOCOUTQ, &waiting) == 0)
				left += waiting > 0;
		poll(NULL, 0, left > 0 ? 1 : READ_MS);
	}
}

int iperf3_client_end(struct iperf3_client *c, const struct ipb_stop *stop, struct ipb_error *err)
{
	if (iperf3_client_check(c, err) < 0)
		return -1;
	settle(c, stop);
	if (iperf3_write_state(c->control, IPERF3_TEST_END, in_ms(IPERF3_CONTROL_MS)) < 0)
		return broken(c, -1, "ending the test", err);
	return await(c, IPERF3_EXCHANGE_RESULTS, IPERF3_CONTROL_MS, "ending the test", stop, err);
}

int iperf3_client_results(struct iperf3_client *c, struct iperf3_results *mine, struct iperf3_results *theirs,
                          const struct ipb_stop *stop, struct ipb_error *err)
{
	char *text;
	size_t size;

	mine->count = c->count;
	for (uint32_t n = 0; n < c->count; n++)
		mine->streams[n].id = iperf3_stream_id(n);
	text = iperf3_results_encode(mine);
	if (text == NULL)
		return ipb_error(err, "no memory for iperf3's results");
	int status = iperf3_write_text(c->control, text, in_ms(IPERF3_CONTROL_MS), stop);
	free(text);
	if (status < 0)
		return broken(c, -1, "sending our results", err);
	status = iperf3_read_text(c->control, IPERF3_RESULTS_MAX, &text, &size, in_ms(IPERF3_CONTROL_MS), stop);
	if (status < 0 && errno == EMSGSIZE)
		return ipb_error(err, "the %s announces results of more than %u bytes, or of none: is it an iperf3 server?", c->server,
		                 IPERF3_RESULTS_MAX);
	if (status != 0)
		return broken(c, status, "sending its results", err);
	status = iperf3_results_decode(text, size, theirs, err);
	free(text);
	if (status < 0 || match(c, theirs, err) < 0)
		return -1;
	if (await(c, IPERF3_DISPLAY_RESULTS, IPERF3_CONTROL_MS, "ending the test", stop, err) < 0)
		return -1;
	c->running = 0;
	iperf3_write_state(c->control, IPERF3_DONE, in_ms(TERMINATE_MS));
	return 0;
}

void iperf3_client_give(struct iperf3_client *c) { c->given = 1; }

void iperf3_client_close(struct iperf3_client *c)
{
	if (c->control >= 0 && c->running)
		iperf3_write_state(c->control, IPERF3_CLIENT_TERMINATE, in_ms(TERMINATE_MS));
	for (uint32_t i = 0; i < c->count && !c->given; i++)
		close(c->fds[i]);
	if (c->control >= 0)
		close(c->control);
	iperf3_client_init(c);
}
