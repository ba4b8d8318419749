/* Where frames made in user space go; see ipb_xdp_frames.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "ipb_neighbour.h"
#include "ipb_xdp_frames.h"

/* An option of a socket, as the kernel would use it. */
static uint8_t option(int fd, int level, int name, uint8_t otherwise)
{
	int value = otherwise;
	socklen_t size = sizeof value;

	return getsockopt(fd, level, name, &value, &size) == 0 && value >= 0 ? (uint8_t)value : otherwise;
}

int ipb_xdp_path(struct ipb_xdp_path *p, struct ipb_xdp_device *d, int fd, const struct sockaddr_storage *target, uint32_t largest,
                 const char *engine, struct ipb_error *err)
{
	const int six = target->ss_family == AF_INET6;
	const uint32_t headers = six ? 48 : 28;
	socklen_t size = sizeof p->own;
	char name[IF_NAMESIZE];

	p->target = *target;
	if (getsockname(fd, (struct sockaddr *)&p->own, &size) < 0)
		return ipb_error_errno(err, errno, "cannot read the own address");
	if (ipb_neighbour(fd, &p->target, name, p->next_mac, err) < 0 || ipb_xdp_device(d, name, "argument engine", err) < 0)
		return -1;
	memcpy(p->own_mac, d->mac, 6);
	p->hops = six ? option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64) : option(fd, IPPROTO_IP, IP_TTL, 64);
	p->tos = six ? option(fd, IPPROTO_IPV6, IPV6_TCLASS, 0) : option(fd, IPPROTO_IP, IP_TOS, 0);
	if (largest + headers > d->mtu)
		return ipb_error(err, "argument size: packets of %u bytes do not fit the MTU of %s, %u, and engine=%s makes no fragments: at "
		                 "most %u", largest, name, d->mtu, engine, d->mtu - headers);
	return 0;
}
