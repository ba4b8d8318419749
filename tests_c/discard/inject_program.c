/* The XDP program that sends discard's packets; see inject.h.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "inject.h"

#define CLOCK_EVERY 16 /* a power of two */

/* R6: now; R7: the frame; R8: when the packet is due; R9: the state. */

static void get(struct ipb_asm *a, uint8_t dst, size_t field) { ipb_asm_load(a, BPF_DW, dst, R9, (int16_t)field); }

static void set(struct ipb_asm *a, size_t field, uint8_t src) { ipb_asm_store(a, BPF_DW, R9, (int16_t)field, src); }

#define AT(field) offsetof(struct inject_state, field)

/* Leaves unless a packet is due now; R1 is `until` then. The clock is read when the packet was not yet due at the last reading,
 * and for one packet in CLOCK_EVERY at least: reading it is a tenth of a packet's cost. */
static void is_due(struct ipb_asm *a, uint32_t drop)
{
	const uint32_t read = ipb_asm_label(a), known = ipb_asm_label(a);

	get(a, R8, AT(due));
	get(a, R6, AT(now));
	ipb_asm_if(a, BPF_JGT, R8, R6, read);
	get(a, R1, AT(sequence));
	ipb_asm_opi(a, BPF_AND, R1, CLOCK_EVERY - 1);
	ipb_asm_ifi(a, BPF_JNE, R1, 0, known);
	ipb_asm_here(a, read);
	ipb_asm_call(a, BPF_FUNC_ktime_get_ns);
	get(a, R1, AT(start_ns));
	ipb_asm_ifi(a, BPF_JEQ, R1, 0, drop); /* there is no schedule */
	ipb_asm_if(a, BPF_JLT, R0, R1, drop);
	ipb_asm_op(a, BPF_SUB, R0, R1);
	ipb_asm_mov(a, R6, R0);
	ipb_asm_opi(a, BPF_LSH, R6, INJECT_FRACTION);
	set(a, AT(now), R6);
	ipb_asm_if(a, BPF_JGT, R8, R6, drop);
	ipb_asm_here(a, known);
	get(a, R1, AT(until));
	ipb_asm_if(a, BPF_JGE, R8, R1, drop);
}

/* Gives up what should have been sent long ago, as ipb_sched_skip does. */
static void skip(struct ipb_asm *a, uint32_t drop)
{
	const uint32_t in_time = ipb_asm_label(a), limited = ipb_asm_label(a);

	ipb_asm_constant(a, R2, SENDER_BEHIND_NS << INJECT_FRACTION);
	ipb_asm_if(a, BPF_JLE, R6, R2, in_time);
	ipb_asm_mov(a, R3, R6);
	ipb_asm_op(a, BPF_SUB, R3, R2);
	ipb_asm_if(a, BPF_JGE, R8, R3, in_time);
	ipb_asm_if(a, BPF_JLE, R3, R1, limited);
	ipb_asm_mov(a, R3, R1);
	ipb_asm_here(a, limited);
	ipb_asm_op(a, BPF_SUB, R3, R8);
	get(a, R2, AT(interval));
	ipb_asm_op(a, BPF_ADD, R3, R2);
	ipb_asm_opi(a, BPF_SUB, R3, 1);
	ipb_asm_op(a, BPF_DIV, R3, R2);
	get(a, R4, AT(given_up));
	ipb_asm_op(a, BPF_ADD, R4, R3);
	set(a, AT(given_up), R4);
	ipb_asm_op(a, BPF_MUL, R3, R2);
	ipb_asm_op(a, BPF_ADD, R8, R3);
	set(a, AT(due), R8);
	ipb_asm_if(a, BPF_JGE, R8, R1, drop);
	ipb_asm_here(a, in_time);
}

/* R3: the packet's number, R4: packets of the measured phase before it, R5: its phase. */
static void count(struct ipb_asm *a)
{
	const uint32_t known = ipb_asm_label(a), other = ipb_asm_label(a);

	for (int i = 0; i < 3; i++) {
		ipb_asm_movi(a, R5, i);
		get(a, R2, AT(ends[i]));
		ipb_asm_if(a, BPF_JLT, R8, R2, known);
	}
	ipb_asm_movi(a, R5, DISCARD_END);
	ipb_asm_here(a, known);
	get(a, R3, AT(sequence));
	ipb_asm_mov(a, R1, R3);
	ipb_asm_opi(a, BPF_ADD, R1, 1);
	set(a, AT(sequence), R1);
	get(a, R4, AT(measured));
	ipb_asm_ifi(a, BPF_JNE, R5, DISCARD_MEASURE, other);
	ipb_asm_mov(a, R1, R4);
	ipb_asm_opi(a, BPF_ADD, R1, 1);
	set(a, AT(measured), R1);
	ipb_asm_here(a, other);
	get(a, R2, AT(interval));
	ipb_asm_op(a, BPF_ADD, R8, R2);
	set(a, AT(due), R8);
}

/* All that is not zero: whoever had the frame's memory before may have changed it. */
static void write_bytes(struct ipb_asm *a, const struct inject_frame *f)
{
	const uint32_t end = f->payload + DISCARD_HEADER;
	uint32_t i = 0, word;
	uint16_t half;

	for (; i + 4 <= end; i += 4) {
		memcpy(&word, f->bytes + i, sizeof word);
		ipb_asm_storei(a, BPF_W, R7, (int16_t)i, (int32_t)word);
	}
	for (; i + 2 <= end; i += 2) {
		memcpy(&half, f->bytes + i, sizeof half);
		ipb_asm_storei(a, BPF_H, R7, (int16_t)i, half);
	}
	for (; i < end; i++)
		ipb_asm_storei(a, BPF_B, R7, (int16_t)i, f->bytes[i]);
	ipb_asm_be(a, R3, 64);
	ipb_asm_be(a, R4, 64);
	ipb_asm_store(a, BPF_DW, R7, (int16_t)f->payload, R3);
	ipb_asm_store(a, BPF_DW, R7, (int16_t)(f->payload + 24), R4);
	ipb_asm_store(a, BPF_B, R7, (int16_t)(f->payload + 32), R5);
}

/* R1 += both halves of a 64-bit word that lies in the packet, as 32-bit ones. */
static void add_word(struct ipb_asm *a, uint8_t word)
{
	ipb_asm_emit(a, BPF_ALU | BPF_MOV | BPF_X, R2, word, 0, 0);
	ipb_asm_op(a, BPF_ADD, R1, R2);
	ipb_asm_opi(a, BPF_RSH, word, 32);
	ipb_asm_op(a, BPF_ADD, R1, word);
}

static void fold(struct ipb_asm *a, int bits)
{
	ipb_asm_mov(a, R2, R1);
	ipb_asm_opi(a, BPF_RSH, R2, bits);
	if (bits == 32)
		ipb_asm_emit(a, BPF_ALU | BPF_MOV | BPF_X, R1, R1, 0, 0);
	else
		ipb_asm_opi(a, BPF_AND, R1, 0xffff);
	ipb_asm_op(a, BPF_ADD, R1, R2);
}

/* The UDP checksum (RFC 768, RFC 1071): the sum of what is the same in all packets, and what is not. */
static void write_sum(struct ipb_asm *a, const struct inject_frame *f)
{
	const uint32_t written = ipb_asm_label(a);
	uint16_t fixed;

	memcpy(&fixed, f->bytes + f->payload - 2, sizeof fixed);
	ipb_asm_movi(a, R1, (uint16_t)~fixed);
	add_word(a, R3);
	add_word(a, R4);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		ipb_asm_opi(a, BPF_LSH, R5, 8);
	ipb_asm_op(a, BPF_ADD, R1, R5);
	fold(a, 32);
	for (int i = 0; i < 3; i++)
		fold(a, 16);
	ipb_asm_opi(a, BPF_XOR, R1, 0xffff);
	ipb_asm_ifi(a, BPF_JNE, R1, 0, written);
	ipb_asm_movi(a, R1, 0xffff);
	ipb_asm_here(a, written);
	ipb_asm_store(a, BPF_H, R7, (int16_t)(f->payload - 2), R1);
}

void inject_program(struct ipb_asm *a, const struct inject_frame *f, int state, uint32_t ifindex)
{
	ipb_asm_init(a);
	const uint32_t drop = ipb_asm_label(a);
	ipb_asm_load(a, BPF_W, R7, R1, offsetof(struct xdp_md, data));
	ipb_asm_load(a, BPF_W, R2, R1, offsetof(struct xdp_md, data_end));
	ipb_asm_mov(a, R1, R7);
	ipb_asm_opi(a, BPF_ADD, R1, (int32_t)f->size);
	ipb_asm_if(a, BPF_JGT, R1, R2, drop);
	ipb_asm_map_value(a, R9, state, 0);
	is_due(a, drop);
	skip(a, drop);
	count(a);
	write_bytes(a, f);
	if (f->udp)
		write_sum(a, f);
	ipb_asm_movi(a, R1, (int32_t)ifindex);
	ipb_asm_movi(a, R2, 0);
	ipb_asm_call(a, BPF_FUNC_redirect);
	ipb_asm_exit(a);
	ipb_asm_here(a, drop);
	ipb_asm_return(a, XDP_DROP);
}
