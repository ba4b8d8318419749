/* The engine's inside, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef IPB_ENGINE_PRIVATE_H
#define IPB_ENGINE_PRIVATE_H

#include <sys/uio.h>

#include "ipb_apart.h"
#include "ipb_clock.h"
#include "ipb_engine.h"
#include "ipb_format.h"
#include "ipb_header.h"
#include "ipb_layers.h"
#include "ipb_link.h"
#include "ipb_outage.h"
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
	uint32_t batch; /* packets that send accepts at once */
	/* Replies dropped since the last call because there was no room for them, where the socket does not count them;
	 * may be NULL. */
	uint64_t (*drops)(struct ipb_engine *e);
};

/* Round trips of an interval of the series. */
struct ipb_sum {
	uint64_t ok;
	double sum_ns;
};

#define IPB_UNTIL_CI_NS 250000000ull /* how often until_ci is checked at most, */
#define IPB_UNTIL_CI_STEP 4u         /* and how much longer the measured phase has become by the next time: a quarter */

#define IPB_LATE_SPANS 65536u      /* of the measured phase */
#define IPB_LATE_SPAN_LEAST_NS 100000u
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
	char io_why[320];

	enum ipbench_phase phase;
	uint64_t start_ns, measure_ns, end_ns, stop_ns, drain_until_ns, late_until_ns, deadline_ns;
	uint64_t catch_up_ns;           /* least distance of overdue packets */
	uint64_t last_send_ns, last_measured_send_ns;
	uint64_t sent_in_window, ok_in_window;
	double window_sent_bytes, window_ok_bytes;
	struct ipb_even measured_due;   /* when the measured packets are due, where they are evenly spaced */
	double outage_step_ns;          /* how far apart the packets of outages are due */
	struct ipb_outages outages;     /* of the measured phase, once it is over */
	struct ipb_stalls stalls;
	uint32_t *late_us;              /* how late packets left at most, IPB_LATE_SPANS times, each late_span_ns long; rounded up */
	uint64_t late_span_ns;
	uint64_t stood_ns, stood_at_reply_ns; /* how long the loop stood still so far, and until the last reply */
	uint64_t sends_since_reply, silent_since_ns, silence_ns, last_reply_ns;
	uint64_t all_in_ns;             /* since when nothing is out any more; 0: something is */
	uint64_t icmp_since_reply;      /* ICMP errors */
	uint64_t refused_since_reply;   /* of sends_since_reply: packets that the kernel refused */
	struct ipb_troubles troubles;   /* of all phases */
	struct ipb_troubles refusals;   /* packets of the measured phase that the kernel refused */
	uint32_t send_failures;         /* send calls in a row that failed for no reason but the packet */
	uint32_t path_mtu;              /* that the kernel named when it refused a packet as too long; 0: it did not */
	int not_accepted;               /* a send has returned 0 because the target (TCP) or the own link accepts no more */
	uint64_t blocked_since_ns;      /* it has accepted nothing since then; 0: it does accept */
	uint64_t blocked_ns;            /* of the measured phase; of several TCP connections: their mean */
	uint32_t blocked_flows;         /* several TCP connections: how many accept nothing now, */
	uint32_t flows_ever_blocked;    /* and how many have at some time */
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
	 * had left at some instants, how many of those that are old enough have been checked, and how many of them are out. */
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
	uint32_t unanswered;            /* TCP: connections of which nothing ever came back, */
	uint64_t unanswered_packets;    /* and how many packets of the measured phase were sent by them */
	int stop;                       /* atomic */
	int early;                      /* ended by stop */
	int deadline_missed;            /* the samples did not come in in time */
	int samples_missing;            /* nor is it the target's loss alone */
	/* Of an engine that is one of several (ipb_team.h): when all of them start, CLOCK_MONOTONIC, and how much of an interval
	 * later its packets are due. */
	uint64_t joint_start_ns;
	double stagger;
	const struct ipb_json *threads; /* after the run, of the engine that has the results of several: their own figures */
	struct ipb_sum *told_sums;      /* until_ci: what the intervals held when the team asked; its, once told_answer is told_question */
	int end_agreed;                 /* told_end_ns has been taken */
	/* What it and the team share, in cache lines of their own. */
	_Alignas(IPB_APART) uint64_t told_ok;     /* atomic, from the engine: round trips so far, */
	uint32_t told_answer;                     /* and the question that it has answered */
	_Alignas(IPB_APART) uint64_t told_end_ns; /* atomic, from the team: when the measured phase ends; 0: not known yet; */
	uint32_t told_question;                   /* and how often it has asked for the sums */
};

/* Whether it is one of several. */
static inline int ipb_engine_is_joint(const struct ipb_engine *e) { return e->config.threads > 1; }

/* All packets have one size and one flow: the slots hold them, and nothing but their numbers changes. */
static inline int ipb_engine_are_alike(const struct ipb_engine *e) 
{
	return e->expected != 0 && e->config.flows == 1 && e->config.format == NULL;
}

/* Writes the packet of that number into its slot. */
static inline void ipb_engine_write(const struct ipb_engine *e, uint8_t *packet, uint32_t size, uint64_t number, uint32_t flow)
{
	if (e->config.format != NULL)
		e->config.format->write(e->config.format_state, packet, size, number, flow);
	else
		ipb_header_write(&e->header, packet, size, number, e->config.flow_base + flow);
}

/* A reply of got bytes came on a flow; now_ns: read after the call that gave it. stamp: kernel receive time in ns of
 * the engine's clock, 0 when there is none. */
void ipb_engine_reply(struct ipb_engine *e, uint32_t flow, const uint8_t *packet, uint32_t got, uint64_t now_ns,
                      uint64_t stamp_ns);

/* Sends what is due. Returns how many left, 0 too when nothing can leave now, -1 when the run is over. */
int ipb_engine_send_due(struct ipb_engine *e, uint64_t now_ns);

/* The target accepts packets again, or the run is over. */
void ipb_engine_unblocked(struct ipb_engine *e, uint64_t now_ns);

/* Whether packets have been sent for too long without an answer. */
int ipb_engine_is_silent(const struct ipb_engine *e, uint64_t now_ns);

/* Ends the run when the target is dead: polls for replies once more first. 0, or -1 when the run is over. */
int ipb_engine_check_silence(struct ipb_engine *e, uint64_t now_ns);

/* A target that died shortly before the last packet was sent, too late for ipb_engine_check_silence: nothing sent since
 * then was answered, although it had the time that a reply may take. 0, or -1 when the run has failed. */
int ipb_engine_check_end(struct ipb_engine *e, uint64_t now_ns);

/* Packets that leave late now do so because the target (TCP) or the own link did not accept them. */
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

/* The next packet to leave, or not to, is of the measured phase, and due then: the first one's instant is kept. */
static inline void ipb_engine_note_first(struct ipb_engine *e, uint64_t due_ns, uint64_t fraction)
{
	if (e->track.first == UINT64_MAX)
		e->measured_due = (struct ipb_even){ due_ns, fraction, e->sched.step_ns, e->sched.step_fraction };
}

/* A packet of the measured phase leaves, or would have left, that late. */
static inline void ipb_engine_note_late(struct ipb_engine *e, uint64_t due_ns, uint64_t left_ns)
{
	const uint64_t span = (due_ns - e->measure_ns) / e->late_span_ns, us = (left_ns - due_ns) / 1000 + 1;

	if (span < IPB_LATE_SPANS && us > e->late_us[span])
		e->late_us[span] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* A time without answers that is shorter is no stall. */
uint64_t ipb_engine_stall_limit(const struct ipb_engine *e);
/* Over TCP: a reply has come; how long was there none? */
void ipb_engine_note_reply(struct ipb_engine *e, uint64_t now_ns);
/* The own link accepted no UDP or raw packets between these instants; 0: it still does not. */
void ipb_engine_note_blocked(struct ipb_engine *e, uint64_t from_ns, uint64_t to_ns);
/* For how long nothing has come back, as far as that is unusual; else 0. */
uint64_t ipb_engine_dark_ns(const struct ipb_engine *e, uint64_t now_ns);
/* The run is over, and what is lost is known. */
void ipb_engine_find_outages(struct ipb_engine *e);
/* Several engines that sent in turn, before they are added up: the first one then has the outages of all together. */
void ipb_engine_join_outages(struct ipb_engine *const *engines, uint32_t n);
void ipb_engine_report_outages(const struct ipb_engine *e, struct ipb_json *j);

/* The run cannot go on; the first call counts. Returns -1. */
int ipb_engine_fail(struct ipb_engine *e, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An error of a send or receive call: 0 when it passes, -1 when the run is over. */
int ipb_engine_io_error(struct ipb_engine *e, int error, const char *what);

/* Packets without a connection: one of them that does not get through ends no run. Both return 0, or -1 when the run is
 * over. A send call for the next ready slot failed: the packet is sent again by the next call, or is refused. */
int ipb_engine_send_error(struct ipb_engine *e, int error, const char *what);
/* Of such a call, whose error does not pass: 1 when the kernel refuses the packet at hand; 0 when an ICMP error about an earlier one was
 * the cause, or may have been. */
int ipb_engine_is_refused(struct ipb_engine *e);
int ipb_engine_receive_error(struct ipb_engine *e, uint32_t flow, int error, const char *what);
/* Reads what a flow's error queue holds: ICMP errors, and time stamps for the layers. Returns how many ICMP errors. */
int ipb_engine_read_errors(struct ipb_engine *e, uint32_t flow);

/* Opens the transport for the configuration and sets e->x. 0, or -1 and a sentence. */
int ipb_xport_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_udp_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_tcp_open(struct ipb_engine *e, struct ipb_error *err);
/* Connections of which nothing ever came back, though packets were sent by them; and how many of the measured phase. */
uint32_t ipb_tcp_unanswered(const struct ipb_engine *e, uint64_t *packets);
/* Sending is over: packets that wait for a connection which accepts no more never leave. */
void ipb_tcp_give_up(struct ipb_engine *e, uint64_t now_ns);
int ipb_raw_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_gso_open(struct ipb_engine *e, struct ipb_error *err);
int ipb_xdp_io_open(struct ipb_engine *e, struct ipb_error *err);
/* AF_XDP, of several threads: once the run is over, hands on what comes by the engine's queues for the others. */
void ipb_xdp_io_serve(struct ipb_engine *e);
void ipb_fds_close(struct ipb_engine *e);
/* Finds the interface whose drops are counted. */
void ipb_engine_find_link(struct ipb_engine *e);
/* A target with several addresses, over UDP: chooses the first one that answers a probe, in the first half of ramp-up and
 * warm-up. -1 when the run is over. */
int ipb_engine_choose_address(struct ipb_engine *e);
/* UDP: sends probes by a flow, of the test's size but of another run; non-zero when one was answered within that time. What
 * they left behind is forgotten afterwards. */
int ipb_engine_probe(struct ipb_engine *e, uint32_t flow, uint64_t within_ns);
void ipb_engine_forget_probes(struct ipb_engine *e);
/* Opens the sockets again, to that one of its addresses. 0, or -1 and a sentence. */
int ipb_engine_reopen(struct ipb_engine *e, int address, struct ipb_error *err);
/* What was measured: addresses, interface, MTU; as member `network` of the open object. */
void ipb_engine_network(const struct ipb_engine *e, struct ipb_json *j);
int ipb_flows_connect(struct ipb_engine *e, int type, struct ipb_error *err);
/* Flows that have something to read, at most max, into to. */
uint32_t ipb_flows_readable(struct ipb_engine *e, uint32_t *to, uint32_t max);

/* Longest time of the measured phase. */
uint64_t ipb_engine_measured_ns(const struct ipb_engine_config *c);
/* Usual length of a run, without losses. */
uint64_t ipb_engine_expected_ns(const struct ipb_engine_config *c);
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
/* Replies of the measured phase that found the tester's receive queue full; *wrong: those whose UDP checksum was wrong. */
uint64_t ipb_engine_queue_drops(const struct ipb_engine *e, uint64_t *wrong);
/* Its parts: what was wrong with the run as a whole, with this thread's sending, for which non-zero is given, and with what
 * surrounds it. seconds: of the measured phase; bad: the sending was. */
void ipb_engine_judge_run(struct ipb_engine *e);
int ipb_engine_judge_thread(struct ipb_engine *e, double seconds);
void ipb_engine_judge_machine(struct ipb_engine *e, double seconds, int bad);
/* How much of the rate was not sent, and how much of it may be, into missing and missing_limit. */
void ipb_engine_note_missing(struct ipb_engine *e, double seconds);
/* Length of the measured phase. */
static inline double ipb_engine_seconds(const struct ipb_engine *e)
{
	return e->end_ns > e->measure_ns ? (double)(e->end_ns - e->measure_ns) / 1e9 : 0;
}
double ipb_engine_rate_slack(const struct ipb_engine_config *c, double seconds);
void ipb_engine_confidence(struct ipb_engine *e);
/* until_ci: whether the mean is known well enough, as far as it is time to look. */
int ipb_engine_is_narrow(struct ipb_engine *e, uint64_t now_ns);
/* The same of count intervals that hold the round trips of several, which have measured for so long. *wait_ns: until the next look. */
int ipb_engine_sums_are_narrow(const struct ipb_sum *sums, uint32_t count, double share, uint64_t measured_ns, uint64_t *wait_ns);
void ipb_engine_progress(struct ipb_engine *e, uint64_t now_ns);
#endif
