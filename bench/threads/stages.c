/* What a packet costs, by stage, in ns and in cycles of the time stamp counter: medians of many.
 *     stages ADDRESS PORT     where UDP packets may be sent as fast as they go
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_header.h"
#include "ipb_hist.h"
#include "ipb_sched.h"
#include "ipb_sock.h"
#include "ipb_track.h"

#define ROUNDS 51
#define SIZE 64u
#define BATCH 64u

static struct ipb_clock clock_;
static struct ipb_hist hist;
static struct ipb_header header;
static struct ipb_track track;
static struct ipb_sched sched;
static uint8_t packet[2048], pattern[2048], in[2048];
static uint64_t sink;
static int fd;
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

static void read_clock(uint64_t i) { (void)i, sink += ipb_clock_now(&clock_); }
static void take(uint64_t i) { (void)i, ipb_sched_next(&sched), sink += sched.due_ns; }
static void write_header(uint64_t i) { ipb_header_write(&header, packet, SIZE, i, 0); }
static void place(uint64_t i) { ipb_track_sent(&track, i, SIZE, i, 1); }
static void record(uint64_t i) { ipb_hist_record(&hist, 20000 + (i & 4095)); }

static void check(uint64_t i)
{
	uint64_t number;

	(void)i;
	sink += (uint64_t)ipb_header_read(&header, packet, SIZE, SIZE, 1, &number);
}

static void reply(uint64_t i)
{
	ipb_track_sent(&track, i, SIZE, i, 1);
	sink += (uint64_t)ipb_track_reply(&track, track.next - 1, 0, 0, i);
}

static void enter(uint64_t i) { (void)i, sink += (uint64_t)syscall(SYS_getppid); }
static void poll_empty(uint64_t i) { (void)i, sink += (uint64_t)recv(fd, in, sizeof in, MSG_DONTWAIT); }
static void send_one(uint64_t i) { (void)i, sink += (uint64_t)send(fd, packet, SIZE, MSG_DONTWAIT); }
static void send_many(uint64_t i) { (void)i, sink += (uint64_t)sendmmsg(fd, messages, BATCH, MSG_DONTWAIT); }

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double ghz(void)
{
#if defined(__x86_64__)
	const uint64_t ns = ipb_now_ns(), tsc = __rdtsc();
	usleep(100000);
	const uint64_t ticks = __rdtsc() - tsc;
	return (double)ticks / (double)(ipb_now_ns() - ns);
#else
	return 0;
#endif
}

static double rate;

/* per: packets of a step; less: ns of it that are another stage's. */
static double show(const char *what, void (*step)(uint64_t), unsigned each, unsigned per, double less, int last)
{
	double took[ROUNDS];
	uint64_t n = 0;

	for (int r = 0; r < ROUNDS; r++) {
		const uint64_t start = ipb_now_ns();
		for (unsigned i = 0; i < each; i++)
			step(n++);
		took[r] = (double)(ipb_now_ns() - start) / each / per;
	}
	qsort(took, ROUNDS, sizeof *took, compare);
	const double ns = took[ROUNDS / 2] - less > 0 ? took[ROUNDS / 2] - less : 0;
	printf("{\"stage\":\"%s\",\"ns\":%.2f,\"cycles\":%.1f}%s", what, ns, ns * rate, last ? "" : ",");
	return took[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	struct ipb_sizes one = { .count = 1, .size = { SIZE }, .weight = { 1 }, .total = 1, .largest = SIZE, .smallest = SIZE,
		                 .mean = SIZE };
	struct ipb_sock_options o = { .sndbuf = 8 << 20, .dscp = -1 };
	struct ipb_error err = { 0 };

	if (argc != 3 || ipb_hist_init(&hist) < 0 || ipb_track_init(&track, 1 << 16, 1ull << 28, 1, 1000000000ull, &err) < 0 ||
	    (fd = ipb_sock_connect(argv[1], (uint16_t)atoi(argv[2]), SOCK_DGRAM, &o, &err)) < 0) {
		fprintf(stderr, "%s\n", ipb_error_text(&err));
		return 1;
	}
	ipb_clock_init(&clock_, 1);
	ipb_header_pattern(pattern, sizeof pattern);
	memcpy(packet, pattern, sizeof packet);
	ipb_header_init(&header, 1, 77, pattern, sizeof pattern);
	ipb_sched_init(&sched, IPB_ARRIVAL_CONSTANT, 1, 1e6, &one, 1, 0, 0);
	for (unsigned i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ packet, SIZE };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	rate = ghz();
	printf("{\"ghz\":%.4f,\"stages\":[", rate);
	show("clock: one reading", read_clock, 20000, 1, 0, 0);
	show("schedule: the next packet's due time", take, 20000, 1, 0, 0);
	show("header: written, with its checksum", write_header, 20000, 1, 0, 0);
	show("header: a reply is checked", check, 20000, 1, 0, 0);
	const double placed = show("record: a packet is remembered", place, 20000, 1, 0, 0);
	show("record: its reply is found and counted", reply, 20000, 1, placed, 0);
	show("histogram: one value (a round trip has three)", record, 20000, 1, 0, 0);
	const double entry = show("system call: there and back (getppid)", enter, 20000, 1, 0, 0);
	show("system call: recv finds nothing", poll_empty, 5000, 1, 0, 0);
	show("send: socket, IP and driver, single calls, without the call itself", send_one, 2000, 1, entry, 0);
	show("send: the same in batches of 64, with the call's share", send_many, 50, BATCH, 0, 1);
	printf("]}\n");
	return (int)(sink & 0);
}
