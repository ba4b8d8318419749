/* One turn of a UDP stream, in trains that the kernel cuts and joins; see ipb_pump.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_bytes.h"
#include "ipb_pump_private.h"
#include "ipb_sock.h"

#define MAGIC 0x49504273u   /* "IPBs" */
#define TRAINS 8            /* that one call receives */
#define TRAIN_BYTES 65536   /* a train is one datagram of the kernel's */
#define CONTROL 64
#define DATAGRAM_BYTES_MAX 65507u

struct ipb_pump_batch {
	struct mmsghdr messages[TRAINS];
	struct iovec parts[TRAINS];
	_Alignas(struct cmsghdr) uint8_t control[TRAINS][CONTROL];
	uint8_t data[TRAINS][TRAIN_BYTES];
};

/* magic u32, measured u8, 0 u8, stream u16, session u64, number u64, time of the sender u64 */
static void write_header(const struct ipb_pump *p, const struct ipb_stream *s, uint8_t *to, uint64_t number, uint64_t now_ns,
                         int measured)
{
	ipb_put_be(to, MAGIC, 4);
	to[4] = (uint8_t)measured;
	to[5] = 0;
	ipb_put_be(to + 6, s->index, 2);
	ipb_put_be(to + 8, p->config.session, 8);
	ipb_put_be(to + 16, number, 8);
	ipb_put_be(to + 24, now_ns, 8);
}

static int read_header(const struct ipb_pump *p, const struct ipb_stream *s, const uint8_t *from, uint64_t *number,
                       uint64_t *sent_ns, int *measured)
{
	if (ipb_get_be(from, 4) != MAGIC || from[4] > 1 || ipb_get_be(from + 6, 2) != s->index ||
	    ipb_get_be(from + 8, 8) != p->config.session)
		return -1;
	*measured = from[4];
	*number = ipb_get_be(from + 16, 8);
	*sent_ns = ipb_get_be(from + 24, 8);
	return 0;
}

uint32_t ipb_pump_udp_train(const struct ipb_pump *p)
{
	const uint32_t fit = DATAGRAM_BYTES_MAX / p->config.size;

	return fit > IPB_PUMP_TRAIN_MAX ? IPB_PUMP_TRAIN_MAX : fit;
}

int ipb_pump_udp_open(struct ipb_pump_worker *w)
{
	const int size = (int)w->pump->config.size;
	int yes = 1;

	for (uint32_t i = 0; i < w->count; i++) {
		struct ipb_stream *s = w->streams[i];
		if (w->sends)
			s->udp.no_trains = setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) < 0;
		else if (ipb_sequence_init(&s->udp.sequence) < 0)
			return -1;
		else /* without it datagrams come one by one */
			setsockopt(s->fd, SOL_UDP, UDP_GRO, &yes, sizeof yes);
	}
	if (w->sends)
		return 0;
	w->batch = calloc(1, sizeof *w->batch);
	for (int i = 0; w->batch != NULL && i < TRAINS; i++) {
		struct ipb_pump_batch *b = w->batch;
		b->parts[i] = (struct iovec){ b->data[i], TRAIN_BYTES };
		b->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &b->parts[i], .msg_iovlen = 1, .msg_control = b->control[i] };
	}
	return w->batch != NULL ? 0 : -1;
}

void ipb_pump_udp_close(struct ipb_pump_worker *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		ipb_sequence_free(&w->streams[i]->udp.sequence);
	free(w->batch);
	w->batch = NULL;
}

/* Errors about one packet, after which the next may go. */
static int is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == EPERM || error == EHOSTUNREACH ||
	       error == ENETUNREACH || error == ENETDOWN || error == EMSGSIZE;
}

/* What an ICMP error about an earlier datagram leaves for the next call: anybody may have sent it, and that call sent and received
 * nothing. Whether the peer is gone shows elsewhere. */
static int is_rejection(const struct ipb_pump *p, int error)
{
	if (p->config.rejection_ends)
		return 0;
	return error == ECONNREFUSED || error == ENOPROTOOPT || error == EPROTO || error == EACCES || error == EOPNOTSUPP ||
	       error == EHOSTDOWN || error == ENONET;
}

int ipb_pump_udp_send(struct ipb_pump_worker *w, struct ipb_stream *s, uint32_t count)
{
	const struct ipb_pump *p = w->pump;
	const struct ipb_pump_format *f = p->config.format;
	const uint32_t size = p->config.size;
	const uint64_t now = ipb_now_ns();
	const int measured = ipb_pump_is_measured(p, now);

	if (s->udp.no_trains)
		count = 1;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *to = w->buffer + (size_t)i * size;
		if (f != NULL)
			f->write(s, to, s->udp.numbers + i, now, measured);
		else
			write_header(p, s, to, s->udp.numbers + i, now, measured);
	}
	const ssize_t n = send(s->fd, w->buffer, (size_t)count * size, MSG_NOSIGNAL);
	const int doubtful = n < 0 && errno == EMSGSIZE && !s->udp.too_long;
	s->udp.too_long = n < 0 && errno == EMSGSIZE;
	if (doubtful) /* an ICMP error, which anybody may have sent, fails one call; a path that is too narrow the next, too */
		return 0;
	if (n < 0 && (errno == EINVAL || errno == EMSGSIZE || errno == EIO) && !s->udp.no_trains) {
		const int none = 0; /* the path's MTU is smaller than a datagram, or the interface does not know trains */
		setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none);
		s->udp.no_trains = 1;
		return 0;
	}
	if (n < 0 && is_rejection(p, errno))
		return 0;
	if (n < 0 && is_passing(errno)) {
		s->udp.refused += measured && errno != EAGAIN && errno != EINTR ? count : 0;
		return 0;
	}
	if (n < 0)
		return ipb_pump_end(w, s, errno);
	s->udp.numbers += count;
	s->udp.datagrams += count;
	if (measured) {
		s->udp.measured += count;
		s->udp.measured_bytes += (uint64_t)n;
	}
	ipb_pump_count(s, now, (uint64_t)n);
	return 1;
}

/* RFC 3550, section 6.4.1 and appendix A.8: J += (|D| - J) / 16. */
static void count_jitter(struct ipb_pump_udp *u, uint64_t sent_ns, uint64_t now_ns)
{
	const int64_t transit = (int64_t)(now_ns - sent_ns);
	const double difference = fabs((double)(transit - u->transit_ns));

	if (u->datagrams > 1)
		u->jitter_ns += (difference - u->jitter_ns) / 16;
	u->transit_ns = transit;
}

/* 1 when it had not come before. */
static int number_datagram(struct ipb_pump_udp *u, uint64_t number, int measured)
{
	const uint64_t duplicate = u->sequence.duplicate, reordered = u->sequence.reordered;
	const int is_new = ipb_sequence_add(&u->sequence, number);

	if (measured) {
		u->duplicate += u->sequence.duplicate - duplicate;
		u->reordered += u->sequence.reordered - reordered;
	}
	return is_new;
}

static void take_datagram(const struct ipb_pump *p, struct ipb_stream *s, const uint8_t *data, size_t size, uint64_t now_ns)
{
	const struct ipb_pump_format *f = p->config.format;
	uint64_t number, sent_ns;
	int measured;

	if (size < (f != NULL ? f->header : IPB_PUMP_DATAGRAM_HEADER) ||
	    (f != NULL ? f->read(s, data, &number, &sent_ns, &measured) : read_header(p, s, data, &number, &sent_ns, &measured)) < 0) {
		s->udp.foreign++;
		return;
	}
	s->udp.datagrams++;
	if (!number_datagram(&s->udp, number, measured))
		return;
	count_jitter(&s->udp, sent_ns, now_ns);
	ipb_pump_count(s, now_ns, size);
	if (!measured)
		return;
	s->udp.measured++;
	s->udp.measured_bytes += size;
}

/* Bytes of each datagram in a train, all but the last. */
static size_t segment_of(struct msghdr *m, size_t all)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size;
			memcpy(&size, CMSG_DATA(c), sizeof size);
			return size > 0 ? (size_t)size : all;
		}
	return all;
}

int ipb_pump_udp_receive(struct ipb_pump_worker *w, struct ipb_stream *s)
{
	struct ipb_pump_batch *b = w->batch;

	for (int i = 0; i < TRAINS; i++)
		b->messages[i].msg_hdr.msg_controllen = CONTROL;
	const int n = recvmmsg(s->fd, b->messages, TRAINS, MSG_WAITFORONE, NULL);
	if (n < 0 && (is_passing(errno) || errno == ECONNREFUSED || is_rejection(w->pump, errno)))
		return 0; /* a datagram of ours that was refused does not end what the peer sends */
	if (n < 0)
		return ipb_pump_end(w, s, errno);
	const uint64_t now = ipb_now_ns();
	for (int i = 0; i < n; i++) {
		const size_t all = b->messages[i].msg_len, segment = segment_of(&b->messages[i].msg_hdr, all);
		for (size_t at = 0; at < all; at += segment)
			take_datagram(w->pump, s, b->data[i] + at, all - at < segment ? all - at : segment, now);
	}
	return n > 0;
}
