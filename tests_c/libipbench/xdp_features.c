/* See xdp_features.h.  SPDX-License-Identifier: MIT */
#include "xdp_features.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define FAMILY "netdev"
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3

/* A question with one attribute. */
struct question {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	struct nlattr attribute;
	char value[8];
};

/* Sends a question and copies the attribute `wanted` of the answer to value[size]. 0, or -errno. */
static int ask(int fd, uint16_t family, uint8_t command, uint16_t type, const void *about, uint16_t length, uint16_t wanted,
               void *value, uint16_t size)
{
	struct question q = { .head = { .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST },
	                      .generic = { .cmd = command, .version = 1 },
	                      .attribute = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + length) } };
	_Alignas(struct nlmsghdr) char answer[8192];

	memcpy(q.value, about, length);
	q.head.nlmsg_len = (uint32_t)(sizeof q - sizeof q.value) + NLA_ALIGN((uint32_t)length);
	if (send(fd, &q, q.head.nlmsg_len, 0) < 0)
		return -errno;
	const ssize_t n = recv(fd, answer, sizeof answer, 0);
	if (n < 0)
		return -errno;
	const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
	if (!NLMSG_OK(m, (size_t)n))
		return -EBADMSG;
	if (m->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = NLMSG_DATA(m);
		return m->nlmsg_len >= NLMSG_LENGTH(sizeof *e) && e->error < 0 ? e->error : -EBADMSG;
	}
	for (size_t at = NLMSG_LENGTH(GENL_HDRLEN); at + NLA_HDRLEN <= m->nlmsg_len;) {
		struct nlattr a;
		memcpy(&a, answer + at, sizeof a);
		if (a.nla_len < NLA_HDRLEN || at + a.nla_len > m->nlmsg_len)
			return -EBADMSG;
		if ((a.nla_type & NLA_TYPE_MASK) == wanted && a.nla_len >= NLA_HDRLEN + size) {
			memcpy(value, answer + at + NLA_HDRLEN, size);
			return 0;
		}
		at += NLA_ALIGN((size_t)a.nla_len);
	}
	return -ENODATA;
}

int ipbench_xdp_features(uint32_t ifindex, uint64_t *features)
{
	const struct timeval patience = { .tv_sec = 1 };
	uint16_t family;

	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	int status = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, FAMILY, sizeof FAMILY,
	                 CTRL_ATTR_FAMILY_ID, &family, sizeof family);
	if (status == 0)
		status = ask(fd, family, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &ifindex, sizeof ifindex,
		             NETDEV_A_DEV_XDP_FEATURES, features, sizeof *features);
	close(fd);
	return status;
}
