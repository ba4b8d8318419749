/* What a target that is not ours reports at the end, in its own counts and over its own interval.  SPDX-License-Identifier: MIT */
#ifndef STREAM_TOLD_H
#define STREAM_TOLD_H

#include "stream.h"

#define STREAM_TOLD_MAX 256 /* streams of such a target: iperf3's 128 in each direction */

struct stream_told {
	int known;
	int told[STREAM_TOLD_MAX];           /* of this stream */
	double seconds[STREAM_TOLD_MAX];     /* its interval; 0: not reported */
	uint64_t bytes[STREAM_TOLD_MAX];     /* received, of a stream that we send; else sent */
	uint64_t packets[STREAM_TOLD_MAX];   /* UDP: those whose fate is reported */
	int64_t lost[STREAM_TOLD_MAX];       /* UDP */
	double jitter_s[STREAM_TOLD_MAX];    /* UDP: its own for what we send, ours by its definition for what it sends */
	int64_t retransmits[STREAM_TOLD_MAX]; /* -1: not reported */
	uint64_t out_of_order;
};

/* The rate at which the target received stream index by its own account, as bytes of our measured phase; -1: it reports none. */
double stream_told_bytes(const struct stream_test *t, const struct stream_told *told, uint32_t index);

/* Adds the target's figures, named peer_…, to the open array "metrics". */
void stream_told_metrics(const struct stream_test *t, const struct stream_told *told, struct ipb_json *j);

#endif
