/* The sums of a packet that changes on its way through the program; see echo_xdp_emit.h.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "echo.h"
#include "echo_xdp_emit.h"

#define SUM_MOST 512    /* bytes that one call of bpf_csum_diff adds up, as old kernels have it */
#define LINEAR_MAX 4096 /* bytes of a frame that can be at hand */

/* Adds the carries of a sum of 16-bit words back in: R1, with R2's help. */
static void fold(struct emitter *e, int times)
{
	for (int i = 0; i < times; i++) {
		ipb_asm_mov(e->a, R2, R1);
		ipb_asm_opi(e->a, BPF_RSH, R2, 16);
		ipb_asm_opi(e->a, BPF_AND, R1, 0xffff);
		ipb_asm_op(e->a, BPF_ADD, R1, R2);
	}
}

/* R1 += the bytes at `at`, as a part of a sum; with R2's help. */
static void add(struct emitter *e, uint8_t width, int16_t at)
{
	ipb_asm_load(e->a, width, R2, R7, at);
	ipb_asm_op(e->a, BPF_ADD, R1, R2);
}

/* R1 -= the bytes at `at`, in one's complement. */
static void subtract(struct emitter *e, uint8_t width, int16_t at)
{
	ipb_asm_load(e->a, width, R2, R7, at);
	if (width == BPF_H)
		ipb_asm_opi(e->a, BPF_XOR, R2, 0xffff);
	else
		ipb_asm_op32i(e->a, BPF_XOR, R2, -1);
	ipb_asm_op(e->a, BPF_ADD, R1, R2);
}

/* Makes R1, a sum, the UDP header's checksum; 0 would be none. */
static void store_checksum(struct emitter *e)
{
	const uint32_t some = ipb_asm_label(e->a);

	fold(e, 3);
	ipb_asm_opi(e->a, BPF_XOR, R1, 0xffff);
	ipb_asm_ifi(e->a, BPF_JNE, R1, 0, some);
	ipb_asm_movi(e->a, R1, 0xffff);
	ipb_asm_here(e->a, some);
	ipb_asm_store(e->a, BPF_H, R7, (int16_t)(e->at.udp + 6), R1);
}

void xdp_find_partial(struct emitter *e)
{
	const uint32_t end = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;

	ipb_asm_movi(a, R1, htons(IPPROTO_UDP));
	for (int16_t at = e->at.source; at < e->at.source + 2 * e->at.address; at += 4)
		add(e, BPF_W, at);
	add(e, BPF_H, (int16_t)(e->at.udp + 4));
	fold(e, 3);
	ipb_asm_load(a, BPF_H, R2, R7, (int16_t)(e->at.udp + 6));
	ipb_asm_movi(a, R9, 0);
	ipb_asm_if(a, BPF_JNE, R1, R2, end);
	ipb_asm_movi(a, R9, 1);
	ipb_asm_here(a, end);
}

void xdp_write_word(struct emitter *e)
{
	const uint32_t end = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;

	ipb_asm_load(a, BPF_H, R1, R7, (int16_t)(e->at.udp + 4));
	ipb_asm_be(a, R1, 16);
	ipb_asm_ifi(a, BPF_JLT, R1, UDP_HEADER + 16, end);
	xdp_need(e, (int16_t)(e->at.payload + 16), end);
	xdp_count_checked(e, end);
	ipb_asm_movi(a, R1, 0);
	subtract(e, BPF_H, (int16_t)(e->at.udp + 6));
	subtract(e, BPF_W, (int16_t)(e->at.payload + 8));
	subtract(e, BPF_W, (int16_t)(e->at.payload + 12));
	ipb_asm_load(a, BPF_DW, R2, R7, e->at.payload);
	ipb_asm_opi(a, BPF_ADD, R2, 1);
	ipb_asm_store(a, BPF_DW, R7, (int16_t)(e->at.payload + 8), R2);
	ipb_asm_ifi(a, BPF_JNE, R9, 0, end);
	add(e, BPF_W, (int16_t)(e->at.payload + 8));
	add(e, BPF_W, (int16_t)(e->at.payload + 12));
	ipb_asm_load(a, BPF_H, R2, R7, (int16_t)(e->at.udp + 6));
	ipb_asm_ifi(a, BPF_JEQ, R2, 0, end);
	store_checksum(e);
	ipb_asm_here(a, end);
}

/* Adds a piece of the packet at R6, R9 bytes before its end, to the sum; to `less` when the packet has no such piece any more. */
static void sum_piece(struct emitter *e, int32_t size, uint32_t less, uint32_t missing)
{
	struct ipb_asm *a = e->a;

	ipb_asm_ifi(a, BPF_JLT, R9, size, less);
	ipb_asm_mov(a, R1, R6);
	ipb_asm_opi(a, BPF_ADD, R1, size);
	ipb_asm_if(a, BPF_JGT, R1, R8, missing);
	if (size >= 4) {
		ipb_asm_movi(a, R1, 0);
		ipb_asm_movi(a, R2, 0);
		ipb_asm_mov(a, R3, R6);
		ipb_asm_movi(a, R4, size);
		ipb_asm_load(a, BPF_DW, R5, R10, SUM_AT);
		ipb_asm_call(a, BPF_FUNC_csum_diff);
	} else {
		ipb_asm_load(a, size == 2 ? BPF_H : BPF_B, R0, R6, 0);
		if (size == 1) { /* the first byte of a word in network byte order */
			ipb_asm_opi(a, BPF_LSH, R0, 8);
			ipb_asm_be(a, R0, 16);
		}
		ipb_asm_load(a, BPF_DW, R1, R10, SUM_AT);
		ipb_asm_op(a, BPF_ADD, R0, R1);
	}
	ipb_asm_store(a, BPF_DW, R10, SUM_AT, R0);
	ipb_asm_opi(a, BPF_ADD, R6, size);
	ipb_asm_opi(a, BPF_SUB, R9, size);
}

void xdp_complete(struct emitter *e)
{
	const uint32_t end = ipb_asm_label(e->a), missing = ipb_asm_label(e->a), write = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;
	uint32_t most = e->p->device.mtu < LINEAR_MAX ? e->p->device.mtu : LINEAR_MAX;

	ipb_asm_ifi(a, BPF_JEQ, R9, 0, end);
	ipb_asm_store(a, BPF_DW, R10, COUNTS_AT, R6);
	ipb_asm_storei(a, BPF_DW, R10, SUM_AT, 0);
	ipb_asm_load(a, BPF_H, R9, R7, (int16_t)(e->at.udp + 4));
	ipb_asm_be(a, R9, 16);
	ipb_asm_mov(a, R6, R7);
	ipb_asm_opi(a, BPF_ADD, R6, e->at.udp);
	for (uint32_t left = most; left >= SUM_MOST; left -= SUM_MOST) {
		const uint32_t less = ipb_asm_label(a);
		sum_piece(e, SUM_MOST, less, missing);
		ipb_asm_here(a, less);
	}
	for (int32_t size = SUM_MOST / 2; size >= 1; size /= 2) {
		const uint32_t less = ipb_asm_label(a);
		sum_piece(e, size, less, missing);
		ipb_asm_here(a, less);
	}
	ipb_asm_ifi(a, BPF_JEQ, R9, 0, write);
	ipb_asm_here(a, missing);
	ipb_asm_goto(a, e->pass);
	ipb_asm_here(a, write);
	ipb_asm_load(a, BPF_DW, R1, R10, SUM_AT);
	store_checksum(e);
	ipb_asm_load(a, BPF_DW, R6, R10, COUNTS_AT);
	ipb_asm_here(a, end);
}

void xdp_change_hops_and_class(struct emitter *e)
{
	const uint32_t last = ipb_asm_label(e->a);
	struct ipb_asm *a = e->a;

	if (!e->at.six) {
		ipb_asm_movi(a, R1, 0);
		subtract(e, BPF_H, 24);
		subtract(e, BPF_H, 14);
		subtract(e, BPF_H, 22);
	}
	ipb_asm_load(a, BPF_B, R2, R7, e->at.hops);
	ipb_asm_ifi(a, BPF_JLE, R2, 1, last);
	ipb_asm_opi(a, BPF_SUB, R2, 1);
	ipb_asm_store(a, BPF_B, R7, e->at.hops, R2);
	ipb_asm_here(a, last);
	ipb_asm_load(a, BPF_B, R2, R7, 15);
	if (e->at.six) {
		ipb_asm_opi(a, BPF_AND, R2, e->p->reflect_dscp ? 0xcf : 0x0f);
		if (!e->p->reflect_dscp)
			ipb_asm_storei(a, BPF_B, R7, 14, 0x60);
	} else {
		ipb_asm_opi(a, BPF_AND, R2, e->p->reflect_dscp ? ECHO_DSCP_BITS : 0);
	}
	ipb_asm_store(a, BPF_B, R7, 15, R2);
	if (e->at.six)
		return;
	add(e, BPF_H, 14);
	add(e, BPF_H, 22);
	fold(e, 2);
	ipb_asm_opi(a, BPF_XOR, R1, 0xffff);
	ipb_asm_store(a, BPF_H, R7, 24, R1);
}
