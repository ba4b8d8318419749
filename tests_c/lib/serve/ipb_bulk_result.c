/* Results of a bulk transfer; see ipb_bulk_result.h.  SPDX-License-Identifier: MIT */
#include "ipb_bulk_result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"

#define MAGIC 0x49504272u /* "IPBr" */
#define HEAD_BYTES 80
#define THREAD_BYTES 37
#define STREAM_BYTES 256  /* more than one has without its samples */

void ipb_bulk_result_free(struct ipb_bulk_result *r)
{
	for (uint32_t i = 0; r->streams != NULL && i < r->count; i++)
		free(r->streams[i].samples);
	free(r->streams);
	free(r->received);
	free(r->sent);
	memset(r, 0, sizeof *r);
}

static int make(struct ipb_bulk_result *r, uint32_t count, uint32_t steps)
{
	memset(r, 0, sizeof *r);
	r->streams = calloc(count > 0 ? count : 1, sizeof *r->streams);
	r->received = calloc(steps > 0 ? steps : 1, sizeof(double));
	r->sent = calloc(steps > 0 ? steps : 1, sizeof(double));
	if (r->streams == NULL || r->received == NULL || r->sent == NULL) {
		ipb_bulk_result_free(r);
		return -1;
	}
	r->count = count;
	r->steps = steps;
	return 0;
}

/* Every so many of the samples within the window. */
static int keep_samples(struct ipb_bulk_stream *to, const struct ipb_stream *from, uint64_t start_ns, uint32_t most)
{
	const struct ipb_tcp_course *c = &from->course;
	uint32_t first = 0, every = 1;

	while (first < c->count && c->samples[first].t_ns < start_ns)
		first++;
	const uint32_t n = c->count - first;
	if (n == 0 || most == 0)
		return 0;
	while ((n + every - 1) / every > most)
		every++;
	to->samples = calloc((n + every - 1) / every, sizeof *to->samples);
	if (to->samples == NULL)
		return -1;
	for (uint32_t i = first; i < c->count; i += every) {
		to->samples[to->sample_count] = c->samples[i];
		to->samples[to->sample_count++].t_ns -= start_ns;
	}
	return 0;
}

static int fill(struct ipb_bulk_stream *to, const struct ipb_stream *from, const struct ipb_pump_config *c, uint32_t samples)
{
	const struct ipb_pump_udp *u = &from->udp;

	to->present = from->fd >= 0;
	to->sends = from->sends != 0;
	to->over = (uint8_t)from->over;
	to->error = (uint32_t)from->error;
	to->thread = from->thread;
	to->bytes = from->bins.total;
	to->window_bytes = ipb_bins_sum(&from->bins, c->window_start_ns, c->window_end_ns);
	to->datagrams = u->datagrams;
	to->measured = u->measured;
	to->measured_bytes = u->measured_bytes;
	to->duplicate = u->duplicate;
	to->reordered = u->reordered;
	to->refused = u->refused;
	to->foreign = u->foreign;
	to->jitter_ns = u->jitter_ns;
	ipb_tcp_course_summary(&from->course, &to->tcp);
	return keep_samples(to, from, c->window_start_ns, samples);
}

int ipb_bulk_result_of(struct ipb_bulk_result *r, const struct ipb_pump *p)
{
	const struct ipb_pump_config *c = &p->config;
	const uint64_t length = c->window_end_ns > c->window_start_ns ? c->window_end_ns - c->window_start_ns : 0;
	uint64_t step = IPB_BULK_STEP_NS;

	while ((length + step - 1) / step > IPB_BULK_STEPS_MAX)
		step *= 2;
	if (make(r, p->count, (uint32_t)((length + step - 1) / step)) < 0)
		return -1;
	r->step_ns = step;
	ipb_pump_use(p, &r->use);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct ipb_stream *s = &p->streams[i];
		if (fill(&r->streams[i], s, c, IPB_BULK_SAMPLES_MAX / p->count) < 0) {
			ipb_bulk_result_free(r);
			return -1;
		}
		for (uint32_t k = 0; k < r->steps; k++) {
			const uint64_t from = c->window_start_ns + k * step, to = from + step;
			(s->sends ? r->sent : r->received)[k] +=
				ipb_bins_sum(&s->bins, from, to < c->window_end_ns ? to : c->window_end_ns);
		}
	}
	return 0;
}

static void write_use(struct ipb_writer *w, const struct ipb_pump_use *u)
{
	ipb_write_u8(w, (uint8_t)u->known);
	ipb_write_u32(w, u->threads);
	ipb_write_f64(w, u->busiest_thread);
	ipb_write_f64(w, u->all_threads);
	ipb_write_u32(w, (uint32_t)(u->cpus.cpu + 1));
	ipb_write_f64(w, u->cpus.busy);
	ipb_write_f64(w, u->cpus.softirq);
	ipb_write_f64(w, u->cpus.total);
	ipb_write_u32(w, u->cpus.count);
	for (uint32_t i = 0; i < u->threads; i++) {
		const struct ipb_pump_thread *t = &u->thread[i];
		ipb_write_u8(w, t->sends != 0);
		ipb_write_u32(w, (uint32_t)(t->cpu + 1));
		ipb_write_f64(w, t->running);
		ipb_write_f64(w, t->waiting);
		ipb_write_f64(w, t->busy);
		ipb_write_f64(w, t->softirq);
	}
}

static void write_summary(struct ipb_writer *w, const struct ipb_tcp_summary *t)
{
	ipb_write_u8(w, (uint8_t)t->known);
	ipb_write_u64(w, t->retransmits);
	ipb_write_u64(w, t->acked_bytes);
	ipb_write_u32(w, t->mss);
	ipb_write_u32(w, t->pmtu);
	for (const double *v = (const double[]){ t->rtt_mean_us, t->rtt_min_us, t->rtt_max_us, t->rttvar_mean_us, t->cwnd_mean,
	                                         t->seconds, t->busy, t->rwnd_limited, t->sndbuf_limited, -1 }; *v >= 0; v++)
		ipb_write_f64(w, *v);
}

static void write_stream(struct ipb_writer *w, const struct ipb_bulk_stream *s)
{
	ipb_write_u8(w, s->present);
	ipb_write_u8(w, s->sends);
	ipb_write_u8(w, s->over);
	ipb_write_u32(w, s->error);
	ipb_write_u32(w, s->thread);
	ipb_write_u64(w, s->bytes);
	ipb_write_f64(w, s->window_bytes);
	ipb_write_u64(w, s->datagrams);
	ipb_write_u64(w, s->measured);
	ipb_write_u64(w, s->measured_bytes);
	ipb_write_u64(w, s->duplicate);
	ipb_write_u64(w, s->reordered);
	ipb_write_u64(w, s->refused);
	ipb_write_u64(w, s->foreign);
	ipb_write_f64(w, s->jitter_ns);
	write_summary(w, &s->tcp);
	ipb_write_u32(w, s->sample_count);
	for (uint32_t i = 0; i < s->sample_count; i++)
		ipb_tcp_sample_write(w, &s->samples[i]);
}

uint8_t *ipb_bulk_result_write(const struct ipb_bulk_result *r, size_t *size)
{
	struct ipb_writer w;
	size_t room = HEAD_BYTES + THREAD_BYTES * r->use.threads + 16ull * r->steps;

	for (uint32_t i = 0; i < r->count; i++)
		room += STREAM_BYTES + (size_t)r->streams[i].sample_count * IPB_TCP_SAMPLE_BYTES;
	uint8_t *data = malloc(room);
	if (data == NULL)
		return NULL;
	ipb_writer_init(&w, data, room);
	ipb_write_u32(&w, MAGIC);
	ipb_write_u32(&w, r->count);
	ipb_write_u64(&w, r->step_ns);
	ipb_write_u32(&w, r->steps);
	write_use(&w, &r->use);
	for (uint32_t k = 0; k < r->steps; k++) {
		ipb_write_f64(&w, r->received[k]);
		ipb_write_f64(&w, r->sent[k]);
	}
	for (uint32_t i = 0; i < r->count; i++)
		write_stream(&w, &r->streams[i]);
	*size = ipb_writer_size(&w);
	if (!w.failed)
		return data;
	free(data);
	return NULL;
}

/* A number that is one, and not below 0; anything else fails the reader. */
static double read_amount(struct ipb_reader *r, double most)
{
	const double v = ipb_read_f64(r);

	if (!isfinite(v) || v < 0 || v > most)
		r->failed = 1;
	return r->failed ? 0 : v;
}

#define AMOUNT_MAX 9007199254740992.0 /* 2^53: what a result document can hold */

static uint64_t read_count(struct ipb_reader *r)
{
	const uint64_t v = ipb_read_u64(r);

	if (v > (1ull << 53))
		r->failed = 1;
	return r->failed ? 0 : v;
}

static uint8_t read_below(struct ipb_reader *r, uint8_t limit)
{
	const uint8_t v = ipb_read_u8(r);

	if (v >= limit)
		r->failed = 1;
	return r->failed ? 0 : v;
}

/* A processor's number, from 1 on the wire; 0: none. */
static int read_cpu(struct ipb_reader *r)
{
	const uint32_t cpu = ipb_read_u32(r);

	if (cpu > IPB_CPUS_MAX)
		r->failed = 1;
	return r->failed ? -1 : (int)cpu - 1;
}

static void read_thread(struct ipb_reader *r, struct ipb_pump_thread *t)
{
	t->sends = read_below(r, 2);
	t->cpu = read_cpu(r);
	t->running = read_amount(r, 1e3);
	t->waiting = read_amount(r, 1e3);
	t->busy = read_amount(r, 1);
	t->softirq = read_amount(r, 1);
}

static void read_use(struct ipb_reader *r, struct ipb_pump_use *u)
{
	u->known = read_below(r, 2);
	u->threads = ipb_read_u32(r);
	u->busiest_thread = read_amount(r, 1e3);
	u->all_threads = read_amount(r, 1e6);
	u->cpus.cpu = read_cpu(r);
	u->cpus.busy = read_amount(r, 1);
	u->cpus.softirq = read_amount(r, 1);
	u->cpus.total = read_amount(r, 1e6);
	u->cpus.count = ipb_read_u32(r);
	if (u->threads > 2 * IPB_PUMP_WORKERS_MAX || u->cpus.count > IPB_CPUS_MAX)
		r->failed = 1;
	for (uint32_t i = 0; i < u->threads && !r->failed; i++)
		read_thread(r, &u->thread[i]);
}

static void read_summary(struct ipb_reader *r, struct ipb_tcp_summary *t)
{
	t->known = read_below(r, 2);
	t->retransmits = read_count(r);
	t->acked_bytes = read_count(r);
	t->mss = ipb_read_u32(r);
	t->pmtu = ipb_read_u32(r);
	double *const at[] = { &t->rtt_mean_us, &t->rtt_min_us, &t->rtt_max_us, &t->rttvar_mean_us, &t->cwnd_mean, &t->seconds,
		               &t->busy, &t->rwnd_limited, &t->sndbuf_limited };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		*at[i] = read_amount(r, i < 6 ? AMOUNT_MAX : 1);
}

static void read_stream(struct ipb_reader *r, struct ipb_bulk_stream *s, uint32_t threads, uint32_t *samples_left)
{
	s->present = read_below(r, 2);
	s->sends = read_below(r, 2);
	s->over = read_below(r, IPB_PUMP_BROKEN + 1);
	s->error = ipb_read_u32(r);
	s->thread = ipb_read_u32(r);
	s->bytes = read_count(r);
	s->window_bytes = read_amount(r, AMOUNT_MAX);
	s->datagrams = read_count(r);
	s->measured = read_count(r);
	s->measured_bytes = read_count(r);
	s->duplicate = read_count(r);
	s->reordered = read_count(r);
	s->refused = read_count(r);
	s->foreign = read_count(r);
	s->jitter_ns = read_amount(r, AMOUNT_MAX);
	read_summary(r, &s->tcp);
	const uint32_t n = ipb_read_u32(r);
	if (r->failed || n > *samples_left || n > ipb_reader_left(r) / IPB_TCP_SAMPLE_BYTES || s->error > 4095 ||
	    s->thread >= threads) {
		r->failed = 1;
		return;
	}
	*samples_left -= n;
	s->samples = n > 0 ? calloc(n, sizeof *s->samples) : NULL;
	if (n > 0 && s->samples == NULL) {
		r->failed = 1;
		return;
	}
	s->sample_count = n;
	for (uint32_t i = 0; i < n; i++) {
		ipb_tcp_sample_take(r, &s->samples[i]);
		if (s->samples[i].t_ns > (1ull << 53) || s->samples[i].delivery_bps > (1ull << 53))
			r->failed = 1;
	}
}

int ipb_bulk_result_read(struct ipb_bulk_result *r, uint32_t count, const uint8_t *from, size_t size)
{
	struct ipb_reader in;
	uint32_t samples = IPB_BULK_SAMPLES_MAX + count;

	memset(r, 0, sizeof *r);
	ipb_reader_init(&in, from, size);
	if (ipb_read_u32(&in) != MAGIC || ipb_read_u32(&in) != count || count > IPB_HELLO_STREAMS_MAX)
		return -1;
	const uint64_t step = read_count(&in);
	const uint32_t steps = ipb_read_u32(&in);
	if (in.failed || step == 0 || steps > IPB_BULK_STEPS_MAX || make(r, count, steps) < 0)
		return -1;
	r->step_ns = step;
	read_use(&in, &r->use);
	for (uint32_t k = 0; k < steps; k++) {
		r->received[k] = read_amount(&in, AMOUNT_MAX);
		r->sent[k] = read_amount(&in, AMOUNT_MAX);
	}
	for (uint32_t i = 0; i < count && !in.failed; i++)
		read_stream(&in, &r->streams[i], r->use.threads, &samples);
	if (!in.failed && ipb_reader_left(&in) == 0)
		return 0;
	ipb_bulk_result_free(r);
	return -1;
}
