/* Packets that did not get through; see ipb_trouble.h.  SPDX-License-Identifier: MIT */
#include "ipb_trouble.h"

#include <errno.h>
#include <netdb.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_json.h"

#define CONTROL_MAX 512
#define ANY_CODE 255

/* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; RFC 4443 with the codes of IANA's registry. */
static const struct {
	enum ipb_origin origin;
	uint8_t type, code;
	const char *name;
} names[] = {
	{ IPB_ORIGIN_ICMP, 3, 0, "network unreachable" },
	{ IPB_ORIGIN_ICMP, 3, 1, "host unreachable" },
	{ IPB_ORIGIN_ICMP, 3, 2, "protocol unreachable" },
	{ IPB_ORIGIN_ICMP, 3, 3, "port unreachable" },
	{ IPB_ORIGIN_ICMP, 3, 4, "fragmentation needed" },
	{ IPB_ORIGIN_ICMP, 3, 5, "source route failed" },
	{ IPB_ORIGIN_ICMP, 3, 6, "network unknown" },
	{ IPB_ORIGIN_ICMP, 3, 7, "host unknown" },
	{ IPB_ORIGIN_ICMP, 3, 8, "source host isolated" },
	{ IPB_ORIGIN_ICMP, 3, 9, "network prohibited" },
	{ IPB_ORIGIN_ICMP, 3, 10, "host prohibited" },
	{ IPB_ORIGIN_ICMP, 3, 11, "network unreachable for this type of service" },
	{ IPB_ORIGIN_ICMP, 3, 12, "host unreachable for this type of service" },
	{ IPB_ORIGIN_ICMP, 3, 13, "administratively prohibited" },
	{ IPB_ORIGIN_ICMP, 3, 14, "host precedence violation" },
	{ IPB_ORIGIN_ICMP, 3, 15, "precedence cutoff" },
	{ IPB_ORIGIN_ICMP, 11, ANY_CODE, "time exceeded" },
	{ IPB_ORIGIN_ICMP, 12, ANY_CODE, "parameter problem" },
	{ IPB_ORIGIN_ICMP6, 1, 0, "no route to the destination" },
	{ IPB_ORIGIN_ICMP6, 1, 1, "administratively prohibited" },
	{ IPB_ORIGIN_ICMP6, 1, 2, "beyond the scope of the source address" },
	{ IPB_ORIGIN_ICMP6, 1, 3, "address unreachable" },
	{ IPB_ORIGIN_ICMP6, 1, 4, "port unreachable" },
	{ IPB_ORIGIN_ICMP6, 1, 5, "source address failed a policy" },
	{ IPB_ORIGIN_ICMP6, 1, 6, "route rejected" },
	{ IPB_ORIGIN_ICMP6, 1, 7, "error in the source routing header" },
	{ IPB_ORIGIN_ICMP6, 1, 8, "headers too long" },
	{ IPB_ORIGIN_ICMP6, 2, ANY_CODE, "packet too big" },
	{ IPB_ORIGIN_ICMP6, 3, ANY_CODE, "time exceeded" },
	{ IPB_ORIGIN_ICMP6, 4, ANY_CODE, "parameter problem" },
};

int ipb_trouble_listen(int fd)
{
	int family = 0, yes = 1;
	socklen_t size = sizeof family;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
		return -1;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof yes) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes);
}

static void read_error(struct ipb_trouble_message *m, const struct cmsghdr *c)
{
	struct sock_extended_err s;
	const uint8_t *offender = CMSG_DATA(c) + sizeof s;

	memcpy(&s, CMSG_DATA(c), sizeof s);
	if (s.ee_errno == EMSGSIZE)
		m->mtu = s.ee_info;
	if (s.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		m->is_stamp = 1;
		m->stamp_id = s.ee_data;
	}
	if (s.ee_origin != SO_EE_ORIGIN_ICMP && s.ee_origin != SO_EE_ORIGIN_ICMP6)
		return;
	m->is_icmp = 1;
	m->trouble = (struct ipb_trouble){ s.ee_origin == SO_EE_ORIGIN_ICMP ? IPB_ORIGIN_ICMP : IPB_ORIGIN_ICMP6, s.ee_type,
	                                   s.ee_code, (int)s.ee_errno, 1, m->mtu, "" };
	socklen_t size = c->cmsg_level == IPPROTO_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	struct sockaddr_storage from = { 0 };
	if (c->cmsg_len < CMSG_LEN(sizeof s + size))
		return;
	memcpy(&from, offender, size);
	if (getnameinfo((struct sockaddr *)&from, size, m->trouble.from, sizeof m->trouble.from, NULL, 0, NI_NUMERICHOST) != 0)
		m->trouble.from[0] = '\0';
}

int ipb_trouble_read(int fd, struct ipb_trouble_message *m)
{
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct msghdr h = { .msg_control = control, .msg_controllen = sizeof control };
	int stamped = 0;

	*m = (struct ipb_trouble_message){ 0 };
	if (recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPING && c->cmsg_len >= CMSG_LEN(sizeof m->stamps)) {
			memcpy(m->stamps, CMSG_DATA(c), sizeof m->stamps);
			stamped = 1;
		} else if (c->cmsg_level != SOL_SOCKET && c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err))) {
			read_error(m, c);
		}
	}
	m->is_stamp &= stamped;
	return 1;
}

void ipb_trouble_add(struct ipb_troubles *all, const struct ipb_trouble *one)
{
	for (uint32_t i = 0; i < all->used; i++) {
		struct ipb_trouble *k = &all->kinds[i];
		if (k->origin == one->origin && k->type == one->type && k->code == one->code && k->error == one->error) {
			k->count += one->count;
			if (one->mtu != 0 && (k->mtu == 0 || one->mtu < k->mtu))
				k->mtu = one->mtu;
			return;
		}
	}
	if (all->used < IPB_TROUBLE_KINDS)
		all->kinds[all->used++] = *one;
	else
		all->others += one->count;
}

void ipb_trouble_refused(struct ipb_troubles *all, int error)
{
	ipb_trouble_add(all, &(struct ipb_trouble){ IPB_ORIGIN_LOCAL, 0, 0, error, 1, 0, "" });
}

uint64_t ipb_trouble_count(const struct ipb_troubles *all, int local)
{
	uint64_t n = local ? 0 : all->others; /* there are more kinds of ICMP errors than room; the errors of a machine are few */

	for (uint32_t i = 0; i < all->used; i++)
		n += (all->kinds[i].origin == IPB_ORIGIN_LOCAL) == local ? all->kinds[i].count : 0;
	return n;
}

int ipb_trouble_is_mtu(const struct ipb_troubles *all)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < all->used; i++)
		n += all->kinds[i].mtu != 0 ? all->kinds[i].count : 0;
	return n > 0 && n == ipb_trouble_count(all, 0);
}

/* What happened, in words. */
static const char *name_of(const struct ipb_trouble *t, char *room, size_t size)
{
	if (t->origin == IPB_ORIGIN_LOCAL)
		return strerror_r(t->error, room, size);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].origin == t->origin && names[i].type == t->type &&
		    (names[i].code == t->code || names[i].code == ANY_CODE))
			return names[i].name;
	return "unknown";
}

void ipb_trouble_text(const struct ipb_troubles *all, int local, char *to, size_t size)
{
	char room[96];
	size_t used = 0;

	to[0] = '\0';
	for (uint32_t i = 0; i < all->used && used < size; i++) {
		const struct ipb_trouble *t = &all->kinds[i];
		if ((t->origin == IPB_ORIGIN_LOCAL) != local)
			continue;
		used += (size_t)snprintf(to + used, size - used, "%s%llu × %s", used > 0 ? ", " : "", (unsigned long long)t->count,
		                         name_of(t, room, sizeof room));
		if (t->mtu != 0 && used < size)
			used += (size_t)snprintf(to + used, size - used, " for an MTU of %u bytes", t->mtu);
		if (!local && used < size)
			used += (size_t)snprintf(to + used, size - used, " (%s type %u code %u%s%s)",
			                         t->origin == IPB_ORIGIN_ICMP ? "ICMP" : "ICMPv6", t->type, t->code,
			                         t->from[0] != '\0' ? ", from " : "", t->from);
	}
}

void ipb_trouble_json(const struct ipb_troubles *all, int local, struct ipb_json *j, const char *key)
{
	char room[96];

	ipb_json_array(j, key);
	for (uint32_t i = 0; i < all->used; i++) {
		const struct ipb_trouble *t = &all->kinds[i];
		if ((t->origin == IPB_ORIGIN_LOCAL) != local)
			continue;
		ipb_json_object(j, NULL);
		ipb_json_string(j, "error", name_of(t, room, sizeof room));
		ipb_json_string(j, "errno", strerrorname_np(t->error));
		if (!local) {
			ipb_json_string(j, "protocol", t->origin == IPB_ORIGIN_ICMP ? "icmp" : "icmpv6");
			ipb_json_uint(j, "type", t->type);
			ipb_json_uint(j, "code", t->code);
			if (t->mtu != 0)
				ipb_json_uint(j, "mtu", t->mtu);
			ipb_json_string(j, "from", t->from[0] != '\0' ? t->from : NULL);
		}
		ipb_json_uint(j, "count", t->count);
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
}
