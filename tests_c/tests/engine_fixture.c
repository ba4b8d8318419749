/* See engine_fixture.h.  SPDX-License-Identifier: MIT */
#include "engine_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "quiet.h"

static void answer(void *context, const uint8_t *frame, uint32_t size)
{
	struct spoiler *s = context;

	sendto(s->fd, frame, size, 0, (struct sockaddr *)&s->from, s->from_size);
}

static void note_port(struct spoiler *s, uint16_t port)
{
	for (uint32_t i = 0; i < s->ports; i++)
		if (s->seen[i] == port)
			return;
	if (s->ports < sizeof s->seen / sizeof *s->seen)
		s->seen[s->ports++] = port;
}

static void *serve(void *context)
{
	static uint8_t frame[FAULTS_FRAME_MAX];
	struct spoiler *s = context;

	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		poll(&p, 1, 2);
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		ssize_t n;
		while ((n = recvfrom(s->fd, frame, sizeof frame, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) >= 0) {
			s->from = from;
			s->from_size = size;
			note_port(s, ((struct sockaddr_in *)&from)->sin_port);
			if (!__atomic_load_n(&s->silent, __ATOMIC_RELAXED))
				faults_handle(&s->faults, frame, (uint32_t)n, ipb_now_ns());
			size = sizeof from;
		}
		faults_tick(&s->faults, ipb_now_ns());
	}
	return NULL;
}

static struct spoiler *running; /* the one begun last, if it was not ended */

static void end_running(void)
{
	if (running != NULL)
		spoiler_end(running);
}

static void begin(struct spoiler *s, const char *host, uint16_t port, const char *faults, uint32_t every, int check)
{
	struct ipb_error err = { 0 };

	memset(s, 0, sizeof *s);
	s->faults = (struct faults){ .every = every, .delay_ns = 1500000000ull, .twice_ns = 5000000, .rng = 1, .check = check,
	                             .send = answer, .context = s };
	assert_int_equal(faults_parse(&s->faults, faults) | faults_init(&s->faults), 0);
	struct ipb_sock_options options = { .rcvbuf = 8 << 20, .dscp = -1 };
	s->fd = ipb_sock_listen(host, port, SOCK_DGRAM, &options, &err);
	assert_true(s->fd >= 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	running = s;
	quiet_cleanup = end_running;
}

void spoiler_begin(struct spoiler *s, const char *faults, uint32_t every, int check)
{
	spoiler_begin_at(s, "127.0.0.1", faults, every, check);
}

void spoiler_begin_at(struct spoiler *s, const char *host, const char *faults, uint32_t every, int check)
{
	begin(s, host, 0, faults, every, check);
}

void spoiler_begin_on(struct spoiler *s, uint16_t port)
{
	begin(s, "127.0.0.1", port, "", UINT32_MAX, 0);
}

void spoiler_end(struct spoiler *s)
{
	if (running == s)
		running = NULL;
	__atomic_store_n(&s->over, 1, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (; s->faults.delayed.count > 0; s->faults.delayed.count--)
		free(s->faults.delayed.items[(s->faults.delayed.first + s->faults.delayed.count - 1) % FAULTS_HELD_MAX].bytes);
	for (; s->faults.again.count > 0; s->faults.again.count--)
		free(s->faults.again.items[(s->faults.again.first + s->faults.again.count - 1) % FAULTS_HELD_MAX].bytes);
	free(s->faults.delayed.items);
	free(s->faults.again.items);
}

struct ipb_engine *engine_open(struct ipb_args *args, const char *text, uint16_t port)
{
	return engine_open_at(args, text, "127.0.0.1", port);
}

struct ipb_engine *engine_open_at(struct ipb_args *args, const char *text, const char *host, uint16_t port)
{
	struct ipb_engine_config config;
	struct ipb_error err = { 0 };

	if (ipb_args_parse(args, latency_options, LATENCY_OPTION_COUNT, text, 0, &err) < 0 ||
	    latency_configure(&config, args, host, port, 0, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	config.run_id = 77;
	struct ipb_engine *e = ipb_engine_open(&config, &err);
	if (e == NULL)
		fail_msg("%s", ipb_error_text(&err));
	return e;
}

struct ipb_engine *engine_run(struct ipb_args *args, const char *text, uint16_t port)
{
	struct ipb_engine *e = engine_open(args, text, port);

	assert_int_equal(ipb_engine_run(e, NULL), 0);
	return e;
}

struct ipb_engine *engine_run_spoiled(struct spoiler *s, const char *faults, uint32_t every, struct ipb_args *args, const char *text,
                                      struct ipb_engine_result *r)
{
	spoiler_begin(s, faults, every, 0);
	struct ipb_engine *e = engine_run(args, text, ipb_sock_port(s->fd));
	spoiler_end(s);
	ipb_engine_result(e, r);
	return e;
}

void engine_close(struct ipb_engine *e, struct ipb_args *args)
{
	ipb_engine_close(e);
	ipb_args_free(args);
}

const struct ipb_reason *reason_of(const struct ipb_engine_result *r, const char *code)
{
	for (uint32_t i = 0; i < r->reason_count; i++)
		if (strcmp(r->reasons[i].code, code) == 0)
			return &r->reasons[i];
	return NULL;
}

void engine_dies_as(const char *code, const char *extra, double longest_s, uint16_t port, struct ipb_engine_result *r)
{
	struct ipb_args args;
	char text[300];

	snprintf(text, sizeof text, "noise=0,drain=0.5,%s", extra);
	quiet_note();
	uint64_t before = ipb_now_ns();
	struct ipb_engine *e = engine_run(&args, text, port);
	double took_s = (double)(ipb_now_ns() - before) / 1e9;
	ipb_engine_result(e, r);
	if (reason_of(r, code) == NULL)
		print_message("# %s, not %s\n", r->reason_count > 0 ? r->reasons[0].code : "no reason", code);
	assert_timely(reason_of(r, code) != NULL); /* a tester that had no processor saw less of it */
	assert_true(r->invalid && r->broken);
	assert_int_equal(r->counts.ok + r->counts.lost + r->counts.late + r->counts.corrupt, r->counts.sent);
	if (took_s > longest_s + 0.5 + 2)
		print_message("# %s took %.1f s\n", code, took_s);
	assert_timely(took_s <= longest_s + 0.5 + 2);
	ipb_engine_close(e);
	ipb_args_free(&args);
}
