/* The guard of echo_guard.c as a part of an XDP program: the same states, the same numbers.  SPDX-License-Identifier: MIT
 *
 * Two things differ. Packets that came with one call count once there; here, those within 1 µs, which is shorter than any
 * way round between two machines. And for a packet that was never seen before the clock is not read: only one that comes again
 * has times. */
#include <stddef.h>

#include "echo_guard.h"
#include "echo_xdp.h"

#define TOGETHER_BITS 10 /* 1024 ns */
/* The lower bits of a place's word: packets that came here and are the one that has it, less those that are others. */
#define WEIGHT_BITS 16
#define WEIGHT_MASK 0xffff
#define WEIGHT_MAX 1024
#define SLOT(member) ((int16_t)offsetof(struct echo_xdp_slot, member))

_Static_assert(sizeof(struct echo_xdp_slot) == 64, "a slot is a cache line");

/* R0 is the place, R1 what it holds: another packet's. Replaces that one when its weight is used up. */
static void contest(struct ipb_asm *a, uint32_t done)
{
	const uint32_t take = ipb_asm_label(a), end = ipb_asm_label(a);

	ipb_asm_mov(a, R2, R1);
	ipb_asm_opi(a, BPF_AND, R2, WEIGHT_MASK);
	ipb_asm_ifi(a, BPF_JEQ, R2, 0, take);
	ipb_asm_opi(a, BPF_SUB, R1, 1);
	ipb_asm_goto(a, end);
	ipb_asm_here(a, take);
	ipb_asm_mov(a, R1, R9);
	ipb_asm_opi(a, BPF_AND, R1, ~WEIGHT_MASK);
	ipb_asm_here(a, end);
	ipb_asm_store(a, BPF_DW, R0, 0, R1);
	ipb_asm_goto(a, done);
}

/* R0: the entry of the map at the key on the stack. */
static void find(struct ipb_asm *a, int map, int16_t key_at, uint32_t missing)
{
	ipb_asm_map(a, R1, map);
	ipb_asm_mov(a, R2, R10);
	ipb_asm_opi(a, BPF_ADD, R2, key_at);
	ipb_asm_call(a, BPF_FUNC_map_lookup_elem);
	ipb_asm_ifi(a, BPF_JEQ, R0, 0, missing);
}

/* R9 becomes the slot of the packet with that tag: new, when another one had it. */
static void find_slot(struct ipb_asm *a, int slots, int16_t key_at, uint32_t done)
{
	const uint32_t own = ipb_asm_label(a);

	find(a, slots, key_at, done);
	ipb_asm_load(a, BPF_DW, R1, R0, SLOT(tag));
	ipb_asm_if(a, BPF_JEQ, R1, R9, own);
	ipb_asm_store(a, BPF_DW, R0, SLOT(tag), R9);
	for (int16_t at = SLOT(first_ns); at < (int16_t)sizeof(struct echo_xdp_slot); at += 8)
		ipb_asm_storei(a, BPF_DW, R0, at, 0);
	ipb_asm_here(a, own);
	ipb_asm_mov(a, R9, R0);
}

/* The silence is over: R0 now, R9 the slot; see end_silence. */
static void end_silence(struct ipb_asm *a)
{
	const uint32_t generator = ipb_asm_label(a), end = ipb_asm_label(a);

	ipb_asm_storei(a, BPF_DW, R9, SLOT(silent_until_ns), 0);
	ipb_asm_storei(a, BPF_W, R9, SLOT(count), 0);
	ipb_asm_load(a, BPF_W, R1, R9, SLOT(late));
	ipb_asm_load(a, BPF_H, R2, R9, SLOT(needed));
	ipb_asm_if(a, BPF_JGE, R1, R2, generator);
	ipb_asm_load(a, BPF_B, R1, R9, SLOT(sent_anew));
	ipb_asm_ifi(a, BPF_JGE, R1, GUARD_SENT_ANEW_MAX, end);
	ipb_asm_opi(a, BPF_ADD, R1, 1);
	ipb_asm_store(a, BPF_B, R9, SLOT(sent_anew), R1);
	ipb_asm_goto(a, end);
	ipb_asm_here(a, generator);
	ipb_asm_load(a, BPF_B, R1, R9, SLOT(trusted));
	ipb_asm_constant(a, R2, GUARD_TRUST_NS);
	ipb_asm_op(a, BPF_LSH, R2, R1);
	ipb_asm_op(a, BPF_ADD, R2, R0);
	ipb_asm_store(a, BPF_DW, R9, SLOT(trusted_until_ns), R2);
	ipb_asm_ifi(a, BPF_JGE, R1, GUARD_TRUST_DOUBLINGS, end);
	ipb_asm_opi(a, BPF_ADD, R1, 1);
	ipb_asm_store(a, BPF_B, R9, SLOT(trusted), R1);
	ipb_asm_here(a, end);
}

/* R0 now, R1 the count, R9 the slot; see begin_silence. */
static void begin_silence(struct ipb_asm *a)
{
	const uint32_t some = ipb_asm_label(a), enough = ipb_asm_label(a), end = ipb_asm_label(a);

	ipb_asm_mov(a, R2, R0); /* took */
	ipb_asm_load(a, BPF_DW, R3, R9, SLOT(first_ns));
	ipb_asm_op(a, BPF_SUB, R2, R3);
	ipb_asm_ifi(a, BPF_JNE, R2, 0, some);
	ipb_asm_movi(a, R2, 1);
	ipb_asm_here(a, some);
	ipb_asm_mov(a, R3, R2); /* silence */
	ipb_asm_opi(a, BPF_MUL, R3, GUARD_SILENCE_ROUNDS);
	ipb_asm_op(a, BPF_DIV, R3, R1);
	ipb_asm_opi(a, BPF_ADD, R3, (int32_t)GUARD_SILENCE_NS);
	ipb_asm_mov(a, R4, R3);
	ipb_asm_opi(a, BPF_RSH, R4, 1); /* its half */
	ipb_asm_mov(a, R5, R4);         /* needed */
	ipb_asm_op(a, BPF_MUL, R5, R1);
	ipb_asm_op(a, BPF_DIV, R5, R2);
	ipb_asm_opi(a, BPF_DIV, R5, GUARD_GOES_ON);
	ipb_asm_ifi(a, BPF_JGE, R5, GUARD_GOES_ON_MIN, enough);
	ipb_asm_movi(a, R5, GUARD_GOES_ON_MIN);
	ipb_asm_here(a, enough);
	ipb_asm_ifi(a, BPF_JLE, R5, GUARD_GOES_ON_MAX, end);
	ipb_asm_movi(a, R5, GUARD_GOES_ON_MAX);
	ipb_asm_here(a, end);
	ipb_asm_store(a, BPF_H, R9, SLOT(needed), R5);
	ipb_asm_storei(a, BPF_W, R9, SLOT(late), 0);
	ipb_asm_op(a, BPF_ADD, R3, R0);
	ipb_asm_store(a, BPF_DW, R9, SLOT(silent_until_ns), R3);
	ipb_asm_op(a, BPF_SUB, R3, R4);
	ipb_asm_store(a, BPF_DW, R9, SLOT(late_from_ns), R3);
}

/* R1: when it came before, R2: silent_until_ns. A packet that was not seen for long is a new one; R2 is 0 then. */
static void forget(struct ipb_asm *a)
{
	const uint32_t longer = ipb_asm_label(a), judge = ipb_asm_label(a), kept = ipb_asm_label(a);

	ipb_asm_mov(a, R3, R0);
	ipb_asm_op(a, BPF_SUB, R3, R1);
	ipb_asm_ifi(a, BPF_JNE, R2, 0, longer);
	ipb_asm_load(a, BPF_B, R1, R9, SLOT(sent_anew));
	ipb_asm_ifi(a, BPF_JNE, R1, 0, longer);
	ipb_asm_constant(a, R1, GUARD_WINDOW_NS);
	ipb_asm_goto(a, judge);
	ipb_asm_here(a, longer);
	ipb_asm_constant(a, R1, GUARD_REMEMBER_NS);
	ipb_asm_here(a, judge);
	ipb_asm_if(a, BPF_JLE, R3, R1, kept);
	ipb_asm_storei(a, BPF_DW, R9, SLOT(first_ns), 0);
	for (int16_t at = SLOT(late_from_ns); at < SLOT(needed); at += 8)
		ipb_asm_storei(a, BPF_DW, R9, at, 0);
	ipb_asm_storei(a, BPF_W, R9, SLOT(needed), 0); /* trusted and sent_anew, too */
	ipb_asm_movi(a, R2, 0);
	ipb_asm_here(a, kept);
}

/* R0 now, R4 whether it counts. */
static void count(struct ipb_asm *a, int endless, int16_t hops_at, uint32_t done)
{
	const uint32_t restart = ipb_asm_label(a), counted = ipb_asm_label(a);

	ipb_asm_load(a, BPF_B, R5, R9, SLOT(sent_anew));
	ipb_asm_opi(a, BPF_ADD, R5, 1); /* times */
	ipb_asm_load(a, BPF_W, R1, R9, SLOT(count));
	ipb_asm_movi(a, R2, GUARD_SAME_ENDLESS);
	ipb_asm_ifi(a, BPF_JEQ, R1, 0, restart);
	if (endless > 0)
		ipb_asm_goto(a, counted);
	if (endless < 0) {
		ipb_asm_load(a, BPF_DW, R3, R10, hops_at);
		ipb_asm_ifi(a, BPF_JLE, R3, 1, counted);
	}
	if (endless <= 0) {
		ipb_asm_movi(a, R2, GUARD_SAME_HOPS);
		ipb_asm_load(a, BPF_DW, R3, R9, SLOT(first_ns));
		ipb_asm_op(a, BPF_SUB, R3, R0);
		ipb_asm_emit(a, BPF_ALU64 | BPF_NEG, R3, 0, 0, 0);
		ipb_asm_opi(a, BPF_DIV, R3, (int32_t)GUARD_WINDOW_NS); /* whole windows since first_ns */
		ipb_asm_if(a, BPF_JLT, R3, R5, counted);
	}
	ipb_asm_here(a, restart);
	ipb_asm_store(a, BPF_DW, R9, SLOT(first_ns), R0);
	ipb_asm_movi(a, R1, 0);
	ipb_asm_here(a, counted);
	ipb_asm_op(a, BPF_ADD, R1, R4);
	ipb_asm_store(a, BPF_W, R9, SLOT(count), R1);
	ipb_asm_ifi(a, BPF_JEQ, R4, 0, done);
	ipb_asm_op(a, BPF_MUL, R2, R5);
	ipb_asm_if(a, BPF_JLT, R1, R2, done);
}

void echo_xdp_guard(struct ipb_asm *a, const struct echo_xdp_plan *p, int endless, int16_t hops_at, uint32_t round)
{
	const uint32_t done = ipb_asm_label(a), same = ipb_asm_label(a), heavy = ipb_asm_label(a), counts = ipb_asm_label(a),
	               awake = ipb_asm_label(a), loud = ipb_asm_label(a);
	const int16_t key_at = (int16_t)(hops_at - 8);

	ipb_asm_mov(a, R1, R9);
	ipb_asm_opi(a, BPF_RSH, R1, 32);
	ipb_asm_opi(a, BPF_AND, R1, ECHO_XDP_SLOTS - 1);
	ipb_asm_store(a, BPF_W, R10, key_at, R1);
	find(a, p->tags, key_at, done);
	ipb_asm_load(a, BPF_DW, R1, R0, 0);
	ipb_asm_mov(a, R2, R1);
	ipb_asm_op(a, BPF_XOR, R2, R9);
	ipb_asm_opi(a, BPF_RSH, R2, WEIGHT_BITS);
	ipb_asm_ifi(a, BPF_JEQ, R2, 0, same);
	contest(a, done);

	ipb_asm_here(a, same);
	ipb_asm_mov(a, R2, R1);
	ipb_asm_opi(a, BPF_AND, R2, WEIGHT_MASK);
	ipb_asm_ifi(a, BPF_JGE, R2, WEIGHT_MAX, heavy);
	ipb_asm_opi(a, BPF_ADD, R1, 1);
	ipb_asm_store(a, BPF_DW, R0, 0, R1);
	ipb_asm_here(a, heavy);
	find_slot(a, p->slots, key_at, done);
	ipb_asm_call(a, BPF_FUNC_ktime_get_ns);
	ipb_asm_load(a, BPF_DW, R1, R9, SLOT(last_ns));
	ipb_asm_store(a, BPF_DW, R9, SLOT(last_ns), R0);
	ipb_asm_mov(a, R2, R0);
	ipb_asm_opi(a, BPF_RSH, R2, TOGETHER_BITS);
	ipb_asm_mov(a, R3, R1);
	ipb_asm_opi(a, BPF_RSH, R3, TOGETHER_BITS);
	ipb_asm_movi(a, R4, 1);
	ipb_asm_if(a, BPF_JNE, R2, R3, counts);
	ipb_asm_movi(a, R4, 0);
	ipb_asm_here(a, counts);
	ipb_asm_load(a, BPF_DW, R2, R9, SLOT(silent_until_ns));
	ipb_asm_if(a, BPF_JGE, R0, R2, awake);
	ipb_asm_load(a, BPF_DW, R3, R9, SLOT(late_from_ns));
	ipb_asm_if(a, BPF_JLT, R0, R3, round);
	ipb_asm_load(a, BPF_W, R3, R9, SLOT(late));
	ipb_asm_op(a, BPF_ADD, R3, R4);
	ipb_asm_store(a, BPF_W, R9, SLOT(late), R3);
	ipb_asm_goto(a, round);
	ipb_asm_here(a, awake);
	forget(a);
	ipb_asm_ifi(a, BPF_JEQ, R2, 0, loud);
	end_silence(a);
	ipb_asm_here(a, loud);
	ipb_asm_load(a, BPF_DW, R3, R9, SLOT(trusted_until_ns));
	ipb_asm_if(a, BPF_JLT, R0, R3, done);
	count(a, endless, hops_at, done);
	begin_silence(a);
	ipb_asm_goto(a, round);
	ipb_asm_here(a, done);
}
