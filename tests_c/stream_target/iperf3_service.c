/* stream_target's answers to iperf3 clients; see iperf3_service.h.  SPDX-License-Identifier: MIT */
#include "iperf3_service.h"

#include <stdio.h>

#include "ipb_clock.h"
#include "ipb_results.h"
#include "iperf3_server.h"

/* One target runs in a process. */
static struct iperf3_server server;
static int open_now;

int iperf3_service_open(const struct ipb_args *a, struct ipb_error *err)
{
	const struct iperf3_server_options o = {
		.ip = ipb_args_string(a, "ip"),
		.port = (uint16_t)ipb_args_uint(a, "iperf3"),
		.tests = (uint32_t)ipb_args_uint(a, "iperf3_tests"),
		.seconds = (uint32_t)(ipb_args_ns(a, "iperf3_time") / IPB_NS_PER_S),
		.rate = (uint64_t)ipb_args_number(a, "iperf3_rate"),
	};

	if (o.port == 0)
		return 0;
	if (iperf3_server_open(&server, &o, err) < 0)
		return -1;
	open_now = 1;
	fprintf(stderr, "stream_target: iperf3 clients on port %u\n", server.port);
	return 1;
}

void iperf3_service_run(struct ipb_stop *stop) { iperf3_server_run(&server, stop); }

void iperf3_service_bytes(uint64_t *received, uint64_t *sent)
{
	*received = atomic_load_explicit(&server.totals.received, memory_order_relaxed);
	*sent = atomic_load_explicit(&server.totals.sent, memory_order_relaxed);
}

void iperf3_service_metrics(struct ipb_json *j)
{
	const struct iperf3_totals *t = &server.totals;

	if (!open_now)
		return;
	ipb_results_metric(j, "iperf3_tests", (double)t->tests, "");
	ipb_results_metric(j, "iperf3_failed", (double)t->failed, "");
	ipb_results_metric(j, "iperf3_refused", (double)t->refused, "");
	ipb_results_metric(j, "iperf3_received_bytes", (double)t->received, "byte");
	ipb_results_metric(j, "iperf3_sent_bytes", (double)t->sent, "byte");
	ipb_results_metric(j, "iperf3_datagrams", (double)t->datagrams, "");
	ipb_results_metric(j, "iperf3_lost", (double)t->lost, "");
}

void iperf3_service_close(void)
{
	if (open_now)
		iperf3_server_close(&server);
	open_now = 0;
}
