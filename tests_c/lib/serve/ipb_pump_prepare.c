/* What a pump needs before it starts: memory, sockets, threads; see ipb_pump.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_pump_private.h"

#define FILL 0xa5           /* what is sent */
#define THREAD_STACK (256u << 10)

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

static int make_buffer(struct ipb_pump_worker *w)
{
	const struct ipb_pump_config *c = &w->pump->config;
	const uint32_t receive_size = c->receive_size > 0 ? c->receive_size : IPB_PUMP_RECEIVE_SIZE;

	w->buffer_size = c->udp ? IPB_HELLO_DATAGRAM_MAX + 1 : w->sends ? c->size : receive_size;
	w->buffer_size = (w->buffer_size + 4095) / 4096 * 4096;
	w->buffer = aligned_alloc(4096, w->buffer_size);
	if (w->buffer == NULL)
		return -1;
	memset(w->buffer, w->sends ? FILL : 0, w->buffer_size); /* which touches it, too: no page is missing later */
	return 0;
}

static int has_all_sockets(const struct ipb_pump_worker *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->streams[i]->fd < 0)
			return 0;
	return 1;
}

int ipb_pump_take_sockets(struct ipb_pump_worker *w)
{
	uint32_t n = 0;

	if (w->ready)
		return 0;
	for (uint32_t i = 0; i < w->count; i++) /* what never came is left out */
		if (w->streams[i]->fd >= 0)
			w->streams[n++] = w->streams[i];
	w->open = w->count = n;
	w->ready = 1;
	if (n == 0)
		return 0;
	if (prepare_waiting(w) < 0)
		return -1;
	return w->pump->config.udp ? ipb_pump_udp_open(w) : ipb_pump_tcp_open(w);
}

static uint32_t processors(void)
{
	cpu_set_t mine;
	const int n = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;

	return n < 1 ? 1 : n > IPB_PUMP_WORKERS_MAX ? IPB_PUMP_WORKERS_MAX : (uint32_t)n;
}

/* Whether the senders' congestion control is BBR, of whichever version. Of streams that are not open yet it is the system's. */
static int sends_by_bbr(const struct ipb_pump *p)
{
	char name[IPB_HELLO_CC_MAX] = "";
	socklen_t size = sizeof name;
	int fd = -1;

	for (uint32_t i = 0; fd < 0 && i < p->count; i++)
		fd = p->streams[i].sends ? p->streams[i].fd : -1;
	const int own = fd < 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
	const int known = getsockopt(fd < 0 ? own : fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0;
	if (own >= 0)
		close(own);
	return known && strncmp(name, "bbr", 3) == 0;
}

static uint32_t threads_of(const struct ipb_pump *p, int sends)
{
	const struct ipb_pump_config *c = &p->config;
	const uint32_t n = processors();

	if (c->threads > 0)
		return c->threads;
	return n < IPB_PUMP_WORKERS_BBR && sends && !c->udp && c->bps <= 0 && sends_by_bbr(p) ? IPB_PUMP_WORKERS_BBR : n;
}

/* Streams of one direction, spread over that many workers at most. */
static int make_workers(struct ipb_pump *p, int sends)
{
	struct ipb_stream **mine = calloc(p->count, sizeof(void *));
	uint32_t n = 0, most = threads_of(p, sends);

	if (mine == NULL)
		return -1;
	for (uint32_t i = 0; i < p->count; i++)
		if (!p->streams[i].sends == !sends)
			mine[n++] = &p->streams[i];
	if (most > n)
		most = n;
	for (uint32_t k = 0; k < most; k++) {
		struct ipb_pump_worker *w = &p->workers[p->worker_count++];
		*w = (struct ipb_pump_worker){ .pump = p, .sends = sends, .epoll = -1, .file = -1, .cpu = -1 };
		if (p->config.cpu_count > 0)
			w->cpu = p->config.cpus[k % p->config.cpu_count];
		w->streams = calloc((n + most - 1) / most, sizeof(void *));
		for (uint32_t i = k; w->streams != NULL && i < n; i += most) {
			mine[i]->thread = p->worker_count - 1;
			w->streams[w->count++] = mine[i];
		}
		if (w->streams == NULL)
			break;
	}
	free(mine);
	return 0;
}

static int prepare_streams(struct ipb_pump *p)
{
	uint32_t samples = p->count > 0 ? IPB_PUMP_SAMPLE_MEMORY / p->count / (uint32_t)sizeof(struct ipb_tcp_sample) : 0;

	samples = samples > IPB_PUMP_SAMPLES ? IPB_PUMP_SAMPLES : samples < 2 ? 2 : samples;
	for (uint32_t i = 0; i < p->count; i++) {
		struct ipb_stream *s = &p->streams[i];
		if (ipb_bins_init(&s->bins, 0) < 0)
			return -1;
		if (!p->config.udp && s->sends && ipb_tcp_course_init(&s->course, samples) < 0)
			return -1;
	}
	return 0;
}

static int make_threads(struct ipb_pump *p, struct ipb_error *err)
{
	pthread_attr_t attr;
	int status = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	for (uint32_t i = 0; status == 0 && i < p->worker_count; i++) {
		struct ipb_pump_worker *w = &p->workers[i];
		if ((errno = pthread_create(&w->thread, &attr, ipb_pump_work, w)) != 0)
			status = ipb_error_errno(err, errno, "cannot start a thread for the streams");
		else
			w->started = 1;
	}
	pthread_attr_destroy(&attr);
	return status;
}

int ipb_pump_prepare(struct ipb_pump *p, struct ipb_error *err)
{
	p->prepared = 1;
	errno = ENOMEM;
	if (prepare_streams(p) < 0 || make_workers(p, 1) < 0 || make_workers(p, 0) < 0)
		return ipb_error(err, "no memory for %u streams", p->count);
	for (uint32_t i = 0; i < p->worker_count; i++) {
		struct ipb_pump_worker *w = &p->workers[i];
		if (make_buffer(w) < 0 || (has_all_sockets(w) && ipb_pump_take_sockets(w) < 0))
			return ipb_error_errno(err, errno, "cannot prepare the streams");
	}
	return make_threads(p, err);
}
