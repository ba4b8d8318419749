/*
 * What the two ends' counts add up to.  SPDX-License-Identifier: MIT
 */
#ifndef STREAM_FIGURES_H
#define STREAM_FIGURES_H

#include "stream.h"

#define STREAM_SOFTIRQ_SHARE 0.5 /* of a processor that is at its limit, above which interrupts are what it does */

/* One stream, as each of its ends has counted; NULL: that end has reported nothing. */
struct stream_pair {
	uint32_t index;
	int direction; /* IPB_UP, IPB_DOWN */
	const struct ipb_bulk_stream *sender, *receiver;
};

struct stream_figures {
	/* Over the measured phase; NAN: nobody has told. */
	double up_bps, down_bps;      /* goodput */
	double sent_bps;              /* both directions */
	double fairness_up, fairness_down; /* Jain's index; NAN for one stream, or none */
	/* TCP, of the streams whose sender's TCP_INFO is known: */
	uint32_t tcp_streams;
	uint64_t retransmits;
	double rtt_ms, rtt_max_ms;    /* mean of the streams' means; largest */
	double rwnd_limited, sndbuf_limited, busy; /* mean shares of the time, 0..1 */
	/* UDP, of the datagrams that were sent in the measured phase: */
	int has_udp;
	uint64_t datagrams_sent, datagrams_ok, lost, duplicate, reordered, refused;
	double jitter_ms;             /* of the stream with the largest */
};

struct stream_pair stream_pair_of(const struct stream_test *t, uint32_t index);
/* Bytes of the measured phase; NAN: the receiver has not told. */
double stream_pair_goodput(const struct stream_test *t, const struct stream_pair *p);
/* Bytes of the measured phase as a rate; NAN: there was none. */
double stream_bps(const struct stream_test *t, double bytes);
void stream_figures(const struct stream_test *t, struct stream_figures *f);
/* Figures of some streams: begin with all 0, add each, and end. Fairness stays 0. */
void stream_figures_add(const struct stream_test *t, uint32_t index, struct stream_figures *f);
void stream_figures_end(struct stream_figures *f);

/* What was asked for, of both directions together; 0: all that goes. */
double stream_wanted_bps(const struct stream_config *c);
/* The rate is as much as went: none was asked for, or it was not reached. */
int stream_is_short(const struct stream_test *t, const struct stream_figures *f);

/* Write the members "rates", where requested_bps 0 is none, and "counts", of datagrams. */
void stream_rates(const struct stream_figures *f, double requested_bps, struct ipb_json *j);
void stream_counts(const struct stream_figures *f, struct ipb_json *j);

/* Write the arrays "threads" and "target_threads": what each thread of an end did, its rates and counts adding up to those of the
 * test, … */
void stream_threads(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j);
/* … and why the rate is what threads of the end with that result could do, inside of "reasons". Non-zero: some were at their limit. */
int stream_judge_threads(const struct stream_test *t, const struct ipb_bulk_result *r, const char *who, const char *code,
                         struct ipb_json *j);

/* Writes the array "reasons". */
void stream_reasons(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j);

#endif
