/* The program of the echo in the driver; see echo_xdp.h, and echo_xdp_emit.h for its parts.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>

#include "echo.h"
#include "echo_guard.h"
#include "echo_xdp_emit.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd

static const struct layout IPV4 = { 0, 26, 30, 4, 22, 34, 42 }, IPV6 = { 1, 22, 38, 16, 21, 54, 62 };

void xdp_need(struct emitter *e, int16_t bytes, uint32_t to)
{
	ipb_asm_mov(e->a, R1, R7);
	ipb_asm_opi(e->a, BPF_ADD, R1, bytes);
	ipb_asm_if(e->a, BPF_JGT, R1, R8, to);
}

void xdp_count(struct emitter *e, int16_t what)
{
	ipb_asm_load(e->a, BPF_DW, R1, R6, what);
	ipb_asm_opi(e->a, BPF_ADD, R1, 1);
	ipb_asm_store(e->a, BPF_DW, R6, what, R1);
}

void xdp_count_checked(struct emitter *e, uint32_t spoilt)
{
	xdp_count(e, COUNT(checked));
	if (e->p->spoil == 0)
		return;
	ipb_asm_movi(e->a, R2, (int32_t)e->p->spoil);
	ipb_asm_op(e->a, BPF_MOD, R1, R2);
	ipb_asm_ifi(e->a, BPF_JEQ, R1, 0, spoilt);
}

/* R6: this processor's counts. */
static void find_counts(struct emitter *e)
{
	ipb_asm_storei(e->a, BPF_W, R10, SUM_AT, 0);
	ipb_asm_map(e->a, R1, e->p->counts);
	ipb_asm_mov(e->a, R2, R10);
	ipb_asm_opi(e->a, BPF_ADD, R2, SUM_AT);
	ipb_asm_call(e->a, BPF_FUNC_map_lookup_elem);
	ipb_asm_ifi(e->a, BPF_JEQ, R0, 0, e->pass);
	ipb_asm_mov(e->a, R6, R0);
}

static void turn_macs(struct emitter *e)
{
	const uint8_t *mac = e->p->device.mac;

	ipb_asm_load(e->a, BPF_W, R1, R7, 6);
	ipb_asm_load(e->a, BPF_H, R2, R7, 10);
	ipb_asm_store(e->a, BPF_W, R7, 0, R1);
	ipb_asm_store(e->a, BPF_H, R7, 4, R2);
	ipb_asm_storei(e->a, BPF_W, R7, 6, (int32_t)ipb_asm_word(mac));
	ipb_asm_storei(e->a, BPF_H, R7, 10, ipb_asm_half(mac + 4));
}

/* Addresses and ports change places, and no sum changes by that. */
static void turn_round(struct emitter *e)
{
	struct ipb_asm *a = e->a;

	for (int16_t at = 0; at < e->at.address; at += 4) {
		ipb_asm_load(a, BPF_W, R1, R7, (int16_t)(e->at.source + at));
		ipb_asm_load(a, BPF_W, R2, R7, (int16_t)(e->at.target + at));
		ipb_asm_store(a, BPF_W, R7, (int16_t)(e->at.source + at), R2);
		ipb_asm_store(a, BPF_W, R7, (int16_t)(e->at.target + at), R1);
	}
	ipb_asm_load(a, BPF_H, R1, R7, e->at.udp);
	ipb_asm_load(a, BPF_H, R2, R7, (int16_t)(e->at.udp + 2));
	ipb_asm_store(a, BPF_H, R7, e->at.udp, R2);
	ipb_asm_store(a, BPF_H, R7, (int16_t)(e->at.udp + 2), R1);
	turn_macs(e);
}

static void guard_udp(struct emitter *e)
{
	ipb_asm_load(e->a, BPF_B, R1, R7, e->at.hops);
	ipb_asm_store(e->a, BPF_DW, R10, HOPS_AT, R1);
	xdp_tag_begin(e);
	for (int16_t at = 0; at < e->at.address; at += 4)
		xdp_tag_add(e, BPF_W, (int16_t)(e->at.source + at));
	xdp_tag_add(e, BPF_W, e->at.udp);              /* ports */
	xdp_tag_add(e, BPF_H, (int16_t)(e->at.udp + 4)); /* length */
	xdp_tag_start(e, e->at.payload);
	ipb_asm_load(e->a, BPF_H, R3, R7, (int16_t)(e->at.udp + 4));
	ipb_asm_be(e->a, R3, 16);
	ipb_asm_opi(e->a, BPF_ADD, R3, e->at.udp - 8);
	xdp_tag_end(e, (int16_t)(e->at.payload + GUARD_KNOWN - 8));
	xdp_tag_done(e);
	echo_xdp_guard(e->a, e->p, -1, HOPS_AT, e->round);
}

static int has_address(const struct emitter *e)
{
	for (unsigned i = 0; e->p->udp && i < e->p->address_count; i++)
		if ((e->p->addresses[i].family == AF_INET6) == e->at.six)
			return 1;
	return 0;
}

static void answer_udp(struct emitter *e, const struct layout *at)
{
	struct ipb_asm *a = e->a;

	e->at = *at;
	if (!has_address(e)) { /* the verifier refuses code that nothing leads to */
		ipb_asm_return(a, XDP_PASS);
		return;
	}
	xdp_check_headers(e);
	find_counts(e);
	xdp_check_sender(e);
	guard_udp(e);
	if (e->p->check || e->mode == IPB_XDP_NATIVE)
		xdp_find_partial(e);
	if (e->p->check)
		xdp_write_word(e);
	if (e->mode == IPB_XDP_NATIVE) /* else the kernel still knows that it has to be completed on its way out */
		xdp_complete(e);
	xdp_change_hops_and_class(e);
	turn_round(e);
	xdp_count(e, COUNT(udp_packets));
	ipb_asm_load(a, BPF_H, R1, R7, (int16_t)(e->at.udp + 4));
	ipb_asm_be(a, R1, 16);
	ipb_asm_opi(a, BPF_SUB, R1, UDP_HEADER);
	ipb_asm_load(a, BPF_DW, R2, R6, COUNT(udp_bytes));
	ipb_asm_op(a, BPF_ADD, R2, R1);
	ipb_asm_store(a, BPF_DW, R6, COUNT(udp_bytes), R2);
	ipb_asm_return(a, XDP_TX);
}

static void answer_raw(struct emitter *e)
{
	const uint32_t end = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;

	find_counts(e);
	xdp_check_sender_mac(e);
	ipb_asm_load(a, BPF_DW, R1, R10, CTX_AT);
	ipb_asm_call(a, BPF_FUNC_xdp_get_buff_len);
	ipb_asm_store(a, BPF_DW, R10, SUM_AT, R0);
	xdp_tag_begin(e);
	ipb_asm_op(a, BPF_XOR, R9, R0);
	xdp_tag_add(e, BPF_W, 6);
	xdp_tag_add(e, BPF_H, 10);
	xdp_tag_start(e, ETHERNET);
	ipb_asm_load(a, BPF_DW, R3, R10, SUM_AT);
	ipb_asm_opi(a, BPF_SUB, R3, 8);
	xdp_tag_end(e, ETHERNET + GUARD_KNOWN - 8);
	xdp_tag_done(e);
	echo_xdp_guard(a, e->p, 1, HOPS_AT, e->round);
	if (e->p->check) {
		xdp_need(e, ETHERNET + 16, end);
		xdp_count_checked(e, end);
		ipb_asm_load(a, BPF_DW, R2, R7, ETHERNET);
		ipb_asm_opi(a, BPF_ADD, R2, 1);
		ipb_asm_store(a, BPF_DW, R7, ETHERNET + 8, R2);
	}
	ipb_asm_here(a, end);
	turn_macs(e);
	xdp_count(e, COUNT(raw_packets));
	ipb_asm_load(a, BPF_DW, R1, R10, SUM_AT);
	ipb_asm_load(a, BPF_DW, R2, R6, COUNT(raw_bytes));
	ipb_asm_op(a, BPF_ADD, R2, R1);
	ipb_asm_store(a, BPF_DW, R6, COUNT(raw_bytes), R2);
	ipb_asm_return(a, XDP_TX);
}

void echo_xdp_program(struct ipb_asm *a, const struct echo_xdp_plan *p, enum ipb_xdp_mode mode)
{
	struct emitter e = { .a = a, .p = p, .mode = mode };
	const uint8_t *mac = p->device.mac;

	ipb_asm_init(a);
	const uint32_t elsewhere = ipb_asm_label(a), raw = ipb_asm_label(a), four = ipb_asm_label(a), six = ipb_asm_label(a);
	e.pass = ipb_asm_label(a);
	e.ignored = ipb_asm_label(a);
	e.round = ipb_asm_label(a);
	ipb_asm_store(a, BPF_DW, R10, CTX_AT, R1);
	ipb_asm_load(a, BPF_W, R7, R1, offsetof(struct xdp_md, data));
	ipb_asm_load(a, BPF_W, R8, R1, offsetof(struct xdp_md, data_end));
	xdp_need(&e, ETHERNET, e.pass);
	ipb_asm_load(a, BPF_W, R1, R7, 0);
	ipb_asm_if32i(a, BPF_JNE, R1, ipb_asm_word(mac), elsewhere);
	ipb_asm_load(a, BPF_H, R1, R7, 4);
	ipb_asm_ifi(a, BPF_JNE, R1, ipb_asm_half(mac + 4), elsewhere);
	ipb_asm_load(a, BPF_H, R1, R7, 12);
	ipb_asm_ifi(a, BPF_JEQ, R1, htons(TYPE_IPV4), four);
	ipb_asm_ifi(a, BPF_JEQ, R1, htons(TYPE_IPV6), six);
	ipb_asm_ifi(a, BPF_JEQ, R1, htons(ECHO_ETHER_TYPE), p->raw ? raw : e.pass);
	ipb_asm_here(a, e.pass);
	ipb_asm_return(a, XDP_PASS);

	ipb_asm_here(a, elsewhere);
	if (p->raw && p->broadcast) {
		ipb_asm_load(a, BPF_B, R1, R7, 0);
		ipb_asm_opi(a, BPF_AND, R1, 1);
		ipb_asm_ifi(a, BPF_JEQ, R1, 0, e.pass);
		ipb_asm_load(a, BPF_H, R1, R7, 12);
		ipb_asm_ifi(a, BPF_JEQ, R1, htons(ECHO_ETHER_TYPE), raw);
	}
	ipb_asm_return(a, XDP_PASS);

	ipb_asm_here(a, e.ignored);
	xdp_count(&e, COUNT(ignored));
	ipb_asm_return(a, XDP_DROP);
	ipb_asm_here(a, e.round);
	xdp_count(&e, COUNT(rounds));
	ipb_asm_return(a, XDP_DROP);

	ipb_asm_here(a, four);
	answer_udp(&e, &IPV4);
	ipb_asm_here(a, six);
	answer_udp(&e, &IPV6);
	if (p->raw) {
		ipb_asm_here(a, raw);
		answer_raw(&e);
	}
}
