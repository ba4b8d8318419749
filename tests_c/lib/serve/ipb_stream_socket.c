/* Options of a stream's socket; see ipb_stream_socket.h.  SPDX-License-Identifier: MIT */
#include "ipb_stream_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_sock.h"

/* Those that this system has, for a sentence. */
static void known_controls(char *to, size_t size)
{
	const int fd = open("/proc/sys/net/ipv4/tcp_available_congestion_control", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, to, size - 1) : 0;

	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static int set_control(int fd, const char *cc, struct ipb_error *err)
{
	char known[200];

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, (socklen_t)strlen(cc)) == 0)
		return 0;
	const int error = errno;
	known_controls(known, sizeof known);
	if (error == ENOENT)
		return ipb_error(err, "cc=%s: no such congestion control here; loaded are: %s", cc, known);
	return ipb_error_errno(err, error, "cc=%s", cc);
}

int ipb_stream_prepare(int fd, const struct ipb_stream_options *o, struct ipb_error *err)
{
	struct ipb_sock_options s = { .dscp = o->dscp, .rcvbuf = (int)o->rcvbuf, .sndbuf = (int)o->sndbuf,
		                      .df = o->udp ? IPB_DF_OFF : IPB_DF_SYSTEM };
	int family = AF_INET;
	socklen_t size = sizeof family;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	if (o->udp && s.rcvbuf == 0)
		s.rcvbuf = IPB_STREAM_UDP_BUFFER;
	if (o->udp && s.sndbuf == 0)
		s.sndbuf = IPB_STREAM_UDP_BUFFER;
	if (ipb_sock_apply(fd, family, &s, err) < 0)
		return -1;
	if (o->udp)
		return 0;
	if (o->cc != NULL && *o->cc != '\0' && set_control(fd, o->cc, err) < 0)
		return -1;
	const int mss = (int)o->mss;
	if (mss > 0 && setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof mss) < 0)
		return ipb_error_errno(err, errno, "mss=%d", mss);
	return 0;
}
