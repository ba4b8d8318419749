/*
 * stream_target: the services that a run needs of its target, until STOP: bulk transfers for stream, and an echo beside them;
 * see README.md.  SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "stream_target"
#include "../echo/echo.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "ipb_answers.h"
#include "ipb_bulk.h"
#include "ipb_clock.h"
#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_pump.h"
#include "ipb_results.h"
#include "ipb_serve.h"
#include "ipb_sock.h"
#include "ipb_stop.h"
#include "ipb_threads.h"
#include "iperf3_service.h"

#define PROGRESS_MS 200

static const struct ipbench_option options[] = {
	{ "port", "int", "", "5205", "0..65535", "TCP port of the services, and UDP port of streams and requests over UDP; 0 takes a free one.", 0, 0 },
	{ "ip", "string", "", "", "", "Address to listen on; all addresses when not given.", 0, 0 },
	{ "echo", "int", "", "0", "0..65535", "Port of an echo over UDP and TCP, for latency beside the streams; 0: none.", 0, 0 },
	{ "mptcp", "bool", "", "0", "", "Take Multipath TCP, too, for stream's mptcp=1.", 0, 0 },
	{ "threads", "int", "", "0", "0..32", "Threads of a transfer in each direction; 0: as many as processors, where BBR sends without a rate one a stream up to 16.", 0, 0 },
	{ "cpus", "string", "", "", "", "Processors of these threads in their order, 0-3 or 0;2, over again when there are more threads; not given: any.", 0, 0 },
	{ "streams", "bool", "", "1", "", "Take bulk transfers of stream; 0: only the other services that are named.", 0, 0 },
	IPERF3_SERVICE_OPTIONS,
};
IPB_PLUGIN_OPTIONS(options)

enum { UDP_ECHO, TCP_ECHO, ECHOES, THREADS = ECHOES + 2 };

static struct ipb_serve *serve;
static struct ipb_bulk *bulk;
static struct ipb_answers *answers;
static struct echo_server echoes[ECHOES];
static int echoes_open, has_iperf3;
static struct ipb_stop stopping;
static pthread_t threads[THREADS];
static int running, served;

static int open_echo(const struct ipb_args *a)
{
	const uint16_t port = (uint16_t)ipb_args_uint(a, "echo");

	if (port == 0)
		return 0;
	for (int i = 0; i < ECHOES; i++)
		echoes[i].stop = &stopping;
	if (echo_udp_open(&echoes[UDP_ECHO], ipb_args_string(a, "ip"), port, 0, &err) < 0 ||
	    echo_tcp_open(&echoes[TCP_ECHO], ipb_args_string(a, "ip"), port, &err) < 0)
		return -1;
	echoes_open = ECHOES;
	fprintf(stderr, PLUGIN_NAME ": echo over UDP and TCP on port %u\n", port);
	return 0;
}

static int open_services(const struct ipb_args *a)
{
	const struct ipb_serve_options o = { .ip = ipb_args_string(a, "ip"), .port = (uint16_t)ipb_args_uint(a, "port"),
		                             .mptcp = ipb_args_bool(a, "mptcp") };

	if (ipb_stop_open(&stopping) < 0)
		return ipb_error_errno(&err, errno, "cannot make an event");
	if (open_echo(a) < 0 || (has_iperf3 = iperf3_service_open(a, &err)) < 0)
		return -1;
	if (!ipb_args_bool(a, "streams"))
		return echoes_open + has_iperf3 > 0 ? 0 : ipb_error(&err, "argument streams: with 0 nothing is left; name echo or iperf3");
	serve = ipb_serve_open(&o, &err);
	if (serve == NULL)
		return -1;
	bulk = ipb_bulk_new(0);
	answers = ipb_answers_new();
	if (bulk == NULL || answers == NULL)
		return ipb_error(&err, "no memory for the services");
	int cpus[IPB_PUMP_WORKERS_MAX];
	const int n = ipb_threads_cpus(ipb_args_string(a, "cpus"), cpus, IPB_PUMP_WORKERS_MAX, 1, &err);
	if (n < 0)
		return -1;
	ipb_bulk_use_threads(bulk, (uint32_t)ipb_args_uint(a, "threads"), cpus, (uint32_t)n);
	ipb_serve_add(serve, ipb_bulk_service(bulk));
	ipb_serve_add(serve, ipb_answers_service(answers));
	fprintf(stderr, PLUGIN_NAME ": streams on port %u\n", ipb_serve_port(serve));
	return 0;
}

static void *run_services(void *arg)
{
	int *status = arg;

	*status = ipb_serve_run(serve, &stopping, &err);
	if (*status < 0)
		ipb_stop_ask(&stopping);
	return NULL;
}

static void *run_iperf3(void *arg)
{
	(void)arg;
	iperf3_service_run(&stopping);
	return NULL;
}

static void *run_udp_echo(void *arg)
{
	(void)arg;
	echo_udp_run(&echoes[UDP_ECHO]);
	return NULL;
}

static void *run_tcp_echo(void *arg)
{
	(void)arg;
	echo_tcp_run(&echoes[TCP_ECHO]);
	return NULL;
}

/* From set-up on: a tester's set-up, which comes before this target's start, opens its streams. */
static int start_services(void)
{
	void *(*run[THREADS])(void *);
	int wanted = 0;

	if (serve != NULL)
		run[wanted++] = run_services;
	if (has_iperf3)
		run[wanted++] = run_iperf3;
	if (echoes_open > 0) {
		run[wanted++] = run_udp_echo;
		run[wanted++] = run_tcp_echo;
	}
	for (; running < wanted; running++)
		if ((errno = pthread_create(&threads[running], NULL, run[running], &served)) != 0) {
			ipb_error_errno(&err, errno, "cannot start a thread");
			ipb_stop_ask(&stopping);
			return -1;
		}
	return 0;
}

static int setup(char *arg)
{
	struct ipb_args a;

	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	const int status = open_services(&a);
	ipb_args_free(&a);
	return status < 0 || start_services() < 0 ? ipb_plugin_fail() : 0;
}

static void report_progress(uint64_t begin_ns)
{
	static uint64_t last_ns;
	static struct ipb_bulk_counts last;
	const uint64_t now = ipb_now_ns();
	struct ipb_bulk_counts c = { 0 };
	uint64_t received, sent;

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	if (bulk != NULL)
		ipb_bulk_counts(bulk, &c);
	iperf3_service_bytes(&received, &sent);
	c.received += received;
	c.sent += sent;
	IPBENCH_PROGRESS_SET(p, phase, IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - begin_ns);
	if (last_ns != 0 && now > last_ns) {
		const double seconds = (double)(now - last_ns) / 1e9;
		IPBENCH_PROGRESS_SET(p, rate_bps, (uint64_t)((double)(c.received - last.received) * 8 / seconds));
		IPBENCH_PROGRESS_SET(p, sent_bps, (uint64_t)((double)(c.sent - last.sent) * 8 / seconds));
	}
	IPBENCH_PROGRESS_SET(p, unknown, IPBENCH_UNKNOWN_COUNTS | (last_ns == 0 ? IPBENCH_UNKNOWN_RATE | IPBENCH_UNKNOWN_SENT_RATE : 0));
	last_ns = now;
	last = c;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

static int start(struct timeval *stamp)
{
	const uint64_t begin = ipb_now_ns();

	gettimeofday(stamp, NULL);
	while (!ipb_stop_asked(&stopping)) {
		struct pollfd p = { .fd = stopping.event, .events = POLLIN };
		poll(&p, 1, PROGRESS_MS);
		report_progress(begin);
	}
	for (int i = 0; i < running; i++)
		pthread_join(threads[i], NULL);
	return served;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

static char *figures(const struct ipb_bulk_counts *c, const struct ipb_serve_counts *s)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "sessions", (double)c->sessions, "");
	ipb_results_metric(&j, "streams", (double)c->streams, "");
	ipb_results_metric(&j, "received_bytes", (double)c->received, "byte");
	ipb_results_metric(&j, "sent_bytes", (double)c->sent, "byte");
	ipb_results_metric(&j, "sessions_cut", (double)c->ended, "");
	ipb_results_metric(&j, "refused", (double)s->refused, "");
	ipb_results_metric(&j, "strangers", (double)s->strangers, "");
	if (answers != NULL) {
		struct ipb_answers_counts a;
		ipb_answers_counts(answers, &a);
		ipb_results_metric(&j, "request_connections", (double)a.connections, "");
		ipb_results_metric(&j, "requests", (double)a.requests, "");
		ipb_results_metric(&j, "responses", (double)a.responses, "");
		ipb_results_metric(&j, "request_strangers", (double)a.strangers, "");
	}
	if (echoes_open > 0) {
		ipb_results_metric(&j, "echo_packets", (double)(echoes[UDP_ECHO].packets + echoes[TCP_ECHO].packets), "");
		ipb_results_metric(&j, "echo_bytes", (double)(echoes[UDP_ECHO].bytes + echoes[TCP_ECHO].bytes), "byte");
		ipb_results_metric(&j, "echo_dropped", (double)ipb_sock_drops(echoes[UDP_ECHO].fd), "");
	}
	iperf3_service_metrics(&j);
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (echoes_open > 0 && ipb_sock_drops(echoes[UDP_ECHO].fd) > 0)
		ipb_results_reason(&j, 0, "echo-overrun", "the echo was too slow: its socket overflowed and lost %llu packets",
		                   (unsigned long long)ipb_sock_drops(echoes[UDP_ECHO].fd));
	ipb_json_end_array(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static int marshall(char **data, int *size, double running_time)
{
	struct ipb_serve_counts s = { 0 };
	struct ipb_bulk_counts c = { 0 };
	uint64_t received, sent;
	char text[80];

	(void)running_time;
	if (serve != NULL && bulk != NULL) {
		ipb_serve_counts(serve, &s);
		ipb_bulk_counts(bulk, &c);
	}
	iperf3_service_bytes(&received, &sent);
	snprintf(text, sizeof text, "%llu,%llu,%llu", (unsigned long long)c.streams, (unsigned long long)(c.received + received),
	         (unsigned long long)(c.sent + sent));
	const int status = ipb_report_marshall(text, ipb_plugin_extended() ? figures(&c, &s) : NULL, data, size);
	ipb_serve_close(serve);
	ipb_bulk_free(bulk);
	ipb_answers_free(answers);
	serve = NULL;
	bulk = NULL;
	answers = NULL;
	iperf3_service_close();
	return status;
}

IPB_PLUGIN(
	.id = 0x21,
	.descr = "Takes and sends bulk traffic for stream, and echoes beside it, until stopped",
	.default_port = IPB_SERVE_PORT,
	IPB_PLUGIN_REPORT
);

static const struct ipbench_metric metrics[] = {
	{ "sessions", "", "Transfers that testers began", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "streams", "", "Streams of them", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "received_bytes", "byte", "Bytes that came by streams, in all phases", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "sent_bytes", "byte", "Bytes that were sent by streams, in all phases", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "sessions_cut", "", "Transfers that did not come to their end", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "refused", "", "Connections that were refused", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "strangers", "", "Connections that brought no hello", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "request_connections", "", "Connections of rr; over UDP one a tester's address", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "requests", "", "Requests of rr that came whole", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "responses", "", "Responses to them that were sent whole", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "request_strangers", "", "Datagrams that were no requests of a tester, and got no answer", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "echo_packets", "", "Packets (UDP) and reads (TCP) that the echo sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "echo_bytes", "byte", "Bytes that the echo sent back", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "echo_dropped", "", "Packets that the echo lost because it was too slow", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	IPERF3_SERVICE_METRICS,
};

IPB_PLUGIN_EXT(
	options,
	.expected_duration = ipb_plugin_until_stopped,
	.results = ipb_plugin_results_report,
	.csv_header = "Streams,Received_Bytes,Sent_Bytes",
	IPBENCH_METRICS(metrics)
);
