/* The tag by which the guard knows a packet again; see echo_xdp_emit.h.  SPDX-License-Identifier: MIT */
#include "echo_xdp_emit.h"
#include "ipb_rng.h"

#define WORDS 8 /* of 8 bytes, at the packet's start, that make it the same one: GUARD_KNOWN */
#define HASH 0x9e3779b97f4a7c15ull
#define FRAME_MOST 0x7fff /* bytes of a frame, so that the verifier sees that an offset fits */

void xdp_tag_begin(struct emitter *e) { ipb_asm_constant(e->a, R9, e->p->seed); }

/* The products do not wait for each other, and each byte changes the bits above it: xdp_tag_done brings them down. */
void xdp_tag_add(struct emitter *e, uint8_t width, int16_t at)
{
	uint64_t mix = e->p->seed + (uint64_t)at;

	ipb_asm_load(e->a, width, R1, R7, at);
	ipb_asm_constant(e->a, R2, ipb_mix64(&mix) | 1);
	ipb_asm_op(e->a, BPF_MUL, R1, R2);
	ipb_asm_op(e->a, BPF_ADD, R9, R1);
}

/* The last bytes of a packet, fewer than size (8, 4, 2). */
static void add_rest(struct emitter *e, int16_t at, int16_t size, uint32_t end)
{
	static const uint8_t widths[] = { BPF_B, BPF_B, BPF_H, BPF_H, BPF_W };
	const int16_t next = size / 2;
	const uint32_t less = ipb_asm_label(e->a);

	if (next == 0)
		return;
	xdp_need(e, (int16_t)(at + next), less);
	xdp_tag_add(e, widths[next], at);
	add_rest(e, (int16_t)(at + next), next, end);
	ipb_asm_goto(e->a, end);
	ipb_asm_here(e->a, less);
	add_rest(e, at, next, end);
}

void xdp_tag_start(struct emitter *e, int16_t at)
{
	const uint32_t end = ipb_asm_label(e->a);

	for (int16_t i = 0; i < WORDS; i++) {
		const uint32_t less = ipb_asm_label(e->a), whole = ipb_asm_label(e->a);
		xdp_need(e, (int16_t)(at + 8 * i + 8), less);
		ipb_asm_goto(e->a, whole);
		ipb_asm_here(e->a, less);
		add_rest(e, (int16_t)(at + 8 * i), 8, end);
		ipb_asm_goto(e->a, end);
		ipb_asm_here(e->a, whole);
		xdp_tag_add(e, BPF_DW, (int16_t)(at + 8 * i));
	}
	ipb_asm_here(e->a, end);
}

void xdp_tag_end(struct emitter *e, int16_t from)
{
	const uint32_t end = ipb_asm_label(e->a);

	ipb_asm_ifi(e->a, BPF_JLE, R3, from, end);
	ipb_asm_ifi(e->a, BPF_JGT, R3, FRAME_MOST, end);
	ipb_asm_mov(e->a, R4, R7);
	ipb_asm_op(e->a, BPF_ADD, R4, R3);
	ipb_asm_mov(e->a, R1, R4);
	ipb_asm_opi(e->a, BPF_ADD, R1, 8);
	ipb_asm_if(e->a, BPF_JGT, R1, R8, end);
	ipb_asm_load(e->a, BPF_DW, R1, R4, 0);
	ipb_asm_constant(e->a, R2, HASH);
	ipb_asm_op(e->a, BPF_MUL, R1, R2);
	ipb_asm_op(e->a, BPF_ADD, R9, R1);
	ipb_asm_here(e->a, end);
}

/* Mixes the bits, the lower ones into the upper and the other way round. */
void xdp_tag_done(struct emitter *e)
{
	for (int i = 0; i < 2; i++) {
		ipb_asm_mov(e->a, R1, R9);
		ipb_asm_opi(e->a, BPF_RSH, R1, 32);
		ipb_asm_op(e->a, BPF_XOR, R9, R1);
		ipb_asm_constant(e->a, R2, HASH);
		ipb_asm_op(e->a, BPF_MUL, R9, R2);
	}
	ipb_asm_opi(e->a, BPF_OR, R9, 1);
}
