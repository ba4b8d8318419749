/* What the engine's tests share: a spoiling echo in a thread of its own, and runs against it.  SPDX-License-Identifier: MIT */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>

#include "../../tests/fixtures/fault_echo/faults.h"
#include "../latency/latency.h"
#include "ipb_engine_private.h"

/* A UDP echo on 127.0.0.1 that does some packets wrong. */
struct spoiler {
	int fd;
	struct faults faults;
	struct sockaddr_storage from;
	socklen_t from_size;
	pthread_t thread;
	int over, silent; /* atomic */
	uint16_t seen[16];
	uint32_t ports;   /* different ones that packets came from */
};

/* Spoils every so many packets, by these faults in turn (see faults.h); check: it answers latency-check's word. */
void spoiler_begin(struct spoiler *s, const char *faults, uint32_t every, int check);
/* The same at another address of this machine. */
void spoiler_begin_at(struct spoiler *s, const char *host, const char *faults, uint32_t every, int check);
/* A faithful one on this port of 127.0.0.1. */
void spoiler_begin_on(struct spoiler *s, uint16_t port);
void spoiler_end(struct spoiler *s);

/* Opens an engine with the arguments of latency; args has to outlive it. */
struct ipb_engine *engine_open(struct ipb_args *args, const char *text, uint16_t port);

/* The same with another target. */
struct ipb_engine *engine_open_at(struct ipb_args *args, const char *text, const char *host, uint16_t port);

/* As engine_open, and runs it. */
struct ipb_engine *engine_run(struct ipb_args *args, const char *text, uint16_t port);

/* As engine_run against a spoiler on 127.0.0.1, from its begin to its end; the result goes to r. */
struct ipb_engine *engine_run_spoiled(struct spoiler *s, const char *faults, uint32_t every, struct ipb_args *args, const char *text,
                                      struct ipb_engine_result *r);

void engine_close(struct ipb_engine *e, struct ipb_args *args);

/* The reason of that code in a result, or NULL. */
const struct ipb_reason *reason_of(const struct ipb_engine_result *r, const char *code);

/* Runs against a target that goes wrong: the result has the reason `code`, and the run ends within warm-up and requested
 * time (longest_s), drain (0.5 s) and 2 s. */
void engine_dies_as(const char *code, const char *extra, double longest_s, uint16_t port, struct ipb_engine_result *r);

#endif
