/* What the two ends' counts add up to; see figures.h.  SPDX-License-Identifier: MIT */
#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct ipb_bulk_stream *side(const struct ipb_bulk_result *r, int has, uint32_t index)
{
	return has && index < r->count ? &r->streams[index] : NULL;
}

struct stream_pair stream_pair_of(const struct stream_test *t, uint32_t index)
{
	const struct ipb_bulk_stream *own = side(&t->own, t->has_own, index), *theirs = side(&t->theirs, t->has_theirs, index);
	const int up = index < t->pump.count && t->pump.streams[index].sends;

	return (struct stream_pair){ index, up ? IPB_UP : IPB_DOWN, up ? own : theirs, up ? theirs : own };
}

double stream_pair_goodput(const struct stream_test *t, const struct stream_pair *p)
{
	if (p->receiver != NULL)
		return p->receiver->window_bytes;
	if (t->config.udp && t->peer->received != NULL) {
		const double bytes = t->peer->received(t, p->index);
		return bytes >= 0 ? bytes : NAN;
	}
	return !t->peer->is_ours && p->sender != NULL && p->sender->tcp.known ? (double)p->sender->tcp.acked_bytes : NAN;
}

double stream_bps(const struct stream_test *t, double bytes)
{
	return t->window_end_ns > t->window_start_ns ? bytes * 8e9 / (double)(t->window_end_ns - t->window_start_ns) : NAN;
}

/* What went through the sender's tcp statistics, weighted alike. */
static void add_tcp(struct stream_figures *f, const struct ipb_tcp_summary *s)
{
	f->tcp_streams++;
	f->retransmits += s->retransmits;
	f->rtt_ms += s->rtt_mean_us / 1e3;
	f->rtt_max_ms = s->rtt_max_us / 1e3 > f->rtt_max_ms ? s->rtt_max_us / 1e3 : f->rtt_max_ms;
	f->rwnd_limited += s->rwnd_limited;
	f->sndbuf_limited += s->sndbuf_limited;
	f->busy += s->busy;
}

static void add_udp(struct stream_figures *f, const struct stream_pair *p)
{
	if (p->sender == NULL || p->receiver == NULL)
		return;
	f->datagrams_sent += p->sender->measured;
	f->datagrams_ok += p->receiver->measured;
	f->duplicate += p->receiver->duplicate;
	f->reordered += p->receiver->reordered;
	if (p->receiver->jitter_ns / 1e6 > f->jitter_ms)
		f->jitter_ms = p->receiver->jitter_ns / 1e6;
	f->has_udp = 1;
}

static double fairness(const struct stream_test *t, int direction)
{
	double *amounts = calloc(t->pump.count > 0 ? t->pump.count : 1, sizeof *amounts), index = NAN;
	uint32_t n = 0;

	for (uint32_t i = 0; amounts != NULL && i < t->pump.count; i++) {
		const struct stream_pair p = stream_pair_of(t, i);
		if (p.direction == direction)
			amounts[n++] = stream_pair_goodput(t, &p);
	}
	if (n > 1)
		index = ipb_jain(amounts, n);
	free(amounts);
	return index;
}

void stream_figures_add(const struct stream_test *t, uint32_t index, struct stream_figures *f)
{
	const struct stream_pair p = stream_pair_of(t, index);
	const double bps = stream_bps(t, stream_pair_goodput(t, &p));

	*(p.direction == IPB_UP ? &f->up_bps : &f->down_bps) += bps;
	if (p.sender != NULL) {
		f->sent_bps += stream_bps(t, p.sender->window_bytes);
		f->refused += p.sender->refused;
		if (p.sender->tcp.known)
			add_tcp(f, &p.sender->tcp);
	} else {
		f->sent_bps += t->peer->is_ours ? NAN : bps; /* chargen: what it sent beyond is not known */
	}
	if (t->config.udp)
		add_udp(f, &p);
}

void stream_figures_end(struct stream_figures *f)
{
	if (f->tcp_streams > 0) {
		f->rtt_ms /= f->tcp_streams;
		f->rwnd_limited /= f->tcp_streams;
		f->sndbuf_limited /= f->tcp_streams;
		f->busy /= f->tcp_streams;
	}
	f->lost = f->datagrams_sent > f->datagrams_ok ? f->datagrams_sent - f->datagrams_ok : 0;
}

void stream_figures(const struct stream_test *t, struct stream_figures *f)
{
	memset(f, 0, sizeof *f);
	for (uint32_t i = 0; i < t->pump.count; i++)
		stream_figures_add(t, i, f);
	stream_figures_end(f);
	f->fairness_up = fairness(t, IPB_UP);
	f->fairness_down = fairness(t, IPB_DOWN);
}
