/* Raw Ethernet echo: frames of type 0x6008 go back to their sender.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "echo.h"
#include "ipb_clock.h"
#include "ipb_fanout.h"
#include "ipb_header.h"
#include "ipb_sock.h"
#include "ipb_threads.h"

#define HEADER 14 /* two addresses and the type */

struct frames {
	struct mmsghdr in[ECHO_BATCH], out[ECHO_BATCH];
	struct iovec in_parts[ECHO_BATCH], out_parts[ECHO_BATCH];
	struct sockaddr_ll names[ECHO_BATCH];
	uint8_t data[ECHO_BATCH][ECHO_FRAME_MAX];
};

static int prepare_socket(const struct echo_server *s, struct ipb_error *err)
{
	struct timeval wake = { .tv_usec = ECHO_WAKE_MS * 1000 };
	struct ipb_sock_options o = { .rcvbuf = ECHO_SOCKET_BUFFER, .sndbuf = ECHO_SOCKET_BUFFER, .dscp = -1 };

	ipb_sock_apply(s->fd, AF_PACKET, &o, NULL); /* bigger buffers where they are allowed */
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake) < 0 ||
	    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return ipb_error_errno(err, errno, "cannot prepare the raw echo's socket");
	return 0;
}

int echo_raw_open(struct echo_server *servers, uint32_t count, const char *iface, struct ipb_error *err)
{
	static const struct ipb_fanout_flows flows = { .magic = IPB_HEADER_MAGIC, .magic_at = IPB_HEADER_MAGIC_AT };
	int fds[IPB_THREADS_MAX];
	uint8_t mac[6];

	if (ipb_fanout_open(fds, count, iface, ECHO_ETHER_TYPE, &flows, mac, err) < 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		servers[i].kind = ECHO_RAW;
		servers[i].fd = fds[i];
		memcpy(servers[i].mac, mac, sizeof mac);
	}
	for (uint32_t i = 0; i < count; i++)
		if (prepare_socket(&servers[i], err) < 0)
			return -1;
	return 0;
}

static struct frames *new_frames(void)
{
	struct frames *f = calloc(1, sizeof *f);

	for (int i = 0; f != NULL && i < ECHO_BATCH; i++) {
		f->in_parts[i] = (struct iovec){ f->data[i], ECHO_FRAME_MAX };
		f->in[i].msg_hdr = (struct msghdr){ .msg_name = &f->names[i], .msg_namelen = sizeof f->names[i],
			                            .msg_iov = &f->in_parts[i], .msg_iovlen = 1 };
		f->out[i].msg_hdr = (struct msghdr){ .msg_iov = &f->out_parts[i], .msg_iovlen = 1 };
	}
	return f;
}

/* Whether a frame that is ours to answer may be answered: never one whose source is our own address or a group. */
static int is_to_be_answered(struct echo_server *s, struct guard *guard, const uint8_t *frame, size_t size, int kind,
                             uint64_t now_ns)
{
	const uint8_t *source = frame + 6;
	uint64_t sender = 0;

	if ((source[0] & 1) != 0 || memcmp(source, s->mac, 6) == 0 || (kind != PACKET_HOST && !s->broadcast)) {
		echo_add(&s->ignored, 1);
		return 0;
	}
	memcpy(&sender, source, 6);
	if (guard_goes_round(guard, sender, frame + HEADER, size - HEADER, 1, now_ns)) {
		echo_add(&s->rounds, 1);
		return 0;
	}
	return 1;
}

/* Prepares the answers to n frames; returns how many there are. Frames to others, and our own, get none. */
static unsigned prepare(struct echo_server *s, struct frames *f, struct guard *guard, int n)
{
	unsigned answers = 0;
	uint64_t now = ipb_now_ns();

	for (int i = 0; i < n; i++) {
		uint8_t *frame = f->data[i];
		size_t size = f->in[i].msg_len;
		int kind = f->names[i].sll_pkttype, truncated = f->in[i].msg_hdr.msg_flags & MSG_TRUNC;

		f->in[i].msg_hdr.msg_namelen = sizeof f->names[i];
		if (size < HEADER || truncated || (kind != PACKET_HOST && kind != PACKET_BROADCAST && kind != PACKET_MULTICAST))
			continue;
		if (!is_to_be_answered(s, guard, frame, size, kind, now))
			continue;
		memcpy(frame, frame + 6, 6);
		memcpy(frame + 6, s->mac, 6);
		echo_check(s, frame + HEADER, size - HEADER);
		f->out_parts[answers++] = (struct iovec){ frame, size };
	}
	return answers;
}

void echo_raw_run(struct echo_server *s)
{
	struct frames *f = new_frames();
	struct guard *guard = guard_new();

	while (f != NULL && guard != NULL && !ipb_stop_asked(s->stop)) {
		int n = recvmmsg(s->fd, f->in, ECHO_BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0)
			continue;
		unsigned answers = prepare(s, f, guard, n);
		uint64_t bytes = 0;
		uint64_t packets = 0;
		for (unsigned done = 0; done < answers;) {
			int sent = sendmmsg(s->fd, f->out + done, answers - done, 0);
			if (sent <= 0) {
				if (sent < 0 && errno == EINTR)
					continue;
				atomic_fetch_add(&s->failed, 1);
				done++;
				continue;
			}
			for (unsigned i = done; i < done + (unsigned)sent; i++)
				bytes += f->out_parts[i].iov_len;
			packets += (uint64_t)sent;
			done += (unsigned)sent;
		}
		echo_count(s, packets, bytes);
	}
	free(guard);
	free(f);
}
