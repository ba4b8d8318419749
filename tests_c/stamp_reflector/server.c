/* A STAMP reflector's socket and thread: receives packets, stamps them, answers each by itself.  SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipb_arrival.h"
#include "ipb_sock.h"

#define CONTROL_MAX 256
#define UNKNOWN_TTL 255 /* RFC 5357, section 4.2.1: where it cannot be read */

/* Services that would answer an answer; the port of other reflectors is among them. */
static const uint16_t services[] = { 0, 7, 9, 11, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 520, 623, IPB_STAMP_PORT };

struct batch {
	struct mmsghdr messages[SERVER_BATCH];
	struct iovec parts[SERVER_BATCH];
	struct sockaddr_storage names[SERVER_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[SERVER_BATCH][CONTROL_MAX];
	uint8_t data[SERVER_BATCH][IPB_STAMP_SIZE_MAX + 1];
	uint8_t out[IPB_STAMP_SIZE_MAX + 1];
};

static int want(int fd, int level4, int option4, int level6, int option6)
{
	int yes = 1;
	const int four = setsockopt(fd, level4, option4, &yes, sizeof yes), six = setsockopt(fd, level6, option6, &yes, sizeof yes);

	return four < 0 && six < 0 ? -1 : 0; /* a socket has one family or both */
}

static void read_sync(struct server *s)
{
	ipb_sync_watch_get(&s->watch, &s->sync);
	/* Whoever keeps the clock speaks of the clock as it is now. */
	s->reflector.estimate = ipb_stamp_estimate(s->sync.synchronized, s->reflector.format.ptp,
	                                           s->sync.error_ns + s->anchor_error_ns + (uint64_t)llabs(s->moved_ns));
	s->reflector.source = !s->sync.synchronized              ? IPB_STAMP_SOURCE_LOCAL
	                      : s->sync.by == IPB_SYNC_PTP4L ? IPB_STAMP_SOURCE_PTP
	                                                     : IPB_STAMP_SOURCE_NTP;
}

int server_open(struct server *s, const char *ip, uint16_t port, int ptp, struct ipb_error *err)
{
	struct ipb_sock_options o = { .rcvbuf = SERVER_SOCKET_BUFFER, .sndbuf = SERVER_SOCKET_BUFFER, .dscp = -1, .df = IPB_DF_OFF };
	struct timeval wake = { .tv_usec = SERVER_WAKE_MS * 1000 };
	socklen_t size = sizeof s->own;
	int yes = 1;

	s->any_address = ip == NULL || *ip == '\0';
	s->fd = ipb_sock_listen(ip, port, SOCK_DGRAM, &o, err);
	if (s->fd < 0)
		return -1;
	if (ipb_stamp_reflector_open(&s->reflector) < 0)
		return ipb_error(err, "no memory for sessions");
	if (getsockname(s->fd, (struct sockaddr *)&s->own, &size) < 0 ||
	    want(s->fd, IPPROTO_IP, IP_RECVTTL, IPPROTO_IPV6, IPV6_RECVHOPLIMIT) < 0 ||
	    want(s->fd, IPPROTO_IP, IP_RECVTOS, IPPROTO_IPV6, IPV6_RECVTCLASS) < 0 ||
	    want(s->fd, IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6, IPV6_RECVPKTINFO) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &wake, sizeof wake) < 0 ||
	    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return ipb_error_errno(err, errno, "cannot prepare the reflector's socket");
	s->kernel = s->kernel && setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) == 0;
	/* CLOCK_MONOTONIC itself: of the time stamp counter the rate is known less well, and this runs for hours. */
	ipb_clock_init(&s->clock, 0);
	s->anchor_ns = ipb_clock_realtime_offset_ns(&s->clock, &s->anchor_error_ns);
	ipb_sync_watch_open(&s->watch); /* without its thread, what it has found first goes on to count */
	s->sync = s->watch.latest;
	s->reflector.format = (struct ipb_stamp_format){ ptp, s->sync.tai_s };
	s->reflector.method_in = IPB_STAMP_METHOD_SOFTWARE;
	read_sync(s);
	return 0;
}

void server_close(struct server *s)
{
	ipb_sync_watch_close(&s->watch);
	ipb_stamp_reflector_close(&s->reflector);
	ipb_hmac_close(s->reflector.key);
	s->reflector.key = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void reset(struct batch *b, int n)
{
	for (int i = 0; i < n; i++) {
		b->parts[i] = (struct iovec){ b->data[i], sizeof b->data[i] };
		b->messages[i].msg_hdr = (struct msghdr){ .msg_name = &b->names[i], .msg_namelen = sizeof b->names[i],
			                                  .msg_iov = &b->parts[i], .msg_iovlen = 1,
			                                  .msg_control = b->control[i], .msg_controllen = CONTROL_MAX };
	}
}

static int is_service(uint16_t port)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (services[i] == port)
			return 1;
	return 0;
}

/* Where it was sent to. */
static void destination(const struct server *s, const struct ipb_arrival *x, struct ipb_stamp_end *to)
{
	struct sockaddr_storage at = s->own;

	if (x->have_six) {
		((struct sockaddr_in6 *)&at)->sin6_addr = x->six.ipi6_addr;
		at.ss_family = AF_INET6;
	} else if (x->have_four && at.ss_family == AF_INET) {
		((struct sockaddr_in *)&at)->sin_addr = x->four.ipi_addr;
	}
	ipb_stamp_end_of(to, &at);
}

/* Nobody is to make two reflectors answer each other for ever, nor use one against many. An answer has a hop less than its
 * packet, so that what goes round between reflectors ends; a packet at its last hop would go on. */
static int is_to_be_answered(const struct server *s, const struct ipb_stamp_arrival *a, const struct ipb_arrival *x)
{
	return !ipb_arrival_to_many(x) && !is_service(a->from.port) && x->hops > 1 &&
	       !(a->from.port == a->to.port && memcmp(a->from.address, a->to.address, 16) == 0) && s->fd >= 0;
}

static void address_answer(const struct server *s, struct msghdr *m, const struct ipb_arrival *x, int dscp)
{
	m->msg_controllen = 0;
	if (s->any_address)
		ipb_answer_from(m, x);
	ipb_answer_hops(m, x, x->hops - 1);
	if (dscp != 0)
		ipb_answer_tos(m, x, dscp << 2);
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_release);
}

static void answer(struct server *s, struct batch *b, int i, int64_t read_ns, int64_t real_offset_ns)
{
	struct msghdr *m = &b->messages[i].msg_hdr;
	struct ipb_stamp_arrival a = { .packet = b->data[i], .size = b->messages[i].msg_len, .at_ns = read_ns };
	struct ipb_stamp_answer out;
	struct ipb_arrival x;

	ipb_arrival_read(m, &x);
	ipb_stamp_end_of(&a.from, &b->names[i]);
	destination(s, &x, &a.to);
	if (x.real_ns != 0) { /* of the kernel's clock, into that of the stamps */
		const int64_t at = x.real_ns - real_offset_ns + s->anchor_ns;
		a.at_ns = at < read_ns ? at : read_ns;
	}
	a.ttl = x.hops > 0 ? x.hops : UNKNOWN_TTL;
	a.tos = x.tos > 0 ? x.tos : 0;
	if (m->msg_flags & MSG_TRUNC || a.size > IPB_STAMP_SIZE_MAX || !is_to_be_answered(s, &a, &x)) {
		add(&s->ignored, 1);
		return;
	}
	if (!ipb_stamp_prepare(&s->reflector, &a, b->out, &out))
		return;
	address_answer(s, m, &x, out.dscp);
	b->parts[i] = (struct iovec){ b->out, out.size };
	if (ipb_stamp_finish(&s->reflector, &out, b->out, (int64_t)ipb_clock_now(&s->clock) + s->anchor_ns) < 0 ||
	    sendmsg(s->fd, m, 0) < 0) {
		add(&s->failed, 1);
		return;
	}
	add(&s->packets, 1);
	add(&s->bytes, out.size);
}

void server_run(struct server *s)
{
	struct batch *b = calloc(1, sizeof *b);
	uint64_t sync_due = 0, real_due = 0;
	int64_t real_offset = 0;

	if (b != NULL)
		reset(b, SERVER_BATCH);
	while (b != NULL && !ipb_stop_asked(s->stop)) {
		const int n = recvmmsg(s->fd, b->messages, SERVER_BATCH, MSG_WAITFORONE, NULL);
		const uint64_t now = ipb_clock_now(&s->clock);
		if (now >= real_due) {
			const int64_t moved = s->moved_ns;
			real_offset = ipb_clock_realtime_offset_ns(&s->clock, NULL);
			real_due = now + SERVER_REAL_NS;
			s->moved_ns = real_offset - s->anchor_ns;
			if (llabs(s->moved_ns) > llabs(s->moved_most_ns))
				s->moved_most_ns = s->moved_ns;
			if (llabs(s->moved_ns - moved) > SERVER_STEP_NS)
				sync_due = 0; /* what is claimed changes at once */
		}
		if (now >= sync_due) {
			read_sync(s);
			sync_due = now + SERVER_SYNC_NS;
		}
		for (int i = 0; i < n; i++)
			answer(s, b, i, (int64_t)now + s->anchor_ns, real_offset);
		reset(b, n > 0 ? n : 0);
	}
	free(b);
}
