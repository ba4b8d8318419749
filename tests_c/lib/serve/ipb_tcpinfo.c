/* TCP_INFO over a run; see ipb_tcpinfo.h.  SPDX-License-Identifier: MIT */
#include "ipb_tcpinfo.h"

#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_bytes.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#define MPTCP_WHOLE 1    /* MPTCP_INFO, Linux 5.16 */
#define MPTCP_EACH 2 /* MPTCP_TCPINFO, likewise */

/* struct mptcp_info as of Linux 6.5; the headers that we are built with may be older. */
struct connection_info {
	uint8_t counts[8];
	uint32_t flags, token;
	uint64_t write_seq, snd_una, rcv_nxt;
	uint8_t addresses[4];
	uint32_t retransmits;
	uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
};

/* struct mptcp_subflow_data, and what stands behind it. */
struct subflows {
	uint32_t size_head, count, size_kernel, size_each;
	struct tcp_info each[IPB_MPTCP_SUBFLOWS_MAX];
};

static uint32_t read_subflows(int fd, struct subflows *all)
{
	socklen_t size = sizeof *all;

	memset(all, 0, sizeof *all);
	all->size_head = offsetof(struct subflows, each);
	all->size_each = sizeof all->each[0];
	if (getsockopt(fd, SOL_MPTCP, MPTCP_EACH, all, &size) < 0)
		return 0;
	return all->count < IPB_MPTCP_SUBFLOWS_MAX ? all->count : IPB_MPTCP_SUBFLOWS_MAX;
}

uint32_t ipb_mptcp_subflows(int fd)
{
	struct subflows all;

	return read_subflows(fd, &all);
}

static void add(struct ipb_tcp_sample *s, const struct tcp_info *i, int first)
{
	s->rtt_us += i->tcpi_rtt;
	s->rttvar_us += i->tcpi_rttvar;
	s->cwnd += i->tcpi_snd_cwnd;
	s->retransmits += i->tcpi_total_retrans;
	s->delivery_bps += i->tcpi_delivery_rate * 8;
	s->acked_bytes += i->tcpi_bytes_acked;
#define LEAST(to, from) (to) = first || (from) < (to) ? (from) : (to)
#define MOST(to, from) (to) = (from) > (to) ? (from) : (to)
	LEAST(s->min_rtt_us, i->tcpi_min_rtt);
	LEAST(s->mss, i->tcpi_snd_mss);
	LEAST(s->pmtu, i->tcpi_pmtu);
	MOST(s->reordering, i->tcpi_reordering);
	MOST(s->busy_us, i->tcpi_busy_time);
	MOST(s->rwnd_us, i->tcpi_rwnd_limited);
	MOST(s->sndbuf_us, i->tcpi_sndbuf_limited);
#undef LEAST
#undef MOST
}

/* Reads all subflows of a connection as one. 0, or -1 when fd is no Multipath TCP. */
static int read_multipath(int fd, uint64_t now_ns, struct ipb_tcp_sample *s)
{
	struct connection_info whole = { 0 };
	struct subflows all;
	socklen_t size = sizeof whole;
	const uint32_t count = read_subflows(fd, &all);

	if (count == 0)
		return -1;
	*s = (struct ipb_tcp_sample){ .t_ns = now_ns };
	for (uint32_t i = 0; i < count; i++)
		add(s, &all.each[i], i == 0);
	s->rtt_us /= count;
	s->rttvar_us /= count;
	if (getsockopt(fd, SOL_MPTCP, MPTCP_WHOLE, &whole, &size) == 0 && size >= sizeof whole)
		s->acked_bytes = whole.bytes_acked;
	return 0;
}

int ipb_tcp_sample_read(int fd, uint64_t now_ns, struct ipb_tcp_sample *s)
{
	struct tcp_info i = { 0 }; /* a kernel that is older than the structure fills its beginning */
	socklen_t size = sizeof i;

	/* Of Multipath TCP, TCP_INFO reports the first subflow alone. */
	if (read_multipath(fd, now_ns, s) == 0)
		return 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &size) < 0)
		return -1;
	*s = (struct ipb_tcp_sample){
		.t_ns = now_ns,
		.rtt_us = i.tcpi_rtt,
		.rttvar_us = i.tcpi_rttvar,
		.min_rtt_us = i.tcpi_min_rtt,
		.cwnd = i.tcpi_snd_cwnd,
		.mss = i.tcpi_snd_mss,
		.pmtu = i.tcpi_pmtu,
		.retransmits = i.tcpi_total_retrans,
		.reordering = i.tcpi_reordering,
		.delivery_bps = i.tcpi_delivery_rate * 8,
		.acked_bytes = i.tcpi_bytes_acked,
		.busy_us = i.tcpi_busy_time,
		.rwnd_us = i.tcpi_rwnd_limited,
		.sndbuf_us = i.tcpi_sndbuf_limited,
	};
	return 0;
}

int ipb_tcp_course_init(struct ipb_tcp_course *c, uint32_t capacity)
{
	memset(c, 0, sizeof *c);
	c->samples = calloc(capacity, sizeof *c->samples);
	c->capacity = capacity;
	c->every = 1;
	return c->samples != NULL ? 0 : -1;
}

void ipb_tcp_course_free(struct ipb_tcp_course *c)
{
	free(c->samples);
	c->samples = NULL;
	c->count = 0;
}

static void continue_counts(struct ipb_tcp_course *c, struct ipb_tcp_sample *s)
{
#define CONTINUE(count)                                            \
	do {                                                       \
		if (s->count + c->gone.count < c->last.count)      \
			c->gone.count = c->last.count - s->count;  \
		s->count += c->gone.count;                         \
	} while (0)
	CONTINUE(retransmits);
	CONTINUE(acked_bytes);
	CONTINUE(busy_us);
	CONTINUE(rwnd_us);
	CONTINUE(sndbuf_us);
#undef CONTINUE
	c->last = *s;
}

void ipb_tcp_course_add(struct ipb_tcp_course *c, struct ipb_tcp_sample *s)
{
	continue_counts(c, s);
	if (c->samples == NULL || c->skipped++ % c->every != 0)
		return;
	if (c->count == c->capacity) {
		for (uint32_t i = 0; 2 * i < c->count; i++)
			c->samples[i] = c->samples[2 * i];
		c->count = (c->count + 1) / 2;
		c->every *= 2;
		c->skipped = 1;
	}
	c->samples[c->count++] = *s;
}

static double share(uint64_t from, uint64_t to, double seconds)
{
	const double used = to > from ? (double)(to - from) / 1e6 / seconds : 0;

	return used > 1 ? 1 : used; /* the kernel counts in whole ticks */
}

void ipb_tcp_course_summary(const struct ipb_tcp_course *c, struct ipb_tcp_summary *s)
{
	const struct ipb_tcp_sample *a = &c->start, *b = &c->end;
	double n = 0;

	memset(s, 0, sizeof *s);
	if (a->t_ns == 0 || b->t_ns <= a->t_ns)
		return;
	s->known = 1;
	s->seconds = (double)(b->t_ns - a->t_ns) / 1e9;
	s->retransmits = b->retransmits - a->retransmits;
	s->acked_bytes = b->acked_bytes > a->acked_bytes ? b->acked_bytes - a->acked_bytes : 0;
	s->mss = b->mss;
	s->pmtu = b->pmtu;
	s->busy = share(a->busy_us, b->busy_us, s->seconds);
	s->rwnd_limited = share(a->rwnd_us, b->rwnd_us, s->seconds);
	s->sndbuf_limited = share(a->sndbuf_us, b->sndbuf_us, s->seconds);
	for (uint32_t i = 0; i <= c->count; i++) { /* the end's is the last, so that there is one at least */
		const struct ipb_tcp_sample *at = i < c->count ? &c->samples[i] : b;
		if (at->t_ns <= a->t_ns || at->t_ns > b->t_ns)
			continue;
		n++;
		s->rtt_mean_us += at->rtt_us;
		s->rttvar_mean_us += at->rttvar_us;
		s->cwnd_mean += at->cwnd;
		if (n == 1 || at->rtt_us < s->rtt_min_us)
			s->rtt_min_us = at->rtt_us;
		if (at->rtt_us > s->rtt_max_us)
			s->rtt_max_us = at->rtt_us;
	}
	s->rtt_mean_us /= n;
	s->rttvar_mean_us /= n;
	s->cwnd_mean /= n;
}

void ipb_tcp_sample_write(struct ipb_writer *w, const struct ipb_tcp_sample *s)
{
	ipb_write_u64(w, s->t_ns);
	ipb_write_u32(w, s->rtt_us);
	ipb_write_u32(w, s->rttvar_us);
	ipb_write_u32(w, s->min_rtt_us);
	ipb_write_u32(w, s->cwnd);
	ipb_write_u32(w, s->mss);
	ipb_write_u32(w, s->pmtu);
	ipb_write_u32(w, s->retransmits);
	ipb_write_u32(w, s->reordering);
	ipb_write_u64(w, s->delivery_bps);
	ipb_write_u64(w, s->acked_bytes);
	ipb_write_u64(w, s->busy_us);
	ipb_write_u64(w, s->rwnd_us);
	ipb_write_u64(w, s->sndbuf_us);
	ipb_write_u32(w, 0);
}

void ipb_tcp_sample_take(struct ipb_reader *r, struct ipb_tcp_sample *s)
{
	s->t_ns = ipb_read_u64(r);
	s->rtt_us = ipb_read_u32(r);
	s->rttvar_us = ipb_read_u32(r);
	s->min_rtt_us = ipb_read_u32(r);
	s->cwnd = ipb_read_u32(r);
	s->mss = ipb_read_u32(r);
	s->pmtu = ipb_read_u32(r);
	s->retransmits = ipb_read_u32(r);
	s->reordering = ipb_read_u32(r);
	s->delivery_bps = ipb_read_u64(r);
	s->acked_bytes = ipb_read_u64(r);
	s->busy_us = ipb_read_u64(r);
	s->rwnd_us = ipb_read_u64(r);
	s->sndbuf_us = ipb_read_u64(r);
	ipb_read_u32(r);
}

double ipb_jain(const double *amounts, uint32_t n)
{
	double sum = 0, squares = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += amounts[i];
		squares += amounts[i] * amounts[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : NAN;
}
