/* How a stream over UDP joins its session; see ipb_hello.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bulk_private.h"
#include "ipb_sock.h"
#include "ipb_stream_socket.h"

/* No more bytes than came, and only so often. */
static void answer(struct bulk_join *j, int fd, const struct sockaddr_storage *to, socklen_t to_size, enum ipb_join_type type,
                   const struct ipb_join *asked, uint64_t word)
{
	const struct ipb_join back = { (uint8_t)type, asked->index, asked->session, word };
	uint8_t bytes[IPB_JOIN_SIZE];

	if (j->answers++ >= IPB_BULK_JOIN_ANSWERS_MAX)
		return;
	ipb_join_encode(&back, bytes);
	sendto(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to, to_size);
}

/* A socket of the stream's own on the same port, for that peer alone; its address here is the one that the control
 * connection uses, so that the client knows whom its datagrams come from. */
static int open_stream(const struct bulk_session *s, int udp_fd, const struct sockaddr_storage *to, socklen_t to_size,
                       struct ipb_error *err)
{
	const struct ipb_stream_options o = { .udp = 1, .rcvbuf = s->hello.rcvbuf, .sndbuf = s->hello.sndbuf,
		                              .dscp = s->hello.dscp == 255 ? -1 : s->hello.dscp };
	struct sockaddr_storage own = { 0 };
	socklen_t own_size = sizeof own;
	const uint16_t port = htons(ipb_sock_port(udp_fd));
	const int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
	int no = 0;

	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a UDP socket");
	if (getsockname(s->watch.fd, (struct sockaddr *)&own, &own_size) < 0)
		goto fail;
	if (own.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&own)->sin6_port = port;
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	} else {
		((struct sockaddr_in *)&own)->sin_port = port;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) < 0 ||
	    bind(fd, (const struct sockaddr *)&own, own_size) < 0 || connect(fd, (const struct sockaddr *)to, to_size) < 0)
		goto fail;
	if (ipb_stream_prepare(fd, &o, err) == 0)
		return fd;
	close(fd);
	return -1;
fail:
	ipb_error_errno(err, errno, "cannot open a UDP stream");
	close(fd);
	return -1;
}

void ipb_bulk_join(struct ipb_service *service, int fd, const struct sockaddr_storage *from, socklen_t from_size,
                   const struct ipb_join *join)
{
	struct bulk_session *s = ipb_bulk_find(service->context, join->session);
	struct ipb_error err = { 0 };

	if (s == NULL || s->joins == NULL || join->index >= s->pump.count || !ipb_sock_same_host(from, &s->peer) || s->state != BULK_JOINING)
		return;
	struct bulk_join *j = &s->joins[join->index];
	if (join->type == IPB_JOIN && join->word == s->token) {
		answer(j, fd, from, from_size, IPB_JOIN_CHALLENGE, join, j->cookie);
		return;
	}
	if (join->type != IPB_JOIN_ANSWER || join->word != j->cookie || s->pump.streams[join->index].fd >= 0)
		return;
	const int own = open_stream(s, fd, from, from_size, &err);
	if (own >= 0 && ipb_bulk_add_stream(s, join->index, own, &err) < 0)
		close(own);
	else if (own >= 0)
		answer(j, own, from, from_size, IPB_JOIN_READY, join, j->cookie);
}
