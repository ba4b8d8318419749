/*
 * What passes between a client and the services of a target before and beside the traffic.
 * SPDX-License-Identifier: MIT
 *
 * Every TCP connection to the port of the services begins with a hello of the client (IPB_HELLO_SIZE bytes), which the
 * target answers with a welcome (IPB_WELCOME_SIZE bytes): a session, or why there is none. What follows depends on the kind:
 *
 *   IPB_HELLO_BULK      a control connection of a bulk transfer: messages of IPB_MESSAGE_SIZE bytes in both directions. The
 *                       session lives as long as the connection.
 *   IPB_HELLO_STREAM    one stream of that session, named by session, token and index: after the welcome its bytes
 *   IPB_HELLO_REQUESTS  requests and responses. Over UDP the connection carries nothing more, and keeps alive what its hello
 *                       asked for: from its host each datagram of the size that it named, with the welcome's token in its
 *                       bytes 8 to 15 (IPB_REQUEST_TOKEN_AT), is answered with one of the other size, which begins with the same 8 bytes
 *
 * A stream over UDP joins with datagrams of IPB_JOIN_SIZE bytes, none of which is answered with more bytes than it has:
 *   client: JOIN (session, token, index)     target: CHALLENGE (a cookie of its own)
 *   client: ANSWER (that cookie)             target: READY
 * A target sends to no address that has not answered, and only to the host whose control connection asked.
 *
 * Numbers are in network byte order. A decoder reads exactly as many bytes as the size that has its name, and refuses other versions,
 * values out of range, and bytes that are to be 0 and are not.
 */
#ifndef IPB_HELLO_H
#define IPB_HELLO_H

#include <stddef.h>
#include <stdint.h>

#define IPB_SERVE_PORT 5205

#define IPB_HELLO_SIZE 128
#define IPB_WELCOME_SIZE 192
#define IPB_MESSAGE_SIZE 40
#define IPB_JOIN_SIZE 40
#define IPB_HELLO_VERSION 1
#define IPB_REQUEST_TOKEN_AT 8 /* of a request over UDP */
#define IPB_REQUEST_LEAST 16u  /* bytes of it */
#define IPB_RESPONSE_LEAST 8u

#define IPB_HELLO_STREAMS_MAX 1024       /* of a session, both directions together */
#define IPB_HELLO_SIZE_MAX (16u << 20)   /* bytes of a write */
#define IPB_HELLO_DATAGRAM_MAX 65507u    /* bytes of UDP payload */
#define IPB_HELLO_LENGTH_MAX_NS (90000ull * 1000000000ull) /* 25 h: no transfer takes longer */
#define IPB_HELLO_BPS_MAX 1000000000000ull
#define IPB_HELLO_CC_MAX 16              /* TCP_CA_NAME_MAX, with the NUL */
#define IPB_WELCOME_TEXT 128             /* bytes of a sentence, with the NUL */

enum ipb_hello_kind { IPB_HELLO_BULK = 1, IPB_HELLO_STREAM = 2, IPB_HELLO_REQUESTS = 3, IPB_HELLO_KINDS = 4 };

/* As the client sees it; bits. */
enum ipb_direction { IPB_UP = 1, IPB_DOWN = 2, IPB_BOTH = 3 };

enum ipb_zerocopy { IPB_ZEROCOPY_OFF, IPB_ZEROCOPY_SENDFILE, IPB_ZEROCOPY_MSG, IPB_ZEROCOPY_KINDS };

struct ipb_hello {
	uint8_t kind;          /* enum ipb_hello_kind */
	uint8_t direction;     /* enum ipb_direction */
	uint8_t udp;           /* 0, 1 */
	uint8_t copy;          /* 1: the receiver copies what it gets out of the kernel, 0: it does not (MSG_TRUNC) */
	uint8_t zerocopy;      /* enum ipb_zerocopy, of the target's sending */
	uint8_t dscp;          /* 0..63; 255: leave */
	uint32_t streams;      /* in each direction, 1.. ; streams 0.. go up, behind them are those that go down */
	uint32_t index;        /* IPB_HELLO_STREAM: which */
	uint64_t session, token; /* IPB_HELLO_STREAM: as in the welcome of the control connection */
	uint32_t size;         /* bytes of a write, a datagram, a request */
	uint32_t reply_size;   /* bytes of a response */
	uint64_t bps;          /* that the target sends, all streams together; 0: all it can */
	uint64_t length_ns;    /* the client goes on for no longer */
	uint32_t rcvbuf, sndbuf, mss; /* of the target's sockets; 0: leave */
	char cc[IPB_HELLO_CC_MAX];    /* congestion control of the target's sending; "": the system's */
};

/* The target's answer, with a sentence in `text` for everything but IPB_WELCOME_OK. */
enum ipb_welcome_code {
	IPB_WELCOME_OK,
	IPB_WELCOME_BUSY,       /* no room for one more */
	IPB_WELCOME_UNKNOWN,    /* no such service here, no such session */
	IPB_WELCOME_REFUSED,    /* this machine cannot do what was asked for */
	IPB_WELCOME_CODES
};

struct ipb_welcome {
	uint8_t code;           /* enum ipb_welcome_code */
	uint64_t session, token;
	uint64_t now_ns;        /* the target's clock */
	uint32_t streams_max;   /* of one session */
	char text[IPB_WELCOME_TEXT];
};

/* On a control connection. Times are of the target's clock, except in PING. */
enum ipb_message_type {
	IPB_MESSAGE_PING = 1, /* client: a = its time */
	IPB_MESSAGE_PONG,     /* target: a as it came, b = the target's time */
	IPB_MESSAGE_READY,    /* client: are all streams there? target: a = how many are */
	IPB_MESSAGE_GO,       /* client: a = begin, b, c = begin and end of the measured phase: the target sends now */
	IPB_MESSAGE_END,      /* client: stop, and report; a = how long the target is still to receive, in ns */
	IPB_MESSAGE_RESULT,   /* target: a = bytes of result that follow */
	IPB_MESSAGE_FAILED,   /* target: a = bytes of a sentence that follow */
	IPB_MESSAGES
};

struct ipb_message {
	uint8_t type; /* enum ipb_message_type */
	uint64_t a, b, c;
};

enum ipb_join_type { IPB_JOIN = 1, IPB_JOIN_CHALLENGE, IPB_JOIN_ANSWER, IPB_JOIN_READY, IPB_JOINS };

struct ipb_join {
	uint8_t type; /* enum ipb_join_type */
	uint32_t index;
	uint64_t session;
	uint64_t word; /* token or cookie */
};

/* Encoders write exactly as many bytes as the size that has their name. Decoders: 0, or -1 when these are not such bytes. */
void ipb_hello_encode(const struct ipb_hello *h, uint8_t to[IPB_HELLO_SIZE]);
int ipb_hello_decode(struct ipb_hello *h, const uint8_t from[IPB_HELLO_SIZE]);
void ipb_welcome_encode(const struct ipb_welcome *w, uint8_t to[IPB_WELCOME_SIZE]);
int ipb_welcome_decode(struct ipb_welcome *w, const uint8_t from[IPB_WELCOME_SIZE]);
void ipb_message_encode(const struct ipb_message *m, uint8_t to[IPB_MESSAGE_SIZE]);
int ipb_message_decode(struct ipb_message *m, const uint8_t from[IPB_MESSAGE_SIZE]);
void ipb_join_encode(const struct ipb_join *j, uint8_t to[IPB_JOIN_SIZE]);
/* size: of the datagram; one that is shorter is none. */
int ipb_join_decode(struct ipb_join *j, const uint8_t *from, size_t size);

/* Streams of a session, and which way one goes (IPB_UP or IPB_DOWN). */
static inline uint32_t ipb_hello_streams(const struct ipb_hello *h)
{
	return h->direction == IPB_BOTH ? 2 * h->streams : h->streams;
}

static inline int ipb_hello_way(const struct ipb_hello *h, uint32_t index)
{
	return h->direction != IPB_BOTH ? h->direction : index < h->streams ? IPB_UP : IPB_DOWN;
}

#endif
