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
#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_results.h"
#include "ipb_sock.h"
#include "ipb_stop.h"

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
};
IPB_PLUGIN_OPTIONS(options)

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage names[BATCH];
	uint8_t data[BATCH][KNOWN];
};

static int udp_fd = -1, raw_fd = -1;
static struct ipb_stop stopping;
static struct flows flows;
static struct batch batch;
static uint64_t dropped;

static int open_sockets(const struct ipb_args *a)
{
	struct ipb_sock_options o = { .rcvbuf = SINK_BUFFER, .dscp = -1 };
	const char *iface = ipb_args_string(a, "raw");

	if (*iface == '\0' || ipb_args_given(a, "udp")) {
		udp_fd = ipb_sock_listen(ipb_args_string(a, "ip"), (uint16_t)ipb_args_uint(a, "udp"), SOCK_DGRAM, &o, &err);
		if (udp_fd < 0)
			return -1;
		fprintf(stderr, "sink: UDP on port %u\n", ipb_sock_port(udp_fd));
	}
	if (*iface != '\0') {
		raw_fd = ipb_sock_raw(iface, (uint16_t)ipb_args_uint(a, "proto"), NULL, NULL, &err);
		if (raw_fd < 0)
			return -1;
		ipb_sock_apply(raw_fd, AF_PACKET, &o, NULL);
		fprintf(stderr, "sink: raw Ethernet on %s\n", iface);
	}
	return 0;
}

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	status = ipb_stop_open(&stopping) < 0 ? ipb_error_errno(&err, errno, "cannot make an event") : open_sockets(&a);
	ipb_args_free(&a);
	for (int i = 0; i < BATCH; i++) {
		batch.parts[i] = (struct iovec){ batch.data[i], KNOWN };
		batch.messages[i].msg_hdr = (struct msghdr){ .msg_name = &batch.names[i], .msg_iov = &batch.parts[i],
			                                     .msg_iovlen = 1 };
	}
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

/* Takes one batch; returns how many packets it had. */
static int take(int fd, int raw)
{
	for (int i = 0; i < BATCH; i++)
		batch.messages[i].msg_hdr.msg_namelen = sizeof batch.names[i];
	int n = recvmmsg(fd, batch.messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	uint64_t now = ipb_now_ns();
	for (int i = 0; i < n; i++) {
		size_t size = batch.messages[i].msg_len, known = size < KNOWN ? size : KNOWN;
		const uint8_t *data = batch.data[i];
		if (raw) {
			const struct sockaddr_ll *from = (const struct sockaddr_ll *)&batch.names[i];
			if (from->sll_pkttype == PACKET_OUTGOING || known < DISCARD_ETHERNET)
				continue;
			flows_count(&flows, data + DISCARD_ETHERNET, known - DISCARD_ETHERNET, size,
			            source_of(NULL, data), now);
		} else {
			flows_count(&flows, data, known, size, source_of(&batch.names[i], NULL), now);
		}
	}
	return n > 0 ? n : 0;
}

static void report(uint64_t begin_ns)
{
	static uint64_t last_ns, last_bytes;
	uint64_t now = ipb_now_ns();

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - begin_ns);
	IPBENCH_PROGRESS_SET(p, ok, flows.packets);
	if (last_ns != 0 && now > last_ns)
		IPBENCH_PROGRESS_SET(p, rate_bps,
		                     (uint64_t)((double)(flows.bytes - last_bytes) * 8e9 / (double)(now - last_ns)));
	last_ns = now;
	last_bytes = flows.bytes;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

static int start(struct timeval *stamp)
{
	struct pollfd p[3] = { { .fd = stopping.event, .events = POLLIN }, { .fd = udp_fd, .events = POLLIN },
		               { .fd = raw_fd, .events = POLLIN } };
	uint64_t begin = ipb_now_ns(), reported = begin, stop_ns = 0;

	gettimeofday(stamp, NULL);
	for (;;) {
		int got = (udp_fd >= 0 ? take(udp_fd, 0) : 0) + (raw_fd >= 0 ? take(raw_fd, 1) : 0);
		uint64_t now = ipb_now_ns();
		if (stop_ns == 0 && ipb_stop_asked(&stopping))
			stop_ns = now;
		if (stop_ns != 0 && (got == 0 || now - stop_ns > DRAIN_NS))
			return 0;
		if (now - reported > PROGRESS_MS * 1000000ull) {
			report(begin);
			reported = now;
		}
		if (got == 0)
			poll(p, 3, PROGRESS_MS);
	}
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

/* Packets that the kernel threw away because this program was too slow. */
static uint64_t count_dropped(void)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof info;
	uint64_t count = 0;

	if (udp_fd >= 0 && getsockopt(udp_fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0)
		count += info[SK_MEMINFO_DROPS];
	size = sizeof stats;
	if (raw_fd >= 0 && getsockopt(raw_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		count += stats.tp_drops;
	return count;
}

static char *figures(const struct flow_totals *t)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "received_rate", t->received_bps, "bit/s");
	if (!isnan(t->loss))
		ipb_results_metric(&j, "loss", 100 * t->loss, "%");
	ipb_results_metric(&j, "measured_sent", (double)t->measured_sent, "");
	ipb_results_metric(&j, "measured_received", (double)t->measured, "");
	ipb_results_metric(&j, "packets", (double)flows.packets, "");
	ipb_results_metric(&j, "bytes", (double)flows.bytes, "byte");
	ipb_results_metric(&j, "gaps", (double)t->missing, "");
	ipb_results_metric(&j, "duplicates", (double)t->duplicate, "");
	ipb_results_metric(&j, "reordered", (double)t->reordered, "");
	ipb_results_metric(&j, "unnumbered", (double)flows.unnumbered, "");
	ipb_results_metric(&j, "senders", flows.count, "");
	ipb_results_metric(&j, "untold", (double)flows.untold, "");
	ipb_results_metric(&j, "dropped_here", (double)dropped, "");
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (dropped > 0)
		ipb_results_reason(&j, 0, "sink-overrun", "sink was too slow: its sockets overflowed and lost %" PRIu64 " packets",
		                   dropped);
	if (flows.untold > 0)
		ipb_results_reason(&j, 0, "sink-senders",
		                   "packets came from more than the %" PRIu32 " senders that sink tells apart: rate, loss, gaps, "
		                   "duplicates and order are without %" PRIu64 " packets of the others", flows.count, flows.untold);
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static int marshall(char **data, int *size, double running_time)
{
	struct flow_totals t;
	char text[200], loss[32] = "";

	(void)running_time;
	dropped = count_dropped();
	flows_totals(&flows, &t);
	if (flows.untold > 0)
		fprintf(stderr, "sink: %" PRIu64 " packets came from senders beyond the %" PRIu32 " that are told apart; they are among "
		        "packets and bytes alone\n", flows.untold, flows.count);
	if (!isnan(t.loss))
		snprintf(loss, sizeof loss, "%.4f", 100 * t.loss);
	snprintf(text, sizeof text, "%.0f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s", t.received_bps, flows.packets,
	         flows.bytes, t.missing, t.duplicate, loss);
	char *json = ipb_plugin_extended() ? figures(&t) : NULL;
	flows_free(&flows);
	return ipb_report_marshall(text, json, data, size);
}

IPB_PLUGIN(
	.id = 0x13,
	.descr = "Counts what discard sends: packets, bytes, gaps, duplicates, loss",
	.default_port = DISCARD_PORT,
	.setup_controller = ipb_plugin_setup_controller,
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
