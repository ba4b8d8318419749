/* The sockets of the half that receives; see receiver.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "ipb_sock.h"
#include "receiver.h"

/* Frames of our type alone, with or without tags. The kernel takes the outer tag off before it asks. */
static int filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPB_ENGINE_ETHER_TYPE, 8, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORWARD_TAG_VLAN, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORWARD_TAG_SERVICE, 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPB_ENGINE_ETHER_TYPE, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FORWARD_TAG_VLAN, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPB_ENGINE_ETHER_TYPE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int forward_open_raw(struct forward_receiver *r, const struct forward_config *c, struct ipb_error *err)
{
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	int yes = 1;

	r->fd = ipb_sock_raw(c->engine.iface, ETH_P_ALL, &all.mr_ifindex, NULL, err);
	if (r->fd < 0)
		return -1;
	if (filter(r->fd) < 0)
		return ipb_error_errno(err, errno, "cannot filter what comes in by %s", c->engine.iface);
	setsockopt(r->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
	if (setsockopt(r->fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) < 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
		return ipb_error_errno(err, errno, "cannot make %s take frames to other addresses than its own", c->engine.iface);
	snprintf(r->iface, sizeof r->iface, "%s", c->engine.iface);
	return ipb_sock_apply(r->fd, AF_PACKET, &c->engine.sock, err);
}

int forward_open_udp(struct forward_receiver *r, const struct forward_config *c, uint16_t port, struct ipb_error *err)
{
	struct ipb_sock_options o = c->engine.sock;

	o.bind_port = 0; /* of what is sent */
	if (port == 0)
		return ipb_error(err, "no port was given to receive on: port=\"…\" in <test>, or test_port in <client>");
	r->fd = ipb_sock_listen(o.bind_host, port, SOCK_DGRAM, &o, err);
	if (r->fd >= 0 && o.device != NULL)
		snprintf(r->iface, sizeof r->iface, "%.*s", IF_NAMESIZE - 1, o.device);
	return r->fd < 0 ? -1 : 0;
}

void forward_tell_interface(const struct forward_receiver *r, int on)
{
	setsockopt(r->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	setsockopt(r->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

uint64_t forward_link_drops(const char *iface)
{
	static const char *const names[] = { "rx_missed_errors", "rx_fifo_errors" };
	uint64_t sum = 0;

	for (uint32_t i = 0; *iface != '\0' && i < sizeof names / sizeof *names; i++) {
		char path[128];
		unsigned long long value = 0;
		snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", iface, names[i]);
		FILE *f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fscanf(f, "%llu", &value) == 1)
			sum += value;
		fclose(f);
	}
	return sum;
}

uint64_t forward_backlog_drops(void)
{
	FILE *f = fopen("/proc/net/softnet_stat", "re");
	unsigned long long dropped;
	uint64_t sum = 0;

	/* A line for each processor, in hexadecimal: packets, dropped, … */
	while (f != NULL && fscanf(f, "%*x %llx%*[^\n]", &dropped) == 1)
		sum += dropped;
	if (f != NULL)
		fclose(f);
	return sum;
}
