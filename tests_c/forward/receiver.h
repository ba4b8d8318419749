/*
 * The half that receives: sockets, a thread, and a tally of each sender.  SPDX-License-Identifier: MIT
 *
 * Opened at set-up, so that nothing is lost that comes early. The thread reads all that comes, in batches, stamped by the
 * kernel; it sleeps where there is nothing. What it counts may be read when it has been joined.
 */
#ifndef FORWARD_RECEIVER_H
#define FORWARD_RECEIVER_H

#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>

#include "forward.h"
#include "ipb_sysmon.h"
#include "packet.h"
#include "tally.h"

/* What a receiver reports while it works. */
struct forward_live {
	_Atomic uint64_t ok, bad, lost, bytes;
	_Atomic uint64_t p50_ns, p99_ns, p999_ns, max_ns; /* one-way delays */
	_Atomic int measuring, ended;                    /* some sender is in its measured phase; all have announced their end */
};

struct forward_receiver {
	int fd;                          /* -1: this tester does not receive */
	int raw, kernel_stamps;
	uint32_t offset;                 /* raw: bytes before the packet */
	uint32_t vlan_count;             /* tags that frames should have */
	uint16_t vlan_type[IPB_ENGINE_VLANS_MAX], vlan_tag[IPB_ENGINE_VLANS_MAX];
	uint8_t mac[6];                  /* raw: the address that frames come to */
	struct forward_run run;
	uint32_t own;                    /* this tester's number */
	uint64_t clock;
	struct forward_tally *tallies;   /* of each sender */
	uint32_t tally_count;
	uint16_t *tally_of;              /* sender's number → place + 1; 0: not for here */
	uint8_t *pattern;
	pthread_t thread;
	int running;
	atomic_int stop, done;           /* it is to end; it has ended */
	atomic_int hold;                 /* it is not to end although all is in: this tester still sends */
	void (*publish)(const struct forward_receiver *r); /* called by the thread when `live` is new; may be NULL */
	uint64_t stamp_error_ns;         /* of the kernel's stamps, which are of another clock, at the worst */
	uint64_t start_ns, until_ns;
	uint64_t ended_ns;               /* when it stopped reading */
	int all_in;                      /* everything that was announced had come */
	struct forward_live live;
	/* Whatever is in no tally. */
	uint64_t stray, misrouted, corrupt_unknown, other_vlan;
	uint64_t misrouted_from;         /* tester whose packets came here though they are another's; the last one */
	uint64_t received;               /* packets in all */
	uint64_t drops_start, drops;     /* of the socket's queue */
	uint64_t link_start, link;       /* packets that the interface dropped on the way in */
	uint64_t backlog_start, backlog; /* packets of anybody that this machine's processors' queues had no room for */
	char iface[IF_NAMESIZE];         /* of which; "" when unknown */
	struct ipb_sysmon before, after;
	int error;                       /* errno of a read that failed; the thread ended with it */
};

/* Opens the socket. port: where UDP packets come in. 0, or -1 and a sentence. */
int forward_receiver_open(struct forward_receiver *r, const struct forward_config *c, uint64_t run, uint32_t own,
                          uint16_t port, struct ipb_error *err);
/* Starts the thread, which reads until until_ns, or until everything announced is in. 0, or -1 and a sentence. */
int forward_receiver_start(struct forward_receiver *r, uint64_t until_ns, struct ipb_error *err);
/* Any thread: makes it end soon. */
void forward_receiver_stop(struct forward_receiver *r);
/* Waits until it has ended. */
void forward_receiver_join(struct forward_receiver *r);
void forward_receiver_close(struct forward_receiver *r);

/* Of live.c: brings what can be watched up to date, and calls `publish`. */
void forward_receiver_update(struct forward_receiver *r);

/* Of socket.c: opens the socket. 0, or -1 and a sentence. */
int forward_open_raw(struct forward_receiver *r, const struct forward_config *c, struct ipb_error *err);
int forward_open_udp(struct forward_receiver *r, const struct forward_config *c, uint16_t port, struct ipb_error *err);
/* Whether the kernel is to report with each packet by which interface it came. */
void forward_tell_interface(const struct forward_receiver *r, int on);
/* Packets that an interface has dropped of those that came in, since its ring was full. Not its rx_dropped, which counts
 * frames of unknown protocols, too. 0 when it is not known. */
uint64_t forward_link_drops(const char *iface);
/* Packets that this machine has dropped because a processor's queue was full. */
uint64_t forward_backlog_drops(void);

#endif
