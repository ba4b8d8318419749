/*
 * Arguments of discard.  SPDX-License-Identifier: MIT
 */
#ifndef DISCARD_OPTIONS_H
#define DISCARD_OPTIONS_H

#include "ipb_args.h"
#include "sender.h"

#define DISCARD_OPTION_COUNT 14u
extern const struct ipbench_option discard_options[DISCARD_OPTION_COUNT];

/* Reads and checks arguments; a is to be freed when 0 is returned. -1 and a sentence. */
int discard_arguments(struct ipb_args *a, const char *text, struct ipb_error *err);
/* Which of an argument's two names was used: ours unless only the original's was typed. */
const char *discard_typed(const struct ipb_args *a, const char *name, const char *original);
int discard_injects(const struct ipb_args *a);
/* Opens sender i of count, which has its share of the rate; run_id, flow and stopping are the caller's. 0, or -1 and a sentence. */
int discard_open_sender(struct sender *s, uint32_t i, uint32_t count, const struct ipb_args *a, const char *hostname, int port,
                        struct ipb_error *e);

#endif
