/*
 * The interface that packets leave by, and what it dropped before they reached the wire.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_LINK_H
#define IPB_LINK_H

#include <net/if.h>
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

#endif
