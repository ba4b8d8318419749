/* iperf2's datagrams and report; see iperf2.h.  SPDX-License-Identifier: MIT */
#include "iperf2.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "iperf3.h"

#define REPORT_FLAG 0x80000000u /* in the first word of a report */
#define REPORT_SIZE 40          /* its ten words */
#define NEW_STAMP 16            /* newer servers have the number's upper half behind the header */

void iperf2_stamp(uint8_t *to, size_t size, uint32_t number, int last, uint64_t realtime_ns)
{
	memset(to, 0, size < IPERF2_UDP_MIN ? size : IPERF2_UDP_MIN);
	ipb_put_be(to, last ? 0 - number : number, 4);
	ipb_put_be(to + 4, realtime_ns / 1000000000u, 4);
	ipb_put_be(to + 8, realtime_ns % 1000000000u / 1000, 4);
}

#define BACK_WANTED 0x80000000u

void iperf2_ask_back(uint8_t to[IPERF2_SETTINGS], uint16_t port, uint64_t length_ns)
{
	memset(to, 0, IPERF2_SETTINGS);
	ipb_put_be(to, BACK_WANTED, 4);
	ipb_put_be(to + 4, 1, 4); /* threads */
	ipb_put_be(to + 8, port, 4);
	/* Behind the sizes of buffer and window, which stay its own: bytes, or below 0 hundredths of a second. */
	ipb_put_be(to + 20, 0 - (uint32_t)((length_ns + 9999999) / 10000000), 4);
}

void iperf2_report_settle(struct iperf2_report *r, uint64_t sent, uint32_t size)
{
	uint64_t received = r->bytes / size;

	if (r->bytes % size != 0 || r->lost > sent)
		return;
	if (received + r->lost == sent + 1 && r->out_of_order == 0) { /* one that was overtaken is lost and received at first */
		received--;
		r->bytes -= size;
	}
	if (r->datagrams == received)
		r->datagrams += r->lost;
}

int iperf2_report_decode(const uint8_t *data, size_t size, struct iperf2_report *r)
{
	size_t at = IPERF2_STAMP;
	uint32_t word[REPORT_SIZE / 4];

	if (size < at + REPORT_SIZE)
		return -1;
	if (!(ipb_get_be(data + at, 4) & REPORT_FLAG))
		at = NEW_STAMP;
	if (size < at + REPORT_SIZE || !(ipb_get_be(data + at, 4) & REPORT_FLAG))
		return -1;
	for (size_t i = 0; i < REPORT_SIZE / 4; i++)
		word[i] = (uint32_t)ipb_get_be(data + at + 4 * i, 4);
	*r = (struct iperf2_report){
		.bytes = (uint64_t)word[1] << 32 | word[2],
		.seconds = (double)word[3] + (double)word[4] / 1e6,
		.lost = word[5],
		.out_of_order = word[6],
		.datagrams = word[7],
		.jitter = (double)word[8] + (double)word[9] / 1e6,
	};
	return 0;
}

int iperf2_udp_end(int fd, uint8_t *buffer, size_t size, uint32_t sent, int tries, struct iperf2_report *r,
                   const struct ipb_stop *stop, struct ipb_error *err)
{
	uint8_t got[256];
	int rejected = 0; /* tries in a row that no report came to, but an ICMP error, which may also be somebody else's doing */

	for (int i = 0; i < tries; i++) {
		uint64_t until = ipb_now_ns() + IPERF2_LAST_MS * 1000000ull;
		iperf2_stamp(buffer, size, sent, 1, ipb_clock_gettime_ns(CLOCK_REALTIME));
		if (send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
			send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		int is_rejected = 0, n;
		while ((n = iperf3_wait(fd, POLLIN, until, stop)) > 0) {
			ssize_t have = recv(fd, got, sizeof got, MSG_DONTWAIT);
			is_rejected |= have < 0 && errno == ECONNREFUSED;
			if (have > 0 && iperf2_report_decode(got, (size_t)have, r) == 0)
				return 1;
		}
		if (n < 0)
			return ipb_error(err, "stopped while waiting for the iperf2 server's report");
		rejected = is_rejected ? rejected + 1 : 0;
		if (rejected >= (tries < IPERF2_REJECTIONS ? tries : IPERF2_REJECTIONS))
			return ipb_error(err, "nobody listens at the iperf2 server's UDP port: start it with \"iperf -s -u\", or give its port");
	}
	return 0;
}
