/*
 * Where the kernel would send a packet: the route's next hop and its Ethernet address.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_NEIGHBOUR_H
#define IPB_NEIGHBOUR_H

#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ipb_error.h"

#define IPB_NEIGHBOUR_MS 3000 /* how long a neighbour may take to answer the kernel's ARP or ND */

/* The interface and the Ethernet address that packets of a connected UDP socket leave by and to. Has the kernel look for a
 * neighbour that it does not know. 0, or -1 and a sentence. */
int ipb_neighbour(int fd, const struct sockaddr_storage *to, char name[IF_NAMESIZE], uint8_t mac[6], struct ipb_error *err);

#endif
