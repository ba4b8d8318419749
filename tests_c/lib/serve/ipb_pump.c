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

#define EVENTS 64
#define RETRY_NS 1000000ull /* a paced stream that takes nothing is tried again after so long */
#define FILL 0xa5           /* what is sent */
#define THREAD_STACK (256u << 10)

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

static void *work(void *arg)
{
	struct ipb_pump_worker *w = arg;

	if (w->sends)
		sleep_until(w->pump->config.begin_ns);
	if (w->sends && w->pump->config.bps > 0)
		run_paced(w);
	else
		run_free(w);
	return NULL;
}

/* A worker with one stream waits in its calls, for a while; others never wait there. */
static int prepare_waiting(struct ipb_pump_worker *w)
{
	const int fetches = !w->sends && !w->pump->config.udp;
	const struct timeval wake = { .tv_usec = (fetches ? IPB_PUMP_FETCH_MS : IPB_PUMP_WAKE_MS) * 1000 };
	const int waits = w->count == 1 && !(w->sends && w->pump->config.bps > 0);

	if (!waits && !(w->sends && w->pump->config.bps > 0)) {
		w->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (w->epoll < 0)
			return -1;
	}
	for (uint32_t i = 0; i < w->count; i++) {
		struct ipb_stream *s = w->streams[i];
		struct epoll_event e = { .events = w->sends ? EPOLLOUT : EPOLLIN, .data.ptr = s };
		const int flags = fcntl(s->fd, F_GETFL);
		if (flags < 0 || fcntl(s->fd, F_SETFL, waits ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) < 0 ||
		    setsockopt(s->fd, SOL_SOCKET, w->sends ? SO_SNDTIMEO : SO_RCVTIMEO, &wake, sizeof wake) < 0)
			return -1;
		if (w->epoll >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &e) < 0)
			return -1;
	}
	return 0;
}

static int open_worker(struct ipb_pump_worker *w)
{
	const struct ipb_pump_config *c = &w->pump->config;

	w->open = w->count;
	const uint32_t receive_size = c->receive_size > 0 ? c->receive_size : IPB_PUMP_RECEIVE_SIZE;
	w->buffer_size = c->udp ? IPB_HELLO_DATAGRAM_MAX + 1 : w->sends ? c->size : receive_size;
	w->buffer_size = (w->buffer_size + 4095) / 4096 * 4096;
	w->buffer = aligned_alloc(4096, w->buffer_size);
	if (w->buffer == NULL)
		return -1;
	memset(w->buffer, w->sends ? FILL : 0, w->buffer_size); /* which touches it, too: no page is missing later */
	if (prepare_waiting(w) < 0)
		return -1;
	return c->udp ? ipb_pump_udp_open(w) : ipb_pump_tcp_open(w);
}

static uint32_t processors(void)
{
	cpu_set_t mine;
	const int n = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;

	return n < 1 ? 1 : n > IPB_PUMP_WORKERS_MAX ? IPB_PUMP_WORKERS_MAX : (uint32_t)n;
}

/* Streams of one direction, spread over as many workers as there are processors. */
static int make_workers(struct ipb_pump *p, int sends)
{
	struct ipb_stream **mine = calloc(p->count, sizeof(void *));
	uint32_t n = 0, most = processors();

	if (mine == NULL)
		return -1;
	for (uint32_t i = 0; i < p->count; i++)
		if (p->streams[i].fd >= 0 && !p->streams[i].sends == !sends)
			mine[n++] = &p->streams[i];
	if (most > n)
		most = n;
	for (uint32_t k = 0; k < most; k++) {
		struct ipb_pump_worker *w = &p->workers[p->worker_count++];
		*w = (struct ipb_pump_worker){ .pump = p, .sends = sends, .epoll = -1, .file = -1 };
		w->streams = calloc((n + most - 1) / most, sizeof(void *));
		for (uint32_t i = k; w->streams != NULL && i < n; i += most)
			w->streams[w->count++] = mine[i];
		if (w->streams == NULL)
			break;
	}
	free(mine);
	return 0;
}

int ipb_pump_init(struct ipb_pump *p, uint32_t count, struct ipb_error *err)
{
	memset(p, 0, sizeof *p);
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

static int prepare_streams(struct ipb_pump *p)
{
	uint32_t samples = p->count > 0 ? IPB_PUMP_SAMPLE_MEMORY / p->count / (uint32_t)sizeof(struct ipb_tcp_sample) : 0;

	samples = samples > IPB_PUMP_SAMPLES ? IPB_PUMP_SAMPLES : samples < 2 ? 2 : samples;
	for (uint32_t i = 0; i < p->count; i++) {
		struct ipb_stream *s = &p->streams[i];
		if (s->fd < 0)
			continue;
		if (ipb_bins_init(&s->bins, p->config.begin_ns) < 0)
			return -1;
		if (!p->config.udp && s->sends && ipb_tcp_course_init(&s->course, samples) < 0)
			return -1;
	}
	return 0;
}

int ipb_pump_start(struct ipb_pump *p, struct ipb_error *err)
{
	pthread_attr_t attr;

	errno = ENOMEM;
	if (prepare_streams(p) < 0 || make_workers(p, 1) < 0 || make_workers(p, 0) < 0)
		return ipb_error(err, "no memory for %u streams", p->count);
	for (uint32_t i = 0; i < p->worker_count; i++)
		if (open_worker(&p->workers[i]) < 0)
			return ipb_error_errno(err, errno, "cannot prepare the streams");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	p->running = 1;
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct ipb_pump_worker *w = &p->workers[i];
		if ((errno = pthread_create(&w->thread, &attr, work, w)) != 0) {
			ipb_error_errno(err, errno, "cannot start a thread for the streams");
			ipb_pump_stop(p);
			break;
		}
		w->started = 1;
	}
	pthread_attr_destroy(&attr);
	return p->running ? 0 : -1;
}

void ipb_pump_stop_sending(struct ipb_pump *p) { atomic_store_explicit(&p->stop_sending, 1, memory_order_release); }

void ipb_pump_stop(struct ipb_pump *p)
{
	ipb_pump_stop_sending(p);
	atomic_store_explicit(&p->stop_receiving, 1, memory_order_release);
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

	if (p->running)
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
