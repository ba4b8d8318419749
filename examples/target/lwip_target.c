/*
 * The target of ipbench_target.h over lwIP, on a tap device of Linux: an echo for UDP that does what latency-check asks for, on
 * port 1235, and the control connection on port 1237.
 *
 *     gcc -O2 -I/usr/include/lwip -o lwip_target lwip_target.c ipbench_target.c -llwip -lpthread
 *     ip tuntap add dev tap0 mode tap; ip addr add 10.93.0.1/24 dev tap0; ip link set tap0 up
 *     ./lwip_target tap0 10.93.0.2
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"
#include "lwip/udp.h"

#include "ipbench_target.h"

#define ECHO_PORT 1235
#define CONTROL_PORT 1237

/* Everything below runs in lwIP's own thread, but for main and what it calls. */
static struct ipbench_target target;
static struct tcp_pcb *controller; /* one connection after another */
static uint64_t packets, bytes;

static uint64_t clock_ns(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A unikernel reads its cycle counter and counts in its idle loop. Here the unit is the nanosecond, and this process is all
 * of the machine. */
static void cycles(void *context, uint64_t *idle, uint64_t *total)
{
	(void)context;
	*total = clock_ns(CLOCK_MONOTONIC);
	*idle = *total - clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void begin(void *context)
{
	(void)context;
	packets = bytes = 0;
}

static void report(void *context, struct ipbench_target *t)
{
	(void)context;
	ipbench_target_word(t, "packets", packets, "");
	ipbench_target_word(t, "echoed", bytes, "byte");
	ipbench_target_word(t, "cores", 1, "");
}

static void echo(void *context, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	uint64_t word;

	(void)context;
	packets++;
	bytes += p->tot_len;
	if (p->tot_len >= 2 * sizeof word && pbuf_copy_partial(p, &word, sizeof word, 0) == sizeof word) {
		word++;
		pbuf_take_at(p, &word, sizeof word, sizeof word);
	}
	udp_sendto(pcb, p, from, port);
	pbuf_free(p);
}

static void hang_up(struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_err(pcb, NULL);
	if (pcb == controller)
		controller = NULL;
	if (tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
}

static void flush(struct tcp_pcb *pcb)
{
	if (target.reply_used > 0 && tcp_write(pcb, target.reply, (u16_t)target.reply_used, TCP_WRITE_FLAG_COPY) == ERR_OK) {
		target.reply_used = 0;
		tcp_output(pcb);
	}
	if (target.close)
		hang_up(pcb);
}

static err_t received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	(void)context;
	if (p == NULL || err != ERR_OK) {
		hang_up(pcb);
		return ERR_OK;
	}
	for (const struct pbuf *part = p; part != NULL; part = part->next)
		ipbench_target_received(&target, part->payload, part->len);
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	flush(pcb);
	return ERR_OK;
}

static void lost(void *context, err_t err)
{
	(void)context;
	(void)err;
	controller = NULL; /* lwIP has freed it */
}

static err_t connected(void *context, struct tcp_pcb *pcb, err_t err)
{
	(void)context;
	if (err != ERR_OK || controller != NULL) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	controller = pcb;
	tcp_recv(pcb, received);
	tcp_err(pcb, lost);
	ipbench_target_connected(&target);
	flush(pcb);
	return ERR_OK;
}

static struct netif interface;
static ip4_addr_t own_address;
static int tap;

/* The tap device's driver. lwIP's own (tapif) takes frames into PBUF_POOL, whose buffers are too small for a whole frame in
 * Debian's library: it would write beyond them. */
#define MTU 1500
#define FRAME (MTU + SIZEOF_ETH_HDR)

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tap < 0)
		return 0;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	return ioctl(tap, TUNSETIFF, &request) == 0;
}

static err_t frame_out(struct netif *netif, struct pbuf *p)
{
	char frame[FRAME];
	const u16_t length = pbuf_copy_partial(p, frame, sizeof frame, 0);

	(void)netif;
	return write(tap, frame, length) == length ? ERR_OK : ERR_IF;
}

static err_t tap_init(struct netif *netif)
{
	static const u8_t address[ETH_HWADDR_LEN] = { 0x02, 'i', 'p', 'b', 0, 1 };

	netif->name[0] = 't';
	netif->name[1] = 'p';
	netif->output = etharp_output;
	netif->linkoutput = frame_out;
	netif->mtu = MTU;
	netif->hwaddr_len = sizeof address;
	memcpy(netif->hwaddr, address, sizeof address);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP;
	return ERR_OK;
}

/* Gives lwIP's thread the frames as they come, until the device is gone. */
static void frames_in(void)
{
	char frame[FRAME];
	ssize_t length;

	while ((length = read(tap, frame, sizeof frame)) > 0) {
		struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);

		if (p == NULL)
			continue;
		pbuf_take(p, frame, (u16_t)length);
		if (interface.input(p, &interface) != ERR_OK)
			pbuf_free(p);
	}
}

static void ready(void *context)
{
	ip4_addr_t mask;
	struct udp_pcb *udp = udp_new();
	struct tcp_pcb *tcp = tcp_new();

	IP4_ADDR(&mask, 255, 255, 255, 0);
	netif_add(&interface, &own_address, &mask, IP4_ADDR_ANY4, NULL, tap_init, tcpip_input);
	netif_set_default(&interface);
	netif_set_up(&interface);
	netif_set_link_up(&interface);
	udp_bind(udp, IP_ADDR_ANY, ECHO_PORT);
	udp_recv(udp, echo, NULL);
	tcp_bind(tcp, IP_ADDR_ANY, CONTROL_PORT);
	tcp_accept(tcp_listen(tcp), connected);
	printf("ready: UDP port %d, control on TCP port %d\n", ECHO_PORT, CONTROL_PORT);
	fflush(stdout);
	sys_sem_signal(context);
}

int main(int argc, char **argv)
{
	sys_sem_t begun;

	if (argc != 3 || !ip4addr_aton(argv[2], &own_address)) {
		fprintf(stderr, "usage: %s TAP ADDRESS\n", argv[0]);
		return 2;
	}
	if (!open_tap(argv[1])) {
		perror(argv[1]);
		return 1;
	}
	target.ops = (struct ipbench_target_ops){ .cycles = cycles, .report = report, .begin = begin };
	sys_sem_new(&begun, 0);
	tcpip_init(ready, &begun);
	sys_sem_wait(&begun);
	frames_in();
	perror(argv[1]);
	return 1;
}
