/* Hellos, welcomes and messages as bytes; see ipb_hello.h.  SPDX-License-Identifier: MIT */
#include "ipb_hello.h"

#include <ctype.h>
#include <string.h>

#include "ipb_bytes.h"

#define HELLO_MAGIC 0x49504268656c6c6full   /* "IPBhello" */
#define WELCOME_MAGIC 0x49504277656c636dull /* "IPBwelcm" */
#define MESSAGE_MAGIC 0x4950426dull         /* "IPBm" */
#define JOIN_MAGIC 0x495042756a6f696eull    /* "IPBujoin" */

/* Whether all that is left is 0, so that a later version may give it a meaning. */
static int rest_is_zero(struct ipb_reader *r)
{
	size_t left = ipb_reader_left(r);
	const uint8_t *rest = ipb_read_bytes(r, left);

	for (size_t i = 0; i < left; i++)
		if (rest[i] != 0)
			return 0;
	return !r->failed;
}

/* Exactly size bytes with a NUL among them and zeros behind it, printable before. */
static int read_text(struct ipb_reader *r, char *to, size_t size)
{
	const uint8_t *from = ipb_read_bytes(r, size);
	size_t length = from != NULL ? strnlen((const char *)from, size) : size;

	if (length == size)
		return -1;
	for (size_t i = 0; i < size; i++)
		if (i < length ? !isprint(from[i]) : from[i] != 0)
			return -1;
	memcpy(to, from, size);
	return 0;
}

static void write_text(struct ipb_writer *w, const char *text, size_t size)
{
	uint8_t *to = ipb_write_room(w, size);

	if (to != NULL)
		memcpy(to, text, strnlen(text, size - 1));
}

void ipb_hello_encode(const struct ipb_hello *h, uint8_t to[IPB_HELLO_SIZE])
{
	struct ipb_writer w;

	memset(to, 0, IPB_HELLO_SIZE);
	ipb_writer_init(&w, to, IPB_HELLO_SIZE);
	ipb_write_u64(&w, HELLO_MAGIC);
	ipb_write_u8(&w, IPB_HELLO_VERSION);
	ipb_write_u8(&w, h->kind);
	ipb_write_u8(&w, h->direction);
	ipb_write_u8(&w, h->udp);
	ipb_write_u8(&w, h->copy);
	ipb_write_u8(&w, h->zerocopy);
	ipb_write_u8(&w, h->dscp);
	ipb_write_u8(&w, 0);
	ipb_write_u32(&w, h->streams);
	ipb_write_u32(&w, h->index);
	ipb_write_u64(&w, h->session);
	ipb_write_u64(&w, h->token);
	ipb_write_u32(&w, h->size);
	ipb_write_u32(&w, h->reply_size);
	ipb_write_u64(&w, h->bps);
	ipb_write_u64(&w, h->length_ns);
	ipb_write_u32(&w, h->rcvbuf);
	ipb_write_u32(&w, h->sndbuf);
	ipb_write_u32(&w, h->mss);
	write_text(&w, h->cc, sizeof h->cc);
}

static int hello_is_sound(const struct ipb_hello *h)
{
	const uint32_t size_max = h->udp ? IPB_HELLO_DATAGRAM_MAX : IPB_HELLO_SIZE_MAX;

	return h->kind >= 1 && h->kind < IPB_HELLO_KINDS && h->direction >= IPB_UP && h->direction <= IPB_BOTH && h->udp <= 1 &&
	       h->copy <= 1 && h->zerocopy < IPB_ZEROCOPY_KINDS && (h->dscp <= 63 || h->dscp == 255) && h->streams >= 1 &&
	       h->streams <= IPB_HELLO_STREAMS_MAX && ipb_hello_streams(h) <= IPB_HELLO_STREAMS_MAX &&
	       h->index < IPB_HELLO_STREAMS_MAX && h->size >= 1 && h->size <= size_max && h->reply_size <= IPB_HELLO_SIZE_MAX &&
	       h->bps <= IPB_HELLO_BPS_MAX && h->length_ns <= IPB_HELLO_LENGTH_MAX_NS && h->rcvbuf <= INT32_MAX &&
	       h->sndbuf <= INT32_MAX && h->mss <= 65535;
}

int ipb_hello_decode(struct ipb_hello *h, const uint8_t from[IPB_HELLO_SIZE])
{
	struct ipb_reader r;

	memset(h, 0, sizeof *h);
	ipb_reader_init(&r, from, IPB_HELLO_SIZE);
	if (ipb_read_u64(&r) != HELLO_MAGIC || ipb_read_u8(&r) != IPB_HELLO_VERSION)
		return -1;
	h->kind = ipb_read_u8(&r);
	h->direction = ipb_read_u8(&r);
	h->udp = ipb_read_u8(&r);
	h->copy = ipb_read_u8(&r);
	h->zerocopy = ipb_read_u8(&r);
	h->dscp = ipb_read_u8(&r);
	const uint8_t zero = ipb_read_u8(&r);
	h->streams = ipb_read_u32(&r);
	h->index = ipb_read_u32(&r);
	h->session = ipb_read_u64(&r);
	h->token = ipb_read_u64(&r);
	h->size = ipb_read_u32(&r);
	h->reply_size = ipb_read_u32(&r);
	h->bps = ipb_read_u64(&r);
	h->length_ns = ipb_read_u64(&r);
	h->rcvbuf = ipb_read_u32(&r);
	h->sndbuf = ipb_read_u32(&r);
	h->mss = ipb_read_u32(&r);
	return zero == 0 && read_text(&r, h->cc, sizeof h->cc) == 0 && rest_is_zero(&r) && hello_is_sound(h) ? 0 : -1;
}

void ipb_welcome_encode(const struct ipb_welcome *w, uint8_t to[IPB_WELCOME_SIZE])
{
	struct ipb_writer out;

	memset(to, 0, IPB_WELCOME_SIZE);
	ipb_writer_init(&out, to, IPB_WELCOME_SIZE);
	ipb_write_u64(&out, WELCOME_MAGIC);
	ipb_write_u8(&out, IPB_HELLO_VERSION);
	ipb_write_u8(&out, w->code);
	ipb_write_u64(&out, w->session);
	ipb_write_u64(&out, w->token);
	ipb_write_u64(&out, w->now_ns);
	ipb_write_u32(&out, w->streams_max);
	write_text(&out, w->text, sizeof w->text);
}

int ipb_welcome_decode(struct ipb_welcome *w, const uint8_t from[IPB_WELCOME_SIZE])
{
	struct ipb_reader r;

	memset(w, 0, sizeof *w);
	ipb_reader_init(&r, from, IPB_WELCOME_SIZE);
	if (ipb_read_u64(&r) != WELCOME_MAGIC || ipb_read_u8(&r) != IPB_HELLO_VERSION)
		return -1;
	w->code = ipb_read_u8(&r);
	w->session = ipb_read_u64(&r);
	w->token = ipb_read_u64(&r);
	w->now_ns = ipb_read_u64(&r);
	w->streams_max = ipb_read_u32(&r);
	return w->code < IPB_WELCOME_CODES && read_text(&r, w->text, sizeof w->text) == 0 && rest_is_zero(&r) ? 0 : -1;
}

void ipb_message_encode(const struct ipb_message *m, uint8_t to[IPB_MESSAGE_SIZE])
{
	struct ipb_writer w;

	memset(to, 0, IPB_MESSAGE_SIZE);
	ipb_writer_init(&w, to, IPB_MESSAGE_SIZE);
	ipb_write_u32(&w, MESSAGE_MAGIC);
	ipb_write_u32(&w, m->type);
	ipb_write_u64(&w, m->a);
	ipb_write_u64(&w, m->b);
	ipb_write_u64(&w, m->c);
}

int ipb_message_decode(struct ipb_message *m, const uint8_t from[IPB_MESSAGE_SIZE])
{
	struct ipb_reader r;

	memset(m, 0, sizeof *m);
	ipb_reader_init(&r, from, IPB_MESSAGE_SIZE);
	if (ipb_read_u32(&r) != MESSAGE_MAGIC)
		return -1;
	const uint32_t type = ipb_read_u32(&r);
	m->a = ipb_read_u64(&r);
	m->b = ipb_read_u64(&r);
	m->c = ipb_read_u64(&r);
	if (type < 1 || type >= IPB_MESSAGES || !rest_is_zero(&r))
		return -1;
	m->type = (uint8_t)type;
	return 0;
}

void ipb_join_encode(const struct ipb_join *j, uint8_t to[IPB_JOIN_SIZE])
{
	struct ipb_writer w;

	memset(to, 0, IPB_JOIN_SIZE);
	ipb_writer_init(&w, to, IPB_JOIN_SIZE);
	ipb_write_u64(&w, JOIN_MAGIC);
	ipb_write_u8(&w, j->type);
	ipb_write_u32(&w, j->index);
	ipb_write_u64(&w, j->session);
	ipb_write_u64(&w, j->word);
}

int ipb_join_decode(struct ipb_join *j, const uint8_t *from, size_t size)
{
	struct ipb_reader r;

	memset(j, 0, sizeof *j);
	ipb_reader_init(&r, from, size < IPB_JOIN_SIZE ? size : IPB_JOIN_SIZE);
	if (size < IPB_JOIN_SIZE || ipb_read_u64(&r) != JOIN_MAGIC)
		return -1;
	j->type = ipb_read_u8(&r);
	j->index = ipb_read_u32(&r);
	j->session = ipb_read_u64(&r);
	j->word = ipb_read_u64(&r);
	return j->type >= 1 && j->type < IPB_JOINS && j->index < IPB_HELLO_STREAMS_MAX && rest_is_zero(&r) ? 0 : -1;
}
