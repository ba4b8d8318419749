/* The loop of the requests' core; see ipb_requests.h.  SPDX-License-Identifier: MIT */
#include "ipb_requests.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "ipb_requests_private.h"

#define EVENTS_MAX 256
#define FIRST_DUE_NS 20000u          /* from now until the first request is due */
#define GRACE_NS 1000000000ull       /* how long requests that wait are still sent after the measured phase */
/* Work on one event that does not count as standing still: a request, so many bytes of one, a connection. */
#define REQUEST_NS 20000u
#define BYTES_A_REQUEST 16384u
#define CONNECTION_NS 100000u
#define SLEEP_MS 5                   /* longest sleep of the loop, where it sleeps */
#define FEW_OUT 4u
#define PATIENCE_NS 100000u          /* with many out in a closed loop it asks for so long after an answer before it sleeps */
#define SWEEP 32u                    /* connections checked in one round */
#define BEGINS_MAX 64u               /* requests begun in one round */
#define BEFORE_NS 50000000ull        /* the system's counters are read so long before the measured phase */
#define SILENT_REQUESTS 10u
#define SILENT_MARGIN_NS 100000000ull
#define REFUSED_NS 1000000000ull     /* a target that refuses everything for so long is not there */
#define DESCRIPTORS_BESIDE 64u       /* what a process has open apart from connections */

static int descriptors(uint32_t connections, struct ipb_error *err)
{
	const rlim_t wanted = (rlim_t)connections + DESCRIPTORS_BESIDE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return 0;
	const struct rlimit more = { wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted };
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return 0;
	return ipb_error(err, "argument connections: %u connections need %llu open files, and this process may have %llu: raise the "
	                 "limit where the daemon is started (ulimit -n, LimitNOFILE= of the service), or lower connections=",
	                 connections, (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
}

static int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int ipb_requests_check(const struct ipb_requests_config *c, struct ipb_error *err)
{
	if ((uint64_t)c->connections * c->depth > IPB_REQ_OUT_MAX)
		return ipb_error(err, "argument depth: %u connections with %u requests each are more than %u requests at once",
		                 c->connections, c->depth, IPB_REQ_OUT_MAX);
	return 0;
}

struct ipb_requests *ipb_requests_open(const struct ipb_requests_config *config, struct ipb_error *err)
{
	struct ipb_requests *r = ipb_apart(sizeof *r);

	if (r == NULL) {
		ipb_error(err, "no memory for requests");
		return NULL;
	}
	r->config = *config;
	r->epoll = -1;
	r->measure_ns = r->end_ns = UINT64_MAX;
	r->spin = config->spin >= 0 ? config->spin : processors() > 1;
	/* With many out in a closed loop the next answer is near: to sleep until it comes costs the sender, who would have to wake
	 * this thread, more than it saves. A pause is long enough to be worth it. */
	r->patience_ns = config->spin < 0 && config->rate <= 0 && config->connections * config->depth > FEW_OUT ? PATIENCE_NS : UINT64_MAX;
	if (ipb_requests_check(config, err) < 0 || descriptors(config->connections, err) < 0)
		goto fail;
	ipb_clock_init(&r->clock, 1);
	if (ipb_req_tally_open(r) < 0) {
		ipb_error(err, "no memory for histograms");
		goto fail;
	}
	if (ipb_req_conns_open(r, err) < 0)
		goto fail;
	r->opened = 0;
	ipb_sysmon_read(&r->before, "");
	return r;
fail:
	ipb_requests_close(r);
	return NULL;
}

void ipb_requests_close(struct ipb_requests *r)
{
	if (r == NULL)
		return;
	ipb_req_conns_close(r);
	ipb_req_tally_close(r);
	free(r);
}

void ipb_req_freed(struct ipb_requests *r, uint32_t slot)
{
	r->free_slots[(r->free_head + r->free_count++) % r->slot_count] = slot;
}

static uint32_t take_free(struct ipb_requests *r)
{
	const uint32_t slot = r->free_slots[r->free_head];

	r->free_head = (r->free_head + 1) % r->slot_count;
	r->free_count--;
	return slot;
}

/* Requests of the schedule that are due wait for a free connection; there is no room for more than the ring holds. */
static void collect_due(struct ipb_requests *r)
{
	const uint64_t until_ns = r->now_ns + 1 < r->stop_ns ? r->now_ns + 1 : r->stop_ns;

	while (r->sched.due_ns < until_ns) {
		const uint64_t due_ns = r->sched.due_ns;
		const int measured = ipb_req_measured(r, due_ns);
		r->due += (uint64_t)measured;
		if (r->waiting_count < IPB_REQ_WAITING_MAX)
			r->waiting[(r->waiting_head + r->waiting_count++) % IPB_REQ_WAITING_MAX] = due_ns;
		else
			r->unsent += (uint64_t)measured;
		ipb_sched_next(&r->sched);
	}
}

static uint64_t take_waiting(struct ipb_requests *r)
{
	const uint64_t due_ns = r->waiting[r->waiting_head];

	r->waiting_head = (r->waiting_head + 1) % IPB_REQ_WAITING_MAX;
	r->waiting_count--;
	r->seen_waiting -= (uint32_t)(r->seen_waiting > 0);
	return due_ns;
}

/* Begins what can begin. Returns how many. */
static uint32_t begin_some(struct ipb_requests *r)
{
	uint32_t begun = 0, most = r->free_count < BEGINS_MAX ? r->free_count : BEGINS_MAX;

	if (r->config.rate > 0) {
		collect_due(r);
		for (; r->waiting_count > 0 && begun < most; begun++) {
			const int queued = r->seen_waiting > 0;
			const uint64_t due_ns = take_waiting(r);
			if (r->now_ns >= r->stop_ns && !ipb_req_measured(r, due_ns))
				continue;
			ipb_req_begin(r, take_free(r), due_ns, queued);
		}
		/* Those that are still here found no free connection. */
		if (r->free_count == 0)
			for (; r->waiting_count > r->seen_waiting; r->seen_waiting++)
				r->queued += (uint64_t)ipb_req_measured(r, r->waiting[(r->waiting_head + r->seen_waiting) % IPB_REQ_WAITING_MAX]);
		return begun;
	}
	if (!ipb_req_sending(r) || r->now_ns < r->hold_ns)
		return 0;
	for (; begun < most && r->now_ns >= r->hold_ns; begun++)
		ipb_req_begin(r, take_free(r), ipb_req_tick(r), 0);
	return begun;
}

static void enter(struct ipb_requests *r, enum ipbench_phase phase)
{
	r->phase = phase;
	if (r->progress != NULL)
		IPBENCH_PROGRESS_SET(r->progress, phase, phase);
}

static void drop_waiting(struct ipb_requests *r)
{
	while (r->waiting_count > 0)
		r->unsent += (uint64_t)ipb_req_measured(r, take_waiting(r));
}

/* Moves from phase to phase; non-zero when the run is over. */
static int step_phase(struct ipb_requests *r)
{
	const uint64_t now_ns = r->now_ns;

	switch (r->phase) {
	case IPBENCH_PHASE_WARMUP:
		if (r->before.at_ns < r->start_ns && r->config.warmup_ns >= 2 * BEFORE_NS && now_ns >= r->measure_ns - BEFORE_NS)
			ipb_sysmon_read(&r->before, "");
		if (now_ns >= r->measure_ns) {
			ipb_clock_refine(&r->clock);
			enter(r, IPBENCH_PHASE_MEASURE);
		}
		return 0;
	case IPBENCH_PHASE_MEASURE:
		if (now_ns >= r->end_ns)
			enter(r, IPBENCH_PHASE_COOLDOWN);
		return 0;
	case IPBENCH_PHASE_COOLDOWN:
		if (now_ns < r->stop_ns)
			return 0;
		if (r->waiting_count > 0 && now_ns < r->give_up_ns)
			return 0;
		drop_waiting(r);
		r->late_until_ns = (r->last_start_ns > now_ns ? r->last_start_ns : now_ns) + r->config.drain_ns + r->config.late_ns;
		enter(r, IPBENCH_PHASE_DRAIN);
		return 0;
	default:
		return r->out_measured == 0 || now_ns >= r->late_until_ns;
	}
}

/* A target from which nothing comes ends the run. */
static void check_silence(struct ipb_requests *r)
{
	const uint64_t out_ns = r->config.drain_ns + r->config.late_ns;
	const uint64_t silent_ns = r->silent_since_ns != 0 && r->now_ns > r->silent_since_ns ? r->now_ns - r->silent_since_ns : 0;
	const char *many = r->config.protocol->many;
	const double s = (double)silent_ns / 1e9;

	if (r->since_answer >= SILENT_REQUESTS && r->failed_since * 2 >= r->since_answer && silent_ns > REFUSED_NS) {
		static const char *const why[] = { "it refused the connections", "it reset the connections", "it closed the connections",
			                           "nothing came back", "this machine could not connect" };
		ipb_req_fail(r, r->answers > 0 ? "target-died" : "target-unreachable", "nothing came from the target for %.1f s: %s%s%s; is "
		             "something listening on %s port %u?", s, why[r->last_failure],
		             r->last_failure == IPB_REQ_OTHER ? ", " : "", r->last_failure == IPB_REQ_OTHER ? r->other : "",
		             r->config.udp ? "UDP" : "TCP", r->config.port);
	} else if (r->since_answer > 0 && silent_ns > (r->since_answer >= SILENT_REQUESTS ? out_ns : 2 * out_ns) + SILENT_MARGIN_NS) {
		if (r->answers > 0)
			ipb_req_fail(r, "target-died", "the target stopped answering: nothing for %.1f s, after %llu answers", s,
			             (unsigned long long)r->answers);
		else
			ipb_req_fail(r, "target-silent", "the target never answered: %llu %s in %.1f s",
			             (unsigned long long)r->since_answer, many, s);
	}
}

static int wait_ms(const struct ipb_requests *r)
{
	uint64_t ms = SLEEP_MS;

	if (r->spin && (r->patience_ns == UINT64_MAX || r->now_ns - r->busy_ns < r->patience_ns))
		return 0;
	if (r->waiting_count > 0)
		return 1;
	if (r->config.rate > 0 && r->sched.due_ns < r->stop_ns)
		ms = r->sched.due_ns > r->now_ns ? (r->sched.due_ns - r->now_ns) / 1000000 : 0;
	return ms < SLEEP_MS ? (int)ms : SLEEP_MS;
}

static void loop(struct ipb_requests *r)
{
	struct epoll_event events[EVENTS_MAX];
	const uint64_t allowance_ns = REQUEST_NS * (1 + r->config.request_size / BYTES_A_REQUEST) + (r->config.fresh ? CONNECTION_NS : 0);
	uint64_t last_ns = ipb_req_tick(r), handled = 0;

	for (;;) {
		const uint64_t round_ns = ipb_req_tick(r);
		if (r->spin && round_ns - last_ns > r->config.limits.gap_ns + handled * allowance_ns)
			ipb_req_gap(r, last_ns, round_ns);
		last_ns = round_ns;
		handled = begin_some(r);
		const int ms = handled > 0 && r->free_count > 0 ? 0 : wait_ms(r);
		int n = epoll_wait(r->epoll, events, EVENTS_MAX, ms);
		for (int i = 0; i < n; i++)
			ipb_req_event(r, events[i].data.u32, events[i].events);
		handled += n > 0 ? (uint64_t)n : 0;
		ipb_req_tick(r);
		if (handled > 0)
			r->busy_ns = r->now_ns;
		if (ms > 0) /* it may have slept: no gap */
			last_ns = r->now_ns;
		if (step_phase(r) || r->failed)
			return;
		ipb_req_sweep(r, r->config.connections < SWEEP ? r->config.connections : SWEEP);
		if (r->now_ns >= r->progress_due_ns) {
			ipb_req_progress(r);
			check_silence(r);
		}
		if (__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
			r->early = 1;
			return;
		}
	}
}

static void settle(struct ipb_requests *r)
{
	struct sched_param fifo = { .sched_priority = r->config.rt };
	cpu_set_t one;

	if (r->config.cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(r->config.cpu, &one);
		if (sched_setaffinity(0, sizeof one, &one) < 0)
			ipb_warn(r->config.name, "cpu=%d: %s", r->config.cpu, strerror(errno));
	}
	if (r->config.rt > 0 && sched_setscheduler(0, SCHED_FIFO, &fifo) < 0)
		ipb_warn(r->config.name, "rt=%d: %s", r->config.rt, strerror(errno));
}

int ipb_requests_run(struct ipb_requests *r, struct ipbench_progress *progress)
{
	static const struct ipb_sizes one = { .count = 1, .size = { 1 }, .weight = { 1 }, .total = 1, .largest = 1, .smallest = 1,
		                              .mean = 1 };
	const struct ipb_requests_config *c = &r->config;

	settle(r);
	r->progress = progress;
	ipb_clock_refine(&r->clock);
	ipb_clock_anchor(&r->clock);
	r->start_ns = ipb_req_tick(r) + FIRST_DUE_NS;
	if (c->start_ns != 0)
		r->start_ns = c->start_ns;
	r->measure_ns = r->start_ns + c->warmup_ns;
	r->end_ns = r->measure_ns + c->duration_ns;
	r->stop_ns = r->end_ns + c->cooldown_ns;
	r->give_up_ns = r->stop_ns + GRACE_NS;
	r->progress_last_ns = r->hold_ns = r->start_ns;
	if (c->rate > 0)
		ipb_sched_init(&r->sched, c->arrival, c->burst, c->rate * 8, &one, c->seed, r->start_ns, 0);
	if (c->rate > 0 && c->stagger > 0 && c->arrival != IPB_ARRIVAL_POISSON) /* between those of the other threads */
		ipb_sched_init(&r->sched, c->arrival, c->burst, c->rate * 8, &one, c->seed,
		               r->start_ns + (uint64_t)(c->stagger * r->sched.interval_ns * c->burst), 0);
	enter(r, IPBENCH_PHASE_WARMUP);
	loop(r);
	ipb_req_tick(r);
	ipb_req_abandon(r);
	drop_waiting(r);
	if (r->now_ns < r->end_ns)
		r->end_ns = r->now_ns > r->measure_ns ? r->now_ns : r->measure_ns;
	r->clock_error_ns = ipb_clock_error_ns(&r->clock);
	ipb_sysmon_read(&r->after, "");
	if (c->joint)
		ipb_req_judge_thread(r);
	else
		ipb_req_judge(r);
	enter(r, IPBENCH_PHASE_DONE);
	ipb_req_progress(r);
	return 0;
}

void ipb_requests_stop(struct ipb_requests *r) { __atomic_store_n(&r->stop, 1, __ATOMIC_RELEASE); }

uint64_t ipb_requests_duration_ns(const struct ipb_requests_config *c)
{
	return c->warmup_ns + c->duration_ns + c->cooldown_ns + GRACE_NS + c->drain_ns + c->late_ns;
}
