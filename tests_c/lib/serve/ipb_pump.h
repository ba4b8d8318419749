/*
 * Moves bytes through many sockets at once, as fast as they go or at a rate, and counts them by time. Both ends of a bulk
 * transfer use it.  SPDX-License-Identifier: MIT
 *
 * The owner opens the sockets, fills in the streams, prepares the pump and starts it: a few threads, each with streams of one direction
 * (a thread that has one waits in its system call, one that has several in epoll). While it runs, the owner calls
 * ipb_pump_watch. After ipb_pump_stop everything may be read; ipb_pump_free closes the sockets.
 */
#ifndef IPB_PUMP_H
#define IPB_PUMP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "ipb_bins.h"
#include "ipb_cpus.h"
#include "ipb_error.h"
#include "ipb_hello.h"
#include "ipb_sequence.h"
#include "ipb_tcpinfo.h"

#define IPB_PUMP_WORKERS_MAX 32          /* threads, in each direction */
/* BBR sends each stream at the rate that it has seen. Where streams take turns in a thread, that is the rate of the turns, and a
 * timer's interrupt for each segment keeps them to it. So streams that send by BBR as fast as it goes have a thread each, up to so many. */
#define IPB_PUMP_WORKERS_BBR 16
#define IPB_PUMP_WAKE_MS 50              /* how often an idle thread checks whether it is to stop */
#define IPB_PUMP_SAMPLE_NS 100000000ull  /* between two readings of TCP_INFO */
#define IPB_PUMP_SAMPLES 512u            /* of a stream that are kept at most */
#define IPB_PUMP_SAMPLE_MEMORY (24u << 20) /* bytes of samples of all streams together */
#define IPB_PUMP_BEHIND_NS 100000000ull  /* further behind than this, what was due is not sent any more */
#define IPB_PUMP_DATAGRAM_HEADER 32u     /* bytes of our own datagrams that are not payload: the least size */
/* A receiver on another processor costs more to wake than 100 KiB cost to copy. So it is woken when as much has come as comes in
 * IPB_PUMP_BATCH_NS, at the rate that it has; what waits below that is fetched after IPB_PUMP_FETCH_MS at the latest. */
#define IPB_PUMP_RECEIVE_SIZE (1u << 20) /* bytes of a call */
#define IPB_PUMP_BATCH_MAX (512u << 10)  /* bytes; as much has room in a processor's cache */
#define IPB_PUMP_BATCH_MIN (16u << 10)   /* fewer are not worth waiting for: every byte wakes */
#define IPB_PUMP_BATCH_NS 250000ull
#define IPB_PUMP_FETCH_MS 10
#define IPB_PUMP_TRAIN_MAX 64u           /* datagrams in one call */

enum ipb_pump_over { IPB_PUMP_RUNS, IPB_PUMP_CLOSED, IPB_PUMP_BROKEN };

/* Datagrams as they came. jitter: RFC 3550, section 6.4.1, of the times when they were read. */
struct ipb_pump_udp {
	uint64_t datagrams;        /* sender: sent in all; receiver: got in all */
	uint64_t measured;         /* of the measured phase: sent, or got (each once) */
	uint64_t measured_bytes;
	uint64_t duplicate, reordered; /* receiver: of the measured phase */
	uint64_t refused;          /* sender: the kernel did not send, ENOBUFS and the like; they were tried again */
	uint64_t foreign;          /* receiver: not of this stream */
	double jitter_ns;
	struct ipb_sequence sequence; /* receiver */
	int64_t transit_ns;        /* receiver: of the one before */
	uint64_t numbers;          /* sender: the next one */
	int no_trains;             /* sender: the kernel does not cut trains here */
	int too_long;              /* sender: the last call failed with EMSGSIZE */
};

struct ipb_stream {
	/* The owner's. */
	int fd;                    /* -1: there is none */
	uint32_t index;
	int sends;                 /* 0: receives */
	uint32_t thread;           /* that moves its bytes, in ipb_pump_use; once prepared */
	uint32_t subflows;         /* of Multipath TCP, when the owner has counted them */
	/* Written by the stream's thread; read by others at any time. */
	_Atomic uint64_t bytes;
	_Atomic int over;          /* enum ipb_pump_over */
	/* Read after the end. */
	int error;                 /* errno of IPB_PUMP_BROKEN */
	uint64_t over_ns;          /* when it ended */
	struct ipb_bins bins;
	struct ipb_tcp_course course;
	struct ipb_pump_udp udp;
	/* The thread's. */
	uint64_t paced;            /* bytes for which the time has passed */
	uint32_t batch;            /* TCP, receiving: bytes that wake, SO_RCVLOWAT */
	uint64_t batch_ns, batch_bytes; /* … when that was last thought over, and how much had come then */
	uint32_t uncompleted;      /* MSG_ZEROCOPY: calls whose memory the kernel may still use */
};

/* What datagrams of a peer look like that are not ours. */
struct ipb_pump_format {
	uint32_t header; /* bytes that write fills, read wants at least */
	void (*write)(const struct ipb_stream *s, uint8_t *to, uint64_t number, uint64_t now_ns, int measured);
	/* 0, or -1 when it is none. */
	int (*read)(const struct ipb_stream *s, const uint8_t *from, uint64_t *number, uint64_t *sent_ns, int *measured);
};

struct ipb_pump_config {
	int udp;
	int copy;                  /* TCP: 0 leaves what came in the kernel, which throws it away (MSG_TRUNC) */
	enum ipb_zerocopy zerocopy; /* TCP */
	uint32_t size;             /* bytes of a call, of a datagram */
	uint32_t receive_size;     /* TCP: bytes of a call that receives; 0: IPB_PUMP_RECEIVE_SIZE */
	double bps;                /* of each stream that sends; 0: all that goes */
	uint64_t session;          /* UDP: what our datagrams carry */
	const struct ipb_pump_format *format; /* UDP; NULL: ours */
	int rejection_ends;        /* UDP: an ICMP error is all that shows that nobody listens, and ends the stream */
	uint64_t begin_ns, window_start_ns, window_end_ns; /* CLOCK_MONOTONIC */
	uint64_t length_ns;        /* senders stop so long after begin_ns, whatever becomes of the owner */
	uint32_t threads;          /* in each direction; 0: as many as processors, or see IPB_PUMP_WORKERS_BBR */
	uint32_t cpu_count;        /* processors of the threads, in turn; 0: any */
	int cpus[IPB_PUMP_WORKERS_MAX];
};

struct ipb_pump_worker;

/* What a thread did in the measured phase, in shares of it, 0..1. */
struct ipb_pump_thread {
	int sends;                 /* 0: receives */
	int cpu;                   /* that it is bound to; -1: none */
	double running;
	double waiting;            /* it could have run, and others had its processor */
	double busy, softirq;      /* of that processor, by whomever; 0 without one */
};

/* How busy this end was in the measured phase. */
struct ipb_pump_use {
	int known;
	uint32_t threads;
	struct ipb_pump_thread thread[2 * IPB_PUMP_WORKERS_MAX]; /* threads of them; those that send first */
	double busiest_thread;     /* share of its time that the busiest of our threads was running, 0..1 */
	double all_threads;        /* sum */
	struct ipb_cpus_use cpus;  /* of the machine */
};

struct ipb_pump {
	struct ipb_pump_config config;
	struct ipb_stream *streams;
	uint32_t count;
	/* Inner matters. */
	atomic_int stop_sending, stop_receiving;
	struct ipb_pump_worker *workers;
	uint32_t worker_count;
	uint64_t sampled_ns;
	int marked;                /* edges of the window that were seen: 0..2 */
	uint64_t mark_ns[2];
	struct ipb_cpus *cpus;     /* two */
	int prepared, running;
	pthread_mutex_t gate;      /* threads wait here until the start */
	pthread_cond_t opened;
	int is_open;
};

/* Room for count streams, all -1. 0, or -1 and a sentence. */
int ipb_pump_init(struct ipb_pump *p, uint32_t count, struct ipb_error *err);
/* Makes everything that a start needs: memory, threads, and the sockets that are there. To be called when the configuration
 * has been filled in, but for its times, and all streams know their direction. 0, or -1 and a sentence. */
int ipb_pump_prepare(struct ipb_pump *p, struct ipb_error *err);
/* Lets the threads begin, after the times have been filled in, and prepares what is not prepared yet. 0, or -1 and a sentence. */
int ipb_pump_start(struct ipb_pump *p, struct ipb_error *err);
/* To be called at least every IPB_PUMP_SAMPLE_NS, and at the edges of the window: reads TCP_INFO and how busy this end is.
 * Returns when it wants to be called next. */
uint64_t ipb_pump_watch(struct ipb_pump *p, uint64_t now_ns);
/* Asks those that send to stop; does not wait. */
void ipb_pump_stop_sending(struct ipb_pump *p);
/* Stops everything and waits for the threads, which takes IPB_PUMP_WAKE_MS at most. */
void ipb_pump_stop(struct ipb_pump *p);
void ipb_pump_use(const struct ipb_pump *p, struct ipb_pump_use *use);
/* Closes the sockets, with a reset where something is still under way, so that none stays behind. */
void ipb_pump_free(struct ipb_pump *p);

/* Bytes of all streams of one direction, so far. */
uint64_t ipb_pump_bytes(const struct ipb_pump *p, int sends);

#endif
