/*
 * Programs for the kernel's BPF machine, put together at run time: constants of a run (ports, addresses) become constants
 * of the program, and neither a compiler nor BTF is needed.  SPDX-License-Identifier: MIT
 *
 * The instruction set is RFC 9669. Registers are BPF_REG_0 to BPF_REG_10 of <linux/bpf.h>. Labels are numbers that
 * ipb_asm_label gives out; jumps only go forward or back within the 16 bits of an offset. A program that does not fit, or
 * jumps to a label that is nowhere, is marked, and ipb_bpf_load refuses it.
 */
#ifndef IPB_ASM_H
#define IPB_ASM_H

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>

#define IPB_ASM_CODE_MAX 4096u
#define IPB_ASM_LABELS_MAX 1024u
#define IPB_ASM_JUMPS_MAX 2048u

/* The registers, by RFC 9669's names. */
enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

struct ipb_asm {
	struct bpf_insn code[IPB_ASM_CODE_MAX];
	uint32_t size;                           /* instructions */
	int32_t labels[IPB_ASM_LABELS_MAX];      /* where each is, -1: not yet known */
	uint32_t label_count;
	struct {
		uint32_t at, label;
	} jumps[IPB_ASM_JUMPS_MAX];
	uint32_t jump_count;
	int broken;
};

void ipb_asm_init(struct ipb_asm *a);
void ipb_asm_emit(struct ipb_asm *a, uint8_t code, uint8_t dst, uint8_t src, int16_t offset, int32_t value);
/* A new label, and where it is. */
uint32_t ipb_asm_label(struct ipb_asm *a);
void ipb_asm_here(struct ipb_asm *a, uint32_t label);
/* A jump of this code (BPF_JMP or BPF_JMP32, BPF_JEQ …) to a label. */
void ipb_asm_jump(struct ipb_asm *a, uint8_t code, uint8_t dst, uint8_t src, int32_t value, uint32_t label);
/* Fills the jumps in. 0, or -1 when the program is broken. */
int ipb_asm_end(struct ipb_asm *a);
/* The address of a map, or of a byte in the first value of an array. */
void ipb_asm_map(struct ipb_asm *a, uint8_t dst, int map);
void ipb_asm_map_value(struct ipb_asm *a, uint8_t dst, int map, uint32_t offset);
/* A 64-bit constant. */
void ipb_asm_constant(struct ipb_asm *a, uint8_t dst, uint64_t value);

/* Bytes of a packet as a constant that a load of as many bytes compares with. */
static inline uint32_t ipb_asm_word(const void *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

static inline uint16_t ipb_asm_half(const void *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

/* dst OP= src, and dst OP= value; OP: BPF_ADD, BPF_MOV, … 64 bits wide. */
static inline void ipb_asm_op(struct ipb_asm *a, uint8_t op, uint8_t dst, uint8_t src)
{
	ipb_asm_emit(a, BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

static inline void ipb_asm_opi(struct ipb_asm *a, uint8_t op, uint8_t dst, int32_t value)
{
	ipb_asm_emit(a, BPF_ALU64 | op | BPF_K, dst, 0, 0, value);
}

/* The same in the lower 32 bits; the upper become zero. */
static inline void ipb_asm_op32i(struct ipb_asm *a, uint8_t op, uint8_t dst, int32_t value)
{
	ipb_asm_emit(a, BPF_ALU | op | BPF_K, dst, 0, 0, value);
}

static inline void ipb_asm_mov(struct ipb_asm *a, uint8_t dst, uint8_t src) { ipb_asm_op(a, BPF_MOV, dst, src); }

static inline void ipb_asm_movi(struct ipb_asm *a, uint8_t dst, int32_t value) { ipb_asm_opi(a, BPF_MOV, dst, value); }

/* From network byte order to the processor's, or back. */
static inline void ipb_asm_be(struct ipb_asm *a, uint8_t dst, int bits)
{
	ipb_asm_emit(a, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, bits);
}

/* width: BPF_B, BPF_H, BPF_W, BPF_DW. */
static inline void ipb_asm_load(struct ipb_asm *a, uint8_t width, uint8_t dst, uint8_t src, int16_t offset)
{
	ipb_asm_emit(a, BPF_LDX | BPF_MEM | width, dst, src, offset, 0);
}

static inline void ipb_asm_store(struct ipb_asm *a, uint8_t width, uint8_t dst, int16_t offset, uint8_t src)
{
	ipb_asm_emit(a, BPF_STX | BPF_MEM | width, dst, src, offset, 0);
}

static inline void ipb_asm_storei(struct ipb_asm *a, uint8_t width, uint8_t dst, int16_t offset, int32_t value)
{
	ipb_asm_emit(a, BPF_ST | BPF_MEM | width, dst, 0, offset, value);
}

static inline void ipb_asm_goto(struct ipb_asm *a, uint32_t label)
{
	ipb_asm_jump(a, BPF_JMP | BPF_JA, 0, 0, 0, label);
}

/* Jumps when dst CMP src, or dst CMP value; CMP: BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JLT, … */
static inline void ipb_asm_if(struct ipb_asm *a, uint8_t cmp, uint8_t dst, uint8_t src, uint32_t label)
{
	ipb_asm_jump(a, BPF_JMP | cmp | BPF_X, dst, src, 0, label);
}

static inline void ipb_asm_ifi(struct ipb_asm *a, uint8_t cmp, uint8_t dst, int32_t value, uint32_t label)
{
	ipb_asm_jump(a, BPF_JMP | cmp | BPF_K, dst, 0, value, label);
}

/* Compares the lower 32 bits. */
static inline void ipb_asm_if32i(struct ipb_asm *a, uint8_t cmp, uint8_t dst, uint32_t value, uint32_t label)
{
	ipb_asm_jump(a, BPF_JMP32 | cmp | BPF_K, dst, 0, (int32_t)value, label);
}

static inline void ipb_asm_call(struct ipb_asm *a, int helper)
{
	ipb_asm_emit(a, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static inline void ipb_asm_exit(struct ipb_asm *a) { ipb_asm_emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

/* Leaves the program with this verdict. */
static inline void ipb_asm_return(struct ipb_asm *a, int32_t verdict)
{
	ipb_asm_movi(a, BPF_REG_0, verdict);
	ipb_asm_exit(a);
}

#endif
