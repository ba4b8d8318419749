/*
 * Requests and their responses over many connections, in one thread.  SPDX-License-Identifier: MIT
 *
 * Open loop: a request is due by its schedule, whatever became of those before it. It leaves by the connection
 * that has been free for longest; where none is free it waits, and that time is part of its response time. Closed loop
 * (rate 0): every connection has `depth` requests out at all times.
 *
 * Response time counts from when a request was due, service time from when it was given to its connection (a fresh
 * connection: when its connect began). A request belongs to the phase in which it was due, and
 * sent = ok + lost + late + corrupt for those of the measured phase, exactly.
 *
 * What a request and a response are is a protocol's: struct ipb_req_protocol. How bytes travel is an io's: plain sockets,
 * or TLS (http/tls.c). ipb_requests_open allocates and connects, ipb_requests_run neither allocates nor waits.
 */
#ifndef IPB_REQUESTS_H
#define IPB_REQUESTS_H

#include <sys/types.h>

#include "ipb_engine.h"
#include "ipb_json.h"

#define IPB_REQ_OUT_MAX 262144u      /* requests outstanding on all connections */
#define IPB_REQ_WAITING_MAX (1u << 18) /* requests that are due and wait for a free connection */
#define IPB_REQ_SOURCES_MAX 64u      /* local addresses */
#define IPB_REQ_BUFFER 65536u        /* bytes received at once */
#define IPB_REQ_INTERVALS_MAX 200u   /* points of the time series */
#define IPB_REQ_REASONS_MAX 16

enum ipb_req_failure {
	IPB_REQ_REFUSED,
	IPB_REQ_RESET,
	IPB_REQ_CLOSED,    /* the target ended the connection before the response was whole */
	IPB_REQ_TIMED_OUT,
	IPB_REQ_OTHER,
	IPB_REQ_FAILURES
};

/* What input and end make of the bytes. */
enum ipb_req_step {
	IPB_REQ_MORE,      /* the response is not whole yet */
	IPB_REQ_DONE,      /* it is */
	IPB_REQ_LAST,      /* it is, and the connection is not to be used again */
	IPB_REQ_CORRUPT,   /* it is whole and wrong */
	IPB_REQ_BROKEN     /* it cannot be understood: the connection is given up */
};

struct ipb_requests;

struct ipb_req_protocol {
	const char *one, *many;  /* "request", "requests" */
	size_t state_size;       /* bytes a connection */
	/* A connection begins. */
	void (*begin)(void *app, void *state);
	/* size > 0 bytes came. *used: how many of them belong to this response. measured: the request is of the measured phase. */
	enum ipb_req_step (*input)(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured);
	/* The target sends no more. IPB_REQ_MORE: the response is not whole. */
	enum ipb_req_step (*end)(void *app, void *state, int measured);
};

/* How bytes travel; all as send and recv do, with errno. EAGAIN: later. */
struct ipb_req_io {
	ssize_t (*send)(void *io, uint32_t connection, int fd, const void *bytes, size_t size);
	ssize_t (*receive)(void *io, uint32_t connection, int fd, void *bytes, size_t size);
	/* After connecting: 1 ready, 0 later, -1 and errno. */
	int (*handshake)(void *io, uint32_t connection, int fd);
	/* Before the socket is closed. */
	void (*close)(void *io, uint32_t connection);
	/* In words, why one of them failed with EPROTO, ever; "": not known. May be NULL. */
	const char *(*why)(void *io);
};

struct ipb_requests_config {
	const char *name;              /* of the test */
	const char *host;              /* strings: owner is the caller, for the life of the requests */
	uint16_t port;
	int udp;
	double rate;                   /* requests a second; 0: closed loop */
	enum ipb_arrival arrival;
	uint32_t burst;
	uint64_t seed;
	uint32_t connections, depth;
	int series_times;              /* each interval of the series has its response times */
	int fresh;                     /* a connection for each request, which is closed after it */
	int linger0;                   /* close with a reset */
	uint64_t warmup_ns, duration_ns, cooldown_ns, drain_ns, late_ns;
	char *sources;                 /* local addresses with `;` or blanks between them; NULL or "": the system's choice */
	int spin;                      /* 1, 0, or -1: where there are two processors */
	int cpu, rt;                   /* cpu -1, rt 0: leave */
	/* One of several that make one measurement (ipb_requests_team.h): */
	int joint;
	uint64_t start_ns;             /* when all of them begin, CLOCK_MONOTONIC; 0: at once */
	double stagger;                /* so much of an interval later its requests are due */
	struct ipb_sock_options sock;
	struct ipb_limits limits;
	const struct ipb_req_protocol *protocol;
	void *app;
	const struct ipb_req_io *io;   /* NULL: plain sockets */
	void *io_state;
	/* UDP, may be NULL: announces to the target a local address (NULL: the system's choice) that will ask, and gives the word that
	 * its requests have behind their number. state: io_state. 0, or -1 and a sentence. */
	int (*introduce)(void *state, const struct ipb_address *target, const struct ipb_address *source, uint64_t *word,
	                 struct ipb_error *err);
	const uint8_t *request;        /* the same bytes for each; UDP: the first 8 are overwritten by a number */
	uint32_t request_size;         /* 0: none, the response comes by itself or the connection is all */
	uint32_t response_size;        /* UDP: of each response */
	int check_response;            /* UDP: a response has the bytes of its request */
	int no_response;               /* a request is over when it has been sent */
};

/* What is printed, judged and stored; of the measured phase. */
struct ipb_requests_result {
	struct ipb_counts counts;
	uint64_t window_start_ns, window_end_ns; /* CLOCK_MONOTONIC */
	double requested_rate, sent_rate, completed_rate; /* 1/s; requested_rate 0: closed loop */
	double requested_bps, sent_bps, received_bps;     /* bytes of requests and responses, without headers of TCP and below */
	uint64_t queued, unsent;       /* waited for a free connection; never left */
	uint64_t failures[IPB_REQ_FAILURES]; /* lost = their sum */
	uint64_t no_port;              /* connects for which this machine had no free port; not counted as sent */
	uint64_t no_descriptor;
	uint64_t opened;               /* connections opened in the measured phase */
	uint64_t stray;                /* responses that nobody waited for */
	const struct ipb_hist *response, *service, *lateness, *connect, *first_byte;
};

/* 0 when the settings fit together, else -1 and a sentence. Changes nothing. */
int ipb_requests_check(const struct ipb_requests_config *config, struct ipb_error *err);
struct ipb_requests *ipb_requests_open(const struct ipb_requests_config *config, struct ipb_error *err);
void ipb_requests_close(struct ipb_requests *r);

/* Runs all phases; progress may be NULL. 0 when it came to its end, even a bad one. */
int ipb_requests_run(struct ipb_requests *r, struct ipbench_progress *progress);
/* Makes ipb_requests_run return soon. Any thread. */
void ipb_requests_stop(struct ipb_requests *r);
/* The longest time that a run takes. */
uint64_t ipb_requests_duration_ns(const struct ipb_requests_config *config);

/* Valid after the run, until ipb_requests_close. */
void ipb_requests_result(const struct ipb_requests *r, struct ipb_requests_result *result);
/* A reason that the protocol has; after the run, before ipb_requests_report. */
void ipb_requests_reason(struct ipb_requests *r, int invalid, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Non-zero when the run did not come to its end, or nothing came back. */
int ipb_requests_broken(const struct ipb_requests *r);
/* Writes the members pacing, reasons, series, engine, window and environment of the result document. */
void ipb_requests_report(const struct ipb_requests *r, struct ipb_json *j);

#endif
