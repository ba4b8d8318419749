/*
 * The echo servers.  SPDX-License-Identifier: MIT
 *
 * Each server has a thread of its own, runs from echo_*_run until its `stop` word is set, and counts alone.
 */
#ifndef ECHO_H
#define ECHO_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "echo_guard.h"
#include "ipb_apart.h"
#include "ipb_error.h"
#include "ipb_stop.h"

#define ECHO_BATCH 64              /* datagrams or frames received and sent in one call */
#define ECHO_TRAINS 8              /* trains of datagrams in one call */
#define ECHO_DATAGRAM_MAX 65536    /* bytes */
#define ECHO_FRAME_MAX 9216        /* bytes of an Ethernet frame; longer ones are not answered */
#define ECHO_WAKE_MS 50            /* how often an idle server checks whether it is to stop */
#define ECHO_SOCKET_BUFFER (8 << 20)
#define ECHO_CONNECTIONS_MAX 16384 /* TCP connections at a time */
#define ECHO_DESCRIPTORS_LEFT 16   /* of RLIMIT_NOFILE, which connections may not use */
#define ECHO_PAUSE_MS 100          /* no connection is accepted for so long after the system had no room for one */
#define ECHO_SWEEP_MS 200          /* how often connections that do not read their answers are checked */
#define ECHO_STUCK_MS 10000        /* one that has read nothing of what waits for it for so long is ended */
#define ECHO_IDLE_MS 10000         /* when there is no room, one that is idle for so long makes room */
#define ECHO_TCP_MEMORY (512ll << 20) /* bytes that may wait for all connections together, the kernel's included */
#define ECHO_TCP_BUFFER 131072     /* bytes read at once; also the most that one connection may have unsent */
#define ECHO_DSCP_BITS 0xfc        /* of the byte that ECN has the rest of (RFC 2474, RFC 3168) */
#define ECHO_ETHER_TYPE 0x6008     /* of the latency test over raw Ethernet */

enum echo_kind { ECHO_UDP, ECHO_TCP, ECHO_RAW };

/* One of each thread: nothing that it writes is in a cache line of another's. */
struct echo_server {
	_Alignas(IPB_APART) enum echo_kind kind;
	int cpu;             /* processor of its thread, where `pinned` */
	int pinned;
	int fd;
	int check;           /* write first word + 1 into the second word */
	uint32_t spoil;      /* check: every spoil-th answer lacks it; 0: none */
	uint32_t check_size; /* TCP and check: bytes in a packet */
	int reflect_dscp;    /* UDP, TCP: answers carry the DSCP that came */
	int64_t memory_max;  /* TCP: ECHO_TCP_MEMORY */
	uint64_t stuck_ms;   /* TCP: ECHO_STUCK_MS */
	uint32_t connections_max; /* TCP: ECHO_CONNECTIONS_MAX, or a share of it */
	/* TCP with several threads: one accepts, and hands each connection to the server that has the fewest, through a pipe. */
	struct echo_server *team; /* all of them, this one included; NULL: it is alone */
	uint32_t team_count;
	int takes;           /* it accepts nothing: `fd` is the pipe's end that gives it connections */
	int give_fd;         /* the other end */
	int trains;          /* UDP: receives and sends many datagrams of a sender in one piece (UDP_GRO, UDP_SEGMENT) */
	int any_address;     /* UDP: bound to no address, so answer from the one that was asked */
	int broadcast;       /* UDP and raw: answer what was sent to many, too */
	struct sockaddr_storage own; /* UDP: what the socket is bound to */
	uint8_t mac[6];      /* raw: of the interface */
	const struct ipb_stop *stop;
	/* Written by the server's thread, read by others at any time. */
	_Atomic uint64_t packets, bytes, failed, connections;
	_Atomic uint64_t refused; /* TCP: connections for which there was no room */
	_Atomic uint64_t ended;   /* TCP: connections that we ended: stuck, or idle when others wanted room */
	_Atomic uint64_t ignored; /* not answered: from ourselves, a service, or sent to many */
	_Atomic uint64_t rounds;  /* not answered: may be going round */
	_Atomic uint32_t has;     /* TCP: connections that it has, or has been handed */
	uint64_t checked; /* packets that check mode has seen; the server's thread alone */
};

/* shared: other servers listen on the same port. */
int echo_udp_open(struct echo_server *s, const char *ip, uint16_t port, int shared, struct ipb_error *err);
int echo_tcp_open(struct echo_server *s, const char *ip, uint16_t port, struct ipb_error *err);
/* The first of count servers is open, the others are copies of its settings: shares its connections out among all. */
int echo_tcp_share(struct echo_server *servers, uint32_t count, struct ipb_error *err);
/* count servers, which share the frames. */
int echo_raw_open(struct echo_server *servers, uint32_t count, const char *iface, struct ipb_error *err);
void echo_udp_run(struct echo_server *s);
void echo_tcp_run(struct echo_server *s);
void echo_raw_run(struct echo_server *s);

/* Check mode for one packet, words in the byte order of sender and this machine; both are to have the same. */
static inline void echo_check(struct echo_server *s, uint8_t *packet, size_t size)
{
	uint64_t word;

	if (!s->check || size < 16)
		return;
	s->checked++;
	if (s->spoil != 0 && s->checked % s->spoil == 0)
		return;
	memcpy(&word, packet, 8);
	word++;
	memcpy(packet + 8, &word, 8);
}

static inline void echo_add(_Atomic uint64_t *to, uint64_t n)
{
	if (n > 0) /* one thread writes, so that no locked instruction is needed */
		atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_release);
}

static inline void echo_count(struct echo_server *s, uint64_t packets, uint64_t bytes)
{
	echo_add(&s->packets, packets);
	echo_add(&s->bytes, bytes);
}

#endif
