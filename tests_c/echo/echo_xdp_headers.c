/* Which packets the program answers: its parser, and whom an echo does not answer; see echo_xdp_emit.h.
 * SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "echo_guard.h"
#include "echo_xdp_emit.h"

#define SERVICE_MAX 623 /* highest port of guard_is_service */

void xdp_check_sender_mac(struct emitter *e)
{
	const uint8_t *mac = e->p->device.mac;
	const uint32_t other = ipb_asm_label(e->a);
	static const uint8_t none[6];

	ipb_asm_load(e->a, BPF_B, R1, R7, 6);
	ipb_asm_opi(e->a, BPF_AND, R1, 1);
	ipb_asm_ifi(e->a, BPF_JNE, R1, 0, e->ignored);
	if (memcmp(mac, none, 6) == 0) /* the loopback has no other address */
		return;
	ipb_asm_load(e->a, BPF_W, R1, R7, 6);
	ipb_asm_if32i(e->a, BPF_JNE, R1, ipb_asm_word(mac), other);
	ipb_asm_load(e->a, BPF_H, R1, R7, 10);
	ipb_asm_ifi(e->a, BPF_JEQ, R1, ipb_asm_half(mac + 4), e->ignored);
	ipb_asm_here(e->a, other);
}

void xdp_check_headers(struct emitter *e)
{
	const uint32_t ours = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;

	xdp_need(e, e->at.payload, e->pass);
	ipb_asm_load(a, BPF_B, R1, R7, ETHERNET);
	if (e->at.six) {
		ipb_asm_opi(a, BPF_AND, R1, 0xf0);
		ipb_asm_ifi(a, BPF_JNE, R1, 0x60, e->pass);
		ipb_asm_load(a, BPF_B, R1, R7, 20);
	} else {
		ipb_asm_ifi(a, BPF_JNE, R1, 0x45, e->pass);
		ipb_asm_load(a, BPF_H, R1, R7, 20);
		ipb_asm_opi(a, BPF_AND, R1, htons(0x3fff)); /* fragments */
		ipb_asm_ifi(a, BPF_JNE, R1, 0, e->pass);
		ipb_asm_load(a, BPF_B, R1, R7, 23);
	}
	ipb_asm_ifi(a, BPF_JNE, R1, IPPROTO_UDP, e->pass);
	ipb_asm_load(a, BPF_H, R1, R7, (int16_t)(e->at.udp + 2));
	ipb_asm_ifi(a, BPF_JNE, R1, htons(e->p->port), e->pass);
	for (unsigned i = 0; i < e->p->address_count; i++) {
		const struct echo_xdp_address *own = &e->p->addresses[i];
		const uint32_t other = ipb_asm_label(a);
		if ((own->family == AF_INET6) != e->at.six)
			continue;
		for (int16_t at = 0; at < e->at.address; at += 4) {
			ipb_asm_load(a, BPF_W, R1, R7, (int16_t)(e->at.target + at));
			ipb_asm_if32i(a, BPF_JNE, R1, ipb_asm_word(own->bytes + at), other);
		}
		ipb_asm_goto(a, ours);
		ipb_asm_here(a, other);
	}
	ipb_asm_goto(a, e->pass);
	ipb_asm_here(a, ours);
	/* The lengths of both headers agree, and the frame is no shorter. */
	ipb_asm_load(a, BPF_H, R1, R7, (int16_t)(e->at.udp + 4));
	ipb_asm_be(a, R1, 16);
	ipb_asm_ifi(a, BPF_JLT, R1, UDP_HEADER, e->pass);
	ipb_asm_load(a, BPF_H, R2, R7, e->at.six ? 18 : 16);
	ipb_asm_be(a, R2, 16);
	ipb_asm_mov(a, R9, R1);
	if (!e->at.six)
		ipb_asm_opi(a, BPF_ADD, R1, 20);
	ipb_asm_if(a, BPF_JNE, R1, R2, e->pass);
	ipb_asm_load(a, BPF_DW, R1, R10, CTX_AT);
	ipb_asm_call(a, BPF_FUNC_xdp_get_buff_len);
	ipb_asm_opi(a, BPF_ADD, R9, e->at.udp);
	ipb_asm_if(a, BPF_JLT, R0, R9, e->pass);
}

void xdp_check_sender(struct emitter *e)
{
	const uint32_t no_service = ipb_asm_label(e->a), other = ipb_asm_label(e->a);
	static const uint8_t none[6];
	struct ipb_asm *a = e->a;

	xdp_check_sender_mac(e);
	ipb_asm_load(a, BPF_B, R1, R7, e->at.source);
	if (e->at.six) {
		ipb_asm_ifi(a, BPF_JEQ, R1, 0xff, e->ignored);
	} else {
		ipb_asm_ifi(a, BPF_JGE, R1, 224, e->ignored);
		ipb_asm_ifi(a, BPF_JEQ, R1, 0, e->ignored);
		if (memcmp(e->p->device.mac, none, 6) != 0)
			ipb_asm_ifi(a, BPF_JEQ, R1, 127, e->ignored);
	}
	ipb_asm_load(a, BPF_H, R1, R7, e->at.udp);
	ipb_asm_be(a, R1, 16);
	ipb_asm_ifi(a, BPF_JGT, R1, SERVICE_MAX, no_service);
	for (uint16_t port = 0; port <= SERVICE_MAX; port++)
		if (guard_is_service(port))
			ipb_asm_ifi(a, BPF_JEQ, R1, port, e->ignored);
	ipb_asm_here(a, no_service);
	ipb_asm_ifi(a, BPF_JNE, R1, e->p->port, other);
	for (int16_t at = 0; at < e->at.address; at += 4) {
		ipb_asm_load(a, BPF_W, R1, R7, (int16_t)(e->at.source + at));
		ipb_asm_load(a, BPF_W, R2, R7, (int16_t)(e->at.target + at));
		ipb_asm_if(a, BPF_JNE, R1, R2, other);
	}
	ipb_asm_goto(a, e->ignored);
	ipb_asm_here(a, other);
}
