/*
 * echo: a target that sends back what it gets, over UDP, TCP and raw Ethernet, until STOP; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "echo"
#include "echo.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "ipb_clock.h"
#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_results.h"
#include "ipb_sock.h"
#include "ipb_stop.h"

#define SERVERS_MAX 18
#define PROGRESS_MS 200

static const struct ipbench_option options[] = {
	{ "udp", "int", "", "7", "0..65535", "UDP port; 0 takes a free one. Naming any of udp, tcp, raw leaves the others out.", 0, 0 },
	{ "tcp", "int", "", "7", "0..65535", "TCP port; 0 takes a free one.", 0, 0 },
	{ "raw", "string", "", "", "", "Interface on which to answer Ethernet frames of type 0x6008.", 0, 0 },
	{ "ip", "string", "", "", "", "Address to listen on; all addresses when not given.", 0, 0 },
	{ "trains", "bool", "", "0", "", "UDP: take many packets of a sender in one piece and give them back so; for engine=gso.", 0, 0 },
	{ "broadcast", "bool", "", "0", "", "UDP and raw: answer what was sent to a group or to everybody, too.", 0, 0 },
	{ "reflect_dscp", "bool", "", "0", "", "Answer with the DSCP that came; else answers are best effort. TCP: that of the first packet.", 0, 0 },
	{ "check", "bool", "", "0", "", "Write the first 64-bit word plus one into the second, as latency-check expects.", 0, 0 },
	{ "check_size", "size", "byte", "64", "16..65536", "With check over TCP: bytes in a packet, the size= of the client.", 0, 0 },
	{ "spoil", "int", "", "0", "0..", "With check: answer every Nth packet wrongly, to test a tester; 0: none.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static struct echo_server servers[SERVERS_MAX];
static unsigned server_count;
static struct ipb_stop stopping;
static uint64_t dropped;

static struct echo_server *add(const struct ipb_args *a)
{
	struct echo_server *s = &servers[server_count++];

	s->trains = ipb_args_bool(a, "trains");
	s->reflect_dscp = ipb_args_bool(a, "reflect_dscp");
	s->broadcast = ipb_args_bool(a, "broadcast");
	s->check = ipb_args_bool(a, "check");
	s->check_size = (uint32_t)ipb_args_uint(a, "check_size");
	s->spoil = (uint32_t)ipb_args_uint(a, "spoil");
	s->stop = &stopping;
	return s;
}

static void announce(const struct echo_server *s, const char *what)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof at;
	char name[80];

	if (getsockname(s->fd, (struct sockaddr *)&at, &size) < 0)
		return;
	ipb_sock_name((struct sockaddr *)&at, size, name, sizeof name);
	fprintf(stderr, "echo: %s on %s\n", what, name);
}

static int open_servers(const struct ipb_args *a)
{
	int any = ipb_args_given(a, "udp") || ipb_args_given(a, "tcp") || ipb_args_given(a, "raw");
	const char *ip = ipb_args_string(a, "ip"), *iface = ipb_args_string(a, "raw");

	if (!any || ipb_args_given(a, "udp")) {
		struct echo_server *s = add(a);
		if (echo_udp_open(s, ip, (uint16_t)ipb_args_uint(a, "udp"), &err) < 0)
			return -1;
		announce(s, "UDP");
	}
	if (!any || ipb_args_given(a, "tcp")) {
		struct echo_server *s = add(a);
		if (echo_tcp_open(s, ip, (uint16_t)ipb_args_uint(a, "tcp"), &err) < 0)
			return -1;
		announce(s, "TCP");
	}
	if (*iface != '\0') {
		if (echo_raw_open(add(a), iface, &err) < 0)
			return -1;
		fprintf(stderr, "echo: raw Ethernet on %s\n", iface);
	}
	return 0;
}

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	for (unsigned i = 0; i < SERVERS_MAX; i++)
		servers[i].fd = -1;
	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	status = ipb_stop_open(&stopping) < 0 ? ipb_error_errno(&err, errno, "cannot make an event") : open_servers(&a);
	ipb_args_free(&a);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static void *serve(void *arg)
{
	static void (*const run[])(struct echo_server *) = { echo_udp_run, echo_tcp_run, echo_raw_run };
	struct echo_server *s = arg;

	run[s->kind](s);
	return NULL;
}

static uint64_t sum(size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < server_count; i++)
		total += atomic_load_explicit((_Atomic uint64_t *)((char *)&servers[i] + offset), memory_order_relaxed);
	return total;
}

static void report_progress(uint64_t begin_ns)
{
	static uint64_t last_ns, last_bytes;
	uint64_t now = ipb_now_ns(), packets = sum(offsetof(struct echo_server, packets)),
	         bytes = sum(offsetof(struct echo_server, bytes));

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - begin_ns);
	IPBENCH_PROGRESS_SET(p, ok, packets);
	IPBENCH_PROGRESS_SET(p, sent, packets);
	if (last_ns != 0 && now > last_ns) {
		uint64_t bps = (uint64_t)((double)(bytes - last_bytes) * 8e9 / (double)(now - last_ns));
		IPBENCH_PROGRESS_SET(p, rate_bps, bps);
		IPBENCH_PROGRESS_SET(p, sent_bps, bps);
	}
	last_ns = now;
	last_bytes = bytes;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

/* Reports on standard error, once for each kind, what the echo does not answer; with how many it was at the end. */
static void note_refusals(int ended)
{
	static struct {
		size_t offset;
		const char *text;
		int told;
	} kinds[] = {
		{ offsetof(struct echo_server, ignored), "packets not answered that came from the echo's own address, from a service "
		  "that would answer again (echo, DNS, NTP …), or were sent to many", 0 },
		{ offsetof(struct echo_server, rounds), "packets not answered that came again and again, as if they went round between "
		  "two echoes", 0 },
		{ offsetof(struct echo_server, refused), "TCP connections refused: there were no file descriptors or places left", 0 },
		{ offsetof(struct echo_server, ended), "TCP connections ended that did not take their answers, or were idle when "
		  "others needed their places", 0 },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		uint64_t n = sum(kinds[i].offset);
		if (n > 0 && (ended || !kinds[i].told))
			fprintf(stderr, "echo: %llu %s%s\n", (unsigned long long)n, kinds[i].text, ended ? " (in all)" : "");
		kinds[i].told |= n > 0;
	}
}

static int start(struct timeval *stamp)
{
	pthread_t threads[SERVERS_MAX];
	unsigned running = 0;
	uint64_t begin = ipb_now_ns();
	int status = 0;

	gettimeofday(stamp, NULL);
	for (; running < server_count; running++)
		if ((errno = pthread_create(&threads[running], NULL, serve, &servers[running])) != 0) {
			status = ipb_error_errno(&err, errno, "cannot start an echo thread");
			ipb_stop_ask(&stopping);
			break;
		}
	while (!ipb_stop_asked(&stopping)) {
		struct pollfd p = { .fd = stopping.event, .events = POLLIN };
		poll(&p, 1, PROGRESS_MS);
		report_progress(begin);
		note_refusals(0);
	}
	for (unsigned i = 0; i < running; i++)
		pthread_join(threads[i], NULL);
	note_refusals(1);
	return status;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

/* Datagrams that the kernel threw away because our socket was full: non-zero means that this echo was too slow. */
static uint64_t count_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof info;

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

static void metric(struct ipb_json *j, const char *kind, const char *what, uint64_t value, const char *unit)
{
	char name[64];

	snprintf(name, sizeof name, "%s_%s", kind, what);
	ipb_results_metric(j, name, (double)value, unit);
}

static char *figures(void)
{
	static const char *const kinds[] = { "udp", "tcp", "raw" };
	uint64_t refused = sum(offsetof(struct echo_server, refused));
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	for (unsigned i = 0; i < server_count; i++) {
		struct echo_server *s = &servers[i];
		const char *kind = kinds[s->kind];
		metric(&j, kind, s->kind == ECHO_TCP && !s->check ? "reads" : "packets", s->packets, "");
		metric(&j, kind, "bytes", s->bytes, "byte");
		if (s->kind == ECHO_TCP) {
			metric(&j, kind, "connections", s->connections, "");
			metric(&j, kind, "refused", s->refused, "");
			metric(&j, kind, "ended", s->ended, "");
		} else {
			metric(&j, kind, "dropped", count_dropped(s->fd), "");
			metric(&j, kind, "send_failures", s->failed, "");
			metric(&j, kind, "ignored", s->ignored, "");
			metric(&j, kind, "went_round", s->rounds, "");
		}
	}
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (dropped > 0)
		ipb_results_reason(&j, 0, "echo-overrun", "the echo was too slow: its sockets overflowed and lost %llu packets",
		                   (unsigned long long)dropped);
	if (refused > 0)
		ipb_results_reason(&j, 0, "echo-refused",
		                   "the echo had no file descriptors or places left for %llu TCP connections; what was lost on "
		                   "them is not the target's loss (raise \"ulimit -n\", or ask for fewer flows)",
		                   (unsigned long long)refused);
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static int marshall(char **data, int *size, double running_time)
{
	char text[64];

	(void)running_time;
	for (unsigned i = 0; i < server_count; i++)
		dropped += servers[i].kind != ECHO_TCP ? count_dropped(servers[i].fd) : 0;
	snprintf(text, sizeof text, "%llu,%llu",
	         (unsigned long long)sum(offsetof(struct echo_server, packets)),
	         (unsigned long long)sum(offsetof(struct echo_server, bytes)));
	return ipb_report_marshall(text, ipb_plugin_extended() ? figures() : NULL, data, size);
}

IPB_PLUGIN(
	.id = 0x10,
	.descr = "Sends back what it gets over UDP, TCP and raw Ethernet, until stopped",
	.default_port = 7,
	.setup_controller = ipb_plugin_setup_controller,
	IPB_PLUGIN_REPORT
);

static const struct ipbench_metric metrics[] = {
	{ "udp_bytes", "byte", "Bytes that the UDP servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "tcp_bytes", "byte", "Bytes that the TCP servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "raw_bytes", "byte", "Bytes that the raw Ethernet servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "udp_*", "", "What the UDP servers counted", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "tcp_*", "", "What the TCP servers counted", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "raw_*", "", "What the raw Ethernet servers counted", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
};

IPB_PLUGIN_EXT(
	options,
	.csv_header = "Echo_Packets,Echo_Bytes",
	.expected_duration = ipb_plugin_until_stopped,
	.results = ipb_plugin_results_report,
	IPBENCH_METRICS(metrics)
);
