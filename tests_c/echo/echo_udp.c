/* UDP echo: one blocking recvmmsg and one sendmmsg a batch of datagrams, or of trains of them.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "echo.h"
#include "ipb_arrival.h"
#include "ipb_clock.h"
#include "ipb_sock.h"

#define CONTROL_MAX 192 /* two addresses, a size, hops, and room for a class of service */
#define USUAL_HOPS 64   /* that packets come with: answers to them need no word about hops */

struct batch {
	struct mmsghdr messages[ECHO_BATCH];
	struct iovec parts[ECHO_BATCH];
	struct sockaddr_storage names[ECHO_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[ECHO_BATCH][CONTROL_MAX];
	uint16_t segments[ECHO_BATCH]; /* bytes of each datagram of a train but the last; 0: one datagram */
	uint8_t data[ECHO_BATCH][ECHO_DATAGRAM_MAX];
};

/* The hops that came are wanted with each datagram, and answers to the usual ones leave with one less. Of the two
 * families a socket has one or, without an address of its own, both. */
static int prepare_hops(int fd)
{
	int yes = 1, hops = USUAL_HOPS - 1;
	int four = setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &yes, sizeof yes) |
	           setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof hops);
	int six = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &yes, sizeof yes) |
	          setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);

	return four < 0 && six < 0 ? -1 : 0;
}

/* The class of service that came is wanted with each datagram, of the families that the socket has. */
static int prepare_class(int fd)
{
	int yes = 1;
	int four = setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &yes, sizeof yes);
	int six = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &yes, sizeof yes);

	return four < 0 && six < 0 ? -1 : 0;
}

int echo_udp_open(struct echo_server *s, const char *ip, uint16_t port, int shared, struct ipb_error *err)
{
	struct ipb_sock_options o = { .rcvbuf = ECHO_SOCKET_BUFFER, .sndbuf = ECHO_SOCKET_BUFFER, .dscp = -1,
	                              .df = IPB_DF_OFF, .reuse_port = shared };
	struct timeval wake = { .tv_usec = ECHO_WAKE_MS * 1000 };
	socklen_t size = sizeof s->own;
	int yes = 1;

	s->kind = ECHO_UDP;
	s->any_address = ip == NULL || *ip == '\0';
	s->fd = ipb_sock_listen(ip, port, SOCK_DGRAM, &o, err);
	if (s->fd < 0)
		return -1;
	if (getsockname(s->fd, (struct sockaddr *)&s->own, &size) < 0 || prepare_hops(s->fd) < 0 ||
	    (s->reflect_dscp && prepare_class(s->fd) < 0))
		return ipb_error_errno(err, errno, "cannot prepare the UDP echo's socket");
	if (s->any_address) {
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes);
		setsockopt(s->fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes);
	}
	if (s->trains && setsockopt(s->fd, SOL_UDP, UDP_GRO, &yes, sizeof yes) < 0)
		return ipb_error_errno(err, errno, "argument trains: this kernel cannot receive UDP in trains; leave it out");
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &wake, sizeof wake) < 0 ||
	    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return ipb_error_errno(err, errno, "cannot prepare the UDP echo's socket");
	return 0;
}

static void reset(struct batch *b, int n)
{
	for (int i = 0; i < n; i++) {
		b->parts[i].iov_len = ECHO_DATAGRAM_MAX;
		b->messages[i].msg_hdr.msg_namelen = sizeof b->names[i];
		b->messages[i].msg_hdr.msg_control = b->control[i];
		b->messages[i].msg_hdr.msg_controllen = CONTROL_MAX;
		b->messages[i].msg_hdr.msg_flags = 0;
	}
}

static struct batch *new_batch(void)
{
	struct batch *b = calloc(1, sizeof *b);

	for (int i = 0; b != NULL && i < ECHO_BATCH; i++) {
		b->parts[i].iov_base = b->data[i];
		b->messages[i].msg_hdr.msg_name = &b->names[i];
		b->messages[i].msg_hdr.msg_iov = &b->parts[i];
		b->messages[i].msg_hdr.msg_iovlen = 1;
	}
	if (b != NULL)
		reset(b, ECHO_BATCH);
	return b;
}

/* Sets what goes with the answer: the address that was asked; one hop less than came, but never none; the DSCP that came, when asked;
 * and a train goes back as one. Returns the size of a train's datagrams, or 0. */
static uint16_t answer_like(const struct echo_server *s, struct msghdr *m, const struct ipb_arrival *a, size_t size)
{
	uint16_t train = a->segment > 0 && (size_t)a->segment < size ? (uint16_t)a->segment : 0;

	m->msg_controllen = 0;
	if (s->any_address && !ipb_arrival_to_many(a)) /* else the kernel knows the address */
		ipb_answer_from(m, a);
	if (a->hops > 0 && a->hops != USUAL_HOPS)
		ipb_answer_hops(m, a, a->hops > 1 ? a->hops - 1 : 1);
	if (s->reflect_dscp && a->tos >= 0)
		ipb_answer_tos(m, a, a->tos & ECHO_DSCP_BITS);
	if (train > 0)
		ipb_control_put(m, SOL_UDP, UDP_SEGMENT, &train, sizeof train);
	return train;
}

static uint32_t datagrams(size_t size, uint16_t segment)
{
	return segment > 0 ? (uint32_t)((size + segment - 1) / segment) : 1;
}

/* What cannot be sent in one piece, since the kernel or the interface does not cut it up: datagram for datagram. */
static void answer_apart(struct echo_server *s, const struct msghdr *train, uint16_t segment, uint64_t *packets,
                         uint64_t *bytes)
{
	struct iovec part = { 0 };
	size_t size = train->msg_iov->iov_len;
	struct msghdr m = *train;

	m.msg_controllen -= CMSG_SPACE(sizeof segment);
	m.msg_iov = &part;
	for (size_t at = 0; at < size; at += segment) {
		part.iov_base = (uint8_t *)train->msg_iov->iov_base + at;
		part.iov_len = size - at < segment ? size - at : segment;
		if (sendmsg(s->fd, &m, 0) < 0) {
			atomic_fetch_add(&s->failed, 1);
			continue;
		}
		*packets += 1;
		*bytes += part.iov_len;
	}
}

static void check(struct echo_server *s, uint8_t *data, size_t size, uint16_t segment)
{
	size_t step = segment > 0 ? segment : size;

	for (size_t at = 0; s->check && at < size; at += step)
		echo_check(s, data + at, size - at < step ? size - at : step);
}

/* Whether a datagram comes from the very address and port that it was sent to. */
static int from_ourselves(const struct echo_server *s, const struct sockaddr_storage *from, const struct ipb_arrival *a)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)from, *own_four = (const struct sockaddr_in *)&s->own;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from, *own_six = (const struct sockaddr_in6 *)&s->own;

	if (six->sin6_port != own_six->sin6_port) /* IPv4's is at the same place */
		return 0;
	if (from->ss_family == AF_INET)
		return four->sin_addr.s_addr == (a->have_four ? a->four.ipi_addr : own_four->sin_addr).s_addr;
	return memcmp(&six->sin6_addr, a->have_six ? &a->six.ipi6_addr : &own_six->sin6_addr, sizeof six->sin6_addr) == 0;
}

/* A number for the sender's address and port. */
static uint64_t sender_of(const struct sockaddr_storage *from, uint16_t *port)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
	uint64_t half[2];

	*port = ntohs(six->sin6_port);
	if (from->ss_family == AF_INET)
		return (uint64_t)((const struct sockaddr_in *)from)->sin_addr.s_addr << 16 | *port;
	memcpy(half, &six->sin6_addr, sizeof half);
	return (half[0] * 0x9e3779b97f4a7c15ull ^ half[1]) * 0x9e3779b97f4a7c15ull ^ *port;
}

static int is_to_be_answered(struct echo_server *s, struct guard *guard, const struct msghdr *m, const struct ipb_arrival *a,
                             size_t size, uint64_t now_ns)
{
	uint16_t port;
	uint64_t sender = sender_of(m->msg_name, &port);

	if (guard_is_service(port) || from_ourselves(s, m->msg_name, a) || (!s->broadcast && ipb_arrival_to_many(a))) {
		echo_add(&s->ignored, 1);
		return 0;
	}
	if (guard_goes_round(guard, sender, m->msg_iov->iov_base, size, a->hops <= 1, now_ns)) {
		echo_add(&s->rounds, 1);
		return 0;
	}
	return 1;
}

/* Prepares the answers to n datagrams; those to be sent come first. Returns how many they are. */
static int prepare(struct echo_server *s, struct batch *b, struct guard *guard, int n)
{
	uint64_t now = ipb_now_ns();
	struct ipb_arrival a;
	int answers = 0;

	for (int i = 0; i < n; i++) {
		struct mmsghdr m = b->messages[i];
		ipb_arrival_read(&m.msg_hdr, &a);
		if (!is_to_be_answered(s, guard, &m.msg_hdr, &a, m.msg_len, now))
			continue;
		m.msg_hdr.msg_iov->iov_len = m.msg_len;
		b->segments[answers] = answer_like(s, &m.msg_hdr, &a, m.msg_len);
		check(s, m.msg_hdr.msg_iov->iov_base, m.msg_len, b->segments[answers]);
		if (answers < i)
			b->messages[i] = b->messages[answers]; /* each keeps parts of its own */
		b->messages[answers++] = m;
	}
	return answers;
}

/* Sends n answers, in order; one that cannot be sent is counted and passed over. */
static void answer(struct echo_server *s, struct batch *b, int n)
{
	uint64_t bytes = 0, packets = 0;

	for (int done = 0; done < n;) {
		int sent = sendmmsg(s->fd, b->messages + done, (unsigned)(n - done), 0);
		if (sent < 0 && errno == EINTR)
			continue;
		for (int i = done; i < done + sent; i++) {
			size_t size = b->messages[i].msg_hdr.msg_iov->iov_len;
			packets += datagrams(size, b->segments[i]);
			bytes += size;
		}
		done += sent > 0 ? sent : 0;
		if (sent > 0)
			continue;
		if (b->segments[done] > 0)
			answer_apart(s, &b->messages[done].msg_hdr, b->segments[done], &packets, &bytes);
		else
			atomic_fetch_add(&s->failed, 1);
		done++;
	}
	echo_count(s, packets, bytes);
}

void echo_udp_run(struct echo_server *s)
{
	struct batch *b = new_batch();
	struct guard *guard = guard_new();
	const unsigned most = s->trains ? ECHO_TRAINS : ECHO_BATCH;

	while (b != NULL && guard != NULL && !ipb_stop_asked(s->stop)) {
		int n = recvmmsg(s->fd, b->messages, most, MSG_WAITFORONE, NULL);
		if (n <= 0)
			continue; /* time to check for stop, or an error that a datagram of ours caused (ICMP) */
		answer(s, b, prepare(s, b, guard, n));
		reset(b, n);
	}
	free(guard);
	free(b);
}
