/* link: libipbench/compat.o libipbench/process.o libipbench/links.o libipbench/links_kept.o */
/* When links go down and come up, and which of them count.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../libipbench/libipbench.h"
#include "../../libipbench/links_kept.h"

#define PARENT_DEVICE 56 /* IFLA_PARENT_DEV_NAME */

/* A message as the kernel writes it. */
struct message {
	_Alignas(struct nlmsghdr) char bytes[512];
};

static void add(struct message *m, unsigned short type, const void *value, size_t size)
{
	struct nlmsghdr *head = (struct nlmsghdr *)m->bytes;
	struct rtattr *a = (struct rtattr *)(m->bytes + NLMSG_ALIGN(head->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(a), value, size);
	head->nlmsg_len = NLMSG_ALIGN(head->nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* What a machine may have: its number is its place in a list, from 1 on. */
struct case_link {
	const char *name, *kind; /* NULL: none, as of a card */
	int master, lower, device, address, elsewhere;
	int kept; /* for a target */
};

static void add_case(struct ipb_links *links, const struct case_link *c, int index)
{
	struct message m = { { 0 } }, of_address = { { 0 } };
	struct nlmsghdr *head = (struct nlmsghdr *)m.bytes;
	struct ifinfomsg *about = NLMSG_DATA(head);
	struct { /* IFLA_INFO_KIND */
		struct rtattr head;
		char kind[16];
	} info = { .head = { .rta_type = IFLA_INFO_KIND } };

	head->nlmsg_type = RTM_NEWLINK;
	head->nlmsg_len = NLMSG_LENGTH(sizeof *about);
	about->ifi_index = index;
	about->ifi_flags = strcmp(c->name, "lo") == 0 ? IFF_LOOPBACK : IFF_UP;
	add(&m, IFLA_IFNAME, c->name, strlen(c->name) + 1);
	if (c->master != 0)
		add(&m, IFLA_MASTER, &c->master, sizeof c->master);
	if (c->lower != 0)
		add(&m, IFLA_LINK, &c->lower, sizeof c->lower);
	if (c->elsewhere)
		add(&m, IFLA_LINK_NETNSID, &c->elsewhere, sizeof c->elsewhere);
	if (c->kind != NULL) {
		snprintf(info.kind, sizeof info.kind, "%s", c->kind);
		info.head.rta_len = (unsigned short)RTA_LENGTH(strlen(c->kind) + 1);
		add(&m, IFLA_LINKINFO | NLA_F_NESTED, &info, sizeof info);
	}
	if (c->device)
		add(&m, PARENT_DEVICE, "0000:01:00.0", 13);
	ipb_links_add(links, head);
	head = (struct nlmsghdr *)of_address.bytes;
	struct ifaddrmsg *address = NLMSG_DATA(head);
	head->nlmsg_type = RTM_NEWADDR;
	head->nlmsg_len = NLMSG_LENGTH(sizeof *address);
	address->ifa_index = (unsigned)index;
	address->ifa_scope = c->address ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	ipb_links_add_address(links, head);
}

static void which_links_of_a_target_count(void **state)
{
	static const struct case_link machine[] = {
		{ .name = "lo", .address = 1 },
		{ .name = "eth0", .device = 1, .kept = 1 },
		{ .name = "eth1", .device = 1, .master = 4, .kept = 1 },
		{ .name = "bond0", .kind = "bond", .kept = 1 }, /* a port of it is a card */
		{ .name = "bond0.7", .kind = "vlan", .lower = 4, .address = 1, .kept = 1 },
		{ .name = "docker0", .kind = "bridge", .address = 1 }, /* between containers */
		{ .name = "veth1", .kind = "veth", .master = 6, .elsewhere = 1, .lower = 2 },
		{ .name = "br0", .kind = "bridge", .address = 1, .kept = 1 }, /* a card is in it, and a virtual machine */
		{ .name = "eth2", .device = 1, .master = 8, .kept = 1 },
		{ .name = "vnet0", .kind = "tun", .master = 8 },
		{ .name = "cali1", .kind = "veth" }, /* a route leads there */
		{ .name = "tun0", .kind = "tun", .address = 1, .kept = 1 }, /* a tunnel's */
		{ .name = "veth2", .kind = "veth", .address = 1, .kept = 1 }, /* this may be a container itself */
		{ .name = "dummy0", .kind = "dummy" },
		{ .name = "ib0", .kind = "ipoib", .device = 1, .kept = 1 },
		{ .name = "virbr0", .kind = "bridge", .address = 1 }, /* nothing in it */
		{ .name = "vlan9", .kind = "vlan", .lower = 18, .address = 1, .kept = 1 },
		{ .name = "veth3", .kind = "veth", .kept = 1 }, /* what that stands on */
		{ .name = "xen", .kept = 1 },
	};
	const size_t count = sizeof machine / sizeof machine[0];
	struct ipb_links *links = calloc(1, sizeof *links);

	(void)state;
	assert_non_null(links);
	for (size_t i = 0; i < count; i++)
		add_case(links, &machine[i], (int)i + 1);
	assert_int_equal(links->count, count - 1); /* without the loopback */
	ipb_links_choose(links, 0);
	for (size_t i = 1; i < count; i++) {
		assert_string_equal(links->list[i - 1].name, machine[i].name);
		if (links->list[i - 1].kept != machine[i].kept)
			fail_msg("%s counts: %d", machine[i].name, links->list[i - 1].kept);
	}
	for (int i = 0; i < (int)IPB_LINKS_MAX; i++) /* more than are watched: nothing is written past the end */
		add_case(links, &machine[1], 1000 + i);
	assert_int_equal(links->count, IPB_LINKS_MAX);
	free(links);
}

/* How often a text has another one in it. */
static int times_in(const char *text, const char *what)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

/* In a network of its own. 0, 77 where there is none, or the number of what is wrong. */
static int tester_in_a_namespace(void)
{
	char text[IPBENCH_HOST_LINKS_MAX], none[IPBENCH_HOST_LINKS_MAX];

	if (unshare(CLONE_NEWNET) < 0 || system("ip link add a,b+0 type veth peer name peer0 && ip link set a,b+0 up && "
	                                        "ip link set peer0 up") != 0)
		return 77;
	/* As containers have it: not told. */
	if (system("ip link add c0 type veth peer name c1 && for i in 0 1; do ip link add br$i type bridge && "
	           "ip link set c$i master br$i && ip link set c$i up || exit 1; done") != 0)
		return 77;
	const uint64_t before = ipbench_host_now_ns(1);
	if (ipbench_host_links_begin(1) != 0 || ipbench_host_links_begin(1) != -EBUSY)
		return 1;
	if (system("ip link set lo up && ip link add late0 type veth peer name late1 && ip link set late0 up && "
	           "ip link set late1 up && ip link set c0 down && ip link set peer0 down && ip link set peer0 up && ip link set a,b+0 mtu 1400 && "
	           "ip link del a,b+0") != 0)
		return 2;
	int size = ipbench_host_links_end(text);
	fprintf(stderr, "links: %s\n", text);
	if (size != (int)strlen(text) || ipbench_host_links_end(none) != 0 || none[0] != '\0')
		return 3;
	/* One end goes down and comes up, both are gone at last. The other end's carrier is told by a thread of the kernel, which
	 * passes over what is over when it looks. */
	const int other = times_in(text, "a?b?0-");
	if (times_in(text, "peer0-") != 2 || times_in(text, "peer0+") != 1 || other < 1 || times_in(text, "a?b?0+") != other - 1 ||
	    times_in(text, ",") != 1 + 2 * other)
		return 4;
	uint64_t last = before;
	for (const char *at = text; (at = strpbrk(at, "-+")) != NULL; at++) {
		const uint64_t ns = strtoull(at + 1, NULL, 10);
		if (ns < last || ns > ipbench_host_now_ns(1))
			return 5;
		last = ns;
	}
	/* What has no room is left out, and nothing is cut. */
	if (system("ip link add veth-of-a-name0 type veth peer name p && ip link set veth-of-a-name0 up") != 0 ||
	    ipbench_host_links_begin(1) != 0)
		return 6;
	if (system("for i in $(seq 40); do ip link set p up; ip link set p down; done") != 0)
		return 7;
	size = ipbench_host_links_end(text);
	const char *down = strrchr(text, '-'), *up = strrchr(text, '+');
	if (size < IPBENCH_HOST_LINKS_MAX - 40 || size != (int)strlen(text) || down == NULL || up == NULL)
		return 8;
	return strtoull((down > up ? down : up) + 1, NULL, 10) > last ? 0 : 9;
}

/* A target's machine, which has a container and a link of another test besides its own. */
static int target_in_a_namespace(void)
{
	char text[IPBENCH_HOST_LINKS_MAX];

	if (unshare(CLONE_NEWNET) < 0 ||
	    system("for i in own other none; do ip link add $i type veth peer name p-$i && ip link set p-$i up && ip link set $i up || exit 1; done; "
	           "ip addr add 10.77.0.1/24 dev own && ip addr add 10.78.0.1/24 dev other && ip addr add 10.79.0.1/24 dev p-none") != 0)
		return 77;
	if (system("ip link add docker0 type bridge && ip addr add 10.80.0.1/24 dev docker0 && ip link set docker0 up && "
	           "ip link add c0 type veth peer name c1 && ip link set c0 master docker0 up && ip link set c1 up") != 0)
		return 77;
	if (ipbench_host_links_begin(0) != 0)
		return 1;
	if (system("ip link set other down && ip link set none down && ip link set own down && ip link set own up && "
	           "ip link del c0 && ip link set docker0 down && ip link del other") != 0)
		return 2;
	const int size = ipbench_host_links_end(text);
	fprintf(stderr, "links: %s\n", text);
	if (size != (int)strlen(text) || times_in(text, "docker0") + times_in(text, "c0") + times_in(text, "other") != 0)
		return 3;
	/* One end has an address, and only the other was pulled: what it noticed of that is the kernel's to say. */
	if (times_in(text, "own-") < 1 || times_in(text, "own+") < 1 || times_in(text, "p-own") != 0)
		return 4;
	return times_in(text, ",none") == 0 && strncmp(text, "none", 4) != 0 ? 0 : 5;
}

static void in_a_child(int (*run)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void links_of_a_tester(void **state)
{
	(void)state;
	in_a_child(tester_in_a_namespace);
}

static void links_of_a_target(void **state)
{
	(void)state;
	in_a_child(target_in_a_namespace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_links_of_a_target_count),
		cmocka_unit_test(links_of_a_tester),
		cmocka_unit_test(links_of_a_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
