/* The inside of the requests' core, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef IPB_REQUESTS_PRIVATE_H
#define IPB_REQUESTS_PRIVATE_H

#include "ipb_apart.h"
#include "ipb_clock.h"
#include "ipb_requests.h"
#include "ipb_sysmon.h"

#define IPB_REQ_HOLD_NS 1000000u /* a closed loop that cannot connect tries so often */
#define IPB_REQ_NONE UINT32_MAX
#define IPB_REQ_OVER (EPOLLRDHUP | EPOLLHUP | EPOLLERR) /* of epoll: the target sends no more */

enum ipb_req_state { IPB_REQ_DOWN, IPB_REQ_CONNECTING, IPB_REQ_SHAKING, IPB_REQ_UP };

/* Room for one outstanding request. Those of one connection form a list, in the order in which they left. */
struct ipb_req_slot {
	uint64_t due_ns, start_ns;
	uint32_t next;
	uint32_t number;    /* UDP: of the request that is out, or was */
	uint8_t busy, written, answered;
	uint8_t rejected;   /* UDP: an ICMP error came that may be about it, of this kind, counted from 1 */
};

struct ipb_req_conn {
	int fd;
	uint8_t state, first_seen, last, source;
	uint32_t head, tail;   /* outstanding requests, oldest first */
	uint32_t to_send;      /* the first of them that has not been sent whole */
	uint32_t offset;       /* bytes of it that have been */
	uint32_t out;
	uint64_t born_ns;      /* when its connect began */
};

struct ipb_requests {
	struct ipb_requests_config config;
	struct ipb_clock clock;
	struct ipb_sched sched;
	struct ipb_address target;
	struct ipb_address sources[IPB_REQ_SOURCES_MAX];
	uint32_t source_count, source_next;
	uint64_t words[IPB_REQ_SOURCES_MAX]; /* that introduce has given */
	int epoll, spin;
	uint64_t patience_ns, busy_ns; /* spins for so long after it had something to do; when that was */
	struct ipb_req_conn *conns;
	uint8_t *states;            /* of the protocol */
	struct ipb_req_slot *slots; /* connection c has those from c * depth on */
	uint32_t slot_count;
	uint32_t *free_slots, free_head, free_count; /* a ring, the one that was freed first is used first */
	uint64_t *waiting;          /* due times, a ring */
	uint32_t waiting_head, waiting_count;
	uint32_t seen_waiting;      /* of those, from the head on, so many count as queued already */
	uint8_t *buffer, *packet;

	enum ipbench_phase phase;
	uint64_t start_ns, measure_ns, end_ns, stop_ns, give_up_ns, late_until_ns, last_start_ns;
	uint64_t hold_ns;           /* closed loop: no request before */
	uint64_t out_measured;      /* requests of the measured phase that are out */
	uint64_t now_ns;
	uint32_t sweep_at;
	struct ipb_counts counts;
	uint64_t due;               /* open loop: requests that were due in the measured phase */
	uint64_t sent_in_window, ok_in_window, bytes_sent, bytes_received; /* what happened in it, whenever it was due */
	uint64_t queued, unsent, failures[IPB_REQ_FAILURES], no_port, no_descriptor, opened, stray;
	uint64_t since_answer, answers, last_answer_ns, silent_since_ns; /* requests sent or failed since the last response; all phases */
	uint64_t failed_since;      /* of since_answer: failures that are no time-outs */
	enum ipb_req_failure last_failure;
	char other[160];            /* text of the first failure of kind other */
	struct ipb_hist response, service, lateness, connect, first_byte;
	struct ipb_gaps gaps;
	struct ipb_interval *intervals;
	uint32_t *coarse, *coarse_all;
	uint32_t interval_count;
	uint64_t interval_ns;

	struct ipbench_progress *progress;
	uint64_t progress_due_ns, progress_last_ns, progress_bytes_in, progress_bytes_out, total_in, total_out;
	struct ipb_sysmon before, after;
	int64_t clock_error_ns;
	struct ipb_reason reasons[IPB_REQ_REASONS_MAX];
	uint32_t reason_count;
	int failed, stop, early;    /* stop: atomic */
	uint32_t own_connections;   /* of those in the configuration, which are several threads' now; 0: all */
	char failed_code[32], failed_text[256];
};

static inline int ipb_req_measured(const struct ipb_requests *r, uint64_t due_ns)
{
	return due_ns >= r->measure_ns && due_ns < r->end_ns;
}

static inline int ipb_req_in_window(const struct ipb_requests *r)
{
	return r->now_ns >= r->measure_ns && r->now_ns < r->end_ns;
}

static inline int ipb_req_sending(const struct ipb_requests *r)
{
	return r->phase == IPBENCH_PHASE_WARMUP || r->phase == IPBENCH_PHASE_MEASURE || r->phase == IPBENCH_PHASE_COOLDOWN;
}

/* The protocol's state of a connection. */
static inline void *ipb_req_state_of(struct ipb_requests *r, uint32_t c) { return r->states + (size_t)c * r->config.protocol->state_size; }

static inline uint64_t ipb_req_tick(struct ipb_requests *r) { return r->now_ns = ipb_clock_now(&r->clock); }

/* ---- set-up of connections (ipb_requests_open.c) --------------------------------------------------------------- */

/* Allocates and resolves; with kept connections, opens them. 0, or -1 and a sentence. */
int ipb_req_conns_open(struct ipb_requests *r, struct ipb_error *err);
void ipb_req_conns_close(struct ipb_requests *r);

/* ---- connections (ipb_requests_conn.c) ------------------------------------------------------------------------- */

/* Begins to connect; has epoll watch it. 0, or -1 and errno. */
int ipb_req_conn_open(struct ipb_requests *r, uint32_t c);
int ipb_req_conn_watch(struct ipb_requests *r, uint32_t c);
/* Goes on with a connect and a handshake; events as epoll reports them. 0 when it is up, -1 when it is not yet, or has failed. */
int ipb_req_conn_connected(struct ipb_requests *r, uint32_t c, uint32_t events);
/* Nothing is out on it any more. */
void ipb_req_conn_forget(struct ipb_req_conn *k);
void ipb_req_conn_close(struct ipb_requests *r, uint32_t c, int abort);
/* Takes a request off the list of those that are out. */
void ipb_req_conn_take_out(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot);
/* One request is lost; the connection is gone, and with it all that was out on it; the oldest request has its response. */
void ipb_req_conn_lose(struct ipb_requests *r, struct ipb_req_conn *k, uint32_t slot, enum ipb_req_failure why);
void ipb_req_conn_rejected(struct ipb_requests *r, struct ipb_req_conn *k, int error);
void ipb_req_conn_fail(struct ipb_requests *r, uint32_t c, enum ipb_req_failure why);
void ipb_req_conn_finish(struct ipb_requests *r, uint32_t c, int corrupt, int last);
enum ipb_req_failure ipb_req_kind_of(struct ipb_requests *r, int error);
/* Receives all there is (ipb_requests_receive.c); events as epoll reports them. */
void ipb_req_conn_receive(struct ipb_requests *r, uint32_t c, uint32_t events);
/* Begins a request on the connection of a free slot; queued: it has waited for one. -1: it could not leave (no port, no descriptor); the slot is free. */
int ipb_req_begin(struct ipb_requests *r, uint32_t slot, uint64_t due_ns, int queued);
/* Something happened to a connection; events as epoll reports them. */
void ipb_req_event(struct ipb_requests *r, uint32_t conn, uint32_t events);
/* Checks some connections: what has been out for too long is lost. */
void ipb_req_sweep(struct ipb_requests *r, uint32_t count);
/* Gives all that is out up: the run is over. */
void ipb_req_abandon(struct ipb_requests *r);
/* The run cannot go on; the first call counts. */
void ipb_req_fail(struct ipb_requests *r, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- the loop (ipb_requests.c) --------------------------------------------------------------------------------- */

/* A slot has become free, for what is due next. */
void ipb_req_freed(struct ipb_requests *r, uint32_t slot);

/* ---- what became of requests (ipb_requests_tally.c) ------------------------------------------------------------- */

/* could_ns: since when nothing but this program kept it from leaving. */
void ipb_req_started(struct ipb_requests *r, struct ipb_req_slot *s, uint64_t could_ns);
/* It never left after all. */
void ipb_req_unstarted(struct ipb_requests *r, struct ipb_req_slot *s);
void ipb_req_answered(struct ipb_requests *r, struct ipb_req_slot *s, int corrupt);
void ipb_req_lost(struct ipb_requests *r, struct ipb_req_slot *s, enum ipb_req_failure why);
int ipb_req_tally_open(struct ipb_requests *r);
void ipb_req_tally_close(struct ipb_requests *r);
void ipb_req_gap(struct ipb_requests *r, uint64_t from_ns, uint64_t to_ns);
void ipb_req_progress(struct ipb_requests *r);

void ipb_req_judge(struct ipb_requests *r); /* ipb_requests_judge.c */
/* Its parts: what is of the run as a whole, of this thread, and of the machine. */
void ipb_req_judge_whole(struct ipb_requests *r);
void ipb_req_judge_thread(struct ipb_requests *r);
void ipb_req_judge_machine(struct ipb_requests *r);
/* Adds what another thread's requests measured (ipb_requests_tally.c). */
void ipb_req_add(struct ipb_requests *to, const struct ipb_requests *from);

#endif
