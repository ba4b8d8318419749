/* The measurement engine's loop; see ipb_engine.h.  SPDX-License-Identifier: MIT */
#include "ipb_engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ipb_engine_private.h"
#include "ipb_limits.h"

#define START_NS 20000u /* from now until the first packet is due */
#define GAP_ALLOWANCE_NS 10000u /* work on one packet that does not count as standing still */
#define NEAR_NS 500u  /* what polling for replies costs, about */
#define NEAR_SHARE 16u /* packets this many times NEAR_NS apart, or more, are waited for without polling */
#define BUSY_ROUNDS 16u /* rounds with something to send or to receive between checks of everything else */
#define AGREE_NS 100000000u /* a team that has not ended the measured phase by now will not do so any more */
#define BEFORE_NS 50000000ull /* the system's counters are read so long before the measured phase: that takes a while */

int ipb_engine_fail(struct ipb_engine *e, const char *code, const char *format, ...)
{
	va_list args;

	if (e->failed)
		return -1;
	e->failed = 1;
	snprintf(e->failed_code, sizeof e->failed_code, "%s", code);
	va_start(args, format);
	vsnprintf(e->failed_text, sizeof e->failed_text, format, args);
	va_end(args);
	return -1;
}

int ipb_engine_io_error(struct ipb_engine *e, int error, const char *what)
{
	char text[96];

	switch (error) {
	case ENOBUFS:
		e->turned_away++;
		/* fall through */
	case EAGAIN:
		e->busy++;
		return 0;
	case EINTR:
		return 0;
	case ECONNRESET:
	case EPIPE:
		return ipb_engine_fail(e, "target-reset", "the target reset the connection (%s) after %llu packets", what,
		                       (unsigned long long)e->track.next);
	default:
		break;
	}
	return ipb_engine_fail(e, "socket-error", "%s failed after %llu packets: %s", what,
	                       (unsigned long long)e->track.next, strerror_r(error, text, sizeof text));
}

/* Drops packets of the schedule that are due before due_ns: there is no catching up with them. measured: they are of the
 * measured phase. */
static void skip_until(struct ipb_engine *e, uint64_t due_ns, int measured, uint64_t now_ns)
{
	const uint64_t skipped = ipb_sched_skip(&e->sched, due_ns);

	if (measured)
		*(ipb_engine_excuses(e, now_ns) ? &e->unaccepted : &e->unsent) += skipped;
}

static void enter(struct ipb_engine *e, enum ipbench_phase phase)
{
	e->phase = phase;
	if (e->progress != NULL)
		IPBENCH_PROGRESS_SET(e->progress, phase, phase);
}

/* The measured phase ends: packets due from end_ns on are not measured any more. */
static void end_measuring(struct ipb_engine *e, uint64_t end_ns)
{
	e->end_ns = end_ns;
	e->stop_ns = end_ns + e->config.cooldown_ns;
	e->queued_end = ipb_engine_queued(e);
	enter(e, IPBENCH_PHASE_COOLDOWN);
}

/* The measured phase ends now: where the first packet is due that is not of it, so that it holds as many intervals as
 * packets, and its rates are those of the schedule. */
static void end_measuring_now(struct ipb_engine *e, uint64_t now_ns)
{
	end_measuring(e, ipb_sched_due_from(&e->sched, now_ns));
}

/* Whether the interval of all is narrow enough, the team finds out from what each of them has. */
static void answer_question(struct ipb_engine *e)
{
	const uint32_t question = __atomic_load_n(&e->told_question, __ATOMIC_ACQUIRE);

	if (question == e->told_answer)
		return;
	for (uint32_t i = 0; i < e->interval_count; i++)
		e->told_sums[i] = (struct ipb_sum){ e->intervals[i].ok, e->intervals[i].sum_ns };
	__atomic_store_n(&e->told_answer, question, __ATOMIC_RELEASE);
}

/* Several engines collect the samples together: the team knows when they are in, and sets when all of them end. */
static void check_agreed_end(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t end_ns = __atomic_load_n(&e->told_end_ns, __ATOMIC_ACQUIRE);

	__atomic_store_n(&e->told_ok, e->track.counts.ok, __ATOMIC_RELAXED);
	if (e->told_sums != NULL)
		answer_question(e);
	if (!e->end_agreed && end_ns != 0 && end_ns < e->end_ns) {
		e->end_agreed = 1; /* what counted as measured before it was known stays so */
		e->end_ns = end_ns > e->sched.due_ns ? end_ns : e->sched.due_ns;
	}
	if (now_ns >= e->end_ns)
		end_measuring(e, e->end_ns);
	else if (now_ns >= e->deadline_ns + AGREE_NS)
		end_measuring_now(e, now_ns);
}

static void check_measuring(struct ipb_engine *e, uint64_t now_ns)
{
	if (ipb_engine_is_joint(e) && (e->config.duration_ns == 0 || e->config.until_ci > 0)) {
		check_agreed_end(e, now_ns);
		return;
	}
	if (e->config.until_ci > 0 && ipb_engine_is_narrow(e, now_ns)) {
		end_measuring_now(e, now_ns);
		return;
	}
	if (e->config.duration_ns != 0) {
		if (now_ns >= e->end_ns)
			end_measuring(e, e->end_ns);
	} else if (e->track.counts.ok >= e->config.samples) {
		end_measuring_now(e, now_ns);
	} else if (now_ns >= e->deadline_ns) {
		end_measuring_now(e, now_ns);
		e->deadline_missed = 1;
	}
}

static void start_draining(struct ipb_engine *e, uint64_t now_ns)
{
	uint64_t last = e->last_measured_send_ns ? e->last_measured_send_ns : now_ns;

	skip_until(e, e->end_ns, e->sched.due_ns >= e->measure_ns, now_ns);
	for (; e->ready_from < e->ready; e->ready_from++)
		*(ipb_engine_excuses(e, now_ns) ? &e->unaccepted : &e->unsent) +=
			(uint64_t)ipb_engine_measures(e, ipb_engine_due(e, e->ready_from));
	if (e->config.proto == IPB_TCP)
		ipb_tcp_give_up(e, now_ns);
	e->drain_until_ns = (last > now_ns ? last : now_ns);
	if (last + e->config.drain_ns > e->drain_until_ns)
		e->drain_until_ns = last + e->config.drain_ns;
	e->late_until_ns = e->drain_until_ns + e->config.late_ns;
	enter(e, IPBENCH_PHASE_DRAIN);
}

/* Packets that the kernel has dropped at the sockets: their receive queue was full, or a checksum wrong. */
static uint64_t receive_drops(struct ipb_engine *e)
{
	if (e->x->drops != NULL)
		e->ring_drops += e->x->drops(e);
	uint64_t drops = e->ring_drops;

	for (uint32_t i = 0; i < e->config.flows && e->config.proto != IPB_TCP; i++)
		drops += ipb_sock_drops(e->fds[i]);
	return drops;
}

/* Everything measured is answered or given up. */
static int is_drained(struct ipb_engine *e, uint64_t now_ns)
{
	if (ipb_track_out(&e->track) > 0)
		return now_ns >= e->late_until_ns;
	if (e->all_in_ns == 0)
		e->all_in_ns = now_ns;
	return now_ns - e->all_in_ns >= IPB_ENGINE_SETTLE_NS;
}

/* Moves from phase to phase; non-zero when the run is over. */
static int step_phase(struct ipb_engine *e, uint64_t now_ns)
{
	switch (e->phase) {
	case IPBENCH_PHASE_WARMUP:
		if (now_ns >= e->before_due_ns) {
			e->before_due_ns = UINT64_MAX;
			ipb_engine_before(e);
			ipb_clock_refine(&e->clock);
		}
		if (now_ns >= e->measure_ns) {
			if (e->ready == e->ready_from)
				skip_until(e, e->measure_ns, 0, now_ns);
			if (e->measure_ns > e->start_ns) /* else the first reply may be here already */
				e->rxq_drops_start = receive_drops(e);
			e->queued_start = ipb_engine_queued(e);
			enter(e, IPBENCH_PHASE_MEASURE);
		}
		break;
	case IPBENCH_PHASE_MEASURE:
		check_measuring(e, now_ns);
		break;
	case IPBENCH_PHASE_COOLDOWN:
		if (e->sched.due_ns < e->end_ns && now_ns > e->end_ns + IPB_ENGINE_GRACE_NS)
			skip_until(e, e->end_ns, 1, now_ns);
		if (now_ns >= e->stop_ns && ((e->sched.due_ns >= e->end_ns && e->ready == e->ready_from && e->track.held == 0) ||
		                             now_ns > e->end_ns + IPB_ENGINE_GRACE_NS))
			start_draining(e, now_ns);
		break;
	case IPBENCH_PHASE_DRAIN:
		if (e->config.one_way != NULL)
			return 1;
		if (is_drained(e, now_ns)) {
			ipb_engine_check_end(e, now_ns);
			return 1;
		}
		return now_ns >= e->last_send_ns + e->silence_ns && ipb_engine_check_end(e, now_ns) < 0;
	default:
		break;
	}
	return 0;
}

static int idle(struct ipb_engine *e, uint64_t now_ns)
{
	if (e->layers.used)
		ipb_layers_poll(e, now_ns);
	if (now_ns >= e->progress_due_ns)
		ipb_engine_progress(e, now_ns);
	if (__atomic_load_n(&e->stop, __ATOMIC_ACQUIRE)) {
		e->early = 1;
		return -1;
	}
	if (ipb_engine_check_silence(e, now_ns) < 0)
		return -1;
	/* Silent, but too few packets to conclude that the target is dead. A long cool-down would only put off the end. */
	if (e->phase == IPBENCH_PHASE_COOLDOWN && ipb_engine_is_silent(e, now_ns) && ipb_track_out(&e->track) > 0)
		start_draining(e, now_ns);
	return 0;
}

/* A packet that is due at once leaves on time: polling for replies would make it late. Replies wait NEAR_NS at most. */
static uint64_t wait_for_near(const struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t due_ns = e->sched.due_ns;

	if (e->ready != e->ready_from || due_ns >= e->stop_ns || e->sched.interval_ns < (double)(NEAR_SHARE * NEAR_NS))
		return now_ns;
	while (now_ns < due_ns && due_ns - now_ns < NEAR_NS)
		now_ns = ipb_clock_now(&e->clock);
	return now_ns;
}

static void loop(struct ipb_engine *e)
{
	uint64_t last = ipb_clock_now(&e->clock), handled = 0, busy_rounds = 0;

	for (;;) {
		uint64_t now = wait_for_near(e, ipb_clock_now(&e->clock));
		if (now - last > e->config.limits.gap_ns + handled * GAP_ALLOWANCE_NS) {
			e->stood_ns += now - last;
			ipb_gaps_add(&e->gaps, &e->config.limits, last, now, e->measure_ns, e->end_ns);
		}
		last = now;
		int sent = 0, got;
		if (e->ready != e->ready_from || (e->sched.due_ns <= now && e->sched.due_ns < e->stop_ns)) {
			if ((sent = ipb_engine_send_due(e, now)) < 0)
				return;
		}
		if ((got = e->x->receive(e)) < 0)
			return;
		handled = (uint64_t)(sent + got);
		if (step_phase(e, now))
			return;
		if (sent + got == 0 || ++busy_rounds >= BUSY_ROUNDS) {
			busy_rounds = 0;
			if (idle(e, now) < 0)
				return;
		}
	}
}

/* The run is over before the measured phase was. */
static void cut_short(struct ipb_engine *e, uint64_t now_ns)
{
	const uint64_t end_ns = now_ns > e->measure_ns ? ipb_sched_due_from(&e->sched, now_ns) : e->measure_ns;

	if (now_ns < e->end_ns && end_ns < e->end_ns)
		e->end_ns = end_ns;
}

int ipb_engine_run(struct ipb_engine *e, struct ipbench_progress *progress)
{
	uint64_t nominal = e->config.duration_ns;

	e->progress = progress;
	ipb_clock_refine(&e->clock);
	ipb_clock_anchor(&e->clock);
	if (e->config.format != NULL)
		e->config.format->begin(e->config.format_state, &e->clock, e->layers.used == IPB_STAMPS_KERNEL);
	e->start_ns = e->joint_start_ns != 0 ? e->joint_start_ns : ipb_clock_now(&e->clock) + START_NS;
	if (e->config.one_way != NULL) /* the far end has it already, so that it holds even when it is over */
		e->start_ns = e->config.one_way->start_ns;
	e->measure_ns = e->start_ns + e->config.rampup_ns + e->config.warmup_ns;
	if (e->address_count > 1 && e->config.proto == IPB_UDP && e->config.one_way == NULL &&
	    !ipb_engine_is_joint(e)) { /* a part of the warm-up goes to it */
		ipb_engine_choose_address(e);
		e->start_ns = ipb_clock_now(&e->clock) + START_NS;
		e->measure_ns = e->measure_ns > e->start_ns ? e->measure_ns : e->start_ns;
	}
	ipb_sched_init(&e->sched, e->config.arrival, e->config.burst, e->config.rate_bps, &e->config.sizes,
	               e->config.seed, e->start_ns, e->config.rampup_ns);
	ipb_sched_overload(&e->sched, e->config.overload);
	/* A number of samples ends with an interval, and so it begins with one: rates would be too low. Random arrivals have
	 * no memory: any instant is as good. */
	if (nominal == 0 && e->config.arrival != IPB_ARRIVAL_POISSON)
		e->measure_ns = ipb_sched_due_from(&e->sched, e->measure_ns);
	if (e->stagger > 0) { /* between those of the others */
		ipb_sched_init(&e->sched, e->config.arrival, e->config.burst, e->config.rate_bps, &e->config.sizes, e->config.seed,
		               e->start_ns + (uint64_t)(e->stagger * e->sched.interval_ns * e->config.burst), e->config.rampup_ns);
		ipb_sched_overload(&e->sched, e->config.overload);
	}
	e->end_ns = nominal != 0 ? e->measure_ns + nominal : UINT64_MAX;
	e->stop_ns = nominal != 0 ? e->end_ns + e->config.cooldown_ns : UINT64_MAX;
	e->deadline_ns = e->measure_ns + ipb_engine_measured_ns(&e->config);
	e->progress_due_ns = e->progress_last_ns = e->start_ns;
	e->stalls.limit_ns = ipb_engine_stall_limit(e);
	e->track.step_ns = e->sched.step_ns;
	e->track.step_fraction = e->sched.step_fraction;
	/* With less warm-up, set-up's reading is used; the processor's clock in it is not the run's: it was not awake yet. */
	e->before_due_ns = e->measure_ns - e->start_ns >= 2 * BEFORE_NS ? e->measure_ns - BEFORE_NS : UINT64_MAX;
	e->rxq_drops_start = receive_drops(e);
	enter(e, IPBENCH_PHASE_WARMUP);
	if (!e->failed)
		loop(e);
	uint64_t now = ipb_clock_now(&e->clock);
	cut_short(e, now);
	ipb_engine_unblocked(e, now);
	if (e->config.proto == IPB_TCP)
		ipb_tcp_give_up(e, now);
	for (uint32_t i = 0; i < e->config.flows && e->config.proto == IPB_UDP; i++)
		ipb_engine_read_errors(e, i);
	e->clock_error_ns = ipb_clock_error_ns(&e->clock);
	e->rxq_drops = receive_drops(e);
	ipb_sysmon_read(&e->after, e->link);
	ipb_track_finish(&e->track);
	ipb_engine_find_outages(e);
	if (e->config.check)
		e->bad += e->track.unknown;
	e->unwritten = e->config.check && e->checked > 0 && e->bad == e->checked + e->track.unknown;
	if (e->config.proto == IPB_TCP)
		e->unanswered = ipb_tcp_unanswered(e, &e->unanswered_packets);
	if (ipb_engine_is_joint(e)) {
		if (ipb_engine_seconds(e) > 0)
			ipb_engine_judge_thread(e, ipb_engine_seconds(e));
	} else {
		ipb_engine_confidence(e);
		ipb_engine_judge(e);
	}
	enter(e, IPBENCH_PHASE_DONE);
	if (progress != NULL)
		ipb_engine_progress(e, now);
	return 0;
}

void ipb_engine_stop(struct ipb_engine *e) { __atomic_store_n(&e->stop, 1, __ATOMIC_RELEASE); }
