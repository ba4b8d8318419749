/* When this machine's links go down and come up while a test runs; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "libipbench.h"

#define LINKS_MAX 256u       /* that are watched */
#define MESSAGES_MAX 32768   /* bytes of the kernel's messages that are read at once */
#define STACK_BYTES 262144u   /* of the thread */
#define PARTS_MAX 256        /* of the kernel's list of links */
#define LOWER_UP 0x10000u    /* IFF_LOWER_UP: <linux/if.h>, where it is, and <net/if.h> cannot both be had */
#define CLOCK_MONOTONIC_ID 1

struct link {
	int index;
	int up;
	char name[IF_NAMESIZE];
};

static struct watch {
	pthread_t thread;
	int netlink, ended; /* ended: readable when the watch is over */
	struct link links[LINKS_MAX];
	uint32_t link_count;
	char text[IPBENCH_HOST_LINKS_MAX];
	uint32_t used;
	_Alignas(struct nlmsghdr) char messages[MESSAGES_MAX];
} *the_watch;

/* Letters, digits and what is usual in names of interfaces: others could not be told from what is around them. */
static void copy_name(char to[IF_NAMESIZE], const char *from, size_t size)
{
	size_t n = 0;

	for (; n < IF_NAMESIZE - 1 && n < size && from[n] != '\0'; n++) {
		const char c = from[n];
		const int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c) != NULL;
		to[n] = plain ? c : '?';
	}
	to[n] = '\0';
}

static int is_up(unsigned flags) { return (flags & IFF_UP) != 0 && (flags & LOWER_UP) != 0; }

static int is_veth(const struct rtattr *info)
{
	int left = (int)RTA_PAYLOAD(info);

	for (const struct rtattr *a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_INFO_KIND)
			return RTA_PAYLOAD(a) >= sizeof "veth" && memcmp(RTA_DATA(a), "veth", sizeof "veth") == 0;
	return 0;
}

/* A link that there is as the test begins. The ends of containers' links that are in a bridge come and go with them. */
static void know(struct watch *w, const struct nlmsghdr *m)
{
	const struct ifinfomsg *about = NLMSG_DATA(m);
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof *about);

	if (w->link_count == LINKS_MAX || (about->ifi_flags & IFF_LOOPBACK) != 0)
		return;
	struct link *l = &w->links[w->link_count];
	int veth = 0, port = 0;
	l->index = about->ifi_index;
	l->up = is_up(about->ifi_flags);
	for (struct rtattr *a = IFLA_RTA(about); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFNAME)
			copy_name(l->name, RTA_DATA(a), RTA_PAYLOAD(a));
		port |= a->rta_type == IFLA_MASTER;
		veth |= (a->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO && is_veth(a);
	}
	w->link_count += !(veth && port);
}

static void note(struct watch *w, const struct nlmsghdr *m)
{
	const struct ifinfomsg *about = NLMSG_DATA(m);
	const int up = m->nlmsg_type == RTM_NEWLINK && is_up(about->ifi_flags);
	char change[IF_NAMESIZE + 24];

	if (about->ifi_family != AF_UNSPEC) /* a bridge's word of its ports */
		return;
	for (uint32_t i = 0; i < w->link_count; i++) {
		struct link *l = &w->links[i];
		if (l->index != about->ifi_index || l->up == up)
			continue;
		l->up = up;
		const int n = snprintf(change, sizeof change, "%s%s%c%llu", w->used > 0 ? "," : "", l->name, up ? '+' : '-',
		                       (unsigned long long)ipbench_host_now_ns(CLOCK_MONOTONIC_ID));
		if (n < 0 || w->used + (uint32_t)n >= sizeof w->text)
			continue;
		memcpy(w->text + w->used, change, (size_t)n + 1);
		w->used += (uint32_t)n;
	}
}

/* Reads what the kernel has sent. 0: there may be more of a list, 1: it has ended, or nothing came. */
static int take(struct watch *w, int fd, void (*with)(struct watch *, const struct nlmsghdr *))
{
	const ssize_t n = recv(fd, w->messages, sizeof w->messages, 0);
	unsigned left = n > 0 ? (unsigned)n : 0;

	for (struct nlmsghdr *m = (struct nlmsghdr *)w->messages; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
			return 1;
		if ((m->nlmsg_type == RTM_NEWLINK || m->nlmsg_type == RTM_DELLINK) &&
		    m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
			with(w, m);
	}
	return n <= 0;
}

static int list_links(struct watch *w)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg about;
	} ask = { .head = { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	          .about = { .ifi_family = AF_UNSPEC } };
	struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask)
		for (int i = 0; i < PARTS_MAX && !take(w, fd, know); i++)
			;
	close(fd);
	return 0;
}

static void *listen_to_kernel(void *given)
{
	struct watch *w = given;
	struct pollfd fds[] = { { .fd = w->netlink, .events = POLLIN }, { .fd = w->ended, .events = POLLIN } };

	while ((poll(fds, 2, -1) >= 0 || errno == EINTR) && fds[1].revents == 0)
		if (fds[0].revents != 0)
			take(w, w->netlink, note);
	return NULL;
}

static int begin_thread(struct watch *w)
{
	pthread_attr_t attributes;
	sigset_t all, old;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	const int status = pthread_create(&w->thread, &attributes, listen_to_kernel, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return -status;
}

static void let_go(struct watch *w)
{
	if (w->netlink >= 0)
		close(w->netlink);
	if (w->ended >= 0)
		close(w->ended);
	free(w);
}

int ipbench_host_links_begin(void)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct watch *w = the_watch == NULL ? calloc(1, sizeof *w) : NULL;
	int status;

	if (w == NULL)
		return the_watch != NULL ? -EBUSY : -ENOMEM;
	w->ended = eventfd(0, EFD_CLOEXEC);
	w->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	/* First the changes, then how it is: nothing comes between. */
	if (w->ended < 0 || w->netlink < 0 || bind(w->netlink, (const struct sockaddr *)&here, sizeof here) < 0)
		status = -errno;
	else if ((status = list_links(w)) == 0)
		status = begin_thread(w);
	if (status == 0)
		the_watch = w;
	else
		let_go(w);
	return status;
}

int ipbench_host_links_end(char text[IPBENCH_HOST_LINKS_MAX])
{
	struct watch *w = the_watch;
	const uint64_t one = 1;

	text[0] = '\0';
	if (w == NULL)
		return 0;
	the_watch = NULL;
	if (write(w->ended, &one, sizeof one) == (ssize_t)sizeof one) {
		pthread_join(w->thread, NULL);
		for (int i = 0; i < PARTS_MAX && !take(w, w->netlink, note); i++) /* what has come meanwhile */
			;
	}
	memcpy(text, w->text, sizeof w->text);
	const int size = (int)w->used;
	let_go(w);
	return size;
}
