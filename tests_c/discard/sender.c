/* Sends numbered packets at a rate; see sender.h.  SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define REPORT_NS 200000000ull

static int open_packets(struct sender *s, struct ipb_error *err)
{
	s->packets = calloc(SENDER_BATCH, s->size);
	if (s->packets == NULL)
		return ipb_error(err, "no memory for packets of %u bytes", s->size);
	for (unsigned i = 0; s->raw && i < SENDER_BATCH; i++)
		memcpy(s->packets + (size_t)i * s->size, s->ethernet, DISCARD_ETHERNET);
	return 0;
}

int sender_open_udp(struct sender *s, const char *host, uint16_t port, struct ipb_error *err)
{
	struct ipb_sock_options o = { .sndbuf = SENDER_BUFFER, .dscp = -1, .df = IPB_DF_OFF };

	s->raw = 0;
	s->fd = ipb_sock_connect(host, port, SOCK_DGRAM, &o, err);
	return s->fd < 0 ? -1 : open_packets(s, err);
}

int sender_open_raw(struct sender *s, const char *mac, const char *iface, uint16_t ether_type, struct ipb_error *err)
{
	struct ipb_sock_options o = { .sndbuf = SENDER_BUFFER, .dscp = -1 };

	s->raw = 1;
	s->fd = -1;
	if (ipb_parse_mac(mac, s->ethernet) < 0)
		return ipb_error(err,
				 "the target \"%.64s\" is no Ethernet address such as 02:00:00:00:00:01, which "
				 "socktype=raw sends to; for an IP address or a name say socktype=udp",
				 mac);
	s->fd = ipb_sock_raw(iface, 0, NULL, s->ethernet + 6, err);
	if (s->fd < 0)
		return -1;
	ipb_sock_apply(s->fd, AF_PACKET, &o, NULL);
	ipb_put_be(s->ethernet + 12, ether_type, 2);
	return open_packets(s, err);
}

void sender_close(struct sender *s)
{
	inject_close(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->packets);
	s->packets = NULL;
}

void sender_header(const struct sender *s, uint8_t *to)
{
	ipb_put_be(to + DISCARD_MAGIC_AT, DISCARD_MAGIC, 4);
	ipb_put_be(to + 12, s->flow, 4);
	ipb_put_be(to + 16, s->run_id, 8);
}

static void fill(struct sender *s, unsigned index, enum discard_phase phase)
{
	uint8_t *p = s->packets + (size_t)index * s->size + (s->raw ? DISCARD_ETHERNET : 0);

	sender_header(s, p);
	ipb_put_be(p, s->sequence++, 8);
	ipb_put_be(p + 24, s->measured, 8);
	p[32] = (uint8_t)phase;
	if (phase == DISCARD_MEASURE)
		s->measured++;
}

static int is_full(int error) { return error == EAGAIN || error == ENOBUFS; }

/* Errors after which sending goes on: what the other end or the way to it causes, often about a packet from before, and
 * what this machine's routes, filters and interfaces refuse for now. */
static int passing(int error, int in_a_row)
{
	switch (error) {
	case EINTR:
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EACCES:
	case EPERM:
	case EPROTO: /* these two: ICMP errors of kinds that are rare, unless somebody forges them */
	case ENONET:
		return 1;
	case EMSGSIZE: /* a path's MTU, which anybody can forge, fails one call; a packet that is too long each */
		return in_a_row < SENDER_TOO_LONG;
	default:
		return 0;
	}
}

/* The packets from..count of a batch were not sent and never will be: they are no gaps, and not among those sent. */
static void give_up(struct sender *s, unsigned from, unsigned count)
{
	for (unsigned i = from; i < count; i++) {
		const uint8_t *p = s->packets + (size_t)i * s->size + (s->raw ? DISCARD_ETHERNET : 0);
		s->measured -= p[32] == DISCARD_MEASURE;
	}
	s->sequence -= count - from;
	s->given_up += count - from;
}

/* Called after a send that failed: waits for room, or a moment when it fails again and again. 1 to try again, 0 when the
 * time for that is over and others were sent before, -1 and a sentence when nothing can be sent. */
static int after_failure(struct sender *s, int error, int in_a_row, uint64_t deadline_ns, struct ipb_error *err)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	struct timespec pause = { .tv_nsec = 1000000 };

	if (!is_full(error) && !passing(error, in_a_row))
		return ipb_error_errno(err, error, "cannot send packets of %u bytes", s->size);
	if (is_full(error)) {
		s->again++;
		poll(&p, 1, 1);
	} else if (error != EINTR) {
		s->failed++;
		s->failure = error;
		if (in_a_row > 1)
			nanosleep(&pause, NULL);
	}
	if (ipb_stop_asked(s->stopping))
		return ipb_error(err, "stopped while packets were waiting to be sent");
	if (ipb_now_ns() <= deadline_ns)
		return 1;
	if (s->handed_over > 0)
		return 0;
	if (is_full(error))
		return ipb_error(err, "the network took no more packets: the send queue stayed full until the end");
	return ipb_error_errno(err, error, "no more packets could be sent until the end");
}

/* Sends the first count packets; those that could not leave until deadline_ns are given up. 0, or -1 and a sentence. */
static int give(struct sender *s, unsigned count, uint64_t deadline_ns, struct ipb_error *err)
{
	struct mmsghdr messages[SENDER_BATCH] = { 0 };
	struct iovec parts[SENDER_BATCH];

	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){ s->packets + (size_t)i * s->size, s->size };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned done = 0, failures = 0; done < count;) {
		int n = sendmmsg(s->fd, messages + done, count - done, 0);
		if (n > 0) {
			done += (unsigned)n;
			s->handed_over += (unsigned)n;
			failures = 0;
			continue;
		}
		int again = after_failure(s, errno, (int)++failures, deadline_ns, err);
		if (again < 0)
			return -1;
		if (again == 0) {
			give_up(s, done, count);
			return 0;
		}
	}
	return 0;
}

void sender_wait_until(uint64_t due_ns)
{
	uint64_t now = ipb_now_ns();

	if (due_ns > now + 2 * SENDER_SPIN_NS) {
		uint64_t wake = due_ns - SENDER_SPIN_NS;
		struct timespec t = { .tv_sec = (time_t)(wake / IPB_NS_PER_S), .tv_nsec = (long)(wake % IPB_NS_PER_S) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	while (ipb_now_ns() < due_ns)
		ipb_clock_relax();
}

static enum discard_phase phase_at(const struct sender *s, uint64_t elapsed_ns)
{
	if (elapsed_ns < s->rampup_ns + s->warmup_ns)
		return DISCARD_WARMUP;
	return elapsed_ns < s->rampup_ns + s->warmup_ns + s->test_ns ? DISCARD_MEASURE : DISCARD_COOLDOWN;
}

/* A few last packets, apart in time, so that one of them reports to the receiver how many there were. */
static int end(struct sender *s, struct ipb_error *err)
{
	struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < SENDER_ENDS && !ipb_stop_asked(s->stopping); i++) {
		if (s->inject == NULL)
			fill(s, 0, DISCARD_END);
		if (s->inject != NULL ? inject_end(s, err) < 0 : give(s, 1, ipb_now_ns() + IPB_NS_PER_S, err) < 0)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void sender_report(struct sender *s, uint64_t elapsed_ns)
{
	struct sender_progress *p = &s->progress;

	if (elapsed_ns < s->reported_ns + REPORT_NS)
		return;
	s->reported_ns = elapsed_ns;
	atomic_store_explicit(&p->phase, phase_at(s, elapsed_ns), memory_order_relaxed);
	atomic_store_explicit(&p->measured, s->measured, memory_order_relaxed);
	atomic_store_explicit(&p->sequence, s->sequence, memory_order_release);
}

/* By the socket: what is due in all phases. */
static int run(struct sender *s, uint64_t start, struct ipb_error *err)
{
	struct ipb_sizes sizes = { .count = 1, .size = { s->size }, .weight = { 1 }, .total = 1, .largest = s->size,
		                   .smallest = s->size, .mean = s->size };
	const uint64_t later_ns = (uint64_t)(s->stagger * s->size * 8e9 / s->bps);
	const uint64_t end_ns = start + s->rampup_ns + s->warmup_ns + s->test_ns + s->cooldown_ns;
	struct ipb_sched sched;

	ipb_sched_init(&sched, IPB_ARRIVAL_CONSTANT, 1, s->bps, &sizes, 1, start + later_ns, s->rampup_ns);
	while (!ipb_stop_asked(s->stopping) && sched.due_ns < end_ns) {
		sender_wait_until(sched.due_ns);
		uint64_t now = ipb_now_ns();
		unsigned count = 0;
		for (; count < SENDER_BATCH && sched.due_ns <= now && sched.due_ns < end_ns; count++) {
			fill(s, count, phase_at(s, sched.due_ns - start));
			ipb_sched_next(&sched);
		}
		if (give(s, count, end_ns + IPB_NS_PER_S, err) < 0)
			return -1;
		now = ipb_now_ns();
		const uint64_t overdue_ns = now - SENDER_BEHIND_NS;
		s->given_up += ipb_sched_skip(&sched, overdue_ns < end_ns ? overdue_ns : end_ns);
		sender_report(s, now - start);
	}
	return 0;
}

/* Of a phase that was cut off there is no more than this. */
static void end_early(struct sender *s)
{
	const uint64_t now = ipb_now_ns();

	if (!ipb_stop_asked(s->stopping) || now >= s->window_end_ns)
		return;
	s->window_end_ns = now > s->window_start_ns ? now : s->window_start_ns;
	s->failure = ECANCELED;
}

int sender_run(struct sender *s, struct ipb_error *err)
{
	const uint64_t now_ns = ipb_now_ns(), start = s->start_ns > now_ns ? s->start_ns : now_ns;

	prctl(PR_SET_TIMERSLACK, 1);
	s->window_start_ns = start + s->rampup_ns + s->warmup_ns;
	s->window_end_ns = s->window_start_ns + s->test_ns;
	if ((s->inject != NULL ? inject_run(s, start, err) : run(s, start, err)) < 0)
		return -1;
	end_early(s);
	return end(s, err);
}
