/* See ipb_redirect.h.  SPDX-License-Identifier: MIT */
#include "ipb_redirect.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#define ETHERNET 14

/* Passes the frame unless the bytes at `at` are these; R7 is the frame. */
static void expect(struct ipb_asm *a, int16_t at, const void *bytes, int16_t size, uint32_t pass)
{
	for (int16_t i = 0; i + 4 <= size; i += 4) {
		ipb_asm_load(a, BPF_W, R1, R7, (int16_t)(at + i));
		ipb_asm_if32i(a, BPF_JNE, R1, ipb_asm_word((const uint8_t *)bytes + i), pass);
	}
	if (size % 4 != 0) {
		ipb_asm_load(a, BPF_H, R1, R7, (int16_t)(at + size - 2));
		ipb_asm_ifi(a, BPF_JNE, R1, ipb_asm_half((const uint8_t *)bytes + size - 2), pass);
	}
}

static void expect_half(struct ipb_asm *a, int16_t at, uint16_t value, uint32_t pass)
{
	ipb_asm_load(a, BPF_H, R1, R7, at);
	ipb_asm_ifi(a, BPF_JNE, R1, htons(value), pass);
}

static void expect_byte(struct ipb_asm *a, int16_t at, uint8_t value, uint32_t pass)
{
	ipb_asm_load(a, BPF_B, R1, R7, at);
	ipb_asm_ifi(a, BPF_JNE, R1, value, pass);
}

static void need(struct ipb_asm *a, int16_t bytes, uint32_t pass)
{
	ipb_asm_mov(a, R1, R7);
	ipb_asm_opi(a, BPF_ADD, R1, bytes);
	ipb_asm_if(a, BPF_JGT, R1, R8, pass);
}

/* Passes a packet to a port whose bit is not set. */
static void expect_port(struct ipb_asm *a, int16_t at, int bits, uint32_t pass)
{
	ipb_asm_load(a, BPF_H, R2, R7, at);
	ipb_asm_be(a, R2, 16);
	ipb_asm_mov(a, R3, R2);
	ipb_asm_opi(a, BPF_RSH, R3, 3);
	ipb_asm_opi(a, BPF_AND, R3, IPB_REDIRECT_PORTS_SIZE - 1);
	ipb_asm_opi(a, BPF_AND, R2, 7);
	ipb_asm_map_value(a, R1, bits, 0);
	ipb_asm_op(a, BPF_ADD, R1, R3);
	ipb_asm_load(a, BPF_B, R1, R1, 0);
	ipb_asm_op(a, BPF_RSH, R1, R2);
	ipb_asm_opi(a, BPF_AND, R1, 1);
	ipb_asm_ifi(a, BPF_JEQ, R1, 0, pass);
}

static void match_udp(struct ipb_asm *a, const struct ipb_redirect *r, uint32_t pass)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&r->target, *own_four = (const struct sockaddr_in *)&r->own;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&r->target, *own_six = (const struct sockaddr_in6 *)&r->own;
	const int is_six = r->target.ss_family == AF_INET6;
	const int16_t udp = is_six ? 54 : 34;

	need(a, (int16_t)(udp + 8), pass);
	expect_half(a, 12, is_six ? 0x86dd : 0x0800, pass);
	if (is_six) {
		expect_byte(a, 20, IPPROTO_UDP, pass);
		expect(a, 22, &six->sin6_addr, 16, pass);
		expect(a, 38, &own_six->sin6_addr, 16, pass);
	} else {
		expect_byte(a, ETHERNET, 0x45, pass);
		expect_byte(a, 23, IPPROTO_UDP, pass);
		ipb_asm_load(a, BPF_H, R1, R7, 20);
		ipb_asm_opi(a, BPF_AND, R1, htons(0x3fff)); /* fragments */
		ipb_asm_ifi(a, BPF_JNE, R1, 0, pass);
		expect(a, 26, &four->sin_addr, 4, pass);
		expect(a, 30, &own_four->sin_addr, 4, pass);
	}
	expect_half(a, udp, ntohs(six->sin6_port), pass); /* IPv4's is at the same place */
	if (r->ports > 1)
		expect_port(a, (int16_t)(udp + 2), r->port_bits, pass);
	else
		expect_half(a, (int16_t)(udp + 2), ntohs(own_six->sin6_port), pass);
}

void ipb_redirect_program(struct ipb_asm *a, const struct ipb_redirect *r)
{
	ipb_asm_init(a);
	const uint32_t pass = ipb_asm_label(a);
	ipb_asm_mov(a, R6, R1);
	ipb_asm_load(a, BPF_W, R7, R1, offsetof(struct xdp_md, data));
	ipb_asm_load(a, BPF_W, R8, R1, offsetof(struct xdp_md, data_end));
	if (r->raw) {
		need(a, ETHERNET, pass);
		expect_half(a, 12, r->ether_type, pass);
		expect(a, 6, r->from, 6, pass);
	} else {
		match_udp(a, r, pass);
	}
	/* A queue without a socket passes, too. */
	ipb_asm_load(a, BPF_W, R2, R6, offsetof(struct xdp_md, rx_queue_index));
	ipb_asm_map(a, R1, r->sockets);
	ipb_asm_movi(a, R3, XDP_PASS);
	ipb_asm_call(a, BPF_FUNC_redirect_map);
	ipb_asm_exit(a);
	ipb_asm_here(a, pass);
	ipb_asm_return(a, XDP_PASS);
}
