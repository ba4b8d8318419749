/* What the files of the test forward share.  SPDX-License-Identifier: MIT */
#ifndef FORWARD_H
#define FORWARD_H

#define IPBENCH_TEST_CLIENT
#include "plugin.h"

#include "ipb_args.h"
#include "ipb_engine.h"
#include "ipb_error.h"

#define FORWARD_OPTION_COUNT 50u
extern const struct ipbench_option forward_options[FORWARD_OPTION_COUNT];
#define FORWARD_NOBODY (-1)
#define FORWARD_TAG_VLAN 0x8100u    /* Ethernet types of tags */
#define FORWARD_TAG_SERVICE 0x88a8u
#define FORWARD_FROM_MAX 1024u  /* senders of one receiver */
#define FORWARD_END_NS 60000000ull /* time for the packets that announce the end */

/* What one tester is to do. Strings belong to the arguments. */
struct forward_config {
	struct ipb_engine_config engine; /* of the sending half */
	int to;                          /* number of the tester that receives; FORWARD_NOBODY: this one does not send */
	uint32_t from[FORWARD_FROM_MAX], from_count; /* testers whose packets come here */
	uint64_t learn_ns;               /* control packets are sent so long before the first packet */
	uint64_t listen_ns;              /* longest time, from start, that a sender sends */
	uint64_t drain_ns;
	int kernel_stamps;
	int has_mac;
	uint8_t mac[6];                  /* raw: of what is received */
};

/* A configuration from parsed arguments; host and port as SETUP gave them, host NULL on the controller. 0, or -1. */
int forward_configure(struct forward_config *c, const struct ipb_args *args, const char *host, int port,
                      struct ipb_error *err);

/* How long this tester sends, from its start; 0 when it does not. */
uint64_t forward_sending_ns(const struct forward_config *c);

/* The address that frames to a tester have when nobody gave one: made up, of this run, locally administered. */
void forward_made_mac(uint64_t run, uint32_t tester, uint8_t mac[6]);

#endif
