/*
 * iperf2's protocol, as far as small systems ship it (lwIP's lwiperf, Zephyr's zperf, ESP-IDF and FreeRTOS), and as iperf
 * 2.0.5 and newer answers it.  SPDX-License-Identifier: MIT
 *
 * The client sends; nothing is agreed. A TCP connection begins with 24 bytes of settings: all zero, a plain test, for which no
 * server answers; or with the wish that the server send, too, when we have ended this connection, on one that it makes to a port of
 * ours (iperf -c's -r; iperf and lwIP do so, others ignore it. Its -d, to send at the same time, is not used: lwIP then
 * wants the settings again at every 128 KiB). A UDP datagram has a number of 4 bytes and the time of day; its number is
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
#define IPERF2_UDP_MIN 40       /* zeros up to here, where newer servers read settings */
#define IPERF2_LAST_TRIES 10    /* how often the last datagram is sent, */
#define IPERF2_LAST_MS 250      /* and how long each of them waits for the report */
#define IPERF2_REJECTIONS 3     /* of them rejected in a row, after which nobody listens */

/* Writes the settings that ask a server to send for so long (10 ms to 248 days, in steps of 10 ms) to our port. */
void iperf2_ask_back(uint8_t to[IPERF2_SETTINGS], uint16_t port, uint64_t length_ns);

/* What an iperf2 server reports of a UDP stream. */
struct iperf2_report {
	uint64_t bytes, datagrams, lost, out_of_order;
	double seconds, jitter; /* s */
};

/* Writes the header of datagram `number` (0…) and zeros behind it; size: bytes at `to`, at least IPERF2_STAMP. `last`: the
 * test ends with it. */
void iperf2_stamp(uint8_t *to, size_t size, uint32_t number, int last, uint64_t realtime_ns);

/* 0, or -1 when this is no report. */
int iperf2_report_decode(const uint8_t *data, size_t size, struct iperf2_report *r);

/* Servers count differently: Zephyr's zperf has the last datagram, which ends the test, among those that it received, or, in
 * older versions, reports as `datagrams` those that arrived, and not all. Makes of both what iperf reports, for a test of `sent`
 * datagrams of size bytes. */
void iperf2_report_settle(struct iperf2_report *r, uint64_t sent, uint32_t size);

/* Ends a UDP stream after `sent` datagrams, with datagrams of size bytes in buffer, sent at most `tries` times
 * (IPERF2_LAST_TRIES). 1: the server has reported; 0: it does not, within IPERF2_LAST_MS for each; -1 and a sentence: it refuses, or `stop` was asked for. */
int iperf2_udp_end(int fd, uint8_t *buffer, size_t size, uint32_t sent, int tries, struct iperf2_report *r,
                   const struct ipb_stop *stop, struct ipb_error *err);

#endif
