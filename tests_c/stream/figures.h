/*
 * What the two ends' counts add up to.  SPDX-License-Identifier: MIT
 */
#ifndef STREAM_FIGURES_H
#define STREAM_FIGURES_H

#include "stream.h"

/* One stream, as each of its ends has counted; NULL: that end has told nothing. */
struct stream_pair {
	uint32_t index;
	int direction; /* IPB_UP, IPB_DOWN */
	const struct ipb_bulk_stream *sender, *receiver;
};

struct stream_figures {
	double up_bps, down_bps;      /* goodput, over the measured phase */
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
/* Bytes of the measured phase. */
double stream_pair_goodput(const struct stream_test *t, const struct stream_pair *p);
void stream_figures(const struct stream_test *t, struct stream_figures *f);

/* Writes the array "reasons". */
void stream_reasons(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j);

#endif
