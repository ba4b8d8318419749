/* What the files of the test stream share.  SPDX-License-Identifier: MIT */
#ifndef STREAM_H
#define STREAM_H

#include <net/if.h>
#include <stdint.h>

#include "ipb_args.h"
#include "ipb_bulk_result.h"
#include "ipb_error.h"
#include "ipb_hello.h"
#include "ipb_json.h"
#include "ipb_pump.h"
#include "ipb_sock.h"
#include "ipb_stop.h"
#include "ipb_sysmon.h"

#define STREAM_STREAMS_MAX 1000        /* of one tester, both directions together */
#define STREAM_OPEN_MS 10000           /* until all streams stand */
#define STREAM_ANSWER_MS 5000          /* a peer's answer on a control connection */
#define STREAM_UDP_DRAIN_NS 200000000ull /* after the last datagram */
#define STREAM_SERIES_STREAMS 16u      /* streams whose course stands in the document */
#define STREAM_FAILURE_TEXT 512

struct stream_config {
	const char *host;      /* strings belong to the arguments */
	uint16_t port;         /* of the control connection, or of the streams where there is none */
	int direction;         /* enum ipb_direction */
	uint32_t streams;      /* in each direction */
	int udp;
	double bps;            /* of each direction, all streams together; 0: all that goes */
	uint64_t warmup_ns, duration_ns;
	uint32_t size;         /* bytes of a write, or of a datagram */
	int copy;
	enum ipb_zerocopy zerocopy;
	const char *cc;
	uint32_t mss, rcvbuf, sndbuf;
	int dscp;              /* -1: leave */
	int mptcp;
	uint32_t peer;         /* in stream_peers */
	uint32_t threads, cpu_count;   /* in each direction; 0: as many as processors, and any of them */
	int cpus[IPB_PUMP_WORKERS_MAX];
	double limit_cpu;      /* of a processor, 0..1 */
	uint64_t limit_clock_ns;
};

struct stream_test;

/* How a kind of target is spoken to. All on the thread of `start`, but `open` and `close`; each wait has a deadline. */
struct stream_peer {
	const char *name;
	int directions;        /* bits of enum ipb_direction */
	int udp;               /* knows UDP */
	uint16_t port;         /* when the run names none */
	int is_ours;           /* the receiver reports what it got; else goodput is what was acknowledged */
	/* In setup: contacts the target, makes the pump's streams (ipb_pump_init) with their directions, opens each one's socket,
	 * or leaves that to `go`, and fills in format and session of the pump's configuration. 0, or -1 and a sentence. */
	int (*open)(struct stream_test *t, struct ipb_error *err);
	/* begin_ns and window_* of t stand: lets the target begin. The caller starts the pump. 0, or -1 and a sentence. NULL: it
	 * needs no word. */
	int (*go)(struct stream_test *t, struct ipb_error *err);
	/* Waits for the target's messages until then at most, or until t->stopping. 0, or -1 and a sentence: it has failed. NULL:
	 * it sends none. */
	int (*turn)(struct stream_test *t, uint64_t until_ns, struct ipb_error *err);
	/* Our sending has stopped: gets the target's result (t->theirs, t->has_theirs), while the pump still receives. 0, or -1
	 * and a sentence. NULL: there is none. */
	int (*end)(struct stream_test *t, struct ipb_error *err);
	/* Ends what open began, but the streams. Never fails; may be called at any time, and twice. */
	void (*close)(struct stream_test *t);
	/* Of a peer that is not ours and reports what it received; both may be NULL. Bytes of the measured phase of stream index, by
	 * its rate over its own interval, or -1; and its figures for the array "metrics", whose names begin with peer_. */
	double (*received)(const struct stream_test *t, uint32_t index);
	void (*metrics)(const struct stream_test *t, struct ipb_json *j);
};

struct stream_test {
	struct stream_config config;
	const struct stream_peer *peer;
	struct ipb_address address;    /* of the target, as connected to */
	int control;                   /* its socket; -1 */
	void *state;                   /* the peer's own */
	uint64_t session, token;       /* ours */
	struct ipb_pump pump;
	uint64_t begin_ns, window_start_ns, window_end_ns; /* CLOCK_MONOTONIC; of a test that ended early, when it did */
	int64_t offset_ns;             /* the target's clock minus ours */
	uint64_t offset_error_ns;      /* right to so much */
	int has_own, has_theirs;
	struct ipb_bulk_result own, theirs;
	struct ipb_stop stopping;
	int ran;
	uint32_t plain;                /* mptcp: streams that are plain TCP */
	struct ipb_sysmon before, after;
	char link[IF_NAMESIZE], target_name[80], own_name[80];
	/* Why the test did not come to its end; code "" when it did. */
	char failure_code[32], failure[STREAM_FAILURE_TEXT];
};

#define STREAM_OPTION_COUNT 22u
extern const struct ipbench_option stream_options[STREAM_OPTION_COUNT];
extern const struct stream_peer *const stream_peers[];

extern const struct stream_peer stream_peer_ipbench;
extern const struct stream_peer stream_peer_discard;
extern const struct stream_peer stream_peer_chargen;
extern const struct stream_peer stream_peer_iperf2, stream_peer_iperf3;

/* 0, or -1 and a sentence. host NULL: the arguments alone. */
int stream_configure(struct stream_config *c, const struct ipb_args *a, const char *host, int port, struct ipb_error *err);

/* Opens, runs and ends one test. stream_run: 0, also when it failed, as t->failure_code has it. */
int stream_open(struct stream_test *t, struct ipb_error *err);
int stream_run(struct stream_test *t, struct ipbench_progress *progress);
void stream_close(struct stream_test *t);

/* For peers. */
/* Connects count TCP sockets to t->address side by side, with the options of the configuration, into fds, within
 * STREAM_OPEN_MS. 0, or -1 and a sentence: then none is open. */
int stream_connect_all(struct stream_test *t, int *fds, uint32_t count, struct ipb_error *err);
/* Opens the UDP socket of one stream, connected to t->address. The descriptor, or -1 and a sentence. */
int stream_udp_socket(struct stream_test *t, struct ipb_error *err);
/* Exactly size bytes from or to a socket until then; 0, or -1 and a sentence that names what was waited for. */
int stream_read(int fd, void *to, size_t size, uint64_t until_ns, const char *what, struct ipb_error *err);
int stream_write(int fd, const void *from, size_t size, uint64_t until_ns, const char *what, struct ipb_error *err);

/* The row, and the members of the result document. */
void stream_row(const struct stream_test *t, char *to, size_t size);
char *stream_json(const struct stream_test *t);
/* Non-zero when the result is no measurement. */
int stream_is_broken(const struct stream_test *t);

#endif
