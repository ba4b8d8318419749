/*
 * iperf3's protocol, as versions 3.9 to 3.21 have it.  SPDX-License-Identifier: MIT
 *
 * A test has one control connection over TCP and its data streams beside it. The client opens the control connection with
 * a cookie of 37 bytes; after that single bytes name the state that the other end goes to (enum iperf3_state), and two
 * JSON texts go each way, with their length before them in 4 bytes, highest first: the test's parameters from the client,
 * and at the end both ends' results. A TCP stream begins with the same cookie; a UDP stream with a datagram of 4 bytes
 * that the server answers with 4 others.
 *
 * The numbers are those of the protocol, as esnet's iperf_api.h and iperf.h have them.
 */
#ifndef IPERF3_H
#define IPERF3_H

#include <stdint.h>
#include <sys/types.h>

#include "ipb_bytes.h"
#include "ipb_error.h"
#include "ipb_stop.h"

#define IPERF3_PORT 5201
#define IPERF3_COOKIE 37           /* bytes: 36 characters and a NUL */
#define IPERF3_STREAMS_MAX 128     /* in one direction */
#define IPERF3_ALL_STREAMS_MAX (2 * IPERF3_STREAMS_MAX)
#define IPERF3_SECONDS_MAX 86400
#define IPERF3_OMIT_MAX 600
#define IPERF3_BLOCK_MAX (1u << 20)
#define IPERF3_UDP_BLOCK_MIN 16
#define IPERF3_UDP_BLOCK_MAX 65507
#define IPERF3_WINDOW_MAX (512u << 20)
#define IPERF3_MSS_MAX 9216
#define IPERF3_BURST_MAX 1000
#define IPERF3_NAME_MAX 32         /* bytes of a congestion control's or version's name, with its NUL */
#define IPERF3_PARAMS_MAX 8192     /* bytes of the parameters' JSON */
#define IPERF3_RESULTS_MAX (512u << 10) /* bytes of the results' JSON: 256 streams need about 60,000 */
#define IPERF3_JSON_DEPTH 8        /* iperf3's own texts have 3 */

#define IPERF3_CONTROL_MS 10000    /* how long an answer on the control connection may take */
#define IPERF3_STREAMS_MS 30000    /* how long all streams together may take to open */
#define IPERF3_UDP_HELLO_MS 1000   /* after so long a stream's first datagram is sent again */

enum iperf3_state {
	IPERF3_TEST_START = 1,
	IPERF3_TEST_RUNNING = 2,
	IPERF3_TEST_END = 4,
	IPERF3_PARAM_EXCHANGE = 9,
	IPERF3_CREATE_STREAMS = 10,
	IPERF3_SERVER_TERMINATE = 11,
	IPERF3_CLIENT_TERMINATE = 12,
	IPERF3_EXCHANGE_RESULTS = 13,
	IPERF3_DISPLAY_RESULTS = 14,
	IPERF3_DONE = 16,
	IPERF3_ACCESS_DENIED = -1,
	IPERF3_SERVER_ERROR = -2 /* two numbers of 4 bytes follow: iperf3's code (iperf3_error_name) and errno */
};

/* Codes of IPERF3_SERVER_ERROR that are sent from here. */
enum iperf3_code {
	IPERF3_E_DURATION_OLD = 5,
	IPERF3_E_STREAMS = 6,
	IPERF3_E_BLOCK = 7,
	IPERF3_E_WINDOW = 8,
	IPERF3_E_MSS = 10,
	IPERF3_E_OMIT = 12,
	IPERF3_E_NO_SCTP = 18,
	IPERF3_E_UDP_BLOCK = 20,
	IPERF3_E_RATE = 27,
	IPERF3_E_DURATION = 37,
	IPERF3_E_PARAMS = 114,
	IPERF3_E_RESULTS = 117,
	IPERF3_E_DURATION_OVER = 160,
	IPERF3_E_ACCEPT = 204
};

struct iperf3_params {
	int udp, reverse, bidirectional; /* neither reverse nor bidirectional: the client sends */
	int nodelay, mptcp, wide, no_copy, dont_fragment; /* wide: UDP's counters have 64 bits */
	uint32_t streams;   /* in each direction */
	uint32_t seconds, omit; /* 0: no limit in time; omit: seconds at the beginning that do not count */
	uint64_t bytes, blocks; /* ends of another kind; 0: none */
	uint32_t block;     /* bytes of a write, or of a datagram; 0: UDP's default */
	uint64_t rate;      /* bit/s a stream, 0: as fast as it goes */
	uint32_t burst;     /* writes at once, 0: 1 */
	uint32_t window, mss, tos; /* bytes of socket buffer, bytes, IP_TOS; 0: the system's */
	char congestion[IPERF3_NAME_MAX]; /* "" : the system's */
	char version[IPERF3_NAME_MAX];    /* the client's, "" before 3.1 */
};

/* What one end knows of one stream. */
struct iperf3_stream_result {
	uint32_t id;
	uint64_t bytes;      /* sent, or received; without what was omitted */
	int64_t retransmits; /* segments, -1: not known or not a sender */
	double jitter;       /* s, RFC 1889 */
	int64_t errors;      /* datagrams lost, as iperf3 counts them (struct iperf3_udp) */
	uint64_t packets;    /* datagrams: the highest number seen, or sent; with those omitted */
	int64_t omitted_errors;   /* -1: not reported (before 3.14) */
	int64_t omitted_packets;  /* -1: not reported */
	double seconds;      /* of this end's interval, 0: not reported (before 3.2) */
};

struct iperf3_results {
	double cpu_total, cpu_user, cpu_system; /* percent of one processor */
	int retransmits_known; /* the sender's end counts them */
	char congestion[IPERF3_NAME_MAX];
	uint32_t count;
	struct iperf3_stream_result streams[IPERF3_ALL_STREAMS_MAX];
};

/* --- JSON (iperf3_json.c, iperf3_encode.c) --- */

/* Whether JSON can be read here; -1 and a sentence that names the package where it cannot. To be called before anything
 * is sent to a peer, and once before threads begin. */
int iperf3_json_ready(struct ipb_error *err);

/* Parameters of a client, checked; *code (may be NULL) becomes the code of IPERF3_SERVER_ERROR. 0 or -1. */
int iperf3_params_decode(const char *text, size_t size, struct iperf3_params *p, int *code, struct ipb_error *err);

/* Results of the other end. 0 or -1. */
int iperf3_results_decode(const char *text, size_t size, struct iperf3_results *r, struct ipb_error *err);

/* The texts, to be freed; NULL when there is no memory. */
char *iperf3_params_encode(const struct iperf3_params *p);
char *iperf3_results_encode(const struct iperf3_results *r);

/* The id of the n-th stream of a test, in the order in which they were opened: 1, 3, 4, 5 … */
static inline uint32_t iperf3_stream_id(uint32_t n) { return n == 0 ? 1 : n + 2; }

/* What iperf3 calls a code, with what can be done about it: two sentences, to be shown after the server's name. */
const char *iperf3_error_name(uint32_t code);

/* --- UDP (iperf3_udp.c) --- */

#define IPERF3_HELLO_SIZE 4
#define IPERF3_STAMP_MAX 16 /* bytes of header in a datagram, with wide counters; 12 without */

/* The first datagram of a stream, as newer versions write it; older servers accept any. */
void iperf3_hello(uint8_t to[IPERF3_HELLO_SIZE]);

/* Whether a datagram is the server's answer to it: old and new value, both byte orders. */
int iperf3_is_reply(const uint8_t *data, size_t size);

/* The answer to a client's first datagram, in the age and byte order in which that was written; 0 when it is none. */
int iperf3_reply(const uint8_t *hello, size_t size, uint8_t to[IPERF3_HELLO_SIZE]);

/* Writes a datagram's header: number from 1, and the time of day. */
static inline void iperf3_stamp(uint8_t *to, uint64_t number, uint64_t realtime_ns, int wide)
{
	ipb_put_be(to, realtime_ns / 1000000000u, 4);
	ipb_put_be(to + 4, realtime_ns % 1000000000u / 1000, 4);
	if (wide)
		ipb_put_be(to + 8, number, 8);
	else
		ipb_put_be(to + 8, (uint32_t)number, 4);
}

/* A receiver's account of a UDP stream, by iperf3's definitions, so that both ends' figures can be compared: a gap in the
 * numbers is a loss of so many, and a datagram that comes after a higher one (or again) takes one loss back. */
struct iperf3_udp {
	uint64_t highest, received, bytes, out_of_order, short_ones;
	uint64_t errors;
	uint64_t omitted_highest, omitted_errors;
	double jitter, transit; /* s */
	int begun;
};

/* A datagram of size bytes, of which known are at data, came at realtime_ns. */
void iperf3_udp_take(struct iperf3_udp *u, const uint8_t *data, size_t known, size_t size, uint64_t realtime_ns, int wide);

/* The omitted part ends: what is counted begins now. */
void iperf3_udp_omit(struct iperf3_udp *u);

/* --- the control connection (iperf3_control.c) --- */

/* Waits until one of `events` is there; 1, or 0 when time is up, or -1 when `stop` (may be NULL) was asked for. */
int iperf3_wait(int fd, short events, uint64_t deadline_ns, const struct ipb_stop *stop);

/* Reads exactly size bytes: 0; -1 with errno (ETIMEDOUT when time was up, ECANCELED when stopped); 1 when the peer closed. */
int iperf3_read(int fd, void *to, size_t size, uint64_t deadline_ns, const struct ipb_stop *stop);

/* Writes all of it; 0, or -1 with errno. */
int iperf3_write(int fd, const void *from, size_t size, uint64_t deadline_ns, const struct ipb_stop *stop);

int iperf3_write_state(int fd, int state, uint64_t deadline_ns);

/* A text with its length before it. */
int iperf3_write_text(int fd, const char *text, uint64_t deadline_ns, const struct ipb_stop *stop);

/* Reads one into *text, to be freed, with a NUL behind it. Like iperf3_read; errno EMSGSIZE: longer than max, or empty. */
int iperf3_read_text(int fd, size_t max, char **text, size_t *size, uint64_t deadline_ns, const struct ipb_stop *stop);

/* 36 random letters and digits and a NUL. 0, or -1 with errno. */
int iperf3_cookie(char cookie[IPERF3_COOKIE]);

#endif
