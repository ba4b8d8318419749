/* What each thread of a team did, and what was wrong with it.  SPDX-License-Identifier: MIT */
#include <string.h>

#include "ipb_team_private.h"

/* Reasons for which a thread was at its limit, where nothing else held it up. */
static int is_limit(const char *code)
{
	return strcmp(code, "send-lateness") == 0 || strcmp(code, "rate-not-reached") == 0 || strcmp(code, "packets-not-sent") == 0;
}

static const struct ipb_reason *reason_of(const struct ipb_engine *e, const char *code)
{
	for (uint32_t i = 0; i < e->reason_count; i++)
		if (strcmp(e->reasons[i].code, code) == 0)
			return &e->reasons[i];
	return NULL;
}

static int at_limit(const struct ipb_engine *e)
{
	for (uint32_t i = 0; i < e->reason_count; i++)
		if (is_limit(e->reasons[i].code))
			return reason_of(e, "scheduling-gaps") == NULL;
	return 0;
}

static void figures(const struct ipb_team *t, uint32_t i, struct ipb_json *j)
{
	const struct ipb_engine *e = t->members[i].engine;
	struct ipb_engine_result r;

	ipb_engine_result(e, &r);
	const struct ipb_thread_figures f = { .counts = &r.counts, .requested_bps = r.requested_bps, .sent_bps = r.sent_bps,
		                              .received_bps = r.received_bps, .lateness = r.lateness, .response = r.response,
		                              .gaps = &e->gaps, .unsent = e->unsent, .start_ns = e->measure_ns, .end_ns = e->end_ns,
		                              .at_limit = t->members[i].at_limit };

	ipb_thread_begin(j, i, t->threads.cpu[i]);
	ipb_json_uint(j, "flows", e->config.flows);
	ipb_json_uint(j, "first_flow", e->config.flow_base - t->whole.flow_base);
	ipb_thread_write(j, &f);
	ipb_json_uint(j, "stray", e->stray);
	ipb_json_uint(j, "run_delay_ns", e->after.run_delay_ns > e->before.run_delay_ns
	              ? e->after.run_delay_ns - e->before.run_delay_ns : 0);
	ipb_json_uint(j, "flows_with_replies_here", ipb_team_replies_here(e));
	ipb_json_end_object(j);
}

void ipb_team_figures(struct ipb_team *t)
{
	ipb_json_free(&t->figures);
	ipb_json_init(&t->figures);
	ipb_json_array(&t->figures, "threads");
	for (uint32_t i = 0; i < t->threads.count; i++) {
		t->members[i].at_limit = at_limit(t->members[i].engine);
		figures(t, i, &t->figures);
	}
	ipb_json_end_array(&t->figures);
	ipb_team_steering(t, &t->figures);
}

/* A thread that failed: its failure is that of all, with its name. The others were stopped for it. */
static void take_failure(struct ipb_team *t, struct ipb_engine *e)
{
	for (uint32_t i = 0; i < t->threads.count; i++) {
		struct ipb_engine *one = t->members[i].engine;
		if (!one->failed)
			continue;
		memmove(e->failed_code, one->failed_code, sizeof e->failed_code);
		ipb_threads_failure(&t->threads, i, one->failed_text, e->failed_text, sizeof e->failed_text);
		e->failed = 1;
		return;
	}
	for (uint32_t i = 0; i < t->threads.count; i++)
		e->early |= t->members[i].engine->early;
}

static void add_reason(const struct ipb_team *t, struct ipb_engine *to, const struct ipb_thread_reasons *own, const char *code)
{
	char text[sizeof to->reasons[0].text];
	const struct ipb_reason *worst = ipb_threads_reason(&t->threads, own, code, is_limit(code), text, sizeof text);

	if (worst != NULL)
		ipb_engine_reason(to, worst->invalid, code, "%s", text);
}

void ipb_team_judge(struct ipb_team *t)
{
	static const char *const codes[] = { "link-full", "send-lateness", "rate-not-reached", "rate-exceeded", "packets-not-sent",
		                             "scheduling-gaps" };
	struct ipb_engine *e = t->members[0].engine;
	const struct ipb_engine_config own_config = e->config;
	struct ipb_reason firsts[IPB_ENGINE_REASONS_MAX]; /* the first engine's are to become those of all */
	struct ipb_thread_reasons own[IPB_THREADS_MAX];
	int bad = 0;

	memcpy(firsts, e->reasons, sizeof firsts);
	for (uint32_t i = 0; i < t->threads.count; i++) {
		const struct ipb_engine *one = t->members[i].engine;
		own[i] = (struct ipb_thread_reasons){ i > 0 ? one->reasons : firsts, one->reason_count, t->members[i].at_limit };
		bad |= one->reason_count > 0;
	}
	take_failure(t, e);
	e->reason_count = 0;
	e->config = t->whole;
	const double seconds = ipb_engine_seconds(e);
	ipb_engine_judge_run(e);
	if (seconds > 0)
		ipb_engine_note_missing(e, seconds);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		add_reason(t, e, own, codes[i]);
	ipb_engine_judge_machine(e, seconds, bad);
	e->config = own_config;
}
