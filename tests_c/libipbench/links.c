/* When this machine's links go down and come up while a test runs; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
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
#include "links_kept.h"

#define CHANGES_MAX 512u     /* that are noted */
#define MESSAGES_MAX 32768   /* bytes of the kernel's messages that are read at once */
#define STACK_BYTES 262144u  /* of the thread */
#define PARTS_MAX 256        /* of a list of the kernel's */
#define CLOCK_MONOTONIC_ID 1

static struct watch {
	pthread_t thread;
	int netlink, ended; /* ended: readable when the watch is over */
	int all;            /* a tester's: see links_kept.h */
	struct ipb_links links;
	struct {
		const struct ipb_link *of;
		uint64_t at_ns;
		int up;
	} changes[CHANGES_MAX];
	uint32_t change_count;
	_Alignas(struct nlmsghdr) char messages[MESSAGES_MAX];
} *the_watch;

static int is_link(const struct nlmsghdr *m)
{
	return (m->nlmsg_type == RTM_NEWLINK || m->nlmsg_type == RTM_DELLINK) && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg));
}

static void add_link(struct watch *w, const struct nlmsghdr *m)
{
	if (is_link(m))
		ipb_links_add(&w->links, m);
}

static void add_address(struct watch *w, const struct nlmsghdr *m) { ipb_links_add_address(&w->links, m); }

static void note(struct watch *w, const struct nlmsghdr *m)
{
	const struct ifinfomsg *about = NLMSG_DATA(m);

	if (!is_link(m) || about->ifi_family != AF_UNSPEC) /* a bridge's word of its ports */
		return;
	const int up = m->nlmsg_type == RTM_NEWLINK && ipb_link_is_up(about->ifi_flags);
	for (uint32_t i = 0; i < w->links.count; i++) {
		struct ipb_link *l = &w->links.list[i];
		if (!l->kept || l->index != about->ifi_index)
			continue;
		l->removed |= m->nlmsg_type == RTM_DELLINK;
		if (l->up == up || w->change_count == CHANGES_MAX)
			continue;
		l->up = (unsigned char)up;
		w->changes[w->change_count].of = l;
		w->changes[w->change_count].up = up;
		w->changes[w->change_count++].at_ns = ipbench_host_now_ns(CLOCK_MONOTONIC_ID);
	}
}

/* Writes the changes; without a target's virtual Ethernet links that were removed, as those of containers and of other tests
 * are: a tester's may be the one by which it sends. The text's length. */
static uint32_t write_changes(const struct watch *w, char text[IPBENCH_HOST_LINKS_MAX])
{
	char change[IF_NAMESIZE + 24];
	uint32_t used = 0;

	for (uint32_t i = 0; i < w->change_count; i++) {
		const struct ipb_link *l = w->changes[i].of;
		if (!w->all && l->kind == IPB_LINK_VETH && l->removed)
			continue;
		const int n = snprintf(change, sizeof change, "%s%s%c%llu", used > 0 ? "," : "", l->name, w->changes[i].up ? '+' : '-',
		                       (unsigned long long)w->changes[i].at_ns);
		if (n < 0 || used + (uint32_t)n >= IPBENCH_HOST_LINKS_MAX)
			continue;
		memcpy(text + used, change, (size_t)n + 1);
		used += (uint32_t)n;
	}
	return used;
}

/* Reads what the kernel has sent. 0: there may be more of a list, 1: it has ended, or nothing came. */
static int receive(struct watch *w, int fd, void (*with)(struct watch *, const struct nlmsghdr *))
{
	const ssize_t n = recv(fd, w->messages, sizeof w->messages, 0);
	unsigned left = n > 0 ? (unsigned)n : 0;

	for (struct nlmsghdr *m = (struct nlmsghdr *)w->messages; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
			return 1;
		with(w, m);
	}
	return n <= 0;
}

/* Asks for a list: of links (RTM_GETLINK), or of addresses (RTM_GETADDR). 0, or -errno. */
static int list(struct watch *w, uint16_t what, void (*with)(struct watch *, const struct nlmsghdr *))
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg about; /* longer than an ifaddrmsg, and as empty */
	} ask = { .head = { .nlmsg_len = sizeof ask, .nlmsg_type = what, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	          .about = { .ifi_family = AF_UNSPEC } };
	struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask)
		for (int i = 0; i < PARTS_MAX && !receive(w, fd, with); i++)
			;
	close(fd);
	return 0;
}

static int list_links(struct watch *w)
{
	int status = list(w, RTM_GETLINK, add_link);

	if (status == 0)
		status = list(w, RTM_GETADDR, add_address);
	ipb_links_choose(&w->links, w->all);
	return status;
}

static void *listen_to_kernel(void *given)
{
	struct watch *w = given;
	struct pollfd fds[] = { { .fd = w->netlink, .events = POLLIN }, { .fd = w->ended, .events = POLLIN } };

	while ((poll(fds, 2, -1) >= 0 || errno == EINTR) && fds[1].revents == 0)
		if (fds[0].revents != 0)
			receive(w, w->netlink, note);
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

static void release(struct watch *w)
{
	if (w->netlink >= 0)
		close(w->netlink);
	if (w->ended >= 0)
		close(w->ended);
	free(w);
}

int ipbench_host_links_begin(int all)
{
	struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct watch *w = the_watch == NULL ? calloc(1, sizeof *w) : NULL;
	int status;

	if (w == NULL)
		return the_watch != NULL ? -EBUSY : -ENOMEM;
	w->all = all;
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
		release(w);
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
		for (int i = 0; i < PARTS_MAX && !receive(w, w->netlink, note); i++) /* what has come meanwhile */
			;
	}
	const int size = (int)write_changes(w, text);
	release(w);
	return size;
}
