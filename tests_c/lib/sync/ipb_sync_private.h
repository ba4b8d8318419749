/* Between the files of this folder, and for their tests.  SPDX-License-Identifier: MIT */
#ifndef IPB_SYNC_PRIVATE_H
#define IPB_SYNC_PRIVATE_H

#include <sys/socket.h>

#include "ipb_sync.h"

#define IPB_SYNC_MESSAGE_MAX 1500u

/* What is known of one source: 1, s is filled; 0, there is none, or it keeps no clock; -1, it was silent. */
int ipb_sync_ask_chrony(struct ipb_sync *s, uint64_t deadline_ns);
int ipb_sync_ask_ptp4l(struct ipb_sync *s, uint64_t deadline_ns);

/* A datagram socket that is connected to `to`. With `own` (a path) it is bound there, so that the other end can answer;
 * without, a Unix socket gets a name that is in no file system. -1: nobody is there, or we may not ask. */
int ipb_sync_connect(const struct sockaddr *to, socklen_t size, const char *own);
/* The next datagram: its size, 0 when the other end is gone, -1 when it is silent until the deadline. */
int ipb_sync_receive(int fd, uint8_t *message, uint64_t deadline_ns);

/* chronyd's request for "tracking", and the answer: 1, or 0 when it is none, or reports that no clock is followed. */
#define IPB_SYNC_CHRONY_SIZE 104u
void ipb_sync_chrony_request(uint8_t request[IPB_SYNC_CHRONY_SIZE], uint32_t sequence);
int ipb_sync_chrony_parse(const uint8_t *reply, size_t size, uint32_t sequence, struct ipb_sync *s);

/* PTP management: GET of a data set, and what the answers report together. */
#define IPB_SYNC_PTP_REQUEST 54u
struct ipb_sync_ptp {
	unsigned have;       /* data sets that have come */
	int follows;         /* a port follows a master by software stamps: ptp4l keeps the system's clock, not a card's */
	int64_t offset_ns, path_ns, ingress_ns;
	uint64_t accuracy_ns; /* of the grandmaster; 0: not reported */
};
void ipb_sync_ptp_request(uint8_t request[IPB_SYNC_PTP_REQUEST], unsigned which, uint8_t domain, uint16_t sequence);
#define IPB_SYNC_PTP_SETS 4u
#define IPB_SYNC_PTP_ALL ((1u << IPB_SYNC_PTP_SETS) - 1)
void ipb_sync_ptp_parse(const uint8_t *message, size_t size, struct ipb_sync_ptp *p);
/* now_ns: CLOCK_REALTIME. 1, or 0 when the clock is nobody's slave. */
int ipb_sync_ptp_bound(const struct ipb_sync_ptp *p, int64_t now_ns, struct ipb_sync *s);

#endif
