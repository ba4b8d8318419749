/* A test of several threads against an echo in this process that does wrong what it counts.  SPDX-License-Identifier: MIT */
#ifndef TEAM_RUN_H
#define TEAM_RUN_H

#include "engine_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_team_private.h"
#include "quiet.h"

#define SOURCES_MAX 64

/* One that sends to the echo: it does to each by itself the same things, every tenth packet. */
struct source {
	struct sockaddr_in from;
	uint64_t packets, dropped, doubled, damaged, overtaken;
	uint8_t held[256];
	ssize_t held_size;
};

struct echo {
	int fd, over, faithful; /* over: atomic */
	pthread_t thread;
	struct source sources[SOURCES_MAX];
	uint32_t count;
};

static inline struct source *source_of(struct echo *e, const struct sockaddr_in *from)
{
	for (uint32_t i = 0; i < e->count; i++)
		if (e->sources[i].from.sin_port == from->sin_port)
			return &e->sources[i];
	assert_true(e->count < SOURCES_MAX);
	e->sources[e->count].from = *from;
	return &e->sources[e->count++];
}

static inline void give(const struct echo *e, const struct source *s, const uint8_t *bytes, ssize_t size)
{
	sendto(e->fd, bytes, (size_t)size, 0, (const struct sockaddr *)&s->from, sizeof s->from);
}

static inline void answer(struct echo *e, struct source *s, uint8_t *bytes, ssize_t size)
{
	switch (e->faithful ? 0 : s->packets++ % 10) {
	case 1:
		s->dropped++;
		return;
	case 3:
		s->doubled++;
		give(e, s, bytes, size);
		break;
	case 5:
		s->damaged++;
		bytes[size - 1] ^= 1;
		break;
	case 7: /* goes out after the next one */
		memcpy(s->held, bytes, (size_t)size);
		s->held_size = size;
		return;
	default:
		break;
	}
	give(e, s, bytes, size);
	if (s->held_size > 0) {
		s->overtaken++;
		give(e, s, s->held, s->held_size);
		s->held_size = 0;
	}
}

static inline void *serve(void *context)
{
	struct echo *e = context;
	uint8_t bytes[256];

	while (!__atomic_load_n(&e->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = e->fd, .events = POLLIN };
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t n;
		if (poll(&p, 1, 30) == 0)
			for (uint32_t i = 0; i < e->count; i++) { /* nothing comes any more */
				if (e->sources[i].held_size > 0)
					give(e, &e->sources[i], e->sources[i].held, e->sources[i].held_size);
				e->sources[i].held_size = 0;
			}
		while ((n = recvfrom(e->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) > 0)
			answer(e, source_of(e, &from), bytes, n);
	}
	return NULL;
}

static struct echo *running;

static inline void end_echo(void)
{
	if (running == NULL)
		return;
	__atomic_store_n(&running->over, 1, __ATOMIC_RELAXED);
	pthread_join(running->thread, NULL);
	close(running->fd);
	running = NULL;
}

static inline void begin_echo(struct echo *e, int faithful)
{
	struct ipb_sock_options options = { .rcvbuf = 8 << 20, .dscp = -1 };
	struct ipb_error err = { 0 };

	memset(e, 0, sizeof *e);
	e->faithful = faithful;
	e->fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &options, &err);
	assert_true(e->fd >= 0);
	assert_int_equal(pthread_create(&e->thread, NULL, serve, e), 0);
	running = e;
	quiet_cleanup = end_echo;
}

static inline uint64_t total(const struct echo *e, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < e->count; i++)
		sum += *(const uint64_t *)((const char *)&e->sources[i] + offset);
	return sum;
}
#define TOTAL(e, field) total(e, offsetof(struct source, field))

struct team_run {
	struct ipb_args args;
	struct ipb_engine_config config;
	struct ipb_threads threads;
	struct ipb_team *team;
	struct ipb_engine_result r;
	char *json;
};

static inline void open_team(struct team_run *t, const char *text, const char *host, uint16_t port)
{
	struct ipb_error err = { 0 };

	if (ipb_args_parse(&t->args, latency_options, LATENCY_OPTION_COUNT, text, 0, &err) < 0 ||
	    latency_configure(&t->config, &t->args, host, port, 0, &err) < 0 ||
	    ipb_threads_plan(&t->threads, &t->args, 1, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	t->config.run_id = 77;
	t->team = ipb_team_open(&t->config, &t->threads, &err);
	if (t->team == NULL)
		fail_msg("%s", ipb_error_text(&err));
}

static inline void report_team(struct team_run *t)
{
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_engine_report(ipb_team_engine(t->team, 0), &j);
	ipb_json_end_object(&j);
	free(t->json);
	t->json = ipb_json_take(&j);
	assert_non_null(t->json);
	assert_int_equal(ipb_json_check(t->json, strlen(t->json)), 0);
}

static inline void run_team(struct team_run *t, const char *text, uint16_t port)
{
	static struct ipbench_progress progress;
	struct ipb_error err = { 0 };

	open_team(t, text, "127.0.0.1", port);
	memset(&progress, 0, sizeof progress);
	assert_int_equal(ipb_team_run(t->team, &progress, &err), 0);
	const struct ipb_engine *e = ipb_team_engine(t->team, 0);
	ipb_engine_result(e, &t->r);
	/* The last report of the progress is of all threads. */
	assert_int_equal(progress.phase, IPBENCH_PHASE_DONE);
	assert_int_equal(progress.sent, t->r.counts.sent);
	assert_int_equal(progress.ok, t->r.counts.ok);
	assert_int_equal(progress.lost, t->r.counts.lost);
	report_team(t);
}

static inline void end_team(struct team_run *t)
{
	ipb_team_close(t->team);
	ipb_args_free(&t->args);
	free(t->json);
}

/* The numbers behind "key": in a text, from there on, added up; how many there were into *n. */
static inline uint64_t sum_of(const char *text, const char *key, uint32_t *n)
{
	uint64_t sum = 0;

	*n = 0;
	for (const char *at = text; (at = strstr(at, key)) != NULL; ++*n)
		sum += strtoull(at += strlen(key), NULL, 10);
	return sum;
}

static inline void counts_add_up(const struct team_run *t, uint32_t threads)
{
	const struct ipb_counts *c = &t->r.counts;
	const char *mine = strstr(t->json, "\"threads\":[");
	uint32_t n;

	assert_int_equal(c->ok + c->lost + c->late + c->corrupt, c->sent);
	assert_int_equal(t->r.response->count, c->ok);
	assert_int_equal(t->r.service->count, c->ok);
	assert_int_equal(t->r.lateness->count, c->sent);
	assert_non_null(mine);
	assert_int_equal(sum_of(mine, "\"sent\":", &n), c->sent);
	assert_int_equal(n, threads);
	assert_int_equal(sum_of(mine, "\"ok\":", &n), c->ok);
	assert_int_equal(sum_of(mine, "\"lost\":", &n), c->lost);
	assert_int_equal(sum_of(mine, "\"late\":", &n), c->late);
	assert_int_equal(sum_of(mine, "\"corrupt\":", &n), c->corrupt);
	assert_int_equal(sum_of(mine, "\"duplicate\":", &n), c->duplicate);
	/* Rates are whole bit/s here, less what is cut off of each. */
	assert_in_range(sum_of(mine, "\"requested_bps\":", &n), (uint64_t)t->r.requested_bps - threads, (uint64_t)t->r.requested_bps);
	assert_in_range(sum_of(mine, "\"sent_bps\":", &n) + threads, (uint64_t)t->r.sent_bps, (uint64_t)t->r.sent_bps + threads);
	assert_in_range(sum_of(mine, "\"received_bps\":", &n) + threads, (uint64_t)t->r.received_bps,
	                (uint64_t)t->r.received_bps + threads);
	assert_int_equal(sum_of(mine, "\"gaps\":", &n), ipb_team_engine(t->team, 0)->gaps.count);
	assert_int_equal(sum_of(mine, "\"gap_sum_ns\":", &n), ipb_team_engine(t->team, 0)->gaps.sum_ns);
	/* The series holds the same packets. */
	const char *series = strstr(t->json, "\"series\":[");
	char *copy = strndup(series, (size_t)(strchr(series, ']') - series));
	assert_int_equal(sum_of(copy, "\"sent\":", &n), c->sent);
	assert_int_equal(sum_of(copy, "\"ok\":", &n), c->ok);
	assert_int_equal(sum_of(copy, "\"lost\":", &n), c->lost);
	free(copy);
}

#endif
