/* See ipb_asm.h.  SPDX-License-Identifier: MIT */
#include "ipb_asm.h"

#include <string.h>

void ipb_asm_init(struct ipb_asm *a) { memset(a, 0, sizeof *a); }

void ipb_asm_emit(struct ipb_asm *a, uint8_t code, uint8_t dst, uint8_t src, int16_t offset, int32_t value)
{
	if (a->size >= IPB_ASM_CODE_MAX) {
		a->broken = 1;
		return;
	}
	a->code[a->size++] = (struct bpf_insn){ .code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = offset, .imm = value };
}

uint32_t ipb_asm_label(struct ipb_asm *a)
{
	if (a->label_count >= IPB_ASM_LABELS_MAX) {
		a->broken = 1;
		return 0;
	}
	a->labels[a->label_count] = -1;
	return a->label_count++;
}

void ipb_asm_here(struct ipb_asm *a, uint32_t label) { a->labels[label] = (int32_t)a->size; }

void ipb_asm_jump(struct ipb_asm *a, uint8_t code, uint8_t dst, uint8_t src, int32_t value, uint32_t label)
{
	if (a->jump_count >= IPB_ASM_JUMPS_MAX) {
		a->broken = 1;
		return;
	}
	a->jumps[a->jump_count].at = a->size;
	a->jumps[a->jump_count++].label = label;
	ipb_asm_emit(a, code, dst, src, 0, value);
}

int ipb_asm_end(struct ipb_asm *a)
{
	for (uint32_t i = 0; i < a->jump_count && !a->broken; i++) {
		const int32_t to = a->labels[a->jumps[i].label];
		if (to < 0)
			a->broken = 1;
		else
			a->code[a->jumps[i].at].off = (int16_t)(to - (int32_t)a->jumps[i].at - 1); /* sizes fit: IPB_ASM_CODE_MAX */
	}
	return a->broken ? -1 : 0;
}

static void wide(struct ipb_asm *a, uint8_t dst, uint8_t kind, uint32_t low, uint32_t high)
{
	ipb_asm_emit(a, BPF_LD | BPF_IMM | BPF_DW, dst, kind, 0, (int32_t)low);
	ipb_asm_emit(a, 0, 0, 0, 0, (int32_t)high);
}

void ipb_asm_map(struct ipb_asm *a, uint8_t dst, int map) { wide(a, dst, BPF_PSEUDO_MAP_FD, (uint32_t)map, 0); }

void ipb_asm_map_value(struct ipb_asm *a, uint8_t dst, int map, uint32_t offset)
{
	wide(a, dst, BPF_PSEUDO_MAP_VALUE, (uint32_t)map, offset);
}

void ipb_asm_constant(struct ipb_asm *a, uint8_t dst, uint64_t value)
{
	wide(a, dst, 0, (uint32_t)value, (uint32_t)(value >> 32));
}
