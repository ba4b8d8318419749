/*
 * Delays from one clock to another whose offset is not known yet.  SPDX-License-Identifier: MIT
 *
 * What a receiver's stamp less a sender's gives is the delay and the offset of the two clocks together, which may be
 * anything, negative too. It is kept as its distance from a base, in two histograms (above and below the base), and the
 * offset is taken off when it is known, at the run's end: by the controller, which compares the clocks of both daemons
 * (controller/link/one_way.ts). The base is the least value of the warm-up, so that distances are not longer than the
 * delays themselves and the histogram's 0.1 % of a distance is no more than 0.1 % of the delay. Minimum, maximum, mean and
 * standard deviation are exact.
 *
 * Variation needs no offset: ipb_oneway_variation gives each delay less the least one (PDV, RFC 5481, section 4.2).
 */
#ifndef IPB_ONEWAY_H
#define IPB_ONEWAY_H

#include <stdint.h>

#include "ipb_hist.h"
#include "ipb_json.h"

struct ipb_oneway {
	int64_t base_ns;
	int started;                  /* the base is known; */
	int frozen;                   /* … and stays, since something was recorded */
	struct ipb_hist above, below; /* distances from the base; below: of values that are less than it */
};

/* 0, or -1 when there is no memory. */
int ipb_oneway_init(struct ipb_oneway *o);
void ipb_oneway_free(struct ipb_oneway *o);

/* A value that is not measured: the least of them becomes the base. */
static inline void ipb_oneway_learn(struct ipb_oneway *o, int64_t raw_ns)
{
	if (!o->frozen && (!o->started || raw_ns < o->base_ns)) {
		o->base_ns = raw_ns;
		o->started = 1;
	}
}

/* A measured one: stamp of the receiver less stamp of the sender, in ns. */
static inline void ipb_oneway_record(struct ipb_oneway *o, int64_t raw_ns)
{
	ipb_oneway_learn(o, raw_ns);
	o->frozen = 1;
	if (raw_ns >= o->base_ns)
		ipb_hist_record(&o->above, (uint64_t)(raw_ns - o->base_ns));
	else
		ipb_hist_record(&o->below, (uint64_t)o->base_ns - (uint64_t)raw_ns);
}

static inline uint64_t ipb_oneway_count(const struct ipb_oneway *o) { return o->above.count + o->below.count; }

/* The least and the greatest value; 0 when there is none. */
int64_t ipb_oneway_min(const struct ipb_oneway *o);
int64_t ipb_oneway_max(const struct ipb_oneway *o);

/* Each value less the least one, into h (initialised; emptied first). */
void ipb_oneway_variation(const struct ipb_oneway *o, struct ipb_hist *h);

/* Writes {count, base_ns, min_ns, max_ns, mean_ns, stddev_ns, above, below} under key; null when nothing was recorded.
 * base_ns is text, since it may have more digits than a number of JSON keeps; minimum, maximum and mean are distances from
 * it; the histograms are HdrHistogram's V2 encoding in base64, null where empty. */
void ipb_oneway_json(const struct ipb_oneway *o, struct ipb_json *j, const char *key);

#endif
