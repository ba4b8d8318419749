/* One test of the iperf3 server: the talk on its control connection; see iperf3_session.h.  SPDX-License-Identifier: MIT */
#include "iperf3_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"

#define UDP_BUFFER (4 << 20) /* bytes of receive buffer of a UDP stream, where the client names none; the kernel may give less */
#define LOOK_MS 20 /* how often one that waits for its turn checks */
#define WORD_MS 2000 /* how long sending the client something may take */

static uint64_t in_ms(unsigned ms) { return ipb_now_ns() + ms * 1000000ull; }

static int tell(struct iperf3_session *s, int state) { return iperf3_write_state(s->control, state, in_ms(WORD_MS)); }

static int stopped(const struct iperf3_session *s) { return ipb_stop_asked(&s->server->ending); }

/* Sends the client the reason. */
static int tell_error(struct iperf3_session *s, int code)
{
	uint8_t numbers[8];

	ipb_put_be(numbers, (uint32_t)code, 4);
	ipb_put_be(numbers + 4, 0, 4);
	if (tell(s, IPERF3_SERVER_ERROR) == 0)
		iperf3_write(s->control, numbers, sizeof numbers, in_ms(WORD_MS), NULL);
	return -1;
}

/* Too long a test, in a way that the client's version has words for: 37 came with 3.20. */
static int duration_code(const struct iperf3_params *p)
{
	unsigned major = 0, minor = 0;

	sscanf(p->version, "%u.%u", &major, &minor);
	return major > 3 || (major == 3 && minor >= 20) ? IPERF3_E_DURATION : IPERF3_E_DURATION_OLD;
}

/* What this server does not do, of what iperf3 allows. 0, or the code to send. */
static int beyond_limits(const struct iperf3_session *s)
{
	const struct iperf3_server_options *o = &s->server->options;
	const struct iperf3_params *p = &s->params;

	if (p->seconds + p->omit > o->seconds || (p->seconds == 0 && p->bytes == 0 && p->blocks == 0))
		return duration_code(p);
	if (o->rate > 0 && p->rate > o->rate / p->streams / (p->bidirectional ? 2 : 1))
		return IPERF3_E_RATE;
	/* A UDP test without a rate is one without a limit; a TCP test finds its own, which is held to the limit. */
	if (o->rate > 0 && p->rate == 0 && p->udp)
		return IPERF3_E_RATE;
	return 0;
}

static int read_params(struct iperf3_session *s)
{
	struct ipb_error why;
	char *text;
	size_t size;
	int code = IPERF3_E_PARAMS;

	if (tell(s, IPERF3_PARAM_EXCHANGE) < 0 ||
	    iperf3_read_text(s->control, IPERF3_PARAMS_MAX, &text, &size, in_ms(IPERF3_CONTROL_MS), &s->server->ending) != 0)
		return -1;
	memset(&why, 0, sizeof why);
	int status = iperf3_params_decode(text, size, &s->params, &code, &why);
	free(text);
	if (status == 0 && (code = beyond_limits(s)) != 0)
		status = -1;
	if (status < 0)
		return tell_error(s, code);
	const struct iperf3_server_options *o = &s->server->options;
	if (o->rate > 0 && s->params.rate == 0)
		s->params.rate = o->rate / s->params.streams / (s->params.bidirectional ? 2 : 1);
	if (s->params.udp && s->params.block == 0)
		s->params.block = 1460;
	return 0;
}

/* UDP's first datagrams do not show to which test they belong: of those from one address, one test opens streams at a
 * time. Waits for its turn to do so; 0 or -1. */
static int take_turn(struct iperf3_session *s)
{
	uint64_t deadline = in_ms(IPERF3_STREAMS_MS);

	for (;;) {
		int free_to = 1;
		pthread_mutex_lock(&s->server->lock);
		for (uint32_t i = 0; i < s->server->options.tests; i++) {
			const struct iperf3_session *t = s->server->sessions[i];
			if (t != NULL && t != s && s->params.udp && t->stage == IPERF3_OPENING && t->params.udp &&
			    iperf3_same_host(&t->peer, &s->peer))
				free_to = 0;
		}
		if (free_to) {
			s->wanted = s->params.streams * (s->params.bidirectional ? 2 : 1);
			s->stage = IPERF3_OPENING;
		}
		pthread_mutex_unlock(&s->server->lock);
		if (free_to)
			return 0;
		if (stopped(s) || ipb_now_ns() >= deadline)
			return -1;
		poll(NULL, 0, LOOK_MS);
	}
}

static void prepare(const struct iperf3_session *s, int fd)
{
	const struct iperf3_params *p = &s->params;
	int window = p->window > 0 || !p->udp ? (int)p->window : UDP_BUFFER, tos = (int)p->tos, yes = 1, mss = (int)p->mss;

	if (window > 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof window);
	}
	if (tos > 0) {
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
	}
	if (p->udp)
		return;
	if (p->nodelay)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (mss > 0)
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof mss);
	if (p->congestion[0] != '\0') /* one that this kernel lacks is passed over, as iperf3 does */
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, p->congestion, strlen(p->congestion));
}

/* Waits for the streams; the first ones are those that send to here. */
static int take_streams(struct iperf3_session *s)
{
	uint64_t deadline = in_ms(IPERF3_STREAMS_MS);
	uint32_t receiving = s->params.bidirectional ? s->params.streams : s->params.reverse ? 0 : s->params.streams;

	if (tell(s, IPERF3_CREATE_STREAMS) < 0)
		return -1;
	while (s->count < s->wanted) {
		struct pollfd p[3] = { { .fd = s->wake, .events = POLLIN }, { .fd = s->control, .events = POLLIN },
			               { .fd = s->server->ending.event, .events = POLLIN } };
		uint64_t now = ipb_now_ns(), woken;
		if (now >= deadline)
			return tell_error(s, IPERF3_E_ACCEPT);
		poll(p, 3, (int)((deadline - now) / 1000000 + 1));
		if (stopped(s) || p[1].revents != 0) /* nothing is to be sent there now: it has gone, or sends nonsense */
			return -1;
		if (read(s->wake, &woken, sizeof woken) < 0 && errno != EAGAIN)
			return -1;
		pthread_mutex_lock(&s->server->lock);
		while (s->taken < s->queued) {
			struct iperf3_flow *f = &s->flows[s->count];
			f->fd = s->queue[s->taken++];
			f->open = 1;
			f->sends = s->count++ >= receiving;
			prepare(s, f->fd);
		}
		pthread_mutex_unlock(&s->server->lock);
	}
	return 0;
}

static int exchange(struct iperf3_session *s, struct iperf3_results *r)
{
	struct iperf3_results *theirs = calloc(1, sizeof *theirs);
	struct ipb_error why;
	char *text = NULL;
	size_t size;
	int status = -1;

	memset(&why, 0, sizeof why);
	if (theirs != NULL && tell(s, IPERF3_EXCHANGE_RESULTS) == 0 &&
	    iperf3_read_text(s->control, IPERF3_RESULTS_MAX, &text, &size, in_ms(IPERF3_CONTROL_MS), &s->server->ending) == 0)
		status = iperf3_results_decode(text, size, theirs, &why);
	free(text);
	free(theirs);
	if (status < 0)
		return -1;
	text = iperf3_results_encode(r);
	status = text == NULL ? -1 : iperf3_write_text(s->control, text, in_ms(IPERF3_CONTROL_MS), &s->server->ending);
	free(text);
	return status < 0 ? -1 : tell(s, IPERF3_DISPLAY_RESULTS);
}

static void set_stage(struct iperf3_session *s, enum iperf3_stage stage)
{
	pthread_mutex_lock(&s->server->lock);
	s->stage = stage;
	pthread_mutex_unlock(&s->server->lock);
}

static int converse(struct iperf3_session *s)
{
	int8_t last;
	int code = 0;

	if (read_params(s) < 0 || take_turn(s) < 0 || take_streams(s) < 0)
		return -1;
	set_stage(s, IPERF3_RUNNING);
	if (tell(s, IPERF3_TEST_START) < 0 || tell(s, IPERF3_TEST_RUNNING) < 0)
		return -1;
	if (iperf3_flows_run(s, &code) < 0)
		return code != 0 ? tell_error(s, code) : -1;
	struct iperf3_results *r = calloc(1, sizeof *r);
	if (r == NULL)
		return -1;
	iperf3_flows_end(s, r);
	int status = exchange(s, r);
	free(r);
	/* The client announces that it is done, and closes; an older one may just close. */
	if (status == 0)
		iperf3_read(s->control, &last, 1, in_ms(WORD_MS), &s->server->ending);
	return status;
}

void *iperf3_session_thread(void *session)
{
	struct iperf3_session *s = session;
	int status = converse(s);

	if (status < 0 && stopped(s))
		tell(s, IPERF3_SERVER_TERMINATE);
	atomic_fetch_add_explicit(status < 0 ? &s->server->totals.failed : &s->server->totals.tests, 1, memory_order_relaxed);
	for (uint32_t i = 0; i < s->count; i++)
		if (s->flows[i].open)
			close(s->flows[i].fd);
	free(s->buffer);
	pthread_mutex_lock(&s->server->lock);
	while (s->taken < s->queued)
		close(s->queue[s->taken++]);
	s->stage = IPERF3_ENDED;
	pthread_mutex_unlock(&s->server->lock);
	close(s->control);
	return NULL;
}
