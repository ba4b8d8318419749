/*
 * What the kernel knows of a TCP connection (TCP_INFO), and its course over a run.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_TCPINFO_H
#define IPB_TCPINFO_H

#include <stdint.h>

#define IPB_MPTCP_SUBFLOWS_MAX 8 /* of a connection, in Linux */

/* One reading. Those of the sending side mean something; what a kernel does not report is 0. */
struct ipb_tcp_sample {
	uint64_t t_ns;             /* CLOCK_MONOTONIC */
	uint32_t rtt_us, rttvar_us; /* smoothed round trip and its mean deviation (RFC 6298) */
	uint32_t min_rtt_us;
	uint32_t cwnd;             /* segments */
	uint32_t mss;              /* bytes of payload in a segment that is sent */
	uint32_t pmtu;
	uint32_t retransmits;      /* segments sent again since the connection was made */
	uint32_t reordering;       /* how far segments are known to be overtaken */
	uint64_t delivery_bps;     /* the last rate that the kernel found, payload */
	uint64_t acked_bytes;      /* payload that the other end has acknowledged */
	uint64_t busy_us;          /* since the beginning: something was out or waiting to be sent; of that time */
	uint64_t rwnd_us;          /* … the receiver's window was full */
	uint64_t sndbuf_us;        /* … the send buffer was empty or too small */
};

#define IPB_TCP_SAMPLE_BYTES 84 /* of one as ipb_tcp_sample_write makes it */

/* Samples of one connection, thinned out when there are more than fit: every second one goes. */
struct ipb_tcp_course {
	struct ipb_tcp_sample *samples;
	uint32_t count, capacity;
	uint32_t every, skipped; /* of the readings one in so many is kept */
	struct ipb_tcp_sample start, end; /* at the edges of the measured phase; t_ns 0: not read */
	struct ipb_tcp_sample last, gone; /* counts of the reading before, and those of subflows that have ended since the start */
};

/* What happened in the measured phase. */
struct ipb_tcp_summary {
	int known;                /* 0: not both edges were read, and all is 0 */
	uint64_t retransmits, acked_bytes;
	double rtt_mean_us, rtt_min_us, rtt_max_us, rttvar_mean_us, cwnd_mean; /* of the samples */
	uint32_t mss, pmtu;
	double seconds;           /* between the two edges */
	double busy, rwnd_limited, sndbuf_limited; /* shares of that time, 0..1 */
};

/* Reads it; 0, or -1 when fd is no TCP connection. Of Multipath TCP (RFC 8684) it is that of all subflows: window,
 * retransmissions and delivery rate are sums; round trip and its variance are the subflows' mean, the smallest round trip is
 * that of any; path MTU and segment are the smallest; the times of waiting are those of the subflow that has most;
 * acknowledged is what the connection as a whole has got through, where the kernel reports it (Linux 6.5), else the sum. */
int ipb_tcp_sample_read(int fd, uint64_t now_ns, struct ipb_tcp_sample *s);

/* How many subflows a connection has now; 0: it is plain TCP, or has fallen back to it. */
uint32_t ipb_mptcp_subflows(int fd);

/* capacity: at least 2. 0, or -1 without memory. */
int ipb_tcp_course_init(struct ipb_tcp_course *c, uint32_t capacity);
void ipb_tcp_course_free(struct ipb_tcp_course *c);
/* What a subflow of Multipath TCP had counted is no longer in a reading once it has ended: it is added to this one and all later
 * ones, so that counts never fall (what it counted after the reading before is lost). */
void ipb_tcp_course_add(struct ipb_tcp_course *c, struct ipb_tcp_sample *s);
void ipb_tcp_course_summary(const struct ipb_tcp_course *c, struct ipb_tcp_summary *s);

struct ipb_reader;
struct ipb_writer;
void ipb_tcp_sample_write(struct ipb_writer *w, const struct ipb_tcp_sample *s);
void ipb_tcp_sample_take(struct ipb_reader *r, struct ipb_tcp_sample *s);

/* Jain's index of fairness of n amounts, (Σx)² / (n Σx²): 1 when all are alike, 1/n when one has everything (R. Jain, D. Chiu,
 * W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared Computer Systems", DEC
 * TR-301, 1984). NAN when there are none or all are 0. */
double ipb_jain(const double *amounts, uint32_t n);

#endif
