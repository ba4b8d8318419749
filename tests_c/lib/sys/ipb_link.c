/* What the outgoing interface drops; see ipb_link.h.  SPDX-License-Identifier: MIT */
#include "ipb_link.h"

#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWERS_MAX 256 /* messages of the kernel that are read: a dump of all queueing disciplines */

int ipb_netlink_open(void)
{
	const struct timeval patience = { .tv_sec = 1 };
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

const struct nlmsghdr *ipb_netlink_interface(uint32_t index, void *answer, size_t size)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg about;
	} ask = { .head = { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
	          .about = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index } };
	const struct nlmsghdr *m = answer;
	const int fd = index != 0 ? ipb_netlink_open() : -1;

	if (fd < 0)
		return NULL;
	const ssize_t n = send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask ? recv(fd, answer, size, 0) : -1;
	close(fd);
	return n > 0 && NLMSG_OK(m, (unsigned)n) && m->nlmsg_type == RTM_NEWLINK ? m : NULL;
}

/* Puts an attribute behind a request. */
static void put(struct nlmsghdr *head, unsigned short type, const void *value, size_t size)
{
	struct rtattr *a = (struct rtattr *)((char *)head + NLMSG_ALIGN(head->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(a), value, size);
	head->nlmsg_len = NLMSG_ALIGN(head->nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* The part of an address that a route is about; its size to *size, 0: of another family. */
static const void *host_part(const struct sockaddr_storage *a, size_t *size)
{
	*size = a->ss_family == AF_INET ? sizeof(struct in_addr) : a->ss_family == AF_INET6 ? sizeof(struct in6_addr) : 0;
	return a->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
	                               : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
}

/* Index of the interface in the kernel's answer, or 0. */
static unsigned outgoing(const struct nlmsghdr *m)
{
	unsigned index = 0;
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct rtmsg));

	for (struct rtattr *a = RTM_RTA(NLMSG_DATA(m)); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= sizeof index)
			memcpy(&index, RTA_DATA(a), sizeof index);
	return index;
}

/* Asks the kernel for the route of a socket's packets: by its addresses and the device that it is bound to. */
static unsigned route_of(int fd, const struct sockaddr_storage *to)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg about;
		char attributes[128];
	} ask = { .head = { .nlmsg_len = NLMSG_LENGTH(sizeof ask.about), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
	          .about = { .rtm_family = (unsigned char)to->ss_family } };
	_Alignas(struct nlmsghdr) char answer[4096];
	struct sockaddr_storage from;
	char device[IF_NAMESIZE] = "";
	socklen_t from_size = sizeof from, device_size = sizeof device;
	unsigned index = 0;
	size_t size = 0;
	const void *host = host_part(to, &size);

	if (size == 0)
		return 0;
	ask.about.rtm_dst_len = (unsigned char)(8 * size);
	put(&ask.head, RTA_DST, host, size);
	if (getsockname(fd, (struct sockaddr *)&from, &from_size) == 0 && from.ss_family == to->ss_family) {
		ask.about.rtm_src_len = (unsigned char)(8 * size);
		put(&ask.head, RTA_SRC, host_part(&from, &size), size);
	}
	if (to->ss_family == AF_INET6)
		index = ((const struct sockaddr_in6 *)to)->sin6_scope_id;
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_size) == 0 && device[0] != '\0')
		index = if_nametoindex(device);
	if (index != 0)
		put(&ask.head, RTA_OIF, &index, sizeof index);
	const int netlink = ipb_netlink_open();
	if (netlink < 0)
		return index;
	ssize_t n = send(netlink, &ask, ask.head.nlmsg_len, 0) > 0 ? recv(netlink, answer, sizeof answer, 0) : -1;
	close(netlink);
	const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
	if (n > 0 && NLMSG_OK(m, (unsigned)n) && m->nlmsg_type == RTM_NEWROUTE)
		index = outgoing(m);
	return index;
}

void ipb_link_of(int fd, const struct sockaddr_storage *to, char name[IF_NAMESIZE])
{
	const unsigned index = route_of(fd, to);

	if (index == 0 || if_indextoname(index, name) == NULL)
		name[0] = '\0';
}

uint32_t ipb_link_mtu(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), found;

	if (fd < 0)
		return 0;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	found = ioctl(fd, SIOCGIFMTU, &request) == 0;
	close(fd);
	return found ? (uint32_t)request.ifr_mtu : 0;
}

/* What a queueing discipline at the interface's root has dropped, those below it included. */
static uint64_t drops_of(const struct nlmsghdr *message, int index)
{
	const struct tcmsg *about = NLMSG_DATA(message);

	if (about->tcm_ifindex != index || about->tcm_parent != TC_H_ROOT)
		return 0;
	int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof *about));
	for (struct rtattr *a = TCA_RTA(about); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if ((a->rta_type & NLA_TYPE_MASK) != TCA_STATS2)
			continue;
		int inside = RTA_PAYLOAD(a);
		for (struct rtattr *b = RTA_DATA(a); RTA_OK(b, inside); b = RTA_NEXT(b, inside)) {
			struct gnet_stats_queue queue;
			if (b->rta_type == TCA_STATS_QUEUE && RTA_PAYLOAD(b) >= sizeof queue) {
				memcpy(&queue, RTA_DATA(b), sizeof queue);
				return queue.drops;
			}
		}
	}
	return 0;
}

/* Reads one part of the dump; non-zero when it was the last one. */
static int read_part(int fd, int index, uint64_t *drops)
{
	_Alignas(struct nlmsghdr) char answer[16384];
	ssize_t n = recv(fd, answer, sizeof answer, 0);

	if (n <= 0)
		return 1;
	unsigned left = (unsigned)n;
	for (struct nlmsghdr *m = (struct nlmsghdr *)answer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
			return 1;
		if (m->nlmsg_type == RTM_NEWQDISC)
			*drops += drops_of(m, index);
	}
	return 0;
}

static uint64_t queue_drops(const char *name)
{
	struct {
		struct nlmsghdr head;
		struct tcmsg about;
	} ask = { .head = { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETQDISC, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	          .about = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)if_nametoindex(name) } };
	uint64_t drops = 0;
	const int fd = ipb_netlink_open();

	if (fd < 0)
		return 0;
	if (ask.about.tcm_ifindex != 0 && send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask)
		for (int i = 0; i < ANSWERS_MAX && !read_part(fd, ask.about.tcm_ifindex, &drops); i++)
			;
	close(fd);
	return drops;
}

int ipb_link_sent(const char *name, uint64_t *packets, uint64_t *dropped)
{
	FILE *file = fopen("/proc/net/dev", "re");
	char line[512];
	int status = -1;

	*packets = *dropped = 0;
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		char *start = line + strspn(line, " "), *colon = strrchr(line, ':');
		unsigned long long sent, drops;
		if (colon == NULL || (size_t)(colon - start) != strlen(name) || memcmp(start, name, strlen(name)) != 0)
			continue;
		if (sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu %*u %llu", &sent, &drops) == 2) {
			*packets = sent;
			*dropped = drops;
			status = 0;
		}
		break;
	}
	if (file != NULL)
		fclose(file);
	return status;
}

uint64_t ipb_link_drops(const char *name)
{
	uint64_t packets, dropped;

	if (*name == '\0')
		return 0;
	ipb_link_sent(name, &packets, &dropped);
	return queue_drops(name) + dropped;
}

uint32_t ipb_link_downs(const char *name)
{
	_Alignas(struct nlmsghdr) char answer[IPB_NETLINK_ANSWER];
	uint32_t downs = 0;
	const struct nlmsghdr *m = ipb_netlink_interface(if_nametoindex(name), answer, sizeof answer);

	if (m == NULL)
		return 0;
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct ifinfomsg));
	for (struct rtattr *a = IFLA_RTA(NLMSG_DATA(m)); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_CARRIER_DOWN_COUNT && RTA_PAYLOAD(a) >= sizeof downs)
			memcpy(&downs, RTA_DATA(a), sizeof downs);
	return downs;
}
