/* rr against stream_target: a connection begins with a hello; UDP has one beside it.  SPDX-License-Identifier: MIT */
#ifndef PEER_H
#define PEER_H

#include "ipb_requests.h"

struct peer;

/* io of the requests' core, whose handshake is the hello and its welcome. */
extern const struct ipb_req_io peer_io;
/* NULL without memory. */
struct peer *peer_open(uint32_t connections, uint32_t request, uint32_t response, int udp);
/* introduce of the requests' core. The connection that it opens stays open until peer_close. */
int peer_introduce(void *peer, const struct ipb_address *target, const struct ipb_address *source, uint64_t *word,
                   struct ipb_error *err);
void peer_close(struct peer *peer);

#endif
