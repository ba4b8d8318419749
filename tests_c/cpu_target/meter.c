/* Window and figures of the CPU meters; see meter.h.  SPDX-License-Identifier: MIT */
#include "meter.h"
#include "ipb_results.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_SPARE 32 /* readings beyond the cooldown */

int meter_setup(struct meter *m, const char *cpus, struct ipb_error *err)
{
	if (ipb_stop_open(&m->stopping) < 0)
		return ipb_error_errno(err, errno, "cannot make an event");
	if (burners_start(&m->burners, cpus, err) < 0)
		return -1;
	ipb_energy_open(&m->energy);
	if (m->cooldown_ns == 0)
		return 0;
	m->ring_size = (unsigned)(m->cooldown_ns / METER_TICK_NS) + RING_SPARE;
	m->ring = calloc(m->ring_size, sizeof *m->ring);
	m->ring_stat = calloc(m->ring_size, sizeof *m->ring_stat * m->burners.count);
	m->ring_energy = calloc(m->ring_size, sizeof *m->ring_energy);
	m->ring_ns = calloc(m->ring_size, sizeof *m->ring_ns);
	if (m->ring == NULL || m->ring_stat == NULL || m->ring_energy == NULL || m->ring_ns == NULL)
		return ipb_error(err, "no memory for the readings of %u periods of the cooldown", m->ring_size);
	return 0;
}

static void take_first(struct meter *m)
{
	burners_read(&m->burners, &m->first);
	ipb_energy_read(&m->energy, &m->energy_first);
	m->window_start_ns = ipb_now_ns();
	m->stat_known = burners_stat(&m->burners, m->stat_first) == 0;
}

static void keep(struct meter *m)
{
	if (m->ring == NULL)
		return;
	unsigned at = m->ring_used++ % m->ring_size;
	burners_read(&m->burners, &m->ring[at]);
	ipb_energy_read(&m->energy, &m->ring_energy[at]);
	m->ring_ns[at] = ipb_now_ns();
	if (burners_stat(&m->burners, &m->ring_stat[at * m->burners.count]) < 0)
		m->stat_known = 0;
}

/* Moves the window's end to the newest kept reading that is not inside the cooldown. */
static void cut_cooldown(struct meter *m)
{
	uint64_t end_ns = m->stop_ns > m->cooldown_ns ? m->stop_ns - m->cooldown_ns : 0;
	unsigned kept = m->ring_used < m->ring_size ? m->ring_used : m->ring_size, best = m->ring_size;

	for (unsigned i = 0; i < kept; i++)
		if (m->ring_ns[i] <= end_ns && m->ring_ns[i] > m->window_start_ns &&
		    (best == m->ring_size || m->ring_ns[i] > m->ring_ns[best]))
			best = i;
	if (best == m->ring_size)
		return; /* stopped before the cooldown could be separated: the figure covers all that was measured */
	m->last = m->ring[best];
	m->energy_last = m->ring_energy[best];
	m->window_end_ns = m->ring_ns[best];
	memcpy(m->stat_last, &m->ring_stat[best * m->burners.count], sizeof m->stat_last[0] * m->burners.count);
}

static void progress(const struct ipbench_host *host, uint64_t begin_ns, int measuring)
{
	if (host == NULL)
		return;
	IPBENCH_PROGRESS_SET(host->progress, phase, measuring ? IPBENCH_PHASE_MEASURE : IPBENCH_PHASE_WARMUP);
	IPBENCH_PROGRESS_SET(host->progress, elapsed_ns, ipb_now_ns() - begin_ns);
	IPBENCH_PROGRESS_SET(host->progress, updates, host->progress->updates + 1);
}

int meter_start(struct meter *m, const struct ipbench_host *host)
{
	uint64_t begin = ipb_now_ns(), first_ns = begin + m->warmup_ns;
	int measuring = 0;

	if (m->warmup_ns == 0) {
		take_first(m);
		measuring = 1;
	}
	while (!ipb_stop_asked(&m->stopping)) {
		uint64_t now = ipb_now_ns(), wait_ns = METER_TICK_NS;
		if (!measuring && now >= first_ns) {
			take_first(m);
			measuring = 1;
		} else if (!measuring && first_ns - now < wait_ns) {
			wait_ns = first_ns - now;
		}
		struct pollfd p = { .fd = m->stopping.event, .events = POLLIN };
		struct timespec wait = { .tv_nsec = (long)wait_ns };
		if (ppoll(&p, 1, &wait, NULL) == 0 && measuring)
			keep(m);
		progress(host, begin, measuring);
	}
	if (!measuring) { /* stopped during the warm-up: a window of nothing */
		m->first = m->last;
		m->energy_first = m->energy_last;
		m->stat_known = 0;
		m->window_start_ns = m->stop_ns;
	}
	m->window_end_ns = m->stop_ns;
	if (burners_stat(&m->burners, m->stat_last) < 0)
		m->stat_known = 0;
	if (measuring && m->ring != NULL)
		cut_cooldown(m);
	return 0;
}

void meter_stop(struct meter *m)
{
	if (ipb_stop_asked(&m->stopping))
		return;
	burners_read(&m->burners, &m->last);
	ipb_energy_read(&m->energy, &m->energy_last);
	m->stop_ns = ipb_now_ns();
	ipb_stop_ask(&m->stopping);
}

void meter_end(struct meter *m)
{
	burners_end(&m->burners);
	ipb_energy_close(&m->energy);
	free(m->ring);
	free(m->ring_stat);
	free(m->ring_energy);
	free(m->ring_ns);
	m->ring = NULL;
	m->ring_stat = NULL;
	m->ring_energy = NULL;
	m->ring_ns = NULL;
}

double meter_use(const struct meter *m, double *each)
{
	double sum = 0;

	for (unsigned i = 0; i < m->burners.count; i++) {
		double use = 100 * burners_use(&m->first, &m->last, i);
		if (each != NULL)
			each[i] = use;
		sum += use;
	}
	return m->burners.count > 0 ? sum / m->burners.count : 0;
}

static void percent_of(struct ipb_json *j, const char *prefix, const char *what, uint64_t from, uint64_t to,
                       uint64_t whole)
{
	char name[64];

	snprintf(name, sizeof name, "%s_%s", prefix, what);
	ipb_results_metric(j, name, whole > 0 && to >= from ? 100.0 * (double)(to - from) / (double)whole : 0, "%");
}

static uint64_t whole(const struct burner_stat *s)
{
	return s->user + s->nice + s->system + s->idle + s->iowait + s->irq + s->softirq + s->steal;
}

static void from_stat(struct ipb_json *j, const char *prefix, const struct burner_stat *a, const struct burner_stat *b)
{
	uint64_t all = whole(b) - whole(a);

	percent_of(j, prefix, "user", a->user, b->user, all);
	percent_of(j, prefix, "system", a->system, b->system, all);
	percent_of(j, prefix, "irq", a->irq, b->irq, all);
	percent_of(j, prefix, "softirq", a->softirq, b->softirq, all);
	percent_of(j, prefix, "steal", a->steal, b->steal, all);
}

static void add(struct burner_stat *to, const struct burner_stat *s)
{
	to->user += s->user;
	to->nice += s->nice;
	to->system += s->system;
	to->idle += s->idle;
	to->iowait += s->iowait;
	to->irq += s->irq;
	to->softirq += s->softirq;
	to->steal += s->steal;
}

static double stolen(const struct meter *m)
{
	struct burner_stat a = { 0 }, b = { 0 };

	for (unsigned i = 0; i < m->burners.count && m->stat_known; i++) {
		add(&a, &m->stat_first[i]);
		add(&b, &m->stat_last[i]);
	}
	uint64_t all = whole(&b) - whole(&a);
	return all > 0 ? (double)(b.steal - a.steal) / (double)all : 0;
}

static void reasons(struct ipb_json *j, const struct meter *m)
{
	double steal = stolen(m);

	ipb_json_array(j, "reasons");
	if (m->burners.doubt[0] != '\0')
		ipb_results_reason(j, 0, "cpu-meter-cgroup", "%s", m->burners.doubt);
	if (m->last.ticks <= m->first.ticks)
		ipb_results_reason(j, 0, "cpu-meter-empty", "the CPU meter was stopped before its measured phase began");
	if (steal > METER_STEAL_LIMIT)
		ipb_results_reason(j, 0, "cpu-meter-steal",
		                   "the hypervisor took %.1f %% of the CPU time, which the CPU figure counts as use", 100 * steal);
	ipb_json_end_array(j);
}

static void by_cpu(struct ipb_json *j, const struct meter *m, const double *each)
{
	char name[32];

	for (unsigned i = 0; i < m->burners.count; i++) {
		snprintf(name, sizeof name, "cpu%d_use", m->burners.cpu[i]);
		ipb_results_metric(j, name, each[i], "%");
		name[strlen(name) - 4] = '\0';
		if (m->stat_known)
			from_stat(j, name, &m->stat_first[i], &m->stat_last[i]);
	}
}

const struct ipbench_metric meter_metrics[METER_METRICS] = {
	{ "cpu_use", "%", "Use of all processors by everything but the meter", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "cpu_user", "%", "Of that: programs, as the kernel counts it", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "cpu_system", "%", "Of that: the kernel", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "cpu_irq", "%", "Of that: interrupts", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "cpu_softirq", "%", "Of that: software interrupts", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_UNKNOWN },
	{ "cpu_steal", "%", "What the hypervisor took", IPBENCH_TOTAL_MEAN, IPBENCH_BETTER_LESS },
	{ "cpus", "", "Processors that were measured", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "cpus_online", "", "Processors that the machine has", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "window", "s", "How long it measured", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_UNKNOWN },
	{ "idle_cycles", "", "Cycles in which nothing else ran", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "total_cycles", "", "Cycles of the time measured, of all processors", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "energy", "J", "What the processors' packages used (RAPL)", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "cpu*", "%", "One processor's share", IPBENCH_TOTAL_NONE, IPBENCH_BETTER_LESS },
};

/* Why the energy is not among the metrics. */
static void no_energy(struct ipb_json *j, const struct meter *m)
{
	ipb_json_object(j, "energy");
	ipb_json_null(j, "joules");
	ipb_json_string(j, "why", m->energy.why[0] != '\0' ? m->energy.why : "a counter could not be read");
	ipb_json_end_object(j);
}

char *meter_json(const struct meter *m, int lukem)
{
	static double each[BURNER_CPUS_MAX];
	struct burner_stat a = { 0 }, b = { 0 };
	struct ipb_json j;
	double use = meter_use(m, each), joules = ipb_energy_joules(&m->energy, &m->energy_first, &m->energy_last);

	for (unsigned i = 0; i < m->burners.count; i++) {
		add(&a, &m->stat_first[i]);
		add(&b, &m->stat_last[i]);
	}
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "cpu_use", use, "%");
	if (m->stat_known)
		from_stat(&j, "cpu", &a, &b);
	ipb_results_metric(&j, "cpus", m->burners.count, "");
	ipb_results_metric(&j, "cpus_online", m->burners.online, "");
	ipb_results_metric(&j, "window", burners_seconds(&m->burners, m->last.ticks - m->first.ticks), "s");
	if (lukem) {
		double total = (double)(m->last.ticks - m->first.ticks) * m->burners.count;
		ipb_results_metric(&j, "idle_cycles", total * (1 - use / 100), "");
		ipb_results_metric(&j, "total_cycles", total, "");
	}
	if (joules >= 0)
		ipb_results_metric(&j, "energy", joules, "J");
	by_cpu(&j, m, each);
	ipb_json_end_array(&j);
	if (joules < 0)
		no_energy(&j, m);
	reasons(&j, m);
	ipb_results_window(&j, m->window_start_ns, m->window_end_ns);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}
