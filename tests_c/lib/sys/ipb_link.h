/*
 * The interface that packets leave by, and what it dropped before they reached the wire.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_LINK_H
#define IPB_LINK_H

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The interface by which the socket's packets to that address leave: the kernel's route, for the socket's own address and
 * the device that it is bound to. The loopback, where the address is this machine's; "" when there is no route. */
void ipb_link_of(int fd, const struct sockaddr_storage *to, char name[IF_NAMESIZE]);

/* Its MTU in bytes, 0 when it is not known. */
uint32_t ipb_link_mtu(const char *name);

/* Packets that the interface's queueing discipline and its driver have dropped, from the beginning; 0 when the
 * system does not report it, or name is "". */
uint64_t ipb_link_drops(const char *name);

/* Packets that the interface has sent, and that its driver has dropped instead, from the beginning: /proc/net/dev. 0, or -1 when
 * the system does not report it; both are 0 then. */
int ipb_link_sent(const char *name, uint64_t *packets, uint64_t *dropped);

/* How often the interface has lost its carrier, from the beginning: its cable, its peer, or itself was down. 0 when the system
 * does not report it, or name is "". */
uint32_t ipb_link_downs(const char *name);

/* Questions to the kernel about interfaces and routes (rtnetlink). */
#define IPB_NETLINK_ANSWER 32768 /* bytes: of what the kernel reports of one interface */

/* A socket that waits a second for an answer at most. -1 and errno. */
int ipb_netlink_open(void);

/* Asks for all that is known of the interface with this index. The answer is RTM_NEWLINK's, in `answer`; NULL when there is
 * none. */
const struct nlmsghdr *ipb_netlink_interface(uint32_t index, void *answer, size_t size);

#endif
