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

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "ipb_error.h"
#include "ipb_hist.h"
#include "ipb_interval.h"
#include "ipb_sched.h"
#include "ipb_sock.h"
#include "ipb_track.h"

#define IPB_ENGINE_BATCH 64u             /* packets in one call at most */
#define IPB_ENGINE_UDP_MAX 65507u
#define IPB_ENGINE_TCP_MAX 65536u
#define IPB_ENGINE_FRAME_MAX 1514u
#define IPB_ENGINE_FRAME_HEADER 14u
#define IPB_ENGINE_VLANS_MAX 2u
#define IPB_ENGINE_VLAN_TAG 4u           /* bytes */
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
enum ipb_io { IPB_IO_AUTO, IPB_IO_SOCKET, IPB_IO_MMSG, IPB_IO_GSO, IPB_IO_RING, IPB_IO_XDP };
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

/* Times of the measured phase in which the loop stood still for longer than gap_ns. */
struct ipb_gaps {
	uint64_t count, sum_ns, longest_ns;
};

/* One way: nothing comes back. The packets are the caller's, who counts them elsewhere: seal writes one, its first bytes or
 * all of it, as the last thing before it is handed to the kernel, and again when it is handed over again. number, from 0
 * on, is never used twice; measured: of the measured phase. */
struct ipb_one_way {
	void (*seal)(void *context, uint8_t *packet, uint32_t size, uint64_t number, uint64_t due_ns, uint64_t left_ns,
	             int measured);
	void *context;
	uint64_t *sent;              /* of each flow, packets of the measured phase that have left */
	uint64_t start_ns;           /* CLOCK_MONOTONIC; when the first packet is due */
};

struct ipb_format;
struct ipb_xdp_share;

struct ipb_engine_config {
	const struct ipb_one_way *one_way; /* NULL: packets come back */
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
	double overload;             /* in the ramp-up the rate is so many times the rate; 0: it rises from nothing */
	enum ipb_arrival arrival;
	uint32_t burst, flows;
	const struct ipb_address *addresses; /* of host, when they are known already, */
	int address_count;           /* else 0 */
	uint64_t seed, run_id;
	uint32_t flow_base;
	double outstanding_s;        /* seconds' worth of packets to keep track of */
	const char *iface;
	uint8_t target_mac[6];
	uint32_t vlan_count;         /* raw: tags behind the addresses, the outer one first: */
	uint16_t vlan_type[IPB_ENGINE_VLANS_MAX], vlan_tag[IPB_ENGINE_VLANS_MAX]; /* Ethernet type, and priority and number */
	struct ipb_sock_options sock;
	int cpu, rt, mlock;          /* cpu -1, rt 0: leave */
	int check;                   /* the target is to write word 0 + 1 into word 1 */
	int by_number;               /* a reply is good when its number is */
	int want_tsc;
	int keep_samples;            /* IPB_KEEP_… */
	int keep_response;           /* single round trips from the due time, not from the send */
	int series_times;            /* each interval of the series has its response times */
	double until_ci;             /* 0: off */
	uint32_t threads;            /* this engine is one of so many that make one measurement (ipb_team.h); 0, 1: it is alone */
	uint32_t thread;             /* which of them, from 0 */
	struct ipb_xdp_share *xdp_share; /* several threads over AF_XDP: what they have in common, the caller's */
	const struct ipb_format *format; /* packets of another protocol (ipb_format.h); NULL: ours */
	void *format_state;
	uint32_t outage;             /* so many packets in a row without an answer are an outage; 0: IPB_OUTAGE_LEAST */
	uint64_t max_outage_ns;      /* a target that is silent for so long is dead; 0: for drain_ns and late_ns */
	struct ipb_limits limits;
};

struct ipb_reason {
	int invalid; /* else suspect */
	char code[32], text[512];
};

/* Adds one to a list of at most max; of more the first ones are kept. */
void ipb_reason_add(struct ipb_reason *list, uint32_t *count, uint32_t max, int invalid, const char *code, const char *format,
                    va_list args);

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

/* Adds a reason why the result is SUSPECT or, with invalid, INVALID. */
void ipb_engine_reason(struct ipb_engine *e, int invalid, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The longest time that a run with this configuration takes. */
uint64_t ipb_engine_duration_ns(const struct ipb_engine_config *config);

/* The length of an interval of the time series of such a run. */
uint64_t ipb_engine_interval_ns(const struct ipb_engine_config *config);

/* One way: sends a packet that is not of the schedule, from the thread of ipb_engine_run and before or after it. 0, or -1
 * and errno. */
int ipb_engine_send_aside(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t size);

/* ICMP errors that have come back, a sentence's part; "" when there were none. */
void ipb_engine_rejections(const struct ipb_engine *e, char *to, size_t size);

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
	uint64_t first_number;                   /* of the packets of the measured phase; UINT64_MAX: there was none */
	uint64_t refused;                        /* packets of the measured phase that this machine's kernel did not send */
	const struct ipb_hist *response, *service, *lateness;
	const uint64_t *samples_ns;
	uint64_t samples_kept;
	struct ipb_confidence mean, median;
	const struct ipb_reason *reasons;
	uint32_t reason_count;
	int invalid;   /* a reason makes it INVALID */
	int broken;    /* the test did not come to its end, or nothing came back */
};
void ipb_engine_result(const struct ipb_engine *e, struct ipb_engine_result *r);

/* Writes the members pacing, reasons, series, outages, confidence, engine, layers, window and environment of the result
 * document into the open object. */
struct ipb_json;
void ipb_engine_report(const struct ipb_engine *e, struct ipb_json *j);

#endif
