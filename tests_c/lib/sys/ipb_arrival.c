/* See ipb_arrival.h.  SPDX-License-Identifier: MIT */
#include "ipb_arrival.h"

#include <netinet/udp.h>
#include <string.h>
#include <time.h>

#include "ipb_clock.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

void ipb_arrival_read(struct msghdr *m, struct ipb_arrival *a)
{
	struct timespec t;

	memset(a, 0, sizeof *a);
	a->tos = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&a->six, CMSG_DATA(c), sizeof a->six);
			a->have_six = 1;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&a->four, CMSG_DATA(c), sizeof a->four);
			a->have_four = 1;
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
		           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			memcpy(&a->hops, CMSG_DATA(c), sizeof a->hops);
			a->hops_level = c->cmsg_level;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			a->tos = *CMSG_DATA(c); /* one byte, on its way in */
			a->tos_level = IPPROTO_IP;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			memcpy(&a->tos, CMSG_DATA(c), sizeof a->tos);
			a->tos_level = IPPROTO_IPV6;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&a->segment, CMSG_DATA(c), sizeof a->segment);
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof t);
			a->real_ns = (int64_t)t.tv_sec * (int64_t)IPB_NS_PER_S + t.tv_nsec;
		}
	}
}

int ipb_arrival_to_many(const struct ipb_arrival *a)
{
	return (a->have_six && a->six.ipi6_addr.s6_addr[0] == 0xff) ||
	       (a->have_four && a->four.ipi_addr.s_addr != a->four.ipi_spec_dst.s_addr);
}

void ipb_control_put(struct msghdr *m, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), value, size);
	m->msg_controllen += CMSG_SPACE(size);
}

void ipb_answer_from(struct msghdr *m, const struct ipb_arrival *a)
{
	struct in6_pktinfo six = a->six;
	struct in_pktinfo four = a->four;

	six.ipi6_ifindex = 0;
	four.ipi_ifindex = 0;
	if (a->have_six)
		ipb_control_put(m, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six);
	else if (a->have_four)
		ipb_control_put(m, IPPROTO_IP, IP_PKTINFO, &four, sizeof four);
}

void ipb_answer_hops(struct msghdr *m, const struct ipb_arrival *a, int hops)
{
	ipb_control_put(m, a->hops_level, a->hops_level == IPPROTO_IP ? IP_TTL : IPV6_HOPLIMIT, &hops, sizeof hops);
}

void ipb_answer_tos(struct msghdr *m, const struct ipb_arrival *a, int tos)
{
	ipb_control_put(m, a->tos_level, a->tos_level == IPPROTO_IP ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
}
