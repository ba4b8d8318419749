/* Requests by several threads; see ipb_requests_team.h.  SPDX-License-Identifier: MIT */
#include "ipb_requests_team.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_requests_private.h"
#include "ipb_results.h"
#include "ipb_summary.h"

#define START_NS 2000000u     /* from the threads' creation until they begin, */
#define START_EACH_NS 100000u /* and more for each of them */
#define WATCH_NS 200000000u

struct member {
	_Alignas(IPB_APART) struct ipbench_progress progress;
	_Alignas(IPB_APART) struct ipb_requests *requests;
	struct ipb_error err;
	int ended, at_limit; /* ended: atomic */
};

struct ipb_requests_team {
	struct ipb_requests_config whole;
	struct ipb_threads threads;
	int (*share)(struct ipb_requests_config *c, uint32_t i, struct ipb_error *err);
	struct member *members;
	struct ipb_json figures;
	struct ipbench_progress *progress;
	uint64_t start_ns;
	int stopped;
};

struct ipb_requests *ipb_requests_team_of(struct ipb_requests_team *t, uint32_t i) { return t->members[i].requests; }

int ipb_requests_team_check(const struct ipb_requests_config *whole, const struct ipb_threads *threads, struct ipb_error *err)
{
	const uint32_t n = threads->count;

	if (threads->given && whole->cpu >= 0)
		return ipb_error(err, "argument cpus: give either cpu or cpus");
	if (n > 1 && whole->cpu >= 0)
		return ipb_error(err, "argument cpu: %u threads are not to be on one processor; give cpus instead", n);
	if (whole->connections % n != 0)
		return ipb_error(err, "argument connections: %u connections cannot be shared out evenly among %u threads: give a multiple "
		                 "of %u", whole->connections, n, n);
	return 0;
}

static void open_one(void *context, uint32_t i)
{
	struct ipb_requests_team *t = context;
	struct member *m = &t->members[i];
	struct ipb_requests_config c = t->whole;
	const uint32_t n = t->threads.count;

	c.cpu = t->threads.cpu[i] >= 0 ? t->threads.cpu[i] : c.cpu;
	c.rate /= n;
	c.connections /= n;
	c.seed += (uint64_t)i << 40;
	c.stagger = (double)i / n;
	c.joint = n > 1;
	if (c.spin < 0 && n > 1) /* as with one thread: where a processor is left for others */
		c.spin = (long)n < sysconf(_SC_NPROCESSORS_ONLN);
	if (n > 1 && ipb_threads_pin(c.cpu) < 0) {
		ipb_error_errno(&m->err, errno, "argument cpus: cannot run on processor %d", c.cpu);
		return;
	}
	if (i > 0 && t->share != NULL && t->share(&c, i, &m->err) < 0)
		return;
	m->requests = ipb_requests_open(&c, &m->err);
}

struct ipb_requests_team *ipb_requests_team_open(const struct ipb_requests_config *whole, const struct ipb_threads *threads,
                                                 int (*share)(struct ipb_requests_config *c, uint32_t i, struct ipb_error *err),
                                                 struct ipb_error *err)
{
	struct ipb_requests_team *t = calloc(1, sizeof *t);
	const struct ipb_threads_job job = { .work = open_one, .context = t };

	if (t == NULL || (t->members = ipb_apart_array(threads->count, sizeof *t->members)) == NULL) {
		free(t);
		ipb_error(err, "no memory for %u threads", threads->count);
		return NULL;
	}
	t->whole = *whole;
	t->threads = *threads;
	t->share = share;
	ipb_json_init(&t->figures);
	int status = 0;
	if (threads->count == 1)
		open_one(t, 0);
	else
		status = ipb_threads_run(&job, threads->count, err);
	for (uint32_t i = 0; status == 0 && i < threads->count; i++)
		if (t->members[i].requests == NULL)
			status = ipb_error(err, "%s", ipb_error_text(&t->members[i].err));
	if (status == 0)
		return t;
	ipb_requests_team_close(t);
	return NULL;
}

void ipb_requests_team_close(struct ipb_requests_team *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_requests_close(t->members[i].requests);
	ipb_json_free(&t->figures);
	free(t->members);
	free(t);
}

void ipb_requests_team_stop(struct ipb_requests_team *t)
{
	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_requests_stop(t->members[i].requests);
}

static void run_one(void *context, uint32_t i)
{
	struct ipb_requests_team *t = context;
	struct member *m = &t->members[i];

	ipb_requests_run(m->requests, &m->progress);
	__atomic_store_n(&m->ended, 1, __ATOMIC_RELEASE);
}

static void report(struct ipb_requests_team *t)
{
	struct ipbench_progress sum = { .phase = IPBENCH_PHASE_DONE };

	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_threads_add_progress(&sum, &t->members[i].progress, i == 0);
	sum.expected_ns = t->whole.warmup_ns + t->whole.duration_ns + t->whole.cooldown_ns;
	ipb_threads_report(t->progress, &sum);
}

/* One thread's failure ends the test for all. */
static uint64_t watch(void *context)
{
	struct ipb_requests_team *t = context;

	for (uint32_t i = 0; !t->stopped && i < t->threads.count; i++)
		if (__atomic_load_n(&t->members[i].ended, __ATOMIC_ACQUIRE) && t->members[i].requests->failed) {
			t->stopped = 1;
			ipb_requests_team_stop(t);
		}
	if (t->progress != NULL)
		report(t);
	return WATCH_NS;
}

static void cancel(void *context) { ipb_requests_team_stop(context); }

static void figures(struct ipb_requests_team *t)
{
	struct ipb_json *j = &t->figures;

	ipb_json_array(j, "threads");
	for (uint32_t i = 0; i < t->threads.count; i++) {
		const struct ipb_requests *r = t->members[i].requests;
		struct ipb_requests_result one;
		ipb_requests_result(r, &one);
		ipb_thread_begin(j, i, t->threads.cpu[i]);
		ipb_json_uint(j, "connections", r->config.connections);
		const struct ipb_thread_figures f = { .counts = &one.counts, .requested_bps = one.requested_bps, .sent_bps = one.sent_bps,
			                              .received_bps = one.received_bps, .lateness = one.lateness, .response = one.response,
			                              .gaps = &r->gaps, .unsent = one.unsent, .start_ns = r->measure_ns,
			                              .end_ns = r->end_ns, .at_limit = t->members[i].at_limit };
		ipb_thread_write(j, &f);
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
}

static int is_limit(const char *code) { return strcmp(code, "send-lateness") == 0; }

static void judge(struct ipb_requests_team *t)
{
	static const char *const codes[] = { "send-lateness", "rate-not-reached", "scheduling-gaps" };
	struct ipb_requests *r = t->members[0].requests;
	struct ipb_reason firsts[IPB_REQ_REASONS_MAX]; /* the first thread's are to become those of all */
	struct ipb_thread_reasons own[IPB_THREADS_MAX];

	memcpy(firsts, r->reasons, sizeof firsts);
	for (uint32_t i = 0; i < t->threads.count; i++) {
		const struct ipb_requests *one = t->members[i].requests;
		own[i] = (struct ipb_thread_reasons){ i > 0 ? one->reasons : firsts, one->reason_count, t->members[i].at_limit };
	}
	r->reason_count = 0;
	for (uint32_t i = 0; i < t->threads.count; i++) {
		const struct ipb_requests *one = t->members[i].requests;
		r->early |= one->early;
		if (!one->failed)
			continue;
		memmove(r->failed_code, one->failed_code, sizeof r->failed_code);
		ipb_threads_failure(&t->threads, i, one->failed_text, r->failed_text, sizeof r->failed_text);
		r->failed = 1;
		break;
	}
	ipb_req_judge_whole(r);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		char text[sizeof firsts->text];
		const struct ipb_reason *worst = ipb_threads_reason(&t->threads, own, codes[i], is_limit(codes[i]), text, sizeof text);
		if (worst != NULL)
			ipb_requests_reason(r, worst->invalid, codes[i], "%s", text);
	}
	ipb_req_judge_machine(r);
}

static void note_limits(struct ipb_requests_team *t)
{
	for (uint32_t i = 0; i < t->threads.count; i++) {
		const struct ipb_requests *r = t->members[i].requests;
		int limit = 0, gaps = 0;
		for (uint32_t k = 0; k < r->reason_count; k++) {
			limit |= is_limit(r->reasons[k].code);
			gaps |= strcmp(r->reasons[k].code, "scheduling-gaps") == 0;
		}
		t->members[i].at_limit = limit && !gaps;
	}
}

int ipb_requests_team_run(struct ipb_requests_team *t, struct ipbench_progress *progress, struct ipb_error *err)
{
	const struct ipb_threads_job job = { .work = run_one, .watch = watch, .cancel = cancel, .context = t };
	struct ipb_requests *first = t->members[0].requests;
	const uint32_t n = t->threads.count;

	if (n == 1)
		return ipb_requests_run(first, progress);
	t->progress = progress;
	t->start_ns = ipb_now_ns() + START_NS + n * START_EACH_NS;
	for (uint32_t i = 0; i < n; i++)
		t->members[i].requests->config.start_ns = t->start_ns;
	if (ipb_threads_run(&job, n, err) < 0)
		return -1;
	note_limits(t);
	figures(t);
	for (uint32_t i = 1; i < n; i++)
		ipb_req_add(first, t->members[i].requests);
	judge(t);
	first->own_connections = first->config.connections;
	first->config.rate = t->whole.rate;
	first->config.connections = t->whole.connections;
	first->progress = progress;
	ipb_req_progress(first);
	return 0;
}

void ipb_requests_team_report(const struct ipb_requests_team *t, struct ipb_json *j)
{
	ipb_json_members(j, t->figures.text, t->figures.size);
}
