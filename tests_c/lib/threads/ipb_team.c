/* One measurement by several threads; see ipb_team.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_privileges.h"
#include "ipb_rng.h"
#include "ipb_team_private.h"
#include "ipb_xdp_share.h"

#define START_NS 2000000u     /* from the threads' creation until the first packet is due, */
#define START_EACH_NS 100000u /* and more for each of them */
#define WATCH_NS 1000000u     /* how often it is checked whether the samples are in; */
#define LEAD_NS 3000000u      /* when they are, the measured phase ends so long after */
#define REPORT_NS 200000000u

int ipb_team_check(struct ipb_engine_config *whole, const struct ipb_threads *threads, int flows_given, struct ipb_error *err)
{
	const uint32_t n = threads->count;

	if (threads->given && whole->cpu >= 0)
		return ipb_error(err, "argument cpus: give either cpu or cpus");
	if (n == 1)
		return 0;
	if (whole->cpu >= 0)
		return ipb_error(err, "argument cpu: %u threads are not to be on one processor; give cpus instead", n);
	if (!flows_given)
		whole->flows = n;
	if (whole->flows % n != 0)
		return ipb_error(err, "argument flows: %u flows cannot be shared out evenly among %u threads: give a multiple of %u",
		                 whole->flows, n, n);
	return 0;
}

struct ipb_engine *ipb_team_engine(struct ipb_team *t, uint32_t thread) { return t->members[thread].engine; }

/* The configuration of one thread's engine. */
static struct ipb_engine_config share_of(const struct ipb_team *t, uint32_t i)
{
	struct ipb_engine_config c = t->whole;
	const uint32_t n = t->threads.count;

	c.addresses = t->addresses;
	c.address_count = t->address_count;
	c.cpu = t->threads.cpu[i] >= 0 ? t->threads.cpu[i] : c.cpu;
	if (n == 1)
		return c;
	c.threads = n;
	c.thread = i;
	c.xdp_share = t->xdp;
	c.rate_bps /= n;
	c.samples = (c.samples + n - 1) / n;
	c.flows /= n;
	c.flow_base += i * c.flows;
	if (c.sock.bind_port != 0)
		c.sock.bind_port = (uint16_t)(c.sock.bind_port + i * c.flows);
	/* Packets of one thread are not to be taken for another's, and random arrivals not to be the same. */
	uint64_t mix = c.run_id + i;
	c.run_id = i > 0 ? ipb_mix64(&mix) : c.run_id;
	c.seed += (uint64_t)i << 40;
	/* Those that share a processor would listen to each other. */
	for (uint32_t k = 0; k < i; k++)
		if (c.cpu == t->threads.cpu[k])
			c.noise_ns = 0;
	c.mlock = c.mlock && i == 0;
	return c;
}

static void open_one(void *context, uint32_t i)
{
	struct ipb_team *t = context;
	struct ipb_team_member *m = &t->members[i];
	const struct ipb_engine_config c = share_of(t, i);

	if (m->engine != NULL)
		return;
	if (ipb_threads_pin(c.cpu) < 0)
		ipb_error_errno(&m->err, errno, "argument cpus: cannot run on processor %d", c.cpu);
	else
		m->engine = ipb_engine_open(&c, &m->err);
}

static int find_addresses(struct ipb_team *t, struct ipb_error *err)
{
	const struct ipb_engine_config *c = &t->whole;
	const int type = c->proto == IPB_TCP ? SOCK_STREAM : SOCK_DGRAM;

	if (c->proto == IPB_RAW || t->threads.count == 1 || c->port == 0)
		return 0;
	const int n = ipb_sock_resolve(c->host, c->port, type, 0, t->addresses, IPB_SOCK_ADDRESSES_MAX, err);
	t->address_count = n < 0 ? 0 : n;
	return n < 0 ? -1 : 0;
}

/* TCP: all threads have connections to the same address, the one that the first thread's stand to. AF_XDP: the first one has the
 * program attached. */
static int open_first(struct ipb_team *t, struct ipb_error *err)
{
	const struct ipb_threads_job job = { .work = open_one, .context = t };
	const struct ipb_engine *e;

	if (t->whole.io == IPB_IO_XDP && t->whole.proto != IPB_TCP && (t->xdp = ipb_xdp_share_open(t->threads.count, err)) == NULL)
		return -1;
	if (t->xdp == NULL && (t->whole.proto != IPB_TCP || t->address_count < 2))
		return 0;
	if (ipb_threads_run(&job, 1, err) < 0)
		return -1;
	if ((e = t->members[0].engine) == NULL)
		return ipb_error(err, "%s", ipb_error_text(&t->members[0].err));
	if (t->xdp != NULL)
		return 0;
	t->addresses[0] = e->addresses[e->address];
	t->address_count = 1;
	return 0;
}

static int open_all(struct ipb_team *t, struct ipb_error *err)
{
	const struct ipb_threads_job job = { .work = open_one, .context = t };
	const uint32_t n = t->threads.count;

	if (find_addresses(t, err) < 0)
		return -1;
	if (n == 1) {
		const struct ipb_engine_config c = share_of(t, 0);
		t->members[0].engine = ipb_engine_open(&c, err);
		return t->members[0].engine != NULL ? 0 : -1;
	}
	if (open_first(t, err) < 0 || ipb_threads_run(&job, n, err) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (t->members[i].engine == NULL)
			return ipb_error(err, "%s", ipb_error_text(&t->members[i].err));
	return ipb_team_share_frames(t, err);
}

/* The engines' intervals are the same stretches of time. */
static int open_sums(struct ipb_team *t, struct ipb_error *err)
{
	if (t->whole.until_ci <= 0 || t->threads.count == 1)
		return 0;
	t->sum_count = t->members[0].engine->interval_count;
	t->sums = calloc(t->sum_count, sizeof *t->sums);
	return t->sums != NULL ? 0 : ipb_error(err, "no memory for the time series");
}

struct ipb_team *ipb_team_open(const struct ipb_engine_config *whole, const struct ipb_threads *threads,
                               struct ipb_error *err)
{
	struct ipb_team *t = calloc(1, sizeof *t);

	if (t == NULL || (t->members = ipb_apart_array(threads->count, sizeof *t->members)) == NULL) {
		free(t);
		ipb_error(err, "no memory for %u threads", threads->count);
		return NULL;
	}
	t->whole = *whole;
	t->threads = *threads;
	ipb_json_init(&t->figures);
	if (open_all(t, err) == 0 && open_sums(t, err) == 0)
		return t;
	ipb_team_close(t);
	return NULL;
}

void ipb_team_close(struct ipb_team *t)
{
	if (t == NULL)
		return;
	if (t->merged)
		t->members[0].engine->config = t->own;
	ipb_xdp_share_close(t->xdp); /* first, so that no more frames come */
	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_engine_close(t->members[i].engine);
	ipb_json_free(&t->figures);
	free(t->members);
	free(t->sums);
	free(t);
}

void ipb_team_stop(struct ipb_team *t)
{
	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_engine_stop(t->members[i].engine);
}

static int run_one(struct ipb_engine *e, struct ipbench_progress *progress)
{
	struct ipb_privileges old;

	ipb_privileges_take(&old, e->config.cpu, e->config.rt);
	const int status = ipb_engine_run(e, progress);
	ipb_privileges_leave(&old);
	return status;
}

static int all_ended(const struct ipb_team *t)
{
	for (uint32_t i = 0; i < t->threads.count; i++)
		if (!__atomic_load_n(&t->members[i].ended, __ATOMIC_ACQUIRE))
			return 0;
	return 1;
}

static void run_member(void *context, uint32_t i)
{
	struct ipb_team *t = context;

	run_one(t->members[i].engine, &t->members[i].progress);
	__atomic_store_n(&t->members[i].ended, 1, __ATOMIC_RELEASE);
	/* Replies to the others may still come by this thread's queue. */
	while (t->xdp != NULL && !all_ended(t) && !__atomic_load_n(&t->cancelled, __ATOMIC_ACQUIRE)) {
		ipb_xdp_io_serve(t->members[i].engine);
		sched_yield();
	}
}

static uint64_t load(const uint64_t *from) { return __atomic_load_n(from, __ATOMIC_ACQUIRE); }

static void report(struct ipb_team *t, uint64_t now_ns)
{
	struct ipbench_progress sum = { .phase = IPBENCH_PHASE_DONE };

	for (uint32_t i = 0; i < t->threads.count; i++)
		ipb_threads_add_progress(&sum, &t->members[i].progress, i == 0);
	sum.elapsed_ns = now_ns > t->start_ns ? now_ns - t->start_ns : 0;
	ipb_threads_report(t->progress, &sum);
}

static int all_have_answered(const struct ipb_team *t)
{
	for (uint32_t i = 0; i < t->threads.count; i++)
		if (__atomic_load_n(&t->members[i].engine->told_answer, __ATOMIC_ACQUIRE) != t->question)
			return 0;
	return 1;
}

static void ask(struct ipb_team *t)
{
	t->question++;
	t->asked = 1;
	for (uint32_t i = 0; i < t->threads.count; i++)
		__atomic_store_n(&t->members[i].engine->told_question, t->question, __ATOMIC_RELEASE);
}

/* until_ci: from time to time all are asked what their intervals hold, of which batches of all together are made. */
static int is_narrow(struct ipb_team *t, uint64_t now_ns)
{
	if (t->sums == NULL || now_ns < t->ask_due_ns)
		return 0;
	if (!t->asked)
		ask(t);
	if (!all_have_answered(t))
		return 0;
	memset(t->sums, 0, t->sum_count * sizeof *t->sums);
	for (uint32_t i = 0; i < t->threads.count; i++)
		for (uint32_t k = 0; k < t->sum_count; k++) {
			t->sums[k].ok += t->members[i].engine->told_sums[k].ok;
			t->sums[k].sum_ns += t->members[i].engine->told_sums[k].sum_ns;
		}
	t->asked = 0;
	const uint64_t measure_ns = t->members[0].engine->measure_ns;
	uint64_t wait_ns;
	const int narrow = ipb_engine_sums_are_narrow(t->sums, t->sum_count, t->whole.until_ci,
	                                              now_ns > measure_ns ? now_ns - measure_ns : 0, &wait_ns);
	t->ask_due_ns = now_ns + wait_ns;
	return narrow;
}

static int ends_by_samples(const struct ipb_team *t) { return t->whole.duration_ns == 0; }

/* A number of samples is collected together: when they are in, or the time for that is over, or their mean is known well enough,
 * the measured phase ends for all at one instant a little later, where an interval begins, so that it holds as many packets as
 * intervals. */
static void agree_on_end(struct ipb_team *t, uint64_t now_ns)
{
	const int narrow = is_narrow(t, now_ns), over = ends_by_samples(t) && now_ns >= t->deadline_ns;
	uint64_t ok = 0;

	for (uint32_t i = 0; i < t->threads.count; i++)
		ok += load(&t->members[i].engine->told_ok);
	const int all_in = ends_by_samples(t) && ok >= t->whole.samples;
	if (!narrow && !all_in && !over)
		return;
	t->deadline_missed = !narrow && !all_in;
	t->told_end = 1;
	const uint64_t end_ns = ipb_sched_due_from(&t->common, now_ns + LEAD_NS);
	for (uint32_t i = 0; i < t->threads.count; i++)
		__atomic_store_n(&t->members[i].engine->told_end_ns, end_ns, __ATOMIC_RELEASE);
}

/* One thread's failure ends the test: it is no measurement any more. */
static void check_failures(struct ipb_team *t)
{
	for (uint32_t i = 0; !t->failed && i < t->threads.count; i++)
		if (__atomic_load_n(&t->members[i].ended, __ATOMIC_ACQUIRE) && t->members[i].engine->failed) {
			t->failed = 1;
			ipb_team_stop(t);
		}
}

static uint64_t watch(void *context)
{
	struct ipb_team *t = context;
	const uint64_t now_ns = ipb_now_ns();
	const int collects = (ends_by_samples(t) || t->sums != NULL) && !t->told_end;

	if (collects)
		agree_on_end(t, now_ns);
	if (now_ns - t->reported_ns >= REPORT_NS) {
		t->reported_ns = now_ns;
		check_failures(t);
		if (t->progress != NULL)
			report(t, now_ns);
	}
	return collects ? WATCH_NS : REPORT_NS;
}

void ipb_team_shorten_warmup(struct ipb_team *t, uint64_t took_ns)
{
	for (uint32_t i = 0; i < t->threads.count; i++) {
		struct ipb_engine_config *c = &t->members[i].engine->config;
		const uint64_t warmup_ns = took_ns < c->warmup_ns ? took_ns : c->warmup_ns, rest_ns = took_ns - warmup_ns;
		c->warmup_ns -= warmup_ns;
		c->rampup_ns -= rest_ns < c->rampup_ns ? rest_ns : c->rampup_ns;
	}
}

/* Of several addresses, the first thread finds out which one answers; the others take the same. What that takes is taken
 * from the warm-up. */
static int choose_address(struct ipb_team *t, struct ipb_error *err)
{
	struct ipb_engine *first = t->members[0].engine;
	const uint64_t begin_ns = ipb_now_ns();

	if (t->whole.proto != IPB_UDP || first->address_count < 2)
		return 0;
	if (ipb_engine_choose_address(first) < 0)
		return ipb_error(err, "%s", first->failed_text);
	for (uint32_t i = 0; i < t->threads.count; i++) {
		struct ipb_engine *e = t->members[i].engine;
		if (e->address != first->address && ipb_engine_reopen(e, first->address, err) < 0)
			return -1;
	}
	ipb_team_shorten_warmup(t, ipb_now_ns() - begin_ns);
	return 0;
}

/* What all threads have in common of their times. */
static void agree_on_start(struct ipb_team *t)
{
	const struct ipb_engine_config *c = &t->members[0].engine->config;
	const uint32_t n = t->threads.count;

	t->start_ns = ipb_now_ns() + START_NS + n * START_EACH_NS;
	ipb_sched_init(&t->common, c->arrival, c->burst, c->rate_bps, &c->sizes, c->seed, t->start_ns, c->rampup_ns);
	ipb_sched_overload(&t->common, c->overload);
	t->deadline_ns = t->start_ns + c->rampup_ns + c->warmup_ns + ipb_engine_measured_ns(c);
	for (uint32_t i = 0; i < n; i++) {
		struct ipb_engine *e = t->members[i].engine;
		e->joint_start_ns = t->start_ns;
		e->stagger = c->arrival != IPB_ARRIVAL_POISSON ? (double)i / n : 0;
	}
}

static void cancel(void *context)
{
	struct ipb_team *t = context;

	__atomic_store_n(&t->cancelled, 1, __ATOMIC_RELEASE);
	ipb_team_stop(t);
}

int ipb_team_run(struct ipb_team *t, struct ipbench_progress *progress, struct ipb_error *err)
{
	const struct ipb_threads_job job = { .work = run_member, .watch = watch, .cancel = cancel, .context = t };

	if (t->threads.count == 1)
		return run_one(t->members[0].engine, progress);
	t->progress = progress;
	if (choose_address(t, err) < 0)
		return -1;
	ipb_team_steer(t);
	agree_on_start(t);
	if (ipb_threads_run(&job, t->threads.count, err) < 0)
		return -1;
	ipb_team_place_unknown(t);
	ipb_team_figures(t);
	ipb_team_merge(t);
	ipb_team_judge(t);
	t->own = t->members[0].engine->config;
	t->merged = 1;
	t->members[0].engine->config = t->whole;
	t->members[0].engine->threads = &t->figures;
	if (progress != NULL) {
		struct ipb_engine *e = t->members[0].engine;
		e->progress = progress;
		IPBENCH_PROGRESS_SET(progress, phase, IPBENCH_PHASE_DONE);
		ipb_engine_progress(e, ipb_clock_now(&e->clock));
	}
	return 0;
}
