/* What the pump's owner sees while it runs; see ipb_pump.h.  SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ipb_pump_private.h"

uint64_t ipb_pump_bytes(const struct ipb_pump *p, int sends)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->count; i++)
		if (!p->streams[i].sends == !sends)
			sum += atomic_load_explicit(&p->streams[i].bytes, memory_order_relaxed);
	return sum;
}

static void sample(struct ipb_pump *p, int edge)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct ipb_stream *s = &p->streams[i];
		struct ipb_tcp_sample now;
		if (s->course.samples == NULL || ipb_tcp_sample_read(s->fd, ipb_now_ns(), &now) < 0)
			continue;
		ipb_tcp_course_add(&s->course, &now);
		if (edge >= 0)
			*(edge == 0 ? &s->course.start : &s->course.end) = now;
	}
}

/* How long a thread has waited for a processor; 0: it has ended, or the kernel does not tell. */
static uint64_t waited_ns(int tid)
{
	unsigned long long ns = 0;
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
	FILE *f = tid > 0 ? fopen(path, "re") : NULL;
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*u %llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return ns;
}

static void mark(struct ipb_pump *p, int edge)
{
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct ipb_pump_worker *w = &p->workers[i];
		struct timespec used = { 0 }; /* stays so for a thread that has ended */
		clockid_t clock;
		if (w->started && pthread_getcpuclockid(w->thread, &clock) == 0)
			clock_gettime(clock, &used);
		w->cpu_ns[edge] = (uint64_t)used.tv_sec * IPB_NS_PER_S + (uint64_t)used.tv_nsec;
		w->waited_ns[edge] = waited_ns(atomic_load_explicit(&w->tid, memory_order_acquire));
	}
	p->mark_ns[edge] = ipb_now_ns();
	ipb_cpus_read(&p->cpus[edge]);
}

uint64_t ipb_pump_watch(struct ipb_pump *p, uint64_t now_ns)
{
	const uint64_t edges[2] = { p->config.window_start_ns, p->config.window_end_ns };
	int edge = -1;

	if (p->marked < 2 && now_ns >= edges[p->marked]) {
		edge = p->marked++;
		mark(p, edge);
	}
	if (edge >= 0 || now_ns >= p->sampled_ns + IPB_PUMP_SAMPLE_NS) {
		sample(p, edge);
		p->sampled_ns = now_ns;
	}
	uint64_t next = p->sampled_ns + IPB_PUMP_SAMPLE_NS;
	if (p->marked < 2 && edges[p->marked] < next)
		next = edges[p->marked];
	return next;
}

static double share_of(const uint64_t edges[2], double length_ns)
{
	return edges[1] > edges[0] ? (double)(edges[1] - edges[0]) / length_ns : 0;
}

void ipb_pump_use(const struct ipb_pump *p, struct ipb_pump_use *use)
{
	memset(use, 0, sizeof *use);
	use->cpus.cpu = -1;
	use->threads = p->worker_count;
	for (uint32_t i = 0; i < p->worker_count; i++)
		use->thread[i] = (struct ipb_pump_thread){ .sends = p->workers[i].sends, .cpu = p->workers[i].cpu };
	if (p->marked < 2 || p->mark_ns[1] <= p->mark_ns[0])
		return;
	const double length_ns = (double)(p->mark_ns[1] - p->mark_ns[0]);
	use->known = 1;
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct ipb_pump_thread *t = &use->thread[i];
		t->running = share_of(p->workers[i].cpu_ns, length_ns);
		t->waiting = share_of(p->workers[i].waited_ns, length_ns);
		if (t->running + t->waiting > 1) /* the kernel counts a wait when it is over, and this one began before the phase */
			t->waiting = t->running < 1 ? 1 - t->running : 0;
		ipb_cpus_of(&p->cpus[0], &p->cpus[1], t->cpu, &t->busy, &t->softirq);
		use->all_threads += t->running;
		use->busiest_thread = t->running > use->busiest_thread ? t->running : use->busiest_thread;
	}
	ipb_cpus_between(&p->cpus[0], &p->cpus[1], &use->cpus);
}
