/* Which of a machine's links a test's run is about; see links_kept.h.  SPDX-License-Identifier: MIT */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "links_kept.h"

#define LOWER_UP 0x10000u     /* IFF_LOWER_UP: <linux/if.h>, where it is, and <net/if.h> cannot both be had */
#define PARENT_DEVICE 56      /* IFLA_PARENT_DEV_NAME, which older headers lack */

int ipb_link_is_up(unsigned flags) { return (flags & IFF_UP) != 0 && (flags & LOWER_UP) != 0; }

/* Letters, digits and what is usual in names of interfaces: others could not be told from what is around them. */
static void copy_name(char to[IF_NAMESIZE], const struct rtattr *from)
{
	const char *text = RTA_DATA(from);
	size_t n = 0;

	for (; n < IF_NAMESIZE - 1 && n < RTA_PAYLOAD(from) && text[n] != '\0'; n++) {
		const char c = text[n];
		const int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c) != NULL;
		to[n] = plain ? c : '?';
	}
	to[n] = '\0';
}

static int number_in(const struct rtattr *from)
{
	int number = 0;

	if (RTA_PAYLOAD(from) >= sizeof number)
		memcpy(&number, RTA_DATA(from), sizeof number);
	return number;
}

static enum ipb_link_kind kind_in(const struct rtattr *info)
{
	static const struct {
		const char *name;
		enum ipb_link_kind kind;
	} known[] = { { "veth", IPB_LINK_VETH }, { "tun", IPB_LINK_TUN }, { "bridge", IPB_LINK_BRIDGE } };
	int left = (int)RTA_PAYLOAD(info);

	for (const struct rtattr *a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != IFLA_INFO_KIND)
			continue;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
			const size_t size = strlen(known[i].name);
			if (RTA_PAYLOAD(a) >= size && strncmp(RTA_DATA(a), known[i].name, RTA_PAYLOAD(a)) == 0)
				return known[i].kind;
		}
		return IPB_LINK_OTHER;
	}
	return IPB_LINK_CARD;
}

void ipb_links_add(struct ipb_links *links, const struct nlmsghdr *m)
{
	const struct ifinfomsg *about = NLMSG_DATA(m);
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof *about), device = 0, elsewhere = 0;

	if (links->count == IPB_LINKS_MAX || left < 0 || (about->ifi_flags & IFF_LOOPBACK) != 0)
		return;
	struct ipb_link *l = &links->list[links->count++];
	l->index = about->ifi_index;
	l->up = (unsigned char)ipb_link_is_up(about->ifi_flags);
	for (const struct rtattr *a = IFLA_RTA(about); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME: copy_name(l->name, a); break;
		case IFLA_MASTER: l->master = number_in(a); break;
		case IFLA_LINK: l->lower = number_in(a); break;
		case IFLA_LINK_NETNSID: elsewhere = 1; break;
		case IFLA_LINKINFO: l->kind = kind_in(a); break;
		case PARENT_DEVICE: device = 1; break;
		default: break;
		}
	}
	if (device)
		l->kind = IPB_LINK_CARD; /* whatever its driver calls it */
	if (elsewhere || l->kind == IPB_LINK_VETH || l->lower == l->index)
		l->lower = 0; /* the other end, which it does not stand on, or a number of another namespace */
}

static struct ipb_link *find(struct ipb_links *links, int index)
{
	for (uint32_t i = 0; i < links->count; i++)
		if (links->list[i].index == index)
			return &links->list[i];
	return NULL;
}

void ipb_links_add_address(struct ipb_links *links, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *about = NLMSG_DATA(m);

	if (m->nlmsg_type != RTM_NEWADDR || m->nlmsg_len < NLMSG_LENGTH(sizeof *about))
		return;
	struct ipb_link *l = find(links, (int)about->ifa_index);
	if (l != NULL && about->ifa_scope < RT_SCOPE_LINK)
		l->has_address = 1;
}

/* The ends of containers' and virtual machines' links, which a bridge or a route leads to: without an address of their own. */
static int is_others(const struct ipb_link *l)
{
	return (l->kind == IPB_LINK_VETH || l->kind == IPB_LINK_TUN) && !l->has_address;
}

/* A bridge between containers goes up and down as the first one comes and the last one goes. */
static int is_among_others(const struct ipb_links *links, const struct ipb_link *bridge)
{
	if (bridge->kind != IPB_LINK_BRIDGE)
		return 0;
	for (uint32_t i = 0; i < links->count; i++)
		if (links->list[i].master == bridge->index && !is_others(&links->list[i]))
			return 0;
	return 1;
}

static int keep(struct ipb_link *l)
{
	if (l == NULL || l->kept)
		return 0;
	l->kept = 1;
	return 1;
}

/* What is kept keeps what it is a port of, its own ports, and what it stands on. 1: something was added. */
static int keep_neighbours(struct ipb_links *links)
{
	int added = 0;

	for (uint32_t i = 0; i < links->count; i++) {
		struct ipb_link *l = &links->list[i], *master = l->master == 0 ? NULL : find(links, l->master);
		if (l->kept) {
			added |= keep(master);
			added |= l->lower == 0 ? 0 : keep(find(links, l->lower));
		} else if (master != NULL && master->kept && !is_others(l))
			added |= keep(l);
	}
	return added;
}

void ipb_links_choose(struct ipb_links *links, int all)
{
	for (uint32_t i = 0; i < links->count; i++) {
		struct ipb_link *l = &links->list[i];
		if (all)
			l->kept = !(l->kind == IPB_LINK_VETH && l->master != 0);
		else
			l->kept = l->kind == IPB_LINK_CARD || (l->has_address && !is_among_others(links, l));
	}
	while (!all && keep_neighbours(links))
		;
}
