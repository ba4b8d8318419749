/*
 * What discard sends and sink counts.  SPDX-License-Identifier: MIT
 *
 * A packet (raw: behind the 14 bytes of Ethernet header) begins, in network byte order, with
 *   u64 sequence number, from 0, over all phases      u32 magic      u32 flow (number of the tester in the run)
 *   u64 run id      u64 packets of the measured phase sent before this one      u8 phase
 * so that the receiver alone knows how many were sent in the measured phase, once any later packet has come.
 */
#ifndef DISCARD_H
#define DISCARD_H

#include <stdint.h>

#define DISCARD_MAGIC 0x49504244u /* "IPBD" */
#define DISCARD_MAGIC_AT 8
#define DISCARD_HEADER 33         /* bytes */
#define DISCARD_ETHER_TYPE 0x6009
#define DISCARD_PORT 9            /* the port of the discard service */
#define DISCARD_ETHERNET 14       /* bytes of Ethernet header */

enum discard_phase { DISCARD_WARMUP, DISCARD_MEASURE, DISCARD_COOLDOWN, DISCARD_END };

#endif
