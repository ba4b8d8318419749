/* The pump's threads; see ipb_pump.h.  SPDX-License-Identifier: MIT */
#include "ipb_pump.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_pump_private.h"
#include "ipb_threads.h"

#define EVENTS 64
#define RETRY_NS 1000000ull /* a paced stream that accepts nothing is tried again after so long */

int ipb_pump_end(struct ipb_pump_worker *w, struct ipb_stream *s, int error)
{
	s->error = error;
	s->over_ns = ipb_now_ns();
	if (w->epoll >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	w->open--;
	atomic_store_explicit(&s->over, error == 0 ? IPB_PUMP_CLOSED : IPB_PUMP_BROKEN, memory_order_release);
	return -1;
}

static int is_over(const struct ipb_stream *s) { return atomic_load_explicit(&s->over, memory_order_relaxed) != IPB_PUMP_RUNS; }

static int must_stop(const struct ipb_pump_worker *w)
{
	const struct ipb_pump_config *c = &w->pump->config;

	if (atomic_load_explicit(w->sends ? &w->pump->stop_sending : &w->pump->stop_receiving, memory_order_acquire) || w->open == 0)
		return 1;
	return w->sends && ipb_now_ns() - c->begin_ns > c->length_ns;
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec t = { .tv_sec = (time_t)(at_ns / IPB_NS_PER_S), .tv_nsec = (long)(at_ns % IPB_NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int one_turn(struct ipb_pump_worker *w, struct ipb_stream *s)
{
	const struct ipb_pump *p = w->pump;

	if (!w->sends)
		return p->config.udp ? ipb_pump_udp_receive(w, s) : ipb_pump_tcp_receive(w, s);
	return p->config.udp ? ipb_pump_udp_send(w, s, ipb_pump_udp_train(p)) : ipb_pump_tcp_send(w, s, p->config.size);
}

/* As fast as it goes. */
static void run_free(struct ipb_pump_worker *w)
{
	struct epoll_event events[EVENTS];

	if (w->epoll < 0) {
		while (!must_stop(w))
			one_turn(w, w->streams[0]);
		return;
	}
	const int fetches = !w->sends && !w->pump->config.udp;
	uint64_t fetched = 0;
	while (!must_stop(w)) {
		const int n = epoll_wait(w->epoll, events, EVENTS, fetches ? IPB_PUMP_FETCH_MS : IPB_PUMP_WAKE_MS);
		for (int i = 0; i < n; i++)
			one_turn(w, events[i].data.ptr);
		const uint64_t now = ipb_now_ns();
		if (fetches && now - fetched >= IPB_PUMP_FETCH_MS * 1000000ull) {
			ipb_pump_tcp_fetch(w, now);
			fetched = now;
		}
	}
}

/* When the stream is to send next, and, when that was too long ago, what it will not send any more. */
static uint64_t due_of(const struct ipb_pump_config *c, struct ipb_stream *s, uint64_t now_ns)
{
	const double ns_a_byte = 8e9 / c->bps;
	uint64_t due = c->begin_ns + (uint64_t)((double)(s->paced + s->bins.total) * ns_a_byte);

	if (now_ns > due + IPB_PUMP_BEHIND_NS) {
		s->paced += (uint64_t)((double)(now_ns - due - IPB_PUMP_BEHIND_NS) / ns_a_byte);
		due = now_ns - IPB_PUMP_BEHIND_NS;
	}
	return due;
}

static void paced_turn(struct ipb_pump_worker *w, struct ipb_stream *s, uint64_t now_ns, uint64_t *next_ns)
{
	const struct ipb_pump_config *c = &w->pump->config;
	uint64_t due = due_of(c, s, now_ns);

	if (due <= now_ns) {
		const uint32_t most = ipb_pump_udp_train(w->pump);
		const double waiting = (double)(now_ns - due) * c->bps / 8e9 / c->size;
		const uint32_t count = waiting + 1 < most ? (uint32_t)waiting + 1 : most;
		const int moved = c->udp ? ipb_pump_udp_send(w, s, count) : ipb_pump_tcp_send(w, s, c->size);
		if (moved < 0)
			return;
		due = moved > 0 ? due_of(c, s, now_ns) : now_ns + RETRY_NS;
	}
	if (due < *next_ns)
		*next_ns = due;
}

static void run_paced(struct ipb_pump_worker *w)
{
	const uint64_t late_ns = ipb_now_ns() - w->pump->config.begin_ns; /* a thousand streams take a while to begin */

	prctl(PR_SET_TIMERSLACK, 1);
	for (uint32_t i = 0; i < w->count; i++)
		w->streams[i]->paced = (uint64_t)((double)late_ns * w->pump->config.bps / 8e9);
	while (!must_stop(w)) {
		const uint64_t now = ipb_now_ns();
		uint64_t next = now + IPB_PUMP_WAKE_MS * 1000000ull;
		for (uint32_t i = 0; i < w->count; i++)
			if (!is_over(w->streams[i]))
				paced_turn(w, w->streams[i], now, &next);
		if (next > ipb_now_ns())
			sleep_until(next);
	}
}

static void open_gate(struct ipb_pump *p)
{
	pthread_mutex_lock(&p->gate);
	p->is_open = 1;
	pthread_cond_broadcast(&p->opened);
	pthread_mutex_unlock(&p->gate);
}

void *ipb_pump_work(void *arg)
{
	struct ipb_pump_worker *w = arg;
	struct ipb_pump *p = w->pump;

	atomic_store_explicit(&w->tid, gettid(), memory_order_release);
	ipb_threads_pin(w->cpu); /* which the owner has seen that it may use */
	pthread_mutex_lock(&p->gate);
	while (!p->is_open)
		pthread_cond_wait(&p->opened, &p->gate);
	pthread_mutex_unlock(&p->gate);
	if (must_stop(w))
		return NULL; /* nothing was to be done */
	if (w->sends)
		sleep_until(w->pump->config.begin_ns);
	if (w->sends && w->pump->config.bps > 0)
		run_paced(w);
	else
		run_free(w);
	return NULL;
}

int ipb_pump_init(struct ipb_pump *p, uint32_t count, struct ipb_error *err)
{
	memset(p, 0, sizeof *p);
	pthread_mutex_init(&p->gate, NULL);
	pthread_cond_init(&p->opened, NULL);
	p->streams = calloc(count, sizeof *p->streams);
	p->workers = calloc(2 * IPB_PUMP_WORKERS_MAX, sizeof *p->workers);
	p->cpus = calloc(2, sizeof *p->cpus);
	p->count = p->streams != NULL ? count : 0;
	for (uint32_t i = 0; i < p->count; i++) {
		p->streams[i].fd = -1;
		p->streams[i].index = i;
	}
	return p->streams != NULL && p->workers != NULL && p->cpus != NULL
	               ? 0 : ipb_error(err, "no memory for %u streams", count);
}

int ipb_pump_start(struct ipb_pump *p, struct ipb_error *err)
{
	if (!p->prepared && ipb_pump_prepare(p, err) < 0)
		return -1;
	for (uint32_t i = 0; i < p->worker_count; i++)
		if (ipb_pump_take_sockets(&p->workers[i]) < 0)
			return ipb_error_errno(err, errno, "cannot prepare the streams");
	for (uint32_t i = 0; i < p->count; i++)
		p->streams[i].bins.base_ns = p->config.begin_ns;
	p->running = 1;
	open_gate(p);
	return 0;
}

void ipb_pump_stop_sending(struct ipb_pump *p) { atomic_store_explicit(&p->stop_sending, 1, memory_order_release); }

void ipb_pump_stop(struct ipb_pump *p)
{
	ipb_pump_stop_sending(p);
	atomic_store_explicit(&p->stop_receiving, 1, memory_order_release);
	open_gate(p);
	for (uint32_t i = 0; i < p->worker_count; i++)
		if (p->workers[i].started)
			pthread_join(p->workers[i].thread, NULL);
	for (uint32_t i = 0; i < p->worker_count; i++)
		p->workers[i].started = 0;
	p->running = 0;
}

static void free_worker(struct ipb_pump_worker *w)
{
	if (w->pump->config.udp && w->streams != NULL)
		ipb_pump_udp_close(w);
	if (w->epoll >= 0)
		close(w->epoll);
	if (w->file >= 0)
		close(w->file);
	free(w->buffer);
	free(w->streams);
}

void ipb_pump_free(struct ipb_pump *p)
{
	const struct linger now = { .l_onoff = 1 };

	if (p->prepared)
		ipb_pump_stop(p);
	for (uint32_t i = 0; i < p->worker_count; i++)
		free_worker(&p->workers[i]);
	for (uint32_t i = 0; i < p->count; i++) {
		struct ipb_stream *s = &p->streams[i];
		if (s->fd >= 0) {
			setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
			close(s->fd);
		}
		ipb_bins_free(&s->bins);
		ipb_tcp_course_free(&s->course);
	}
	free(p->streams);
	free(p->workers);
	free(p->cpus);
	memset(p, 0, sizeof *p);
}
