/* When packets are due; see ipb_sched.h.  SPDX-License-Identifier: MIT */
#include "ipb_sched.h"

#include <math.h>
#include <string.h>

#define FRACTION_BITS 20

static void pick_size(struct ipb_sched *s)
{
	uint32_t i = 0;

	if (s->sizes.count > 1) {
		uint32_t at = ipb_rng_below(&s->picks, s->sizes.total);
		while (at >= s->sizes.weight[i])
			at -= s->sizes.weight[i++];
	}
	s->size = s->sizes.size[i];
}

static void poisson_step(struct ipb_sched *s)
{
	double gap = -log(ipb_rng_unit(&s->gaps)) * s->interval_ns;

	s->sum += (uint64_t)(gap * (double)(1 << FRACTION_BITS));
	s->due_ns = s->start_ns + (uint64_t)(s->sum >> FRACTION_BITS);
}

/* Packet k of a ramp is due so long after its start; ramp_ns or more: it is none of the ramp's. */
static double ramp_at(const struct ipb_sched *s, uint64_t k)
{
	if (s->overload > 0)
		return (double)k * s->interval_ns / s->overload;
	return sqrt(2 * (double)k * (double)s->ramp_ns * s->interval_ns);
}

/* While the rate rises, packet k is due when the area under the rising rate reaches k. */
static void ramp_step(struct ipb_sched *s)
{
	double at = ramp_at(s, ++s->ramp_number);

	if (at < (double)s->ramp_ns) {
		s->due_ns = s->start_ns + (uint64_t)at;
		return;
	}
	s->start_ns += s->ramp_ns;
	s->due_ns = s->start_ns;
	s->ramp_ns = 0;
	if (s->arrival == IPB_ARRIVAL_POISSON)
		poisson_step(s);
}

/* The ramp's packets before until_ns. */
static void skip_ramp(struct ipb_sched *s, uint64_t until_ns)
{
	const uint64_t ramp = until_ns - s->start_ns < s->ramp_ns ? until_ns - s->start_ns : s->ramp_ns;
	const uint64_t from = s->ramp_number;
	uint64_t k = s->overload > 0 ? (uint64_t)((double)ramp * s->overload / s->interval_ns) :
	                               (uint64_t)((double)ramp * (double)ramp / (2 * (double)s->ramp_ns * s->interval_ns));

	/* The number from the time and the time from the number are rounded: the latter decides, as in ramp_step. */
	while (k > from && (uint64_t)ramp_at(s, k) >= ramp)
		k--;
	while ((uint64_t)ramp_at(s, k + 1) < ramp)
		k++;
	s->number += k - from + 1;
	s->ramp_number = k;
	ramp_step(s);
}

/* Constant arrivals and bursts. */
static void skip_even(struct ipb_sched *s, uint64_t until_ns)
{
	const unsigned __int128 step = (unsigned __int128)s->step_ns << 64 | s->step_fraction;
	const unsigned __int128 distance = ((unsigned __int128)(until_ns - s->due_ns) << 64) - s->fraction;
	const unsigned __int128 steps = distance / step + (distance % step != 0);
	const struct ipb_even due = ipb_sched_even(s), next = ipb_even_from(&due, (uint64_t)steps);

	s->number += (uint64_t)steps * s->burst - s->in_burst;
	s->in_burst = 0;
	s->due_ns = next.start_ns;
	s->fraction = next.start_fraction;
}

static void skip_poisson(struct ipb_sched *s, uint64_t until_ns)
{
	for (uint32_t i = 0; i < IPB_SCHED_STEPS_MAX && s->due_ns < until_ns; i++) {
		poisson_step(s);
		s->number++;
	}
	if (s->due_ns >= until_ns)
		return;
	/* This packet, and those expected until then; the process has no memory. */
	s->number += 1 + (uint64_t)((double)(until_ns - s->due_ns) / s->interval_ns);
	s->sum = (unsigned __int128)(until_ns - s->start_ns) << FRACTION_BITS;
	poisson_step(s);
}

uint64_t ipb_sched_skip(struct ipb_sched *s, uint64_t until_ns)
{
	const uint64_t from = s->number;

	if (s->due_ns < until_ns && s->ramp_ns > 0)
		skip_ramp(s, until_ns);
	if (s->due_ns < until_ns && s->arrival == IPB_ARRIVAL_POISSON)
		skip_poisson(s, until_ns);
	else if (s->due_ns < until_ns)
		skip_even(s, until_ns);
	if (s->number != from)
		pick_size(s);
	return s->number - from;
}

uint64_t ipb_sched_due_from(const struct ipb_sched *s, uint64_t from_ns)
{
	struct ipb_sched ahead = *s;

	ipb_sched_skip(&ahead, from_ns);
	return ahead.due_ns;
}

void ipb_sched_init(struct ipb_sched *s, enum ipb_arrival arrival, uint32_t burst, double rate_bps,
                    const struct ipb_sizes *sizes, uint64_t seed, uint64_t start_ns,
                    uint64_t ramp_ns)
{
	memset(s, 0, sizeof *s);
	s->arrival = arrival;
	s->burst = burst;
	s->sizes = *sizes;
	s->start_ns = s->due_ns = start_ns;
	s->interval_ns = sizes->mean * 8e9 / rate_bps;
	double step = s->interval_ns * burst, whole = floor(step);
	s->step_ns = (uint64_t)whole;
	s->step_fraction = (uint64_t)ldexp(step - whole, 64);
	ipb_rng_seed(&s->gaps, seed ^ 0x6172726976616c73ull);
	ipb_rng_seed(&s->picks, seed ^ 0x73697a65736f6673ull);
	pick_size(s);
	s->ramp_ns = ramp_ns;
	if (ramp_ns > 0)
		ramp_step(s);
	else if (arrival == IPB_ARRIVAL_POISSON)
		poisson_step(s);
}

void ipb_sched_overload(struct ipb_sched *s, double factor)
{
	if (factor <= 0 || s->ramp_ns == 0)
		return;
	s->overload = factor;
	s->ramp_number = 0;
	ramp_step(s);
}

void ipb_sched_next(struct ipb_sched *s)
{
	s->number++;
	if (s->sizes.count > 1)
		pick_size(s);
	if (s->ramp_ns > 0) {
		ramp_step(s);
		return;
	}
	if (s->arrival == IPB_ARRIVAL_POISSON) {
		poisson_step(s);
		return;
	}
	if (++s->in_burst < s->burst)
		return;
	s->in_burst = 0;
	s->fraction += s->step_fraction;
	s->due_ns += s->step_ns + (s->fraction < s->step_fraction);
}

uint32_t ipb_sched_take_even(struct ipb_sched *s, uint64_t until_ns, uint32_t n)
{
	const struct ipb_even due = ipb_sched_even(s);
	uint32_t i = n;

	if (n == 0 || ipb_even_at(&due, n - 1) >= until_ns)
		for (i = 0; i < n && ipb_even_at(&due, i) < until_ns;)
			i++;
	const struct ipb_even next = ipb_even_from(&due, i);
	s->number += i;
	s->due_ns = next.start_ns;
	s->fraction = next.start_fraction;
	return i;
}

uint32_t ipb_sched_take(struct ipb_sched *s, uint64_t until_ns, uint64_t *due_ns, uint32_t *sizes, uint32_t n)
{
	uint32_t i = 0;

	for (; i < n && s->due_ns < until_ns; i++) {
		due_ns[i] = s->due_ns;
		sizes[i] = s->size;
		ipb_sched_next(s);
	}
	return i;
}
