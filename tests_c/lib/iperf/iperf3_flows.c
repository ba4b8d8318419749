/* One test of the iperf3 server: its data; see iperf3_session.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "iperf3_session.h"

#define TURN 16                 /* reads or writes of one stream before the next has its turn */
#define BUFFER (128u << 10)     /* least bytes of buffer */
#define IDLE_NS 100000000ull    /* longest wait */
#define DRAIN_NS 200000000ull   /* longest time for what has arrived when the client ends the test */
#define BEHIND_NS 100000000ull  /* a paced stream that is further behind does not make up for it */

static void take_cpu(double cpu[2])
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	cpu[0] = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	cpu[1] = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static uint64_t retransmits(const struct iperf3_flow *f)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;

	return f->open && getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

/* Reads what is there, at most TURN times. Whether there was anything. */
static int take(struct iperf3_session *s, struct iperf3_flow *f)
{
	struct iperf3_totals *t = &s->server->totals;
	size_t size = s->params.udp ? IPERF3_UDP_BLOCK_MAX : s->params.block > BUFFER ? s->params.block : BUFFER;
	int flags = MSG_DONTWAIT | (s->params.udp || s->params.no_copy ? MSG_TRUNC : 0), any = 0;

	for (int i = 0; i < TURN && f->open; i++) {
		ssize_t n = recv(f->fd, s->buffer, size, flags);
		if (n > 0) {
			any = 1;
			f->bytes += (uint64_t)n;
			atomic_fetch_add_explicit(&t->received, (uint64_t)n, memory_order_relaxed);
			if (s->params.udp) {
				size_t known = (size_t)n < size ? (size_t)n : size;
				iperf3_udp_take(&f->udp, s->buffer, known, (size_t)n, ipb_clock_gettime_ns(CLOCK_REALTIME), s->params.wide);
				atomic_fetch_add_explicit(&t->datagrams, 1, memory_order_relaxed);
			}
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			break;
		} else if (!s->params.udp || n < 0) {
			/* The client has closed the stream, or its machine refuses; the control connection shows what becomes of the test. */
			if (s->params.udp)
				break;
			close(f->fd);
			f->open = 0;
		}
	}
	return any;
}

/* ns from one write to the next; 0: as fast as it goes. */
static uint64_t spacing(const struct iperf3_params *p)
{
	return p->rate == 0 ? 0 : (uint64_t)((double)p->block * 8e9 / (double)p->rate);
}

/* Writes what is due, at most TURN times. */
static void give(struct iperf3_session *s, struct iperf3_flow *f, uint64_t now)
{
	uint64_t gap = spacing(&s->params);

	if (gap > 0 && now > f->due_ns + BEHIND_NS)
		f->due_ns = now - BEHIND_NS;
	for (int i = 0; i < TURN && f->open && (gap == 0 || f->due_ns <= now); i++) {
		if (s->params.udp)
			iperf3_stamp(s->buffer, f->packets + 1, ipb_clock_gettime_ns(CLOCK_REALTIME), s->params.wide);
		ssize_t n = send(f->fd, s->buffer, s->params.block, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
			return;
		if (n < 0 && s->params.udp) /* an ICMP error about an earlier datagram */
			continue;
		if (n < 0) {
			close(f->fd);
			f->open = 0;
			return;
		}
		f->bytes += (uint64_t)n;
		f->packets++;
		atomic_fetch_add_explicit(&s->server->totals.sent, (uint64_t)n, memory_order_relaxed);
		f->due_ns += s->params.udp || (size_t)n == s->params.block ? gap : gap * (uint64_t)n / s->params.block;
	}
}

/* What the client has sent: 1: the test's end, 0: nothing, -1: it is over. */
static int listen_to(struct iperf3_session *s)
{
	int8_t state;
	ssize_t n = recv(s->control, &state, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n == 1 && state == IPERF3_TEST_END ? 1 : -1;
}

/* The omitted seconds are over. */
static void omit(struct iperf3_session *s, uint64_t now)
{
	s->counted_ns = now;
	take_cpu(s->cpu);
	for (uint32_t i = 0; i < s->count; i++) {
		struct iperf3_flow *f = &s->flows[i];
		f->omitted = f->bytes;
		f->omitted_retransmits = s->params.udp ? 0 : retransmits(f);
		if (f->sends)
			f->udp.omitted_highest = f->packets;
		else
			iperf3_udp_omit(&f->udp);
	}
}

/* When the next paced write becomes due; those that are due wait for room in their sockets. */
static uint64_t next_due(const struct iperf3_session *s, uint64_t now)
{
	uint64_t due = now + IDLE_NS;

	for (uint32_t i = 0; i < s->count && s->params.rate > 0; i++)
		if (s->flows[i].sends && s->flows[i].open && s->flows[i].due_ns > now && s->flows[i].due_ns < due)
			due = s->flows[i].due_ns;
	return due;
}

int iperf3_flows_run(struct iperf3_session *s, int *code)
{
	size_t room = s->params.block > BUFFER ? s->params.block : BUFFER;
	struct pollfd *p = calloc(s->count + 2, sizeof *p);
	uint64_t now = ipb_now_ns(), most = s->params.seconds > 0 ? s->params.seconds : s->server->options.seconds;
	uint64_t deadline = now + (most + s->params.omit + IPERF3_GRACE_S) * IPB_NS_PER_S;
	uint64_t omit_ns = s->params.omit > 0 ? now + s->params.omit * IPB_NS_PER_S : UINT64_MAX;
	int status = 0;

	s->buffer = calloc(1, room);
	if (p == NULL || s->buffer == NULL) {
		free(p);
		return -1;
	}
	s->begin_ns = s->counted_ns = now;
	take_cpu(s->cpu);
	for (uint32_t i = 0; i < s->count; i++)
		s->flows[i].due_ns = now;
	while (status == 0) {
		p[0] = (struct pollfd){ .fd = s->control, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->server->ending.event, .events = POLLIN };
		uint64_t due = next_due(s, now);
		for (uint32_t i = 0; i < s->count; i++) {
			const struct iperf3_flow *f = &s->flows[i];
			int paced = f->sends && s->params.rate > 0 && f->due_ns > now;
			p[2 + i] = (struct pollfd){ .fd = f->open && !paced ? f->fd : -1, .events = f->sends ? POLLOUT : POLLIN };
		}
		struct timespec wait = { 0, due > now ? (long)(due - now) : 0 };
		ppoll(p, s->count + 2, &wait, NULL);
		now = ipb_now_ns();
		if (ipb_stop_asked(&s->server->ending))
			status = -1;
		else if (p[0].revents != 0)
			status = listen_to(s);
		if (status == 0 && now >= deadline) {
			*code = IPERF3_E_DURATION_OVER;
			status = -1;
		}
		if (now >= omit_ns) {
			omit(s, now);
			omit_ns = UINT64_MAX;
		}
		for (uint32_t i = 0; i < s->count && status == 0; i++) {
			struct iperf3_flow *f = &s->flows[i];
			if (f->sends && f->open && (s->params.rate == 0 ? p[2 + i].revents != 0 : f->due_ns <= now))
				give(s, f, now);
			else if (!f->sends && p[2 + i].revents != 0)
				take(s, f);
		}
	}
	free(p);
	return status > 0 ? 0 : -1;
}

static void account(struct iperf3_session *s, struct iperf3_flow *f, uint32_t n, struct iperf3_stream_result *r)
{
	*r = (struct iperf3_stream_result){ .id = iperf3_stream_id(n), .bytes = f->bytes - f->omitted, .retransmits = -1 };
	r->seconds = (double)(s->end_ns - s->counted_ns) / 1e9;
	if (!s->params.udp) {
		if (f->sends && f->open)
			r->retransmits = (int64_t)(retransmits(f) - f->omitted_retransmits);
		return;
	}
	r->packets = f->sends ? f->packets : f->udp.highest;
	r->errors = (int64_t)f->udp.errors;
	r->jitter = f->udp.jitter;
	r->omitted_packets = (int64_t)f->udp.omitted_highest;
	r->omitted_errors = (int64_t)f->udp.omitted_errors;
	atomic_fetch_add_explicit(&s->server->totals.lost, f->udp.errors, memory_order_relaxed);
}

void iperf3_flows_end(struct iperf3_session *s, struct iperf3_results *r)
{
	uint64_t begin = ipb_now_ns(), now = begin;
	socklen_t size = sizeof r->congestion - 1;
	double cpu[2];
	int any = 1;

	while (any && (now = ipb_now_ns()) < begin + DRAIN_NS) {
		any = 0;
		for (uint32_t i = 0; i < s->count; i++)
			if (!s->flows[i].sends && s->flows[i].open)
				any |= take(s, &s->flows[i]);
	}
	s->end_ns = now;
	take_cpu(cpu);
	double seconds = (double)(s->end_ns - s->counted_ns) / 1e9;
	r->cpu_user = seconds > 0 ? 100 * (cpu[0] - s->cpu[0]) / seconds : 0;
	r->cpu_system = seconds > 0 ? 100 * (cpu[1] - s->cpu[1]) / seconds : 0;
	r->cpu_total = r->cpu_user + r->cpu_system;
	r->retransmits_known = !s->params.udp && (s->params.reverse || s->params.bidirectional);
	r->count = s->count;
	if (!s->params.udp && s->count > 0 && s->flows[0].open &&
	    getsockopt(s->flows[0].fd, IPPROTO_TCP, TCP_CONGESTION, r->congestion, &size) < 0)
		r->congestion[0] = '\0';
	for (uint32_t i = 0; i < s->count; i++) {
		account(s, &s->flows[i], i, &r->streams[i]);
		if (s->flows[i].open)
			close(s->flows[i].fd);
		s->flows[i].open = 0;
	}
}
