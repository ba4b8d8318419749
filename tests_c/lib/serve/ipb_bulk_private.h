/* What the files of ipb_bulk share.  SPDX-License-Identifier: MIT */
#ifndef IPB_BULK_PRIVATE_H
#define IPB_BULK_PRIVATE_H

#include <stdatomic.h>

#include "ipb_bulk.h"
#include "ipb_pump.h"

enum bulk_state { BULK_JOINING, BULK_RUNNING, BULK_ENDING, BULK_TOLD };

struct bulk_join { /* of a stream over UDP */
	uint64_t cookie;
	uint32_t answers;
};

struct bulk_session {
	struct ipb_serve_watch watch; /* the control connection */
	struct ipb_bulk *bulk;
	struct sockaddr_storage peer;
	struct ipb_hello hello;
	uint64_t id, token;
	enum bulk_state state;
	uint64_t deadline_ns;      /* nothing has to happen until then */
	uint64_t end_ns;           /* BULK_ENDING */
	struct ipb_pump pump;
	uint32_t joined;
	struct bulk_join *joins;   /* UDP: one a stream */
	uint8_t in[IPB_MESSAGE_SIZE];
	uint32_t got;
	uint8_t *out;              /* what is still to be told */
	size_t out_size, out_at;
	uint64_t counted_in, counted_out; /* of the pump's bytes, those that are in ipb_bulk's counts */
	struct bulk_session *next, **from;
};

struct ipb_bulk {
	struct ipb_service service;
	struct bulk_session *sessions;
	uint32_t count, streams;
	uint32_t threads, cpu_count; /* as in struct ipb_pump_config */
	int cpus[IPB_PUMP_WORKERS_MAX];
	uint64_t idle_ns;
	_Atomic uint64_t all_sessions, all_streams, received, sent, ended;
};

struct bulk_session *ipb_bulk_find(struct ipb_bulk *b, uint64_t id);
/* One stream of a session. fd is the session's when this gives 0. */
int ipb_bulk_add_stream(struct bulk_session *s, uint32_t index, int fd, struct ipb_error *err);
void ipb_bulk_join(struct ipb_service *service, int fd, const struct sockaddr_storage *from, socklen_t from_size,
                   const struct ipb_join *join);

#endif
