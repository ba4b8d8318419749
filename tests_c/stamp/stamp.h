/* What the files of the test `stamp` share.  SPDX-License-Identifier: MIT */
#ifndef STAMP_H
#define STAMP_H

#define IPBENCH_TEST_CLIENT
#include "plugin.h"

#include "directions.h"
#include "ipb_args.h"
#include "ipb_clock.h"
#include "ipb_engine.h"
#include "ipb_error.h"
#include "ipb_format.h"
#include "ipb_hist.h"
#include "ipb_layers.h"
#include "ipb_oneway.h"
#include "ipb_stamp.h"
#include "ipb_sync.h"
#include "steps.h"

#define STAMP_ECHO_RING (1u << 20) /* packets whose time is remembered, to be held against what comes back */
#define STAMP_PROBE_TRIES 3
#define STAMP_PROBE_MS 300

enum stamp_reflector_kind { STAMP_AUTO, STAMP_STATEFUL, STAMP_STATELESS };

struct stamp_settings {
	int authenticated, kind;     /* kind: enum stamp_reflector_kind */
	int plain_padding;           /* TWAMP Light: padding without TLVs around it */
	int zero_ssid_ends;
	uint16_t ssid;
	int ptp;
	uint8_t key[IPB_HMAC_KEY_MAX];
	size_t key_size;             /* 0: none */
	struct ipb_stamp_wanted wanted;
};

/* Variation from one packet to the next (IPDV, RFC 3393; RFC 5481, section 4.1), its sign apart. */
struct stamp_jitter {
	struct ipb_hist size;
	uint64_t negative;
};

struct stamp_last {
	uint64_t number;
	int64_t forward, backward;
	int known;
};

/* Times of the reflector, of packets whose kernel stamps are awaited. */
struct stamp_far {
	uint64_t number;
	int64_t received, sent;
};

struct stamp_session {
	struct stamp_settings settings;
	const struct ipb_engine_config *config;
	struct ipb_engine *engine;   /* set by its owner when it is open */
	struct ipb_stamp_format format;
	struct ipb_hmac *key;        /* NULL: none */
	const struct ipb_clock *clock;
	int kernel;
	int64_t anchor_ns;           /* UTC less the engine's clock, as this machine sees it when the run begins */
	uint64_t anchor_error_ns;
	int64_t moved_ns;            /* how far UTC less the engine's clock has moved when the run ends */
	struct ipb_sync sync, sync_after;
	uint16_t estimate;
	uint32_t base;               /* bytes of a base packet */
	uint8_t *pattern;
	uint32_t *echo;              /* low words of the last packets' time stamps */

	struct ipb_stamp_reply now;  /* of the reply that is being read */
	int64_t far_offset_ns;       /* the reflector's clock less ours, roughly: to read its wrapping times by */
	struct directions directions;
	struct ipb_oneway forward, backward;
	struct stamp_jitter forward_jitter, backward_jitter;
	struct stamp_last *last;     /* one a flow */
	struct stamp_steps steps;
	struct stamp_far far[IPB_LAYERS_PENDING];
	struct ipb_hist turnaround;
	struct ipb_stamp_heard heard;
	uint64_t replies, asymmetric, forged, changed, other_ssid, zero_ssid, implausible, unsynchronized, bad_estimate;
	uint64_t far_error_ns;       /* the largest that a synchronized reflector claimed */
	int far_ptp;
	uint8_t ttl_least, ttl_most; /* of our packets when they arrived */
	int stateless;               /* 1, 0, or -1: not known */
	char kind_why[160];
};

extern const struct ipb_format stamp_format;

#define STAMP_OPTION_COUNT 63u
extern const struct ipbench_option stamp_options[STAMP_OPTION_COUNT];

/* From parsed arguments; host NULL: nothing is resolved or read. Strings belong to args. 0 or -1. */
int stamp_configure(struct ipb_engine_config *c, struct stamp_settings *s, const struct ipb_args *a, const char *host, int port,
                    struct ipb_error *err);

int stamp_session_open(struct stamp_session *s, const struct stamp_settings *settings, const struct ipb_engine_config *config,
                       struct ipb_error *err);
void stamp_session_close(struct stamp_session *s);

/* After the run: does the reflector keep state? Asks it, on a socket of its own, with a packet whose number is not 0. */
void stamp_find_kind(struct stamp_session *s);
/* Adds what is wrong with the reflector's answers to the engine's reasons. */
void stamp_judge(struct stamp_session *s);

void stamp_report(void *state, struct ipb_json *j);

#endif
