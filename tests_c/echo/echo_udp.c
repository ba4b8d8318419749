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
#include "ipb_sock.h"

#define CONTROL_MAX 128 /* two addresses and a size */

struct batch {
	struct mmsghdr messages[ECHO_BATCH];
	struct iovec parts[ECHO_BATCH];
	struct sockaddr_storage names[ECHO_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[ECHO_BATCH][CONTROL_MAX];
	uint16_t segments[ECHO_BATCH]; /* bytes of each datagram of a train but the last; 0: one datagram */
	uint8_t data[ECHO_BATCH][ECHO_DATAGRAM_MAX];
};

int echo_udp_open(struct echo_server *s, const char *ip, uint16_t port, struct ipb_error *err)
{
	struct ipb_sock_options o = { .rcvbuf = ECHO_SOCKET_BUFFER, .sndbuf = ECHO_SOCKET_BUFFER, .dscp = -1 };
	struct timeval wake = { .tv_usec = ECHO_WAKE_MS * 1000 };
	int yes = 1;

	s->kind = ECHO_UDP;
	s->any_address = ip == NULL || *ip == '\0';
	s->fd = ipb_sock_listen(ip, port, SOCK_DGRAM, &o, err);
	if (s->fd < 0)
		return -1;
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

/* Puts a control message behind those that are there. */
static void put(struct msghdr *m, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), value, size);
	m->msg_controllen += CMSG_SPACE(size);
}

/* Turns what came with a datagram into what goes with the answer: the address that was asked is the one that answers,
 * over the interface of the routing table's choice, and a train goes back as one. A socket for both families may give
 * the address in IPv4's form and in IPv6's: one of them goes back. Returns the size of a train's datagrams, or 0. */
static uint16_t answer_like(const struct echo_server *s, struct msghdr *m, size_t size)
{
	struct in6_pktinfo six;
	struct in_pktinfo four;
	int have_six = 0, have_four = 0, segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof six);
			have_six = 1;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof four);
			have_four = 1;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof segment);
		}
	}
	uint16_t train = segment > 0 && (size_t)segment < size ? (uint16_t)segment : 0;
	m->msg_controllen = 0;
	if (have_six && s->any_address) {
		six.ipi6_ifindex = 0;
		put(m, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six);
	} else if (have_four && s->any_address) {
		four.ipi_ifindex = 0;
		put(m, IPPROTO_IP, IP_PKTINFO, &four, sizeof four);
	}
	if (train > 0)
		put(m, SOL_UDP, UDP_SEGMENT, &train, sizeof train);
	return train;
}

static uint32_t datagrams(size_t size, uint16_t segment)
{
	return segment > 0 ? (uint32_t)((size + segment - 1) / segment) : 1;
}

/* What cannot be sent in one piece, since the kernel or the interface does not cut it up: datagram for datagram. */
static void answer_apart(struct echo_server *s, const struct msghdr *train, size_t size, uint16_t segment,
                         uint64_t *packets, uint64_t *bytes)
{
	struct iovec part = { 0 };
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

/* Sends what came, in order; a datagram that cannot be sent is counted and passed over. */
static void answer(struct echo_server *s, struct batch *b, int n)
{
	uint64_t bytes = 0, packets = 0;

	for (int i = 0; i < n; i++) {
		size_t size = b->parts[i].iov_len = b->messages[i].msg_len;
		b->segments[i] = answer_like(s, &b->messages[i].msg_hdr, size);
		check(s, b->data[i], size, b->segments[i]);
	}
	for (int done = 0; done < n;) {
		int sent = sendmmsg(s->fd, b->messages + done, (unsigned)(n - done), 0);
		if (sent < 0 && errno == EINTR)
			continue;
		for (int i = done; i < done + sent; i++) {
			packets += datagrams(b->parts[i].iov_len, b->segments[i]);
			bytes += b->parts[i].iov_len;
		}
		done += sent > 0 ? sent : 0;
		if (sent > 0)
			continue;
		if (b->segments[done] > 0)
			answer_apart(s, &b->messages[done].msg_hdr, b->parts[done].iov_len, b->segments[done], &packets, &bytes);
		else
			atomic_fetch_add(&s->failed, 1);
		done++;
	}
	echo_count(s, packets, bytes);
}

void echo_udp_run(struct echo_server *s)
{
	struct batch *b = new_batch();
	const unsigned most = s->trains ? ECHO_TRAINS : ECHO_BATCH;

	while (b != NULL && !ipb_stop_asked(s->stop)) {
		int n = recvmmsg(s->fd, b->messages, most, MSG_WAITFORONE, NULL);
		if (n <= 0)
			continue; /* time to look at stop, or an error that a datagram of ours caused (ICMP) */
		answer(s, b, n);
		reset(b, n);
	}
	free(b);
}
