/*
 * iperf2's protocol, as far as small systems ship it (lwIP's lwiperf, Zephyr's zperf, ESP-IDF and FreeRTOS), and as iperf
 * 2.0.5 and newer answers it.  SPDX-License-Identifier: MIT
 *
 * The client sends; nothing is agreed. A TCP connection begins with 24 bytes of settings, of which all are zero here: a
 * plain test, for which no server answers. A UDP datagram has a number of 4 bytes and the time of day; its number is
 * negative in the last one, which is repeated until the server's report comes, or not: small servers send none.
 */
#ifndef IPERF2_H
#define IPERF2_H

#include <stdint.h>
#include <sys/types.h>

#include "ipb_error.h"
#include "ipb_stop.h"

#define IPERF2_PORT 5001
#define IPERF2_SETTINGS 24      /* bytes before a TCP stream's data; servers count them as data */
#define IPERF2_STAMP 12         /* bytes of header in a datagram, then */
#define IPERF2_UDP_MIN 40       /* zeros up to here, where newer servers look for settings */
#define IPERF2_LAST_TRIES 10    /* how often the last datagram is sent, */
#define IPERF2_LAST_MS 250      /* and how long each of them waits for the report */
#define IPERF2_NUMBER_MAX INT32_MAX /* datagrams of a test: its numbers have no more room */

/* What an iperf2 server tells of a UDP stream. */
struct iperf2_report {
	uint64_t bytes, datagrams, lost, out_of_order;
	double seconds, jitter; /* s */
};

/* Writes the header of datagram `number` (0…) and zeros behind it; size: bytes at `to`, at least IPERF2_STAMP. `last`: the
 * test ends with it. */
void iperf2_stamp(uint8_t *to, size_t size, uint32_t number, int last, uint64_t realtime_ns);

/* 0, or -1 when this is no report. */
int iperf2_report_decode(const uint8_t *data, size_t size, struct iperf2_report *r);

/* Ends a UDP stream after `sent` datagrams, with datagrams of size bytes in buffer, sent at most `tries` times
 * (IPERF2_LAST_TRIES). 1: the server has reported; 0: it does not, within IPERF2_LAST_MS for each; -1 and a sentence: it refuses, or `stop` was asked for. */
int iperf2_udp_end(int fd, uint8_t *buffer, size_t size, uint32_t sent, int tries, struct iperf2_report *r,
                   const struct ipb_stop *stop, struct ipb_error *err);

#endif
