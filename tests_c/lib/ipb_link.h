/*
 * The interface that packets leave by, and what it dropped before they reached the wire.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_LINK_H
#define IPB_LINK_H

#include <net/if.h>
#include <stdint.h>

/* The interface that holds the socket's local address; "" when there is none such (127.0.0.2, for one). */
void ipb_link_of(int fd, char name[IF_NAMESIZE]);

/* Packets that the interface's queueing discipline and its driver have dropped, from the beginning; 0 when the
 * system does not tell, or name is "". */
uint64_t ipb_link_drops(const char *name);

#endif
