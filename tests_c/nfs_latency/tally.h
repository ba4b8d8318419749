/*
 * What became of the reads: counts, rates, times. Knows no clock and no library.  SPDX-License-Identifier: MIT
 */
#ifndef TALLY_H
#define TALLY_H

#include "ipb_hist.h"

struct tally {
	uint64_t window_start_ns, window_end_ns; /* the measured phase */
	uint64_t sent, ok, bad;     /* of the reads that were due in it; lost = sent - ok - bad */
	uint64_t skipped, given_up; /* due in it and never sent: too many were under way; they would have left too late */
	uint64_t sent_in_window, ok_in_window; /* what left and what came in it, whenever it was due: these make the rates */
	uint64_t last_ok_ns;        /* the last good reply to a read that was due in it; 0: none */
	struct ipb_hist response, service, lateness; /* due to reply, sent to reply, due to sent */
	uint64_t *service_ns;       /* the first `room` service times one by one, `kept` of them; NULL: none are kept */
	uint64_t room, kept;
};

/* 0, or -1 without memory; then nothing is to be freed. */
int tally_init(struct tally *t);
void tally_free(struct tally *t);

/* Keeps so many service times one by one. 0, or -1 without memory. */
int tally_keep(struct tally *t, uint64_t room);

/* Non-zero when a read that is due then belongs to the measured phase. */
int tally_measured(const struct tally *t, uint64_t due_ns);
void tally_sent(struct tally *t, uint64_t due_ns, uint64_t now_ns);
void tally_replied(struct tally *t, uint64_t due_ns, uint64_t sent_ns, uint64_t now_ns, int good);

/* Reads that left, and good replies that came, in a second of the measured phase. 0 when it has no length. */
double tally_sent_rate(const struct tally *t);
double tally_reply_rate(const struct tally *t);
/* From the beginning of the measured phase to the last good reply to one of its reads; its length when none came. */
uint64_t tally_run_ns(const struct tally *t);

#endif
