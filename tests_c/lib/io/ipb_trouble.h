/*
 * What became of packets that did not get through, by kind: those that this machine's kernel refused to send, and what
 * ICMP reported of those that had left.  SPDX-License-Identifier: MIT
 *
 * A send call fails for one of two reasons. An ICMP error about an earlier packet has come in: the call reports it, and
 * has not tried the packet at hand. Or the kernel refuses the packet at hand: its route, a filter, the path's MTU. The
 * numbers of both are the same (a router's "network unreachable" and a missing route are both ENETUNREACH); the socket's
 * error queue (IP_RECVERR) tells them apart, and has every ICMP error, those too that a connected socket passes over.
 */
#ifndef IPB_TROUBLE_H
#define IPB_TROUBLE_H

#include <stdint.h>
#include <time.h>

#define IPB_TROUBLE_KINDS 32      /* kinds that are told apart */
#define IPB_TROUBLE_READ_MAX 64   /* messages read from an error queue at once */
#define IPB_TROUBLE_FROM_MAX 46   /* bytes of an address as text */
#define IPB_TROUBLE_TEXT 400      /* bytes that hold the sentence of ipb_trouble_text */

enum ipb_origin { IPB_ORIGIN_LOCAL, IPB_ORIGIN_ICMP, IPB_ORIGIN_ICMP6 };

struct ipb_trouble {
	enum ipb_origin origin;
	uint8_t type, code;              /* ICMP's */
	int error;                       /* errno */
	uint64_t count;
	uint32_t mtu;                    /* the least that ICMP errors of this kind named; 0: none */
	char from[IPB_TROUBLE_FROM_MAX]; /* who sent the first ICMP error of this kind; "" when it is not known */
};

struct ipb_troubles {
	struct ipb_trouble kinds[IPB_TROUBLE_KINDS];
	uint32_t used;
	uint64_t others;                 /* for which there was no room */
};

/* One message of an error queue. */
struct ipb_trouble_message {
	int is_icmp, is_stamp;
	struct ipb_trouble trouble;      /* of an ICMP error */
	uint32_t mtu;                    /* of the path, where the message is about it; else 0 */
	struct timespec stamps[3];       /* of a sent packet (SO_TIMESTAMPING), and its id */
	uint32_t stamp_id;
};

/* Lets the kernel keep ICMP errors of a UDP socket for ipb_trouble_read; also reports to the sender each packet that the
 * own queueing discipline does not take (ENOBUFS). 0, or -1 with errno. */
int ipb_trouble_listen(int fd);

/* Reads one message; 0 when there is none. */
int ipb_trouble_read(int fd, struct ipb_trouble_message *m);

void ipb_trouble_add(struct ipb_troubles *all, const struct ipb_trouble *one);

/* The kernel refused a packet, with this errno. */
void ipb_trouble_refused(struct ipb_troubles *all, int error);

/* How many there were: refused by this machine (local), or ICMP errors. */
uint64_t ipb_trouble_count(const struct ipb_troubles *all, int local);

/* Whether all ICMP errors are about the path's MTU. */
int ipb_trouble_is_mtu(const struct ipb_troubles *all);

/* "12 × port unreachable (ICMP type 3 code 3, from 10.0.0.1), …" of the local ones or of the others; "" when there are
 * none. */
void ipb_trouble_text(const struct ipb_troubles *all, int local, char *to, size_t size);

/* The same as a list of objects of the result document. */
struct ipb_json;
void ipb_trouble_json(const struct ipb_troubles *all, int local, struct ipb_json *j, const char *key);

#endif
