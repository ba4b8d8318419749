/* stream_target's answers to iperf3 clients.  SPDX-License-Identifier: MIT */
#ifndef IPERF3_SERVICE_H
#define IPERF3_SERVICE_H

#include "ipb_args.h"
#include "ipb_json.h"
#include "ipb_stop.h"

/* Its options, for stream_target's table. */
#define IPERF3_SERVICE_OPTIONS                                                                                                     \
	{ "iperf3", "int", "", "0", "0..65535", "Port on which iperf3 clients are answered, over TCP and UDP (usually 5201); 0: none.", \
	  0, 0 },                                                                                                                  \
	{ "iperf3_tests", "int", "", "8", "1..64", "iperf3 tests at the same time; further clients are told to come again.", 0, 0 },   \
	{ "iperf3_time", "time", "s", "1h", "1s..24h", "Longest iperf3 test.", 0, 0 },                                               \
	{ "iperf3_rate", "rate", "bit/s", "0", "0..1000G",                                                                           \
	  "Most that one iperf3 test may move; 0: no limit. UDP clients have to give a rate below it.", 0, 0 }

/* Its figures, for stream_target's table. */
#define IPERF3_SERVICE_METRICS                                                                                                     \
	{ "iperf3_tests", "", "Tests of iperf3 clients that came to their end", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },           \
	{ "iperf3_failed", "", "Tests of iperf3 clients that did not", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },                      \
	{ "iperf3_refused", "", "Connections to the iperf3 port that were refused", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },         \
	{ "iperf3_received_bytes", "byte", "Bytes that came from iperf3 clients", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },        \
	{ "iperf3_sent_bytes", "byte", "Bytes that were sent to iperf3 clients", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },         \
	{ "iperf3_datagrams", "", "Datagrams that came from iperf3 clients", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },             \
	{ "iperf3_lost", "", "Datagrams of iperf3 clients that did not come, as iperf3 counts", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS }

/* Opens the port that the arguments name: 1; 0 when they name none; -1 and a sentence. */
int iperf3_service_open(const struct ipb_args *a, struct ipb_error *err);
/* Serves until stop is asked for. */
void iperf3_service_run(struct ipb_stop *stop);
/* Bytes so far. */
void iperf3_service_bytes(uint64_t *received, uint64_t *sent);
/* Adds its figures to the array "metrics". */
void iperf3_service_metrics(struct ipb_json *j);
void iperf3_service_close(void);

#endif
