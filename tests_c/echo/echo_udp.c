/* UDP echo: one blocking recvmmsg and one sendmmsg a batch.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "echo.h"
#include "ipb_sock.h"

#define CONTROL_MAX 128

struct batch {
	struct mmsghdr messages[ECHO_BATCH];
	struct iovec parts[ECHO_BATCH];
	struct sockaddr_storage names[ECHO_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[ECHO_BATCH][CONTROL_MAX];
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

/* Turns where a datagram came to into where the answer leaves from; the interface is the routing table's choice. A
 * socket for both families may give the address in IPv4's form and in IPv6's: one of them goes back. */
static void answer_from(struct msghdr *m)
{
	struct in6_pktinfo six;
	struct in_pktinfo four;
	int have_six = 0, have_four = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(c), sizeof six);
			have_six = 1;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(c), sizeof four);
			have_four = 1;
		}
	}
	struct cmsghdr *c = m->msg_control;
	if (have_six) {
		six.ipi6_ifindex = 0;
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof six);
		memcpy(CMSG_DATA(c), &six, sizeof six);
		m->msg_controllen = CMSG_SPACE(sizeof six);
	} else if (have_four) {
		four.ipi_ifindex = 0;
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof four);
		memcpy(CMSG_DATA(c), &four, sizeof four);
		m->msg_controllen = CMSG_SPACE(sizeof four);
	} else {
		m->msg_control = NULL;
		m->msg_controllen = 0;
	}
}

/* Sends what came, in order; a datagram that cannot be sent is counted and passed over. */
static void answer(struct echo_server *s, struct batch *b, int n)
{
	uint64_t bytes = 0, packets = 0;

	for (int i = 0; i < n; i++) {
		b->parts[i].iov_len = b->messages[i].msg_len;
		echo_check(s, b->data[i], b->messages[i].msg_len);
		if (s->any_address)
			answer_from(&b->messages[i].msg_hdr);
		else
			b->messages[i].msg_hdr.msg_controllen = 0;
	}
	for (int done = 0; done < n;) {
		int sent = sendmmsg(s->fd, b->messages + done, (unsigned)(n - done), 0);
		if (sent <= 0) {
			if (sent < 0 && errno == EINTR)
				continue;
			atomic_fetch_add(&s->failed, 1);
			done++;
			continue;
		}
		for (int i = done; i < done + sent; i++)
			bytes += b->parts[i].iov_len;
		packets += (uint64_t)sent;
		done += sent;
	}
	echo_count(s, packets, bytes);
}

void echo_udp_run(struct echo_server *s)
{
	struct batch *b = new_batch();

	while (b != NULL && !atomic_load_explicit(s->stop, memory_order_relaxed)) {
		int n = recvmmsg(s->fd, b->messages, ECHO_BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0)
			continue; /* time to look at stop, or an error that a datagram of ours caused (ICMP) */
		answer(s, b, n);
		reset(b, n);
	}
	free(b);
}
