/* Frames that several sockets share; see ipb_fanout.h.  SPDX-License-Identifier: MIT */
#include "ipb_fanout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_sock.h"

#define SOURCE_AT ((uint32_t)SKF_LL_OFF + 8) /* the last four bytes of the source address */
#define GOLDEN 0x9e3779b1u                   /* 2^32 over the golden ratio: spreads numbers that are near one another */
#define FLOW_HIGH 20                         /* discard has a thread's number above so many bits of a flow's */

#define S(code, value) BPF_STMT(code, value)
#define J(code, value, yes, no) BPF_JUMP(BPF_JMP | (code) | BPF_K, value, yes, no)

/* As it passes no frame: what comes before the sockets share is nobody's. */
static int close_door(int fd)
{
	struct sock_filter nothing[] = { S(BPF_RET | BPF_K, 0) };
	const struct sock_fprog program = { sizeof nothing / sizeof *nothing, nothing };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int open_door(int fd)
{
	int none = 0;

	return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none);
}

/* Gives a frame the number of its socket, which the kernel takes modulo how many there are. */
static int set_program(int fd, const struct ipb_fanout_flows *flows)
{
	const uint32_t at = (uint32_t)SKF_NET_OFF + flows->magic_at;
	struct sock_filter code[] = {
		S(BPF_LD | BPF_W | BPF_ABS, SOURCE_AT),
		S(BPF_ALU | BPF_MUL | BPF_K, GOLDEN),
		S(BPF_ALU | BPF_RSH | BPF_K, 16),
		S(BPF_ST, 0),
		S(BPF_LD | BPF_W | BPF_LEN, 0),
		J(BPF_JGE, flows->magic_at + 8, 0, 9),
		S(BPF_LD | BPF_W | BPF_ABS, at),
		J(BPF_JEQ, flows->magic, 0, 7),
		S(BPF_LD | BPF_W | BPF_ABS, at + 4),
		S(BPF_MISC | BPF_TAX, 0),
		S(BPF_ALU | BPF_RSH | BPF_K, FLOW_HIGH),
		S(BPF_ALU | BPF_ADD | BPF_X, 0),
		S(BPF_LDX | BPF_MEM, 0),
		S(BPF_ALU | BPF_ADD | BPF_X, 0),
		S(BPF_RET | BPF_A, 0),
		S(BPF_LD | BPF_MEM, 0),
		S(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog program = { sizeof code / sizeof *code, code };

	return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program);
}

/* The first one makes the group, whose number the kernel chooses. */
static int join(const int *fds, uint32_t i)
{
	int group = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t size = sizeof group;

	if (i > 0) {
		if (getsockopt(fds[0], SOL_PACKET, PACKET_FANOUT, &group, &size) < 0)
			return -1;
		group = (group & 0xffff) | PACKET_FANOUT_CBPF << 16;
	}
	return setsockopt(fds[i], SOL_PACKET, PACKET_FANOUT, &group, sizeof group);
}

static int open_one(int *fds, uint32_t i, const char *iface, uint16_t ether_type, uint8_t *mac, struct ipb_error *err)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ether_type) };

	if ((fds[i] = ipb_sock_raw(iface, 0, &at.sll_ifindex, mac, err)) < 0)
		return -1;
	if (close_door(fds[i]) < 0 || bind(fds[i], (struct sockaddr *)&at, sizeof at) < 0 || join(fds, i) < 0)
		return ipb_error_errno(err, errno, "the kernel does not share out the frames of %s among threads", iface);
	return 0;
}

static int open_all(int *fds, uint32_t count, const char *iface, uint16_t ether_type, const struct ipb_fanout_flows *flows,
                    uint8_t *mac, struct ipb_error *err)
{
	for (uint32_t i = 0; i < count; i++)
		if (open_one(fds, i, iface, ether_type, mac, err) < 0)
			return -1;
	if (set_program(fds[0], flows) < 0)
		return ipb_error_errno(err, errno, "the kernel does not share out the frames of %s by their flows", iface);
	for (uint32_t i = 0; i < count; i++)
		if (open_door(fds[i]) < 0)
			return ipb_error_errno(err, errno, "cannot prepare the sockets on %s", iface);
	return 0;
}

int ipb_fanout_open(int *fds, uint32_t count, const char *iface, uint16_t ether_type, const struct ipb_fanout_flows *flows,
                    uint8_t *mac, struct ipb_error *err)
{
	if (count == 1)
		return (fds[0] = ipb_sock_raw(iface, ether_type, NULL, mac, err)) < 0 ? -1 : 0;
	for (uint32_t i = 0; i < count; i++)
		fds[i] = -1;
	if (open_all(fds, count, iface, ether_type, flows, mac, err) == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return -1;
}
