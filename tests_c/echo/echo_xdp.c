/* Puts the echo's program on an interface and reads what it counts; see echo_xdp.h.  SPDX-License-Identifier: MIT */
#include "echo_xdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipb_bpf.h"
#include "ipb_clock.h"
#include "ipb_rng.h"

#define WHAT "argument xdp"
#define SETTLE_NS 20000000 /* in which a run of the program that had begun is over */
#define ONE_BUFFER_MTU 3000 /* bytes; with more, frames may come in several buffers (Linux 5.18) */

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1u << 5)
#endif

/* bytes: 4 or 16 of them. 0, or -1 when there is no place left. */
static int add_address(struct echo_xdp_plan *p, int family, const void *bytes)
{
	struct echo_xdp_address *to = &p->addresses[p->address_count];

	if (p->address_count == ECHO_XDP_ADDRESSES_MAX)
		return -1;
	to->family = family;
	memcpy(to->bytes, bytes, family == AF_INET ? 4 : 16);
	p->address_count++;
	return 0;
}

static int add_own(struct echo_xdp_plan *p, const struct sockaddr *from)
{
	if (from != NULL && from->sa_family == AF_INET)
		return add_address(p, AF_INET, &((const struct sockaddr_in *)from)->sin_addr);
	if (from != NULL && from->sa_family == AF_INET6)
		return add_address(p, AF_INET6, &((const struct sockaddr_in6 *)from)->sin6_addr);
	return 0;
}

/* The address of the argument ip, or those that the interface has. */
static int find_addresses(struct echo_xdp_plan *p, const char *ip, struct ipb_error *err)
{
	struct ifaddrs *all;
	uint8_t bytes[16];
	int fits = 1;

	if (*ip != '\0') {
		const int family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
		if (inet_pton(family, ip, bytes) != 1)
			return ipb_error(err, "argument ip: with xdp it takes an IPv4 or IPv6 address, not \"%.64s\"", ip);
		return add_address(p, family, bytes);
	}
	if (getifaddrs(&all) < 0)
		return ipb_error_errno(err, errno, "cannot read the addresses of %s", p->device.name);
	for (struct ifaddrs *a = all; a != NULL; a = a->ifa_next)
		if (strcmp(a->ifa_name, p->device.name) == 0)
			fits &= add_own(p, a->ifa_addr) == 0;
	freeifaddrs(all);
	if (!fits)
		return ipb_error(err, WHAT ": %s has more than %d addresses; say with ip= which one is to be answered", p->device.name,
		                 ECHO_XDP_ADDRESSES_MAX);
	if (p->udp && p->address_count == 0)
		return ipb_error(err, WHAT ": %s has no IP address to answer UDP at: give it one, or name with ip= that which is asked",
		                 p->device.name);
	return 0;
}

int echo_xdp_maps(struct echo_xdp_plan *p, struct ipb_error *err)
{
	p->tags = p->slots = -1;
	p->counts = ipb_bpf_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct echo_xdp_counts), 1, "counts", err);
	if (p->counts < 0)
		return -1;
	p->tags = ipb_bpf_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(uint64_t), ECHO_XDP_SLOTS, "packets that come", err);
	if (p->tags < 0)
		return -1;
	p->slots = ipb_bpf_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct echo_xdp_slot), ECHO_XDP_SLOTS,
	                       "packets that come again", err);
	return p->slots < 0 ? -1 : 0;
}

int echo_xdp_read(const struct echo_xdp_plan *p, struct echo_xdp_counts *sum)
{
	const uint32_t cpus = ipb_bpf_cpus(), key = 0;
	struct echo_xdp_counts *each = calloc(cpus, sizeof *each);
	const int status = each == NULL ? -1 : ipb_bpf_lookup(p->counts, &key, each);

	memset(sum, 0, sizeof *sum);
	for (uint32_t i = 0; status == 0 && i < cpus; i++) {
		sum->udp_packets += each[i].udp_packets;
		sum->udp_bytes += each[i].udp_bytes;
		sum->raw_packets += each[i].raw_packets;
		sum->raw_bytes += each[i].raw_bytes;
		sum->ignored += each[i].ignored;
		sum->rounds += each[i].rounds;
		sum->checked += each[i].checked;
	}
	free(each);
	return status;
}

static int load(void *with, enum ipb_xdp_mode mode, struct ipb_error *err)
{
	const struct echo_xdp_plan *p = with;
	struct ipb_asm *a = malloc(sizeof *a);

	if (a == NULL)
		return ipb_error(err, "no memory for the XDP program");
	echo_xdp_program(a, p, mode);
	const int program = ipb_bpf_load(a, "ipbench_echo", p->device.mtu > ONE_BUFFER_MTU ? BPF_F_XDP_HAS_FRAGS : 0, err);
	free(a);
	return program;
}

int echo_xdp_open(struct echo_xdp *x, const char *iface, const char *ip, struct ipb_error *err)
{
	uint64_t mix = ipb_now_ns() ^ (uint64_t)(uintptr_t)x;

	x->link.fd = x->plan.counts = x->plan.tags = x->plan.slots = -1;
	x->plan.seed = ipb_mix64(&mix);
	if (ipb_xdp_device(&x->plan.device, iface, WHAT, err) < 0 || find_addresses(&x->plan, ip, err) < 0 ||
	    echo_xdp_maps(&x->plan, err) < 0)
		return -1;
	x->has_errors = ipb_xdp_send_errors(&x->plan.device, &x->errors_before) == 0;
	return ipb_xdp_attach(&x->link, &x->plan.device, load, &x->plan, err);
}

void echo_xdp_poll(struct echo_xdp *x)
{
	uint64_t errors;

	if (x->link.fd < 0)
		return;
	echo_xdp_read(&x->plan, &x->counts);
	if (!x->has_errors || ipb_xdp_send_errors(&x->plan.device, &errors) < 0)
		return;
	x->errors = errors - x->errors_before;
	if (x->errors == 0 || x->told)
		return;
	x->told = 1;
	fprintf(stderr, "echo: the driver of %s (%s) did not send answers (XDP_TX)%s\n", x->plan.device.name, x->plan.device.driver,
	        strcmp(x->plan.device.driver, "veth") == 0 ? ECHO_XDP_VETH : ": see its counters with \"ethtool -S\"");
}

void echo_xdp_end(struct echo_xdp *x)
{
	struct timespec settle = { .tv_nsec = SETTLE_NS };

	if (x->link.fd < 0)
		return;
	close(x->link.fd); /* and with it the program leaves the interface; its number only shows now that there was one */
	nanosleep(&settle, NULL);
	echo_xdp_poll(x);
	x->link.fd = -1;
	close(x->plan.counts);
	close(x->plan.tags);
	close(x->plan.slots);
}
