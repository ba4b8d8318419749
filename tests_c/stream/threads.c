/* What each thread of the two ends did, and which were at their limit; see figures.h.  SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "figures.h"
#include "ipb_results.h"
#include "ipb_threads.h"

#define WAITING_SHARE 0.1 /* of the time, above which a thread lacks a processor that is at its limit */

/* A thread had no time to spare: it ran, or others had its processor, or interrupts had. */
static int is_full(const struct stream_config *c, const struct ipb_pump_thread *t)
{
	return t->running + t->waiting >= c->limit_cpu ||
	       (t->busy >= c->limit_cpu && (t->softirq >= STREAM_SOFTIRQ_SHARE || t->waiting >= WAITING_SHARE));
}

static uint32_t streams_of(const struct ipb_bulk_result *r, uint32_t thread)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++)
		n += r->streams[i].thread == thread;
	return n;
}

static void one(const struct stream_test *t, const struct ipb_bulk_result *r, uint32_t thread, int is_short, int up, struct ipb_json *j)
{
	const struct ipb_pump_thread *of = &r->use.thread[thread];
	struct stream_figures f = { 0 };
	const uint32_t n = streams_of(r, thread);

	for (uint32_t i = 0; i < r->count; i++)
		if (r->streams[i].thread == thread)
			stream_figures_add(t, i, &f);
	stream_figures_end(&f);
	ipb_thread_begin(j, thread, of->cpu);
	ipb_json_string(j, "direction", up ? "up" : "down");
	ipb_json_uint(j, "streams", n);
	stream_rates(&f, t->config.bps * n / t->config.streams, j);
	if (f.has_udp)
		stream_counts(&f, j);
	if (r->use.known) {
		ipb_json_number(j, "running_share", of->running);
		ipb_json_number(j, "waiting_share", of->waiting);
		if (of->cpu >= 0) {
			ipb_json_number(j, "processor_busy_share", of->busy);
			ipb_json_number(j, "processor_softirq_share", of->softirq);
		}
		ipb_json_bool(j, "at_limit", is_short && is_full(&t->config, of));
	}
	ipb_json_end_object(j);
}

static void all(const struct stream_test *t, const struct stream_figures *f, const char *key, int is_own, struct ipb_json *j)
{
	const struct ipb_bulk_result *r = is_own ? &t->own : &t->theirs;

	ipb_json_array(j, key);
	for (uint32_t i = 0; i < r->use.threads; i++)
		one(t, r, i, stream_is_short(t, f), !r->use.thread[i].sends == !is_own, j);
	ipb_json_end_array(j);
}

void stream_threads(const struct stream_test *t, const struct stream_figures *f, struct ipb_json *j)
{
	if (t->has_own)
		all(t, f, "threads", 1, j);
	if (t->has_theirs)
		all(t, f, "target_threads", 0, j);
}

/* "thread 1 on processor 3 of the tester, which sends 2 streams" */
static void name(const struct ipb_bulk_result *r, uint32_t thread, const char *who, char *to, size_t size)
{
	const struct ipb_pump_thread *of = &r->use.thread[thread];
	struct ipb_threads threads = { .count = r->use.threads };
	const uint32_t n = streams_of(r, thread);
	char number[48];

	threads.cpu[thread] = of->cpu;
	ipb_threads_name(&threads, thread, number, sizeof number);
	snprintf(to, size, "%s of the %s, which %s %u stream%s", number, who, of->sends ? "sends" : "receives", n, n == 1 ? "" : "s");
}

int stream_judge_threads(const struct stream_test *t, const struct ipb_bulk_result *r, const char *who, const char *code,
                         struct ipb_json *j)
{
	const struct ipb_pump_thread *worst = NULL;
	uint32_t full = 0;
	char whose[128], many[64] = "", busy[96] = "";

	for (uint32_t i = 0; i < r->use.threads; i++) {
		const struct ipb_pump_thread *of = &r->use.thread[i];
		if (!is_full(&t->config, of))
			continue;
		full++;
		if (worst == NULL || of->running + of->waiting > worst->running + worst->waiting)
			worst = of;
	}
	if (worst == NULL)
		return 0;
	name(r, (uint32_t)(worst - r->use.thread), who, whose, sizeof whose);
	if (full > 1)
		snprintf(many, sizeof many, "%u of %u threads were at their limit; ", full, r->use.threads);
	if (worst->cpu >= 0)
		snprintf(busy, sizeof busy, ", which was busy for %.0f %%, %.0f %% with interrupts (softirq)", 100 * worst->busy,
		         100 * worst->softirq);
	ipb_results_reason(j, 0, code, "%s%s, was running for %.0f %% of the measured phase and waiting for its processor for %.0f %%%s "
	                   "(limit %.0f %%): the rate is what its processor can do, and the network may carry more", many, whose,
	                   100 * worst->running, 100 * worst->waiting, busy, 100 * t->config.limit_cpu);
	return 1;
}
