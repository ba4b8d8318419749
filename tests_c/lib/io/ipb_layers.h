/*
 * A round trip, taken apart by kernel or hardware time stamps (SO_TIMESTAMPING).  SPDX-License-Identifier: MIT
 *
 *   user (from the send call to the receive call's return)
 *     = send path (send call → stamp on the way out) + wire (stamp out → stamp in: the network and the target)
 *     + receive path (stamp in → receive call's return)
 * Only a sample of the packets is stamped on the way out, at most IPB_LAYERS_RATE a second.
 */
#ifndef IPB_LAYERS_H
#define IPB_LAYERS_H

#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "ipb_hist.h"
#include "ipb_rng.h"

#define IPB_LAYERS_RATE 10000u   /* packets a second that are stamped on the way out */
#define IPB_LAYERS_PENDING 4096u /* stamped packets whose stamps are not all in; a power of two */

struct ipb_engine;
struct ipb_json;

struct ipb_layers_entry {
	uint64_t number, sent_ns, out_ns, in_ns, read_ns;
	uint32_t flow, id;
};

struct ipb_layers {
	int wanted, used;          /* enum ipb_stamps */
	char why[200];
	uint32_t every;            /* one in so many packets is stamped on the way out, on average */
	uint64_t stamp_next;       /* number of the next one; by chance, so that it does not beat with bursts or flows */
	struct ipb_rng rng;
	uint32_t poll_at;          /* flow that is asked for stamps next */
	uint32_t *ids;             /* per flow: stamps asked for so far */
	struct ipb_layers_entry *entries;
	uint32_t next;
	uint64_t waiting;          /* stamps asked for, not seen yet */
	uint64_t asked, complete, missed;
	int64_t real_offset_ns;    /* CLOCK_REALTIME - the engine's clock */
	uint64_t real_due_ns;
	uint64_t cost_send_ns, cost_receive_ns; /* what stamping adds to a call here, measured at set-up */
	struct ipb_hist send_path, wire, receive_path, user;
};

/* Switches stamping on, on all of e's sockets, as far as they can; measures its cost. Called after the transport is
 * open. 0, or -1 when there is no memory. */
int ipb_layers_open(struct ipb_engine *e, const char *iface);
/* The same for sockets that have taken the place of those. */
void ipb_layers_reopen(struct ipb_engine *e);
void ipb_layers_close(struct ipb_engine *e);

/* Measures what stamping costs, on a pair of sockets of its own. */
void ipb_layers_cost(struct ipb_layers *l);

/* Is the packet that leaves next to be stamped? */
int ipb_layers_wants(const struct ipb_engine *e);
/* How many packets, at most limit, may leave in one call: one that is to be stamped leaves alone. */
uint32_t ipb_layers_limit(const struct ipb_engine *e, uint32_t limit);
/* Sends one packet and asks for its stamp; returns what sendmsg does. */
ssize_t ipb_layers_send(struct ipb_engine *e, int fd, const void *packet, uint32_t size);
/* Such a packet has left and has its number. */
void ipb_layers_sent(struct ipb_engine *e, uint64_t number, uint32_t flow, uint64_t sent_ns);
/* Its reply has come. entry: ipb_record.stamp. */
void ipb_layers_reply(struct ipb_engine *e, uint32_t entry, uint64_t number, uint64_t in_ns, uint64_t read_ns);
/* A stamped packet left then: as the error queue reports it. */
void ipb_layers_left(struct ipb_engine *e, uint32_t flow, uint32_t id, const struct timespec stamps[3]);
/* Reads stamps from the sockets' error queues; at most a few. */
void ipb_layers_poll(struct ipb_engine *e, uint64_t now_ns);
/* The receive stamp in a message, in ns of the engine's clock (hardware: of the network card's); 0: none. */
uint64_t ipb_layers_stamp(struct ipb_engine *e, struct msghdr *m);
/* Room for the control messages of one packet. */
#define IPB_LAYERS_CONTROL 256

void ipb_layers_report(const struct ipb_engine *e, struct ipb_json *j);

#endif
