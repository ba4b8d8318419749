/* Sets the engine up and takes it down; see ipb_engine.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ipb_engine_private.h"

#define MEASURED_SLACK 1.25              /* lossy targets get this much longer to return the samples */
#define MEASURED_SLACK_NS 1000000000ull  /* and at least this much */
#define INTERVAL_NS 100000000ull         /* a point of the time series; shorter in short runs, longer in long ones */
#define INTERVALS_MIN 20u
#define CATCH_UP_MAX_NS 10000.0          /* overdue packets leave at least at this rate, or 8 times their own */
#define JOINT_ROOM 2                     /* of its share of the samples: room of one of several engines */
#define CATCH_UP_SHARE 8.0
#define CATCH_UP_MIN_NS 1000.0           /* below this they leave in batches, back to back */

uint64_t ipb_engine_measured_ns(const struct ipb_engine_config *c)
{
	if (c->duration_ns != 0)
		return c->duration_ns;
	double nominal = (double)c->samples * c->sizes.mean * 8e9 / c->rate_bps;
	double longer = nominal * MEASURED_SLACK;
	return (uint64_t)(longer > nominal + (double)MEASURED_SLACK_NS ? longer : nominal + (double)MEASURED_SLACK_NS);
}

uint64_t ipb_engine_expected_ns(const struct ipb_engine_config *c)
{
	double measured = c->duration_ns != 0 ? (double)c->duration_ns : (double)c->samples * c->sizes.mean * 8e9 / c->rate_bps;

	return c->rampup_ns + c->warmup_ns + (uint64_t)measured + c->cooldown_ns + IPB_ENGINE_SETTLE_NS;
}

uint64_t ipb_engine_duration_ns(const struct ipb_engine_config *c)
{
	uint64_t cooldown = c->cooldown_ns > IPB_ENGINE_GRACE_NS ? c->cooldown_ns : IPB_ENGINE_GRACE_NS;

	return c->rampup_ns + c->warmup_ns + ipb_engine_measured_ns(c) + cooldown + c->drain_ns + c->late_ns + IPB_ENGINE_SETTLE_NS;
}

static int open_frames(struct ipb_engine *e, struct ipb_error *err)
{
	uint32_t largest = e->config.sizes.largest, payload = largest - e->offset;

	/* From a page's start, so that small packets do not straddle cache lines. */
	const size_t all = ((size_t)IPB_ENGINE_BATCH * largest + IPB_APART - 1) / IPB_APART * IPB_APART;
	if (posix_memalign((void **)&e->frames, 4096, all) != 0)
		e->frames = NULL;
	e->pattern = malloc(payload + IPB_HEADER_SIZE);
	if (e->frames == NULL || e->pattern == NULL)
		return ipb_error(err, "no memory for packets");
	memset(e->frames, 0, (size_t)IPB_ENGINE_BATCH * largest);
	ipb_header_pattern(e->pattern, payload + IPB_HEADER_SIZE);
	for (uint32_t i = 0; i < IPB_ENGINE_BATCH; i++) {
		e->slots[i].frame = e->frames + (size_t)i * largest;
		e->slots[i].packet = e->slots[i].frame + e->offset;
		e->slots[i].size = largest;
		memcpy(e->slots[i].packet, e->pattern, payload);
	}
	ipb_header_init(&e->header, e->config.sizes.smallest - e->offset >= IPB_HEADER_SIZE, e->config.run_id, e->pattern, payload);
	e->header.padded = e->config.proto == IPB_RAW; /* to Ethernet's least, or to whatever the echo's buffer holds */
	e->expected = e->config.sizes.count == 1 ? payload : 0;
	for (uint32_t i = 0; i < IPB_ENGINE_BATCH && ipb_engine_are_alike(e) && e->config.one_way == NULL; i++)
		ipb_header_write(&e->header, e->slots[i].packet, payload, 0, e->config.flow_base);
	return 0;
}

uint64_t ipb_engine_interval_ns(const struct ipb_engine_config *c)
{
	uint64_t length = ipb_engine_measured_ns(c);
	uint64_t interval = length / IPB_ENGINE_INTERVALS_MAX, most = length / INTERVALS_MIN;

	if (interval < INTERVAL_NS)
		interval = INTERVAL_NS < most ? INTERVAL_NS : most;
	return interval > 0 ? interval : 1;
}

static int open_series(struct ipb_engine *e, struct ipb_error *err)
{
	const uint64_t length = ipb_engine_measured_ns(&e->config);
	const int is_asked = e->config.threads > 1 && e->config.until_ci > 0;

	e->interval_ns = ipb_engine_interval_ns(&e->config);
	e->interval_count = (uint32_t)(length / e->interval_ns) + 1;
	e->intervals = ipb_apart_array(e->interval_count, sizeof *e->intervals);
	e->coarse = ipb_apart_array(e->interval_count, IPB_COARSE_LENGTH * sizeof *e->coarse);
	e->late_span_ns = length / IPB_LATE_SPANS + 1 > IPB_LATE_SPAN_LEAST_NS ? length / IPB_LATE_SPANS + 1 : IPB_LATE_SPAN_LEAST_NS;
	e->late_us = ipb_apart_array(IPB_LATE_SPANS, sizeof *e->late_us);
	if (is_asked)
		e->told_sums = ipb_apart_array(e->interval_count, sizeof *e->told_sums);
	if (e->intervals == NULL || e->coarse == NULL || e->late_us == NULL || (is_asked && e->told_sums == NULL))
		return ipb_error(err, "no memory for the time series");
	for (uint32_t i = 0; i < e->interval_count; i++)
		e->intervals[i].counts = e->coarse + (size_t)i * IPB_COARSE_LENGTH;
	return 0;
}

static int open_results(struct ipb_engine *e, struct ipb_error *err)
{
	const struct ipb_engine_config *c = &e->config;
	double pps = c->rate_bps / 8 / c->sizes.mean;
	double flight = c->outstanding_s > (double)c->drain_ns / 1e9 ? c->outstanding_s : (double)c->drain_ns / 1e9;
	double measured = pps * (double)ipb_engine_measured_ns(c) / 1e9;

	if (ipb_hist_init(&e->response) < 0 || ipb_hist_init(&e->service) < 0 || ipb_hist_init(&e->lateness) < 0 ||
	    ipb_hist_init(&e->excused) < 0)
		return ipb_error(err, "no memory for histograms");
	if (ipb_track_init(&e->track, (uint64_t)(pps * flight * 1.25) + c->burst, (uint64_t)(measured * 1.2) + c->burst + 65536,
	                   c->flows, c->drain_ns, err) < 0)
		return -1;
	if (ipb_outages_init(&e->outages, c->outage, c->flows, err) < 0)
		return -1;
	if (c->keep_samples) {
		double wanted = c->duration_ns != 0 ? measured : (double)c->samples;
		wanted = c->threads > 1 ? JOINT_ROOM * wanted : wanted; /* another thread may have fewer */
		e->samples_room = wanted < (double)IPB_ENGINE_SAMPLES_MAX ? (uint64_t)wanted : IPB_ENGINE_SAMPLES_MAX;
		e->samples = ipb_apart_array(e->samples_room + 1, sizeof *e->samples);
		if (e->samples == NULL)
			return ipb_error(err, "no memory for %llu samples", (unsigned long long)e->samples_room);
	}
	double step = 1e9 / pps / CATCH_UP_SHARE;
	e->catch_up_ns = (uint64_t)(step < CATCH_UP_MIN_NS ? 0 : step < CATCH_UP_MAX_NS ? step : CATCH_UP_MAX_NS);
	return open_series(e, err);
}

/* Real-time priority and locked memory: tried here, so that a missing permission is a sentence at set-up. */
static int try_privileges(const struct ipb_engine_config *c, struct ipb_error *err)
{
	struct sched_param old = { 0 }, wanted = { .sched_priority = c->rt };
	cpu_set_t set;

	if (c->cpu >= 0) {
		CPU_ZERO(&set);
		if (c->cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) < 0 || !CPU_ISSET(c->cpu, &set))
			return ipb_error(err, "argument cpu: processor %d is not one that this daemon may use", c->cpu);
	}
	if (c->rt > 0) {
		int policy = sched_getscheduler(0);
		sched_getparam(0, &old);
		if (sched_setscheduler(0, SCHED_FIFO, &wanted) < 0)
			return ipb_error_errno(err, errno, "argument rt: SCHED_FIFO needs CAP_SYS_NICE: start it as root, or grant it "
			                       "once with \"setcap cap_sys_nice+ep %s\"", ipb_program());
		sched_setscheduler(0, policy, &old);
	}
	if (c->mlock && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		return ipb_error_errno(err, errno, "argument mlock: memory cannot be locked: raise \"ulimit -l\" or grant "
		                       "CAP_IPC_LOCK");
	return 0;
}

/* A connection repeats what its interface drops, so that nothing is lost by it. */
void ipb_engine_find_link(struct ipb_engine *e)
{
	if (e->config.proto == IPB_RAW)
		snprintf(e->link, sizeof e->link, "%s", e->config.iface);
	else if (e->config.proto == IPB_UDP)
		ipb_link_of(e->fds[0], &e->addresses[e->address].storage, e->link);
}

struct ipb_engine *ipb_engine_open(const struct ipb_engine_config *config, struct ipb_error *err)
{
	struct ipb_engine *e = ipb_apart(sizeof *e);

	if (e == NULL) {
		ipb_error(err, "no memory");
		return NULL;
	}
	e->config = *config;
	if (e->config.outage == 0)
		e->config.outage = IPB_OUTAGE_LEAST;
	e->epoll = -1;
	e->least_ns = UINT64_MAX;
	e->phase = IPBENCH_PHASE_READY;
	e->offset = config->proto == IPB_RAW ? IPB_ENGINE_FRAME_HEADER + config->vlan_count * IPB_ENGINE_VLAN_TAG : 0;
	e->silence_ns = config->max_outage_ns != 0 ? config->max_outage_ns : config->drain_ns +
	                (config->late_ns < IPB_ENGINE_SILENT_LATE_NS ? config->late_ns : IPB_ENGINE_SILENT_LATE_NS);
	if (try_privileges(config, err) < 0 || open_frames(e, err) < 0 || open_results(e, err) < 0)
		goto fail;
	ipb_clock_init(&e->clock, config->want_tsc);
	if (ipb_xport_open(e, err) < 0)
		goto fail;
	ipb_engine_find_link(e);
	e->batch = e->batch != 0 ? e->batch : e->x->batch;
	if (ipb_layers_open(e, config->iface) < 0) {
		ipb_error(err, "no memory for time stamps");
		goto fail;
	}
	if (config->noise_ns > 0)
		ipb_engine_noise(e);
	ipb_engine_before(e);
	return e;
fail:
	ipb_engine_close(e);
	return NULL;
}

void ipb_engine_close(struct ipb_engine *e)
{
	if (e == NULL)
		return;
	if (e->x != NULL && e->x->close != NULL)
		e->x->close(e);
	ipb_layers_close(e);
	ipb_fds_close(e);
	ipb_track_free(&e->track);
	ipb_outages_free(&e->outages);
	ipb_hist_free(&e->response);
	ipb_hist_free(&e->service);
	ipb_hist_free(&e->lateness);
	ipb_hist_free(&e->excused);
	free(e->intervals);
	free(e->told_sums);
	free(e->late_us);
	free(e->coarse);
	free(e->samples);
	free(e->frames);
	free(e->pattern);
	free(e);
}

void ipb_engine_result(const struct ipb_engine *e, struct ipb_engine_result *r)
{
	double seconds = e->end_ns > e->measure_ns ? (double)(e->end_ns - e->measure_ns) / 1e9 : 0;

	memset(r, 0, sizeof *r);
	r->counts = e->track.counts;
	r->window_start_ns = e->measure_ns;
	r->window_end_ns = e->end_ns;
	r->requested_bps = e->config.rate_bps;
	r->sent_bps = seconds > 0 ? e->window_sent_bytes * 8 / seconds : 0;
	r->received_bps = seconds > 0 ? e->window_ok_bytes * 8 / seconds : 0;
	r->packet_size = e->config.sizes.mean;
	r->bad = e->bad;
	r->unwritten = e->unwritten;
	r->stray = e->stray;
	r->first_number = e->track.first;
	r->refused = e->track.refused;
	r->unsent = e->unsent;
	r->response = &e->response;
	r->service = &e->service;
	r->lateness = &e->lateness;
	r->samples_ns = e->samples;
	r->samples_kept = e->samples_kept;
	r->mean = e->mean;
	r->median = e->median;
	r->reasons = e->reasons;
	r->reason_count = e->reason_count;
	r->broken = e->failed || e->early || e->samples_missing || (e->track.counts.ok == 0 && e->config.one_way == NULL);
	for (uint32_t i = 0; i < e->reason_count; i++)
		r->invalid |= e->reasons[i].invalid;
}
