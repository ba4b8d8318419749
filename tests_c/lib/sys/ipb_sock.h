/*
 * Sockets by name, IPv4 and IPv6.  SPDX-License-Identifier: MIT
 *
 * All sockets are close-on-exec and non-blocking. Functions that fail return -1 and leave a sentence in err that
 * names host, port and cause.
 */
#ifndef IPB_SOCK_H
#define IPB_SOCK_H

#include <netinet/udp.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ipb_error.h"

/* Since Linux 4.18 and 5.0; older headers lack them. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#define IPB_IPPROTO_MPTCP 262 /* IPPROTO_MPTCP, since Linux 5.6; older headers lack it */

#define IPB_SOCK_CONNECT_MS 5000     /* how long ipb_sock_connect waits for a TCP connection */
#define IPB_SOCK_STAGGER_MS 250      /* RFC 8305, section 5: after so long the next address is tried beside those before it */
#define IPB_SOCK_RESOLVE_MAX 255     /* bytes of a host name */
#define IPB_SOCK_ADDRESSES_MAX 8     /* addresses of one name that are tried */

enum ipb_df {
	IPB_DF_SYSTEM, /* the system's way: over UDP, whoever forges an ICMP error decides whether there are fragments */
	IPB_DF_OFF,    /* no packet carries "do not fragment": routers, and this machine, make fragments */
	IPB_DF_ON      /* every packet carries it, and none is fragmented: too long for the interface is an error, for the path a loss */
};

/* What to do with a socket before it is used. Zeroes mean "leave". */
struct ipb_sock_options {
	const char *bind_host;  /* local address, or NULL or "" */
	const char *device;     /* SO_BINDTODEVICE, or NULL or "" */
	uint16_t bind_port;     /* local port */
	int sndbuf, rcvbuf;     /* bytes; as many as the system gives, but */
	int sndbuf_least, rcvbuf_least; /* fewer than these are an error */
	int busy_poll_us;       /* SO_BUSY_POLL */
	int dscp;               /* 0..63, or -1: leave */
	int ttl;                /* 1..255 */
	enum ipb_df df;
	int reuse;              /* SO_REUSEADDR */
	int reuse_port;         /* SO_REUSEPORT */
	int nodelay;            /* TCP_NODELAY */
	int mptcp;              /* ipb_sock_listen: a TCP socket that accepts Multipath TCP (RFC 8684), too */
	const char *sockopts;   /* "SO_X;SO_Y=value", see ipb_sock_apply_text */
};

struct ipb_address {
	struct sockaddr_storage storage;
	socklen_t size;
};

/* Looks host up (name, IPv4 or IPv6 address, also in brackets; "" or NULL: any, for passive use). type: SOCK_STREAM
 * or SOCK_DGRAM. At most max addresses to out; returns their number, or -1. Where ipbench has looked the target up
 * itself (ipbench_pinned_target in libipbench.h), the first of its addresses stands for all of them. An IPv4 address in
 * IPv6's form (::ffff:192.0.2.1) is taken for what it is. */
int ipb_sock_resolve(const char *host, uint16_t port, int type, int passive, struct ipb_address *out, int max,
                     struct ipb_error *err);

/* Opens a socket to host:port: the first of its addresses, in the system's order, that connects. A TCP connection that
 * does not stand after IPB_SOCK_STAGGER_MS gets company by the next address, as in RFC 8305; at most IPB_SOCK_CONNECT_MS
 * for all of them. */
int ipb_sock_connect(const char *host, uint16_t port, int type, const struct ipb_sock_options *options,
                     struct ipb_error *err);

/* The same to addresses that are known, at most IPB_SOCK_ADDRESSES_MAX; *chosen (may be NULL) is the one that it was. host
 * and port: for the sentence. */
int ipb_sock_connect_to(const struct ipb_address *to, int n, const char *host, uint16_t port, int type,
                        const struct ipb_sock_options *options, int *chosen, struct ipb_error *err);

/* -1 and a sentence with the reason why a socket of Multipath TCP could not be opened, and what to do. */
int ipb_sock_no_mptcp(int error, struct ipb_error *err);

/* Opens a socket bound to host:port (host "" or NULL: IPv6 and IPv4 both, where IPv6 exists); TCP listens.
 * Port 0: any free one, see ipb_sock_port. */
int ipb_sock_listen(const char *host, uint16_t port, int type, const struct ipb_sock_options *options,
                    struct ipb_error *err);

/* Opens an AF_PACKET socket on an interface for one Ethernet type; ether_type 0: receives nothing. *ifindex and
 * mac (6 bytes) describe the interface; either may be NULL. The error names how to grant CAP_NET_RAW where it is missing. */
int ipb_sock_raw(const char *iface, uint16_t ether_type, int *ifindex, uint8_t *mac, struct ipb_error *err);

/* "aa:bb:cc:dd:ee:ff" (also with '-') into 6 bytes; 0 or -1. */
int ipb_parse_mac(const char *text, uint8_t mac[6]);

/* Applies options to a socket of this family: each is read back, and one without effect is an error. 0 or -1. */
int ipb_sock_apply(int fd, int family, const struct ipb_sock_options *options, struct ipb_error *err);

/* Applies "SO_KEEPALIVE;SO_SNDBUF=65536;TCP_NODELAY", the notation of the original ipbench. 0 or -1. */
int ipb_sock_apply_text(int fd, const char *text, struct ipb_error *err);

/* One of them, "NAME" or "NAME=value", whoever's spelling it is; the word is cut at its "=". 0, or -1 and a sentence. */
int ipb_sock_apply_word(int fd, char *word, struct ipb_error *err);

/* A TCP peer whose machine is gone is noticed: after idle_s seconds of silence, then `probes` questions of interval_s each. */
void ipb_sock_watch_peer(int fd, int idle_s, int interval_s, int probes);

/* Local port of a socket, 0 when unknown. */
uint16_t ipb_sock_port(int fd);

/* Packets that the kernel dropped since the socket was made because its receive queue was full (SO_MEMINFO, the count
 * of SO_RXQ_OVFL without a control message in every packet). 0 on kernels before 4.12. */
uint64_t ipb_sock_drops(int fd);

/* "127.0.0.1:7", "[::1]:7" or "?" into to (at least 64 bytes). */
void ipb_sock_name(const struct sockaddr *address, socklen_t size, char *to, size_t to_size);

/* Whose address it is, for counting: an IPv4 address, or the 64 bits of an IPv6 address behind which one host may have all. */
uint64_t ipb_sock_host(const struct sockaddr_storage *a);

/* Whether two addresses are of the same host, whatever their ports. */
int ipb_sock_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
