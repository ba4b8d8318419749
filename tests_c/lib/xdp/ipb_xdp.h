/*
 * An XDP program on an interface.  SPDX-License-Identifier: MIT
 *
 * It is attached by a BPF link (Linux 5.9), which ends with the last descriptor of it: a process that dies, in whatever way,
 * leaves the interface as it found it.
 */
#ifndef IPB_XDP_H
#define IPB_XDP_H

#include <net/if.h>
#include <stdint.h>

#include "ipb_error.h"

enum ipb_xdp_mode {
	IPB_XDP_NATIVE, /* in the driver */
	IPB_XDP_GENERIC /* in the kernel's receive path, behind the driver, for those that have no XDP */
};

/* What is known of an interface. */
struct ipb_xdp_device {
	char name[IF_NAMESIZE], driver[32];
	uint32_t ifindex, queues, send_queues; /* queues: to receive */
	uint8_t mac[6];
	uint32_t mtu;
};

/* An attached program. */
struct ipb_xdp_link {
	int fd; /* -1: none */
	enum ipb_xdp_mode mode;
	char why[160]; /* why not native, "" when it is */
};

/* Looks an interface up. what: of the argument that named it, for the sentence. 0, or -1 and a sentence: there is none, it is
 * down, or it has no Ethernet address (the loopback passes). */
int ipb_xdp_device(struct ipb_xdp_device *d, const char *name, const char *what, struct ipb_error *err);

/* Attaches to the interface a program of each mode that `load` makes: native where the driver has it, else generic. load returns a
 * program's descriptor, which is closed here, or -1 and a sentence. 0, or -1 and a sentence that names a program that is there
 * already, or what the driver wants. */
int ipb_xdp_attach(struct ipb_xdp_link *link, const struct ipb_xdp_device *d,
                   int (*load)(void *with, enum ipb_xdp_mode mode, struct ipb_error *err), void *with, struct ipb_error *err);
void ipb_xdp_detach(struct ipb_xdp_link *link);

/* Frames that the driver threw away although a program wanted to send them, since the interface was made: the sum of its
 * counters of such errors. 0, or -1 when the driver has no such counter. */
int ipb_xdp_send_errors(const struct ipb_xdp_device *d, uint64_t *count);

#endif
