/* Which of a machine's links a test's run is about.  SPDX-License-Identifier: MIT */
#ifndef IPBENCH_LINKS_KEPT_H
#define IPBENCH_LINKS_KEPT_H

#include <net/if.h>
#include <stdint.h>

#include <linux/netlink.h>

#define IPB_LINKS_MAX 1024u /* that are watched */

enum ipb_link_kind { IPB_LINK_CARD, IPB_LINK_VETH, IPB_LINK_TUN, IPB_LINK_BRIDGE, IPB_LINK_OTHER };

struct ipb_link {
	int index, master, lower; /* numbers of interfaces; 0: none */
	enum ipb_link_kind kind;
	unsigned char up, has_address, kept, removed; /* each 0 or 1 */
	char name[IF_NAMESIZE]; /* '?' for what is unusual in one */
};

struct ipb_links {
	uint32_t count;
	struct ipb_link list[IPB_LINKS_MAX];
};

int ipb_link_is_up(unsigned flags);
/* Adds a link of the kernel's list (RTM_NEWLINK). The loopback is none. */
void ipb_links_add(struct ipb_links *links, const struct nlmsghdr *message);
/* Notes that a link has an address by which other machines can reach this one (RTM_NEWADDR). */
void ipb_links_add_address(struct ipb_links *links, const struct nlmsghdr *message);
/* Once all links and addresses are known: sets `kept`. A tester's (`all`) are all but the containers' ends of links, as it is
 * known by which one of them it sends; a target's are its network cards, what has an address, and what these stand on or carry,
 * without what belongs to containers and virtual machines alone. */
void ipb_links_choose(struct ipb_links *links, int all);

#endif
