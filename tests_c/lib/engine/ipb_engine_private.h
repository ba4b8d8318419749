/* The engine's inside, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef IPB_ENGINE_PRIVATE_H
#define IPB_ENGINE_PRIVATE_H

#include <sys/uio.h>

#include "ipb_clock.h"
#include "ipb_coarse.h"
#include "ipb_engine.h"
#include "ipb_header.h"
#include "ipb_layers.h"
#include "ipb_link.h"
#include "ipb_sysmon.h"
#include "ipb_trouble.h"

/* One packet ready to be sent. */
struct ipb_slot {
	uint8_t *frame;   /* what goes out; raw: with its Ethernet header */
	uint8_t *packet;  /* the packet inside */
	uint32_t size;    /* of the frame */
	uint32_t flow;
};

/* A way to send and receive. All return -1 after ipb_engine_fail. */
struct ipb_xport {
	const char *name;
	/* Sends slots[0..n) of one flow, in order; returns how many left, 0: try again later. */
	int (*send)(struct ipb_engine *e, uint32_t n);
	/* Hands waiting replies to ipb_engine_reply; returns how many, 0: nothing was there. */
	int (*receive)(struct ipb_engine *e);
	void (*close)(struct ipb_engine *e);
	uint32_t batch; /* packets that send takes at once */
	/* Replies dropped since the last call because there was no room for them, where the socket does not count them;
	 * may be NULL. */
	uint64_t (*drops)(struct ipb_engine *e);
};

struct ipb_gaps {
	uint64_t count, sum_ns, longest_ns;
};

#define IPB_MARKS 16u /* instants of which it is remembered how many packets had left */

struct ipb_engine {
	struct ipb_engine_config config;
	const struct ipb_xport *x;
	struct ipb_clock clock;
	struct ipb_sched sched;
	struct ipb_header header;
	struct ipb_track track;
	struct ipb_hist response, service, lateness;
	struct ipb_slot slots[IPB_ENGINE_BATCH];
	int even;                       /* the slots' packets are due evenly spaced */
	struct ipb_even due;            /* when they are; */
	uint64_t due_ns[IPB_ENGINE_BATCH]; /* or else each one; never earlier than the one before */
	uint32_t ready, ready_from;     /* slots[ready_from..ready) are prepared and not sent */
	uint8_t *frames, *pattern;
	uint32_t batch;                 /* packets prepared at once */
	uint32_t offset;                /* of the packet in its frame */
	uint32_t expected;              /* size of every packet, 0 when they differ */
	struct ipb_address addresses[IPB_SOCK_ADDRESSES_MAX]; /* of the target, in the system's order */
	int address_count, address;     /* how many, and which of them is measured */
	char address_why[160];          /* why that one, when there are several */
	int *fds;                       /* one a flow */
	int epoll;
	void *io;                       /* of the transport */
	char io_why[200];

	enum ipbench_phase phase;
	uint64_t start_ns, measure_ns, end_ns, stop_ns, drain_until_ns, late_until_ns, deadline_ns;
	uint64_t catch_up_ns;           /* least distance of overdue packets */
	uint64_t last_send_ns, last_measured_send_ns;
	uint64_t sent_in_window, ok_in_window;
	double window_sent_bytes, window_ok_bytes;
	uint64_t sends_since_reply, silent_since_ns, silence_ns, last_reply_ns;
	uint64_t all_in_ns;             /* since when nothing is out any more; 0: something is */
	uint64_t icmp_since_reply;      /* ICMP errors */
	uint64_t refused_since_reply;   /* of sends_since_reply: packets that the kernel refused */
	struct ipb_troubles troubles;   /* of all phases */
	struct ipb_troubles refusals;   /* packets of the measured phase that the kernel refused */
	uint32_t send_failures;         /* send calls in a row that failed for no reason but the packet */
	uint32_t path_mtu;              /* that the kernel named when it refused a packet as too long; 0: it did not */
	int not_accepted;               /* a send has returned 0 because the target (TCP) or the own link takes no more */
	uint64_t blocked_since_ns;      /* it takes nothing since then; 0: it does */
	uint64_t blocked_ns;            /* of the measured phase */
	uint64_t excused_until_ns;      /* packets that leave late until then do so because of that */
	uint64_t unaccepted;            /* like unsent, because of that */
	struct ipb_hist excused;        /* lateness of such packets; part of `lateness` */
	uint64_t checked, untouched;    /* check: replies examined, and those of them whose word 1 was as it was sent */
	int unwritten;                  /* check: no reply had the word */
	uint64_t by_number;             /* round trips that count for their number alone */
	uint64_t numbered;              /* replies that were refused, although their number was right */
	uint64_t queued_start, queued_end; /* packets in the own send queue when the measured phase began and ended */
	uint64_t bad, stray, unsent, unmeasured;
	uint64_t busy, busy_start;      /* send calls that had to be made again: at the end, and when `before` was read */
	uint64_t turned_away, turned_away_start; /* of those: the interface refused the packet, with an error */
	char link[IF_NAMESIZE];         /* the interface that packets leave by; "" when unknown, and over TCP */
	uint64_t received_all;          /* replies of all phases */
	uint64_t rxq_drops, rxq_drops_start; /* at the end, and when the measured phase began */
	uint64_t ring_drops;            /* of the packet ring, which counts them apart, up to now */
	int trains;                     /* several packets have left at the same time */
	struct ipb_gaps gaps;
	double missing, missing_limit;  /* share of the requested rate that was not sent, and how much of it may be */
	uint64_t *samples;
	uint64_t samples_room, samples_kept;

	struct ipb_interval *intervals;
	uint32_t *coarse;
	uint64_t least_ns;              /* shortest response time of the warm-up, UINT64_MAX when there was none */
	uint64_t base_ns;               /* what the intervals' histograms count from */
	uint32_t interval_count;
	uint64_t interval_ns;
	struct ipb_interval *sending;   /* the one that the packet sent last was due in, and its end */
	uint64_t sending_until_ns;

	struct ipbench_progress *progress;
	/* Packets of the measured phase that are overdue, for the progress report (see overdue in ipb_engine_stats.c): how many
	 * had left at some instants, how many of those that are old enough have been looked at, and how many of them are out. */
	struct {
		uint64_t at_ns, sent;
	} marks[IPB_MARKS];
	uint32_t last_mark;
	uint64_t overdue_seen, overdue;
	uint64_t progress_due_ns, progress_last_ns, progress_last_ok, progress_last_sent;
	uint32_t scan_at;
	uint64_t until_ci_due_ns;
	uint64_t scan_seen, scan_p50, scan_p99, scan_p999, scan_total, scan_max;

	struct ipb_noise noise;
	struct ipb_sysmon before, after;
	uint64_t before_due_ns;         /* when `before` is read; UINT64_MAX: it was */
	struct ipb_layers layers;
	int64_t clock_error_ns;
	struct ipb_confidence mean, median;
	struct ipb_reason reasons[IPB_ENGINE_REASONS_MAX];
	uint32_t reason_count;
	int failed;
	char failed_code[32], failed_text[256];
	int stop;                       /* atomic */
	int early;                      /* ended by stop */
	int deadline_missed;            /* the samples did not come in in time */
	int samples_missing;            /* nor is it the target's loss alone */
};

/* All packets have one size and one flow: the slots hold them, and nothing but their numbers changes. */
static inline int ipb_engine_are_alike(const struct ipb_engine *e) { return e->expected != 0 && e->config.flows == 1; }

/* A reply of got bytes came on a flow; now_ns: read after the call that gave it. stamp: kernel receive time in ns of
 * the engine's clock, 0 when there is none. */
void ipb_engine_reply(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t got, uint64_t now_ns,
                      uint64_t stamp_ns);

/* Sends what is due. Returns how many left, 0 too when nothing can leave now, -1 when the run is over. */
int ipb_engine_send_due(struct ipb_engine *e, uint64_t now_ns);

/* The target takes packets again, or the run is over. */
void ipb_engine_unblocked(struct ipb_engine *e, uint64_t now_ns);

/* Whether packets have been sent for too long without an answer. */
int ipb_engine_is_silent(const struct ipb_engine *e, uint64_t now_ns);

/* Ends the run when the target is dead: polls for replies once more first. 0, or -1 when the run is over. */
int ipb_engine_check_silence(struct ipb_engine *e, uint64_t now_ns);

/* A target that died shortly before the last packet was sent, too late for ipb_engine_check_silence: nothing sent since
 * then was answered, although it had the time that a reply may take. 0, or -1 when the run has failed. */
int ipb_engine_check_end(struct ipb_engine *e, uint64_t now_ns);

/* Packets that leave late now do so because the target (TCP) or the own link did not take them. */
static inline int ipb_engine_excuses(const struct ipb_engine *e, uint64_t now_ns)
{
	return e->blocked_since_ns != 0 || now_ns < e->excused_until_ns;
}

/* When the packet of a slot is due. */
static inline uint64_t ipb_engine_due(const struct ipb_engine *e, uint32_t slot)
{
	return e->even ? ipb_even_at(&e->due, slot) : e->due_ns[slot];
}

/* Whether a packet that is due then belongs to the measured phase. */
static inline int ipb_engine_measures(const struct ipb_engine *e, uint64_t due_ns)
{
	return due_ns >= e->measure_ns && due_ns < e->end_ns;
}

/* The interval of the time series that a packet of the measured phase was due in. */
static inline struct ipb_interval *ipb_engine_interval(struct ipb_engine *e, uint64_t due_ns)
{
	uint64_t i = (due_ns - e->measure_ns) / e->interval_ns;

	return &e->intervals[i < e->interval_count ? i : e->interval_count - 1];
}

#define IPB_BASE_SHARE 64u /* of the shortest response time of the warm-up: how far below it the intervals begin to count */

/* A round trip of the measured phase. The intervals' histograms know a value to 0.8 %: they count from just below the
 * shortest one, so that times that are long but alike are told apart. */
static inline void ipb_engine_record(struct ipb_engine *e, uint64_t due_ns, uint64_t response_ns)
{
	struct ipb_interval *i = ipb_engine_interval(e, due_ns);

	if (__builtin_expect(e->response.count == 0, 0))
		e->base_ns = e->least_ns != UINT64_MAX ? e->least_ns - e->least_ns / IPB_BASE_SHARE : 0;
	ipb_hist_record(&e->response, response_ns);
	i->ok++;
	i->sum_ns += (double)response_ns;
	i->counts[ipb_coarse_index(response_ns > e->base_ns ? response_ns - e->base_ns : 0)]++;
	if (response_ns > i->max_ns)
		i->max_ns = response_ns;
}

/* The run cannot go on; the first call counts. Returns -1. */
int ipb_engine_fail(struct ipb_engine *e, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An error of a send or receive call: 0 when it passes, -1 when the run is over. */
int ipb_engine_io_error(struct ipb_engine *e, int error, const char *what);

/* Packets without a connection: one of them that does not get through ends no run. Both return 0, or -1 when the run is
 * over. A send call for the next ready slot failed: the packet is sent again by the next call, or is refused. */
int ipb_engine_send_error(struct ipb_engine *e, int error, const char *what);
int ipb_engine_receive_error(struct ipb_engine *e, uint32_t flow, int error, const char *what);
/* Reads what a flow's error queue holds: ICMP errors, and time stamps for the layers. Returns how many ICMP errors. */
int ipb_engine_read_errors(struct ipb_engine *e, uint32_t flow);

/* Opens the transport for the configuration and sets e->x. 0, or -1 and a sentence. */
int ipb_xport_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_udp_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_tcp_open(struct ipb_engine *e, struct ipb_error *err);
/* Connections of which nothing ever came back, though packets were sent by them; and how many of the measured phase. */
uint32_t ipb_tcp_unanswered(const struct ipb_engine *e, uint64_t *packets);
int ipb_raw_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_gso_open(struct ipb_engine *e, struct ipb_error *err);
void ipb_fds_close(struct ipb_engine *e);
/* Finds the interface whose drops are counted. */
void ipb_engine_find_link(struct ipb_engine *e);
/* A target with several addresses, over UDP: takes the first one that answers a probe, in the first half of ramp-up and
 * warm-up. -1 when the run is over. */
int ipb_engine_choose_address(struct ipb_engine *e);
/* What was measured: addresses, interface, MTU; as member `network` of the open object. */
void ipb_engine_network(const struct ipb_engine *e, struct ipb_json *j);
int ipb_flows_connect(struct ipb_engine *e, int type, struct ipb_error *err);
/* Flows that have something to read, at most max, into to. */
uint32_t ipb_flows_readable(struct ipb_engine *e, uint32_t *to, uint32_t max);

/* Longest time of the measured phase. */
uint64_t ipb_engine_measured_ns(const struct ipb_engine_config *c);
/* Usual length of a run, without losses. */
uint64_t ipb_engine_expected_ns(const struct ipb_engine_config *c);
/* Response time that this share of an interval's samples did not exceed. */
uint64_t ipb_interval_percentile(const struct ipb_engine *e, const struct ipb_interval *v, double share);
void ipb_engine_noise(struct ipb_engine *e);
/* Packets that have been sent and are still on this machine, about; 0 with TCP. */
uint64_t ipb_engine_queued(const struct ipb_engine *e);
/* How many more of them there were at the end of the measured phase than at its beginning. */
uint64_t ipb_engine_held(const struct ipb_engine *e);
/* Whether the loop stood still for too long, in all or at once. */
int ipb_engine_stood_still(const struct ipb_engine *e, double seconds);
/* Whether the own link carried what was sent. allowed_ns: lateness of bursts; slack: of the rate, by chance. */
int ipb_engine_judge_link(struct ipb_engine *e, double seconds, uint64_t allowed_ns, double slack);
/* Reads the counters that the verdict compares with those at the end. */
void ipb_engine_before(struct ipb_engine *e);
void ipb_engine_judge(struct ipb_engine *e);
double ipb_engine_rate_slack(const struct ipb_engine_config *c, double seconds);
void ipb_engine_confidence(struct ipb_engine *e);
double ipb_engine_mean_half_width(const struct ipb_engine *e);
void ipb_engine_progress(struct ipb_engine *e, uint64_t now_ns);
void ipb_engine_reason(struct ipb_engine *e, int invalid, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
