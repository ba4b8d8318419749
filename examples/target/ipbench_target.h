/*
 * A target for ipbench that needs no operating system: the control protocol and the report of what it counted. Sockets,
 * clocks and memory are the caller's. docs/target_words.md describes what it sends.  SPDX-License-Identifier: MIT
 */
#ifndef IPBENCH_TARGET_H
#define IPBENCH_TARGET_H

#include <stddef.h>
#include <stdint.h>
#define IPBENCH_TARGET_LINE 256   /* longest command; a longer one is answered with 400 */
#define IPBENCH_TARGET_TEXT 4000  /* longest report */
#define IPBENCH_TARGET_REPLY (IPBENCH_TARGET_TEXT + 100)

struct ipbench_target;

/* What the caller gives. Both may be called at any time between START and STOP. */
struct ipbench_target_ops {
	/* Cycles (or another unit of time) of all cores since any instant: idle of them, and in all. */
	void (*cycles)(void *context, uint64_t *idle, uint64_t *total);
	/* At STOP: adds further lines with ipbench_target_word. NULL: none. */
	void (*report)(void *context, struct ipbench_target *target);
	/* At START: further counters begin at zero. NULL: none. */
	void (*begin)(void *context);
	void *context;
};

/* One target; all zero but `ops` before the first connection. */
struct ipbench_target {
	struct ipbench_target_ops ops;
	uint64_t idle, total;    /* at START */
	int running;
	char line[IPBENCH_TARGET_LINE];
	size_t line_used;
	char text[IPBENCH_TARGET_TEXT];
	size_t text_used;
	char reply[IPBENCH_TARGET_REPLY]; /* what is to be sent, `reply_used` bytes; the caller sets that to 0 when it is */
	size_t reply_used;
	int close;               /* the connection is to be closed when the reply is sent */
};

/* A controller has connected: the greeting is in the reply. */
void ipbench_target_connected(struct ipbench_target *t);

/* Bytes have come, in whatever pieces: answers are in the reply. Those that do not fit any more are left out, which a
 * controller that waits for each answer does not cause. */
void ipbench_target_received(struct ipbench_target *t, const void *bytes, size_t size);

/* One line of the report, inside of `report`: name=value unit. The name has letters, digits, "_", "." and "-". */
void ipbench_target_word(struct ipbench_target *t, const char *name, uint64_t value, const char *unit);

#endif
