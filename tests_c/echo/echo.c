/*
 * echo: a target that sends back what it gets, over UDP, TCP and raw Ethernet, until STOP; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "echo"
#include "echo.h"
#include "echo_xdp.h"

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
#include "ipb_threads.h"

#define SERVERS_MAX (3 * IPB_THREADS_MAX)
#define PROGRESS_MS 200

static const struct ipbench_option options[] = {
	{ "udp", "int", "", "7", "0..65535", "UDP port; 0 takes a free one. Naming any of udp, tcp, raw leaves the others out.", 0, 0 },
	{ "tcp", "int", "", "7", "0..65535", "TCP port; 0 takes a free one.", 0, 0 },
	{ "raw", "string", "", "", "", "Interface on which to answer Ethernet frames of type 0x6008.", 0, 0 },
	{ "xdp", "string", "", "", "", "Interface on which UDP and raw frames, or those of them that are named, are answered in the driver.", 0, 0 },
	{ "ip", "string", "", "", "", "Address to listen on; all addresses when not given.", 0, 0 },
	{ "trains", "bool", "", "0", "", "UDP: take many packets of a sender in one piece and give them back so; for engine=gso.", 0, 0 },
	{ "broadcast", "bool", "", "0", "", "UDP and raw: answer what was sent to a group or to everybody, too.", 0, 0 },
	{ "reflect_dscp", "bool", "", "0", "", "Answer with the DSCP that came; else answers are best effort. TCP: that of the first packet.", 0, 0 },
	{ "check", "bool", "", "0", "", "Write the first 64-bit word plus one into the second, as latency-check expects.", 0, 0 },
	{ "check_size", "size", "byte", "64", "16..65536", "With check over TCP: bytes in a packet, the size= of the client.", 0, 0 },
	IPB_THREAD_OPTIONS,
	{ "spoil", "int", "", "0", "0..", "With check: answer every Nth packet wrongly, to test a tester; 0: none.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static struct echo_server servers[SERVERS_MAX];
static unsigned server_count;
static struct ipb_threads plan;
static struct ipb_stop stopping;
static uint64_t dropped;
static struct echo_xdp in_driver = { .link = { .fd = -1 } };
static int has_driver; /* there is one in the driver */

/* thread: of those of its kind. */
static struct echo_server *add(const struct ipb_args *a, uint32_t thread)
{
	struct echo_server *s = &servers[server_count++];

	s->pinned = plan.cpu[thread] >= 0;
	s->cpu = plan.cpu[thread];
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

/* The kernel shares senders out among sockets of one port, by their addresses and ports. */
static int open_udp(const struct ipb_args *a, const char *ip)
{
	uint16_t port = (uint16_t)ipb_args_uint(a, "udp");

	for (uint32_t i = 0; i < plan.count; i++) {
		struct echo_server *s = add(a, i);
		if (echo_udp_open(s, ip, port, plan.count > 1, &err) < 0)
			return -1;
		if (i == 0)
			announce(s, "UDP");
		port = ipb_sock_port(s->fd);
	}
	return 0;
}

static int open_tcp(const struct ipb_args *a, const char *ip)
{
	struct echo_server *first = &servers[server_count];

	for (uint32_t i = 0; i < plan.count; i++)
		add(a, i);
	if (echo_tcp_open(first, ip, (uint16_t)ipb_args_uint(a, "tcp"), &err) < 0 ||
	    (plan.count > 1 && echo_tcp_share(first, plan.count, &err) < 0))
		return -1;
	announce(first, "TCP");
	return 0;
}

/* The echo in the driver; udp: the server beside it, or NULL. That one has the port, so that nobody else has it, and answers what
 * the driver's passes. raw: answers frames of our type, too. */
static int open_in_driver(const struct ipb_args *a, const struct echo_server *udp, int raw)
{
	const char *iface = ipb_args_string(a, "xdp");
	struct echo_xdp_plan *p = &in_driver.plan;

	p->udp = udp != NULL;
	p->port = udp != NULL ? ipb_sock_port(udp->fd) : 0;
	p->raw = raw;
	p->broadcast = ipb_args_bool(a, "broadcast");
	p->check = ipb_args_bool(a, "check");
	p->spoil = (uint32_t)ipb_args_uint(a, "spoil");
	p->reflect_dscp = ipb_args_bool(a, "reflect_dscp");
	has_driver = 1;
	if (echo_xdp_open(&in_driver, iface, ipb_args_string(a, "ip"), &err) < 0)
		return -1;
	fprintf(stderr, "echo: %s%s%s on %s, in the %s\n", p->udp ? "UDP" : "", p->udp && raw ? " and " : "", raw ? "raw Ethernet" : "",
	        iface, in_driver.link.mode == IPB_XDP_NATIVE ? "driver (native XDP)" : "kernel behind the driver (generic XDP)");
	if (in_driver.link.mode == IPB_XDP_GENERIC)
		fprintf(stderr, "echo: not in the driver: %s\n", in_driver.link.why);
	else if (strcmp(p->device.driver, "veth") == 0)
		fprintf(stderr, "echo: about answers of %s" ECHO_XDP_VETH "\n", iface);
	return 0;
}

static int open_servers(const struct ipb_args *a)
{
	const char *ip = ipb_args_string(a, "ip"), *iface = ipb_args_string(a, "raw"), *driver = ipb_args_string(a, "xdp");
	const int any = ipb_args_given(a, "udp") || ipb_args_given(a, "tcp") || ipb_args_given(a, "raw");
	const int udp = !any || ipb_args_given(a, "udp"), tcp = ipb_args_given(a, "tcp") || (!any && *driver == '\0');
	const int raw_in_driver = *driver != '\0' && (!any || strcmp(iface, driver) == 0);

	if (ipb_threads_plan(&plan, a, 1, &err) < 0)
		return -1;
	if (udp && open_udp(a, ip) < 0)
		return -1;
	if (tcp && open_tcp(a, ip) < 0)
		return -1;
	if (*iface != '\0' && !raw_in_driver) {
		struct echo_server *first = &servers[server_count];
		for (uint32_t i = 0; i < plan.count; i++)
			add(a, i);
		if (echo_raw_open(first, plan.count, iface, &err) < 0)
			return -1;
		fprintf(stderr, "echo: raw Ethernet on %s\n", iface);
	}
	if (*driver == '\0')
		return 0;
	if (!udp && !raw_in_driver)
		return ipb_error(&err, "argument xdp: there is nothing to answer on %s: name udp, or raw=%s", driver, driver);
	return open_in_driver(a, udp ? &servers[0] : NULL, raw_in_driver); /* UDP's are the first ones */
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

	if (s->pinned && ipb_threads_pin(s->cpu) < 0)
		ipb_warn(PLUGIN_NAME, "cannot run on processor %d: %s", s->cpu, strerror(errno));
	run[s->kind](s);
	return NULL;
}

/* What the echo in the driver counts as that member of a server. */
static uint64_t of_driver(size_t offset)
{
	const struct echo_xdp_counts *c = &in_driver.counts;

	switch (offset) {
	case offsetof(struct echo_server, packets):
		return c->udp_packets + c->raw_packets;
	case offsetof(struct echo_server, bytes):
		return c->udp_bytes + c->raw_bytes;
	case offsetof(struct echo_server, ignored):
		return c->ignored;
	case offsetof(struct echo_server, rounds):
		return c->rounds;
	default:
		return 0;
	}
}

static uint64_t sum(size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < server_count; i++)
		total += atomic_load_explicit((_Atomic uint64_t *)((char *)&servers[i] + offset), memory_order_relaxed);
	return total + of_driver(offset);
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
		echo_xdp_poll(&in_driver);
		ipb_plugin_report_echoed(begin, sum(offsetof(struct echo_server, packets)), sum(offsetof(struct echo_server, bytes)));
		note_refusals(0);
	}
	for (unsigned i = 0; i < running; i++)
		pthread_join(threads[i], NULL);
	echo_xdp_end(&in_driver);
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

/* What the servers of one kind did, all together. */
static void of_kind(struct ipb_json *j, enum echo_kind kind)
{
	static const char *const kinds[] = { "udp", "tcp", "raw" };
	const char *name = kinds[kind];
	uint64_t packets = 0, bytes = 0, connections = 0, refused = 0, ended = 0, lost = 0, failed = 0, ignored = 0, rounds = 0;
	int any = 0, check = 0;

	for (unsigned i = 0; i < server_count; i++) {
		const struct echo_server *s = &servers[i];
		if (s->kind != kind)
			continue;
		any = 1;
		check = s->check;
		packets += s->packets;
		bytes += s->bytes;
		connections += s->connections;
		refused += s->refused;
		ended += s->ended;
		lost += kind != ECHO_TCP ? count_dropped(s->fd) : 0;
		failed += s->failed;
		ignored += s->ignored;
		rounds += s->rounds;
	}
	if (!any)
		return;
	metric(j, name, kind == ECHO_TCP && !check ? "reads" : "packets", packets, "");
	metric(j, name, "bytes", bytes, "byte");
	if (kind == ECHO_TCP) {
		metric(j, name, "connections", connections, "");
		metric(j, name, "refused", refused, "");
		metric(j, name, "ended", ended, "");
	} else {
		metric(j, name, "dropped", lost, "");
		metric(j, name, "send_failures", failed, "");
		metric(j, name, "ignored", ignored, "");
		metric(j, name, "went_round", rounds, "");
	}
}

static char *figures(void)
{
	uint64_t refused = sum(offsetof(struct echo_server, refused));
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	for (enum echo_kind kind = ECHO_UDP; kind <= ECHO_RAW; kind++)
		of_kind(&j, kind);
	if (has_driver) {
		const struct echo_xdp_counts *c = &in_driver.counts;
		metric(&j, "xdp", "udp_packets", c->udp_packets, "");
		metric(&j, "xdp", "udp_bytes", c->udp_bytes, "byte");
		metric(&j, "xdp", "raw_packets", c->raw_packets, "");
		metric(&j, "xdp", "raw_bytes", c->raw_bytes, "byte");
		metric(&j, "xdp", "ignored", c->ignored, "");
		metric(&j, "xdp", "went_round", c->rounds, "");
		if (in_driver.has_errors)
			metric(&j, "xdp", "send_failures", in_driver.errors, "");
	}
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (in_driver.errors > 0)
		ipb_results_reason(&j, 0, "echo-not-sent", "the driver of %s did not send %llu of the echo's answers; what was lost there is "
		                   "not the path's loss", in_driver.plan.device.name, (unsigned long long)in_driver.errors);
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
	IPB_PLUGIN_REPORT
);

static const struct ipbench_metric metrics[] = {
	{ "udp_bytes", "byte", "Bytes that the UDP servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "tcp_bytes", "byte", "Bytes that the TCP servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "raw_bytes", "byte", "Bytes that the raw Ethernet servers sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "xdp_udp_bytes", "byte", "Bytes over UDP that were sent back in the driver", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "xdp_raw_bytes", "byte", "Bytes of raw frames that were sent back in the driver", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "xdp_*", "", "What the echo in the driver counted", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
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
