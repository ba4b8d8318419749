/*
 * The measurement engine: sends packets at their due times to something that echoes them, and measures each round
 * trip.  SPDX-License-Identifier: MIT
 *
 * Open loop: a packet is sent when it is due (or as soon after as the sender can), whatever became of those before it.
 * Response time counts from when a packet was due, service time from when it left. One thread sends and receives; it
 * spins. ipb_engine_open allocates and probes everything; ipb_engine_run then neither allocates nor waits; after it
 * the result can be read until ipb_engine_close. ipb_engine_stop may be called from another thread.
 *
 * Phases: warm-up, measured, cool-down (all sending), drain (waiting for what is out), late window (a reply that comes
 * now is late, not lost). A packet belongs to the phase in which it was due.
 */
#ifndef IPB_ENGINE_H
#define IPB_ENGINE_H

#include <stdint.h>

#include "ipb_error.h"
#include "ipb_hist.h"
#include "ipb_sched.h"
#include "ipb_sock.h"
#include "ipb_track.h"

#define IPB_ENGINE_FLOWS_MAX 1024u
#define IPB_ENGINE_BATCH 64u             /* packets in one call at most */
#define IPB_ENGINE_UDP_MAX 65507u
#define IPB_ENGINE_TCP_MAX 65536u
#define IPB_ENGINE_FRAME_MAX 1514u
#define IPB_ENGINE_FRAME_HEADER 14u
#define IPB_ENGINE_ETHER_TYPE 0x6008u
#define IPB_ENGINE_REASONS_MAX 24
#define IPB_ENGINE_INTERVALS_MAX 400u    /* points of the time series */
#define IPB_ENGINE_SAMPLES_MAX 2000000ull /* single round trips kept for dump_dir and original controllers */
/* A target is dead that leaves so many packets unanswered, sent over at least so long, for drain and late (of late at
 * most so much: a dead target ends the run within the requested time, drain and 2 s). */
#define IPB_ENGINE_SILENT_PACKETS 10u
#define IPB_ENGINE_REJECTED_PACKETS 3u   /* or so many that ICMP errors came back for, and no reply between them */
#define IPB_ENGINE_SILENT_SPAN_NS 100000000ull
#define IPB_ENGINE_SILENT_LATE_NS 1500000000ull
#define IPB_ENGINE_GRACE_NS 1000000000ull   /* how long overdue packets of a phase are still sent after its end */
#define IPB_ENGINE_SETTLE_NS 50000000ull    /* waits so long for second replies when all have come */

enum ipb_proto { IPB_TCP, IPB_UDP, IPB_RAW };
enum ipb_io { IPB_IO_AUTO, IPB_IO_SOCKET, IPB_IO_MMSG, IPB_IO_GSO, IPB_IO_RING };
enum ipb_stamps { IPB_STAMPS_USER, IPB_STAMPS_KERNEL, IPB_STAMPS_HARDWARE };

/* Beyond which a measurement is doubtful or worthless; see docs/measurement.md. */
struct ipb_limits {
	uint64_t lateness_p99_suspect_ns, lateness_p99_invalid_ns;
	double rate_suspect, rate_invalid;         /* missing share of the requested rate */
	uint64_t gap_ns;                           /* the loop stood still for longer than this: a gap */
	double gap_suspect, gap_invalid;           /* share of the measured phase spent in gaps */
	uint64_t gap_longest_suspect_ns;           /* one gap this long is enough */
	double drop_invalid;                       /* share of replies dropped by the tester's own receive queue */
	double steal_suspect;                      /* share of the processor's time that the hypervisor took */
	double frequency_suspect;                  /* relative change of the processor's clock */
	uint64_t clock_step_ns;                    /* real-time clock moved against the monotonic one */
	const char *preset;                        /* name of the set that those come from which were not given; may be NULL */
};

struct ipb_engine_config {
	const char *host;            /* strings: owner is the caller, for the life of the engine */
	uint16_t port;
	enum ipb_proto proto;
	enum ipb_io io;
	enum ipb_stamps stamps;
	double rate_bps;
	struct ipb_sizes sizes;      /* raw: of the whole frame */
	uint64_t samples;            /* round trips wanted, or */
	uint64_t duration_ns;        /* length of the measured phase, when not 0 */
	uint64_t rampup_ns, warmup_ns, cooldown_ns, drain_ns, late_ns, noise_ns;
	enum ipb_arrival arrival;
	uint32_t burst, flows;
	uint64_t seed, run_id;
	uint32_t flow_base;
	double outstanding_s;        /* seconds' worth of packets to keep track of */
	const char *iface;
	uint8_t target_mac[6];
	struct ipb_sock_options sock;
	int cpu, rt, mlock;          /* cpu -1, rt 0: leave */
	int check;                   /* the target is to write word 0 + 1 into word 1 */
	int by_number;               /* a reply is good when its number is */
	int want_tsc;
	int keep_samples;            /* IPB_KEEP_… */
	int keep_response;           /* single round trips from the due time, not from the send */
	double until_ci;             /* 0: off */
	struct ipb_limits limits;
};

struct ipb_reason {
	int invalid; /* else suspect */
	char code[32], text[256];
};

/* One interval of the measured phase. */
struct ipb_interval {
	uint64_t sent, ok;
	double sum_ns; /* of response times */
	uint64_t max_ns;
	uint32_t *counts; /* IPB_COARSE_LENGTH */
};

struct ipb_noise {
	uint64_t reads, gaps, p50_ns, p99_ns, p999_ns, max_ns, gap_sum_ns, gap_limit_ns, duration_ns;
	int cpu;
};

struct ipb_engine;

/* Sets up: resolves, connects, probes, allocates, listens to the noise. NULL and a sentence on failure. */
struct ipb_engine *ipb_engine_open(const struct ipb_engine_config *config, struct ipb_error *err);
void ipb_engine_close(struct ipb_engine *e);

/* Runs all phases. progress may be NULL. 0 when it came to its end, even a bad one (see ipb_engine_reasons). */
int ipb_engine_run(struct ipb_engine *e, struct ipbench_progress *progress);

/* Makes ipb_engine_run return soon. Any thread. */
void ipb_engine_stop(struct ipb_engine *e);

/* The longest time that a run with this configuration takes. */
uint64_t ipb_engine_duration_ns(const struct ipb_engine_config *config);

struct ipb_confidence {
	double estimate_ns, low_ns, high_ns;
	double half_share; /* of a median: half the width, as a share of the samples below it; else -1 */
	uint32_t batches;  /* 0: there were too few */
};

/* What came out. Valid after ipb_engine_run, until ipb_engine_close. */
struct ipb_engine_result {
	struct ipb_counts counts;
	uint64_t window_start_ns, window_end_ns; /* CLOCK_MONOTONIC */
	double requested_bps, sent_bps, received_bps;
	double packet_size;                      /* mean */
	uint64_t bad;                            /* replies without word 0 + 1 (check) */
	int unwritten;                           /* that is all of them: the echo does not write the word (check) */
	uint64_t stray, unsent;
	uint64_t refused;                        /* packets of the measured phase that this machine's kernel did not send */
	const struct ipb_hist *response, *service, *lateness;
	const uint64_t *samples_ns;
	uint64_t samples_kept;
	struct ipb_confidence mean, median;
	const struct ipb_reason *reasons;
	uint32_t reason_count;
	int invalid;   /* a reason says INVALID */
	int broken;    /* the test did not come to its end, or nothing came back */
};
void ipb_engine_result(const struct ipb_engine *e, struct ipb_engine_result *r);

/* Writes the members pacing, reasons, series, confidence, engine, layers, window and environment of the result
 * document into the open object. */
struct ipb_json;
void ipb_engine_report(const struct ipb_engine *e, struct ipb_json *j);

#endif
