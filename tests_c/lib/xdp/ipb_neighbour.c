/* See ipb_neighbour.h.  SPDX-License-Identifier: MIT */
#include "ipb_neighbour.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "ipb_link.h"

#define STEP_MS 10
#define KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

/* An address without its port. */
struct hop {
	int family;
	size_t size;
	uint8_t bytes[16];
};

static struct hop hop_of(const struct sockaddr_storage *a)
{
	struct hop h = { .family = a->ss_family, .size = a->ss_family == AF_INET6 ? 16 : 4 };

	if (h.family == AF_INET6)
		memcpy(h.bytes, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
	else
		memcpy(h.bytes, &((const struct sockaddr_in *)a)->sin_addr, 4);
	return h;
}

/* A request, with room for what it is about and for attributes. */
union request {
	struct nlmsghdr head;
	char bytes[256];
};

static void *begin(union request *r, uint16_t type, uint16_t flags, size_t about)
{
	memset(r, 0, sizeof *r);
	r->head = (struct nlmsghdr){ .nlmsg_len = (uint32_t)NLMSG_LENGTH(about), .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST };
	return r->bytes + NLMSG_HDRLEN;
}

static void put(union request *r, unsigned short type, const void *value, size_t size)
{
	struct rtattr *a = (struct rtattr *)(r->bytes + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(a), value, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* The kernel's answer to a request, at most room bytes; -1 with errno when it is an error. */
static ssize_t ask(int netlink, const struct nlmsghdr *request, void *answer, size_t room)
{
	if (send(netlink, request, request->nlmsg_len, 0) < 0)
		return -1;
	const ssize_t n = recv(netlink, answer, room, 0);
	const struct nlmsghdr *m = answer;
	if (n < 0)
		return -1;
	if (!NLMSG_OK(m, (unsigned)n)) {
		errno = EPROTO;
		return -1;
	}
	if (m->nlmsg_type == NLMSG_ERROR) {
		const int error = -((const struct nlmsgerr *)NLMSG_DATA(m))->error;
		if (error == 0)
			return 0;
		errno = error;
		return -1;
	}
	return n;
}

/* The gateway on the way to `to` by an interface, where there is one: *hop then is that. */
static int find_gateway(int netlink, const struct sockaddr_storage *to, const struct sockaddr_storage *from, uint32_t index,
                        struct hop *hop)
{
	union request request;
	struct rtmsg *about = begin(&request, RTM_GETROUTE, 0, sizeof *about);
	_Alignas(struct nlmsghdr) char answer[4096];
	const struct hop target = hop_of(to), source = hop_of(from);

	*hop = target;
	about->rtm_family = (unsigned char)to->ss_family;
	about->rtm_dst_len = (unsigned char)(8 * target.size);
	put(&request, RTA_DST, target.bytes, target.size);
	about->rtm_src_len = (unsigned char)(8 * source.size);
	put(&request, RTA_SRC, source.bytes, source.size);
	put(&request, RTA_OIF, &index, sizeof index);
	const ssize_t n = ask(netlink, &request.head, answer, sizeof answer);
	if (n <= 0)
		return -1;
	const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct rtmsg));
	for (struct rtattr *a = RTM_RTA(NLMSG_DATA(m)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_GATEWAY && RTA_PAYLOAD(a) >= target.size)
			memcpy(hop->bytes, RTA_DATA(a), target.size);
		/* An IPv4 route may have a gateway of IPv6 (RFC 5549). */
		if (a->rta_type == RTA_VIA && RTA_PAYLOAD(a) >= sizeof(struct rtvia)) {
			const struct rtvia *via = RTA_DATA(a);
			*hop = (struct hop){ .family = via->rtvia_family, .size = via->rtvia_family == AF_INET6 ? 16 : 4 };
			if (RTA_PAYLOAD(a) < sizeof *via + hop->size)
				return -1;
			memcpy(hop->bytes, via->rtvia_addr, hop->size);
		}
	}
	return 0;
}

/* Non-zero when the kernel knows the neighbour; mac is its address then. */
static int look_up(int netlink, const struct hop *hop, uint32_t index, uint8_t mac[6])
{
	union request request;
	struct ndmsg *wanted = begin(&request, RTM_GETNEIGH, 0, sizeof *wanted);
	_Alignas(struct nlmsghdr) char answer[4096];

	wanted->ndm_family = (uint8_t)hop->family;
	wanted->ndm_ifindex = (int)index;
	put(&request, NDA_DST, hop->bytes, hop->size);
	if (ask(netlink, &request.head, answer, sizeof answer) <= 0)
		return 0;
	const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
	const struct ndmsg *about = NLMSG_DATA(m);
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof *about), found = 0;
	for (struct rtattr *a = (struct rtattr *)((char *)NLMSG_DATA(m) + NLMSG_ALIGN(sizeof *about)); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6 && (about->ndm_state & KNOWN) != 0) {
			memcpy(mac, RTA_DATA(a), 6);
			found = 1;
		}
	return found;
}

/* Has the kernel look for the neighbour, as it does for a packet of its own. */
static int search(int netlink, const struct hop *hop, uint32_t index)
{
	union request request;
	struct ndmsg *about = begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, sizeof *about);
	_Alignas(struct nlmsghdr) char answer[4096];

	*about = (struct ndmsg){ .ndm_family = (uint8_t)hop->family, .ndm_ifindex = (int)index, .ndm_state = NUD_NONE, .ndm_flags = NTF_USE };
	put(&request, NDA_DST, hop->bytes, hop->size);
	return ask(netlink, &request.head, answer, sizeof answer) < 0 ? -1 : 0;
}

int ipb_neighbour(int fd, const struct sockaddr_storage *to, char name[IF_NAMESIZE], uint8_t mac[6], struct ipb_error *err)
{
	struct sockaddr_storage from = { 0 };
	socklen_t size = sizeof from;
	char text[INET6_ADDRSTRLEN] = "?";
	struct hop hop = { 0 };
	int status = -1;

	ipb_link_of(fd, to, name);
	const uint32_t index = *name != '\0' ? if_nametoindex(name) : 0;
	if (index == 0 || getsockname(fd, (struct sockaddr *)&from, &size) < 0)
		return ipb_error(err, "there is no route to the target");
	if (strcmp(name, "lo") == 0)
		return ipb_error(err, "the target is this machine, and the loopback takes no frames that a program made");
	const int netlink = ipb_netlink_open();
	if (netlink < 0)
		return ipb_error_errno(err, errno, "cannot ask the kernel for routes");
	if (find_gateway(netlink, to, &from, index, &hop) < 0) {
		ipb_error_errno(err, errno, "cannot ask the kernel for the route to the target");
		goto end;
	}
	inet_ntop(hop.family, hop.bytes, text, sizeof text);
	for (int waited = 0; waited <= IPB_NEIGHBOUR_MS; waited += STEP_MS) {
		if (look_up(netlink, &hop, index, mac)) {
			status = 0;
			goto end;
		}
		if (waited == 0 && search(netlink, &hop, index) < 0) {
			if (errno == EPERM)
				ipb_error(err, "the kernel looks for the neighbour %s on %s for root, or with CAP_NET_ADMIN: start it as root, or grant "
				          "it once with \"setcap cap_bpf,cap_net_admin,cap_net_raw+ep %s\"", text, name, ipb_program());
			else
				ipb_error_errno(err, errno, "cannot have the kernel look for the neighbour %s on %s", text, name);
			goto end;
		}
		usleep(STEP_MS * 1000);
	}
	ipb_error(err, "nobody on %s answers for %s, to which the target's packets go (%s): is it up, and on this link?", name, text,
	          hop.family == AF_INET6 ? "neighbour discovery" : "ARP");
end:
	close(netlink);
	return status;
}
