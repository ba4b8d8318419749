/* A tester's result: what it has sent and what has come to it.  SPDX-License-Identifier: MIT */
#ifndef FORWARD_RESULT_H
#define FORWARD_RESULT_H

#include "forward.h"
#include "receiver.h"

/* Adds what is wrong with the receiving half to the engine's reasons, or, where the tester does not send, to own; at most max.
 * Returns how many of own there are. */
uint32_t forward_judge_receiver(const struct forward_receiver *r, const struct forward_config *c, int stopped,
                                struct ipb_engine *e, struct ipb_reason *own, uint32_t max);

/* The result as bytes: lines for the row, and JSON behind them (ipb_report.h). sent: of each flow; e NULL: this tester does
 * not send. 0 or -1. */
int forward_marshall(const struct forward_config *c, uint32_t own, const struct ipb_engine *e, const uint64_t *sent,
                     const struct forward_receiver *r, const struct ipb_reason *reasons, uint32_t reason_count,
                     char **data, int *size);

/* How long it was dark between two packets of a sender that came, as member `outages` of the open object; nothing when it is not
 * known. */
struct ipb_json;
void forward_write_outages(const struct forward_tally *t, struct ipb_json *j);

/* Prints the row of n testers together. 0. */
int forward_print(const struct client_data data[], int n);

#endif
