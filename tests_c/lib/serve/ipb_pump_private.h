/* What the files of ipb_pump share.  SPDX-License-Identifier: MIT */
#ifndef IPB_PUMP_PRIVATE_H
#define IPB_PUMP_PRIVATE_H

#include "ipb_clock.h"
#include "ipb_pump.h"

struct ipb_pump_worker {
	struct ipb_pump *pump;
	pthread_t thread;
	int started;
	int ready;             /* its sockets are prepared */
	int sends;
	int cpu;               /* that it runs on; -1: any */
	atomic_int tid;        /* the kernel's number of it; 0: it has not begun */
	struct ipb_stream **streams;
	uint32_t count, open;
	int epoll;             /* -1: one stream, whose calls wait */
	uint8_t *buffer;
	size_t buffer_size;
	int file;              /* sendfile: the memory as a file; -1 */
	uint64_t cpu_ns[2], waited_ns[2]; /* at the edges of the window */
	struct ipb_pump_batch *batch; /* UDP, receiving */
};

/* A worker's thread; it waits at the pump's gate. */
void *ipb_pump_work(void *arg);
/* Prepares the sockets of a worker, once they are there; those that are not are left out. 0, or -1 and errno. */
int ipb_pump_take_sockets(struct ipb_pump_worker *w);
/* One turn of a stream, which waits when the worker has one stream only. 1: something moved; 0: nothing now; -1: over. */
int ipb_pump_tcp_send(struct ipb_pump_worker *w, struct ipb_stream *s, uint32_t size);
int ipb_pump_tcp_receive(struct ipb_pump_worker *w, struct ipb_stream *s);
/* To be called at least every IPB_PUMP_FETCH_MS: streams that bring less than before are to wake for less. */
void ipb_pump_tcp_fetch(struct ipb_pump_worker *w, uint64_t now_ns);
/* count: datagrams. */
int ipb_pump_udp_send(struct ipb_pump_worker *w, struct ipb_stream *s, uint32_t count);
int ipb_pump_udp_receive(struct ipb_pump_worker *w, struct ipb_stream *s);
/* Prepares the socket, and the worker's memory. 0, or -1. */
int ipb_pump_tcp_open(struct ipb_pump_worker *w);
int ipb_pump_udp_open(struct ipb_pump_worker *w);
void ipb_pump_udp_close(struct ipb_pump_worker *w);
/* Datagrams of one train at most. */
uint32_t ipb_pump_udp_train(const struct ipb_pump *p);

/* The stream is over: errno 0: the peer closed it. */
int ipb_pump_end(struct ipb_pump_worker *w, struct ipb_stream *s, int error);

static inline void ipb_pump_count(struct ipb_stream *s, uint64_t now_ns, uint64_t bytes)
{
	ipb_bins_add(&s->bins, now_ns, bytes);
	atomic_store_explicit(&s->bytes, s->bins.total, memory_order_relaxed);
}

static inline int ipb_pump_is_measured(const struct ipb_pump *p, uint64_t now_ns)
{
	return now_ns >= p->config.window_start_ns && now_ns < p->config.window_end_ns;
}

#endif
