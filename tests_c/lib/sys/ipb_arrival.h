/*
 * What the kernel reports with a datagram of UDP, and what goes with its answer: control messages.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_ARRIVAL_H
#define IPB_ARRIVAL_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Of what the socket was asked to report. */
struct ipb_arrival {
	struct in6_pktinfo six;
	struct in_pktinfo four;
	int have_six, have_four;
	int hops;        /* left on arrival, 0: not known */
	int hops_level;  /* of the control message: IPPROTO_IP or IPPROTO_IPV6 */
	int tos;         /* or traffic class, -1: not known; */
	int tos_level;   /* of its control message */
	int segment;     /* bytes of each datagram of a train, 0: none */
	int64_t real_ns; /* when the kernel got it, of CLOCK_REALTIME; 0: not known */
};

void ipb_arrival_read(struct msghdr *m, struct ipb_arrival *a);

/* Whether it was sent to a group or to everybody. A socket with an address of its own gets what is sent to that alone. */
int ipb_arrival_to_many(const struct ipb_arrival *a);

/* Puts a control message behind those that are there; the buffer has room for it. */
void ipb_control_put(struct msghdr *m, int level, int type, const void *value, size_t size);

/* The address that was asked is the one that answers, over the interface of the routing table's choice. A socket for both families
 * may give the address in IPv4's form and in IPv6's: one of them goes back. */
void ipb_answer_from(struct msghdr *m, const struct ipb_arrival *a);
/* So many hops the answer may take, and this traffic class. */
void ipb_answer_hops(struct msghdr *m, const struct ipb_arrival *a, int hops);
void ipb_answer_tos(struct msghdr *m, const struct ipb_arrival *a, int tos);

#endif
