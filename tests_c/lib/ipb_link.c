/* What the outgoing interface drops; see ipb_link.h.  SPDX-License-Identifier: MIT */
#include "ipb_link.h"

#include <ifaddrs.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWERS_MAX 256 /* messages of the kernel that are looked at: a dump of all queueing disciplines */

static int same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a == NULL || a->sa_family != b->sa_family)
		return 0;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)a, *y = (const struct sockaddr_in6 *)b;
	return a->sa_family == AF_INET6 && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0 &&
	       (y->sin6_scope_id == 0 || x->sin6_scope_id == y->sin6_scope_id);
}

void ipb_link_of(int fd, char name[IF_NAMESIZE])
{
	struct sockaddr_storage local;
	socklen_t size = sizeof local;
	struct ifaddrs *list = NULL;

	name[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&local, &size) < 0 || getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *a = list; a != NULL && name[0] == '\0'; a = a->ifa_next)
		if (same_address(a->ifa_addr, (struct sockaddr *)&local))
			snprintf(name, IF_NAMESIZE, "%s", a->ifa_name);
	freeifaddrs(list);
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
	struct timeval patience = { .tv_sec = 1 };
	uint64_t drops = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (ask.about.tcm_ifindex != 0 && send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask)
		for (int i = 0; i < ANSWERS_MAX && !read_part(fd, ask.about.tcm_ifindex, &drops); i++)
			;
	close(fd);
	return drops;
}

/* The twelfth column of /proc/net/dev. */
static uint64_t driver_drops(const char *name)
{
	FILE *file = fopen("/proc/net/dev", "re");
	char line[512];
	uint64_t drops = 0;

	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		char *start = line + strspn(line, " "), *colon = strrchr(line, ':');
		unsigned long long value;
		if (colon == NULL || (size_t)(colon - start) != strlen(name) || memcmp(start, name, strlen(name)) != 0)
			continue;
		if (sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &value) == 1)
			drops = value;
		break;
	}
	if (file != NULL)
		fclose(file);
	return drops;
}

uint64_t ipb_link_drops(const char *name) { return *name != '\0' ? queue_drops(name) + driver_drops(name) : 0; }
