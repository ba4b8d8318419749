/*
 * sink: counts what `discard` sends, by its sequence numbers, until STOP; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "sink"
#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <linux/if_packet.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "flows.h"
#include "ipb_clock.h"
#include "ipb_fanout.h"
#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_results.h"
#include "ipb_sock.h"
#include "ipb_stop.h"
#include "ipb_threads.h"

#define BATCH 64
#define KNOWN 64                  /* bytes of a packet that are read */
#define SINK_BUFFER (16 << 20)    /* bytes of socket buffer */
#define PROGRESS_MS 200
#define DRAIN_NS 200000000ull     /* longest time after STOP for what is already in the sockets */

static const struct ipbench_option options[] = {
	{ "udp", "int", "", "9", "0..65535", "UDP port to count on; 0 takes a free one. Left out when only raw is named.", 0, 0 },
	{ "raw", "string", "", "", "", "Interface on which to count Ethernet frames.", 0, 0 },
	{ "proto", "int", "", "24585", "1536..65535", "Ethernet type for raw, decimal; 24585 is 0x6009.", 0, 0 },
	{ "ip", "string", "", "", "", "Address to listen on; all addresses when not given.", 0, 0 },
	IPB_THREAD_OPTIONS,
};
IPB_PLUGIN_OPTIONS(options)

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage names[BATCH];
	uint8_t data[BATCH][KNOWN];
};

/* One of each thread: nothing that it writes is in a cache line of another's. */
struct taker {
	_Alignas(IPB_APART) int udp_fd;
	int raw_fd;                     /* -1: there is none */
	_Atomic uint64_t packets, bytes; /* so far, for others to read */
	struct batch batch;
	struct flows flows;
};

static struct taker *takers;
static struct ipb_threads threads = { .count = 0 };
static struct ipb_stop stopping;
static uint64_t dropped, begin_ns, reported_ns, reported_bytes;

static int open_sockets(const struct ipb_args *a)
{
	static const struct ipb_fanout_flows flows = { .magic = DISCARD_MAGIC, .magic_at = DISCARD_MAGIC_AT };
	struct ipb_sock_options o = { .rcvbuf = SINK_BUFFER, .dscp = -1, .reuse_port = threads.count > 1 };
	int fds[IPB_THREADS_MAX];
	const char *iface = ipb_args_string(a, "raw");
	uint16_t port = (uint16_t)ipb_args_uint(a, "udp");

	for (uint32_t i = 0; i < threads.count && (*iface == '\0' || ipb_args_given(a, "udp")); i++) {
		takers[i].udp_fd = ipb_sock_listen(ipb_args_string(a, "ip"), port, SOCK_DGRAM, &o, &err);
		if (takers[i].udp_fd < 0)
			return -1;
		port = ipb_sock_port(takers[i].udp_fd);
		if (i == 0)
			fprintf(stderr, "sink: UDP on port %u\n", port);
	}
	if (*iface != '\0') {
		if (ipb_fanout_open(fds, threads.count, iface, (uint16_t)ipb_args_uint(a, "proto"), &flows, NULL, &err) < 0)
			return -1;
		o.reuse_port = 0;
		for (uint32_t i = 0; i < threads.count; i++)
			ipb_sock_apply(takers[i].raw_fd = fds[i], AF_PACKET, &o, NULL);
		fprintf(stderr, "sink: raw Ethernet on %s\n", iface);
	}
	return 0;
}

static int open_takers(const struct ipb_args *a)
{
	if (ipb_threads_plan(&threads, a, 1, &err) < 0)
		return -1;
	if ((takers = ipb_apart_array(threads.count, sizeof *takers)) == NULL)
		return ipb_error(&err, "no memory for %u threads", threads.count);
	for (uint32_t t = 0; t < threads.count; t++) {
		struct batch *b = &takers[t].batch;
		takers[t].udp_fd = takers[t].raw_fd = -1;
		takers[t].flows.own = host != NULL ? host->run_id : 0;
		for (int i = 0; i < BATCH; i++) {
			b->parts[i] = (struct iovec){ b->data[i], KNOWN };
			b->messages[i].msg_hdr = (struct msghdr){ .msg_name = &b->names[i], .msg_iov = &b->parts[i], .msg_iovlen = 1 };
		}
	}
	return open_sockets(a);
}

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	status = ipb_stop_open(&stopping) < 0 ? ipb_error_errno(&err, errno, "cannot make an event") : open_takers(&a);
	ipb_args_free(&a);
	return status < 0 ? ipb_plugin_fail() : 0;
}

/* A number for the sender's address, so that two testers without an ipbench of ours keep apart. */
static uint64_t source_of(const struct sockaddr_storage *name, const uint8_t *frame)
{
	const uint8_t *bytes = NULL;
	size_t size = 0;
	uint64_t hash = 0xcbf29ce484222325ull;

	if (frame != NULL) {
		bytes = frame + 6;
		size = 6;
	} else if (name->ss_family == AF_INET6) {
		bytes = (const uint8_t *)name + offsetof(struct sockaddr_in6, sin6_addr);
		size = 16;
	} else if (name->ss_family == AF_INET) {
		bytes = (const uint8_t *)name + offsetof(struct sockaddr_in, sin_addr);
		size = 4;
	}
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash;
}

/* Receives one batch; returns how many packets it had. */
static int take(struct taker *t, int fd, int raw)
{
	struct batch *b = &t->batch;

	for (int i = 0; i < BATCH; i++)
		b->messages[i].msg_hdr.msg_namelen = sizeof b->names[i];
	int n = recvmmsg(fd, b->messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	uint64_t now = ipb_now_ns();
	for (int i = 0; i < n; i++) {
		size_t size = b->messages[i].msg_len, known = size < KNOWN ? size : KNOWN;
		const uint8_t *data = b->data[i];
		if (raw) {
			const struct sockaddr_ll *from = (const struct sockaddr_ll *)&b->names[i];
			if (from->sll_pkttype == PACKET_OUTGOING || known < DISCARD_ETHERNET)
				continue;
			flows_count(&t->flows, data + DISCARD_ETHERNET, known - DISCARD_ETHERNET, size,
			            source_of(NULL, data), now);
		} else {
			flows_count(&t->flows, data, known, size, source_of(&b->names[i], NULL), now);
		}
	}
	if (n > 0) {
		atomic_store_explicit(&t->packets, t->flows.packets, memory_order_relaxed);
		atomic_store_explicit(&t->bytes, t->flows.bytes, memory_order_relaxed);
	}
	return n > 0 ? n : 0;
}

static uint64_t report(void *context)
{
	uint64_t now = ipb_now_ns(), packets = 0, bytes = 0;

	(void)context;
	if (host == NULL || now - reported_ns < PROGRESS_MS * 1000000ull)
		return PROGRESS_MS * 1000000ull;
	for (uint32_t i = 0; i < threads.count; i++) {
		packets += atomic_load_explicit(&takers[i].packets, memory_order_relaxed);
		bytes += atomic_load_explicit(&takers[i].bytes, memory_order_relaxed);
	}
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - begin_ns);
	IPBENCH_PROGRESS_SET(p, ok, packets);
	IPBENCH_PROGRESS_SET(p, rate_bps, (uint64_t)((double)(bytes - reported_bytes) * 8e9 / (double)(now - reported_ns)));
	IPBENCH_PROGRESS_SET(p, unknown, IPBENCH_UNKNOWN_SENT | IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_BAD | IPBENCH_UNKNOWN_SENT_RATE);
	reported_ns = now;
	reported_bytes = bytes;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
	return PROGRESS_MS * 1000000ull;
}

static void take_all(void *context, uint32_t i)
{
	struct taker *t = &takers[i];
	struct pollfd p[3] = { { .fd = stopping.event, .events = POLLIN }, { .fd = t->udp_fd, .events = POLLIN },
		               { .fd = t->raw_fd, .events = POLLIN } };
	uint64_t stop_ns = 0;

	(void)context;
	if (ipb_threads_pin(threads.cpu[i]) < 0)
		ipb_warn(PLUGIN_NAME, "cannot run on processor %d: %s", threads.cpu[i], strerror(errno));
	for (;;) {
		int got = (t->udp_fd >= 0 ? take(t, t->udp_fd, 0) : 0) + (t->raw_fd >= 0 ? take(t, t->raw_fd, 1) : 0);
		uint64_t now = ipb_now_ns();
		if (stop_ns == 0 && ipb_stop_asked(&stopping))
			stop_ns = now;
		if (stop_ns != 0 && (got == 0 || now - stop_ns > DRAIN_NS))
			return;
		if (got == 0)
			poll(p, 3, PROGRESS_MS);
	}
}

static void cancel(void *context)
{
	(void)context;
	ipb_stop_ask(&stopping);
}

static int start(struct timeval *stamp)
{
	const struct ipb_threads_job job = { .work = take_all, .watch = report, .cancel = cancel };

	gettimeofday(stamp, NULL);
	if (takers == NULL)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	begin_ns = reported_ns = ipb_now_ns();
	return ipb_threads_run(&job, threads.count, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

/* Packets that the kernel threw away because this program was too slow. */
static uint64_t count_dropped(const struct taker *t)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof info;
	uint64_t count = 0;

	if (t->udp_fd >= 0 && getsockopt(t->udp_fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0)
		count += info[SK_MEMINFO_DROPS];
	size = sizeof stats;
	if (t->raw_fd >= 0 && getsockopt(t->raw_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		count += stats.tp_drops;
	return count;
}

/* What all threads counted. */
struct sums {
	struct flow_totals totals;
	uint64_t packets, bytes, unnumbered;
};

static void add_up(struct sums *s)
{
	const struct flows *all[IPB_THREADS_MAX];
	uint32_t n = takers != NULL ? threads.count : 0;

	memset(s, 0, sizeof *s);
	for (uint32_t i = 0; i < n; i++) {
		const struct flows *f = all[i] = &takers[i].flows;
		s->packets += f->packets;
		s->bytes += f->bytes;
		s->unnumbered += f->unnumbered;
		dropped += count_dropped(&takers[i]);
	}
	flows_totals_of(all, n, &s->totals);
}

static char *figures(const struct sums *s)
{
	const struct flow_totals *t = &s->totals;
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "received_rate", t->received_bps, "bit/s");
	if (!isnan(t->loss))
		ipb_results_metric(&j, "loss", 100 * t->loss, "%");
	ipb_results_metric(&j, "measured_sent", (double)t->measured_sent, "");
	ipb_results_metric(&j, "measured_received", (double)t->measured, "");
	ipb_results_metric(&j, "packets", (double)s->packets, "");
	ipb_results_metric(&j, "bytes", (double)s->bytes, "byte");
	ipb_results_metric(&j, "gaps", (double)t->missing, "");
	ipb_results_metric(&j, "duplicates", (double)t->duplicate, "");
	ipb_results_metric(&j, "reordered", (double)t->reordered, "");
	ipb_results_metric(&j, "unnumbered", (double)s->unnumbered, "");
	ipb_results_metric(&j, "foreign", (double)t->foreign, "");
	ipb_results_metric(&j, "senders", (double)t->senders, "");
	ipb_results_metric(&j, "untold", (double)t->untold, "");
	ipb_results_metric(&j, "dropped_here", (double)dropped, "");
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (dropped > 0)
		ipb_results_reason(&j, 0, "sink-overrun", "sink was too slow: its sockets overflowed and lost %" PRIu64 " packets",
		                   dropped);
	if (t->untold > 0)
		ipb_results_reason(&j, 0, "sink-senders",
		                   "packets came from more than the %" PRIu64 " senders that sink tells apart: rate, loss, gaps, "
		                   "duplicates and order are without %" PRIu64 " packets of the others", t->senders, t->untold);
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static int marshall(char **data, int *size, double running_time)
{
	struct sums s;
	char text[200], loss[32] = "";

	(void)running_time;
	add_up(&s);
	if (s.totals.untold > 0)
		fprintf(stderr, "sink: %" PRIu64 " packets came from senders beyond the %" PRIu64 " that are told apart; they are among "
		        "packets and bytes alone\n", s.totals.untold, s.totals.senders);
	if (!isnan(s.totals.loss))
		snprintf(loss, sizeof loss, "%.4f", 100 * s.totals.loss);
	snprintf(text, sizeof text, "%.0f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s", s.totals.received_bps, s.packets,
	         s.bytes, s.totals.missing, s.totals.duplicate, loss);
	char *json = ipb_plugin_extended() ? figures(&s) : NULL;
	for (uint32_t i = 0; takers != NULL && i < threads.count; i++)
		flows_free(&takers[i].flows);
	return ipb_report_marshall(text, json, data, size);
}

IPB_PLUGIN(
	.id = 0x13,
	.descr = "Counts what discard sends: packets, bytes, gaps, duplicates, loss",
	.default_port = DISCARD_PORT,
	IPB_PLUGIN_REPORT
);

static const struct ipbench_metric metrics[] = {
	{ "received_rate", "bit/s", "What arrived in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "loss", "%", "Share of the packets of the measured phase that did not arrive", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "measured_sent", "", "Packets that the senders numbered in the measured phase", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "measured_received", "", "Packets of the measured phase that arrived", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "packets", "", "Packets of all phases that arrived", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "bytes", "byte", "Bytes of all phases that arrived", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "gaps", "", "Numbers that are missing", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "duplicates", "", "Packets that arrived again", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "reordered", "", "Packets that arrived after a later one", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "unnumbered", "", "Packets that are not of ours", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "foreign", "", "Packets of other runs' senders, which count in packets and bytes alone", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "senders", "", "Senders that were told apart", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "untold", "", "Packets of further senders, for which there was no room", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "dropped_here", "", "Packets that this machine's sockets dropped", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
};

IPB_PLUGIN_EXT(
	options,
	.csv_header = "Received_Throughput,Received_Packets,Received_Bytes,Gaps,Duplicates,Loss_Percent",
	.expected_duration = ipb_plugin_until_stopped,
	.results = ipb_plugin_results_report,
	IPBENCH_METRICS(metrics)
);
