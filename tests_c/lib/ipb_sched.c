/* When packets are due; see ipb_sched.h.  SPDX-License-Identifier: MIT */
#include "ipb_sched.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipb_args.h"

#define FRACTION_BITS 20

static int add_size(struct ipb_sizes *s, char *word, uint32_t smallest, uint32_t largest, struct ipb_error *err)
{
	char *colon = strchr(word, ':');
	double size, weight = 1;

	if (colon != NULL)
		*colon++ = '\0';
	if (ipb_parse_value("size", "", word, &size) < 0 || (colon && ipb_parse_value("int", "", colon, &weight) < 0))
		return ipb_error(err, "sizes: \"%.60s\" is not SIZE or SIZE:WEIGHT", word);
	if (size < smallest || size > largest)
		return ipb_error(err, "sizes: %.60s is out of range; sizes go from %u to %u bytes here", word, smallest,
		                 largest);
	if (weight < 1 || weight > 1000000)
		return ipb_error(err, "sizes: weight %.60s is out of range; weights go from 1 to 1000000", colon);
	if (s->count == IPB_SIZES_MAX)
		return ipb_error(err, "sizes: at most %u different ones", IPB_SIZES_MAX);
	s->size[s->count] = (uint32_t)size;
	s->weight[s->count++] = (uint32_t)weight;
	return 0;
}

static void write_imix(char *to, size_t room, uint32_t smallest, uint32_t overhead)
{
	uint32_t frames[] = { 64, 594, 1518 };

	for (int i = 0; i < 3; i++)
		frames[i] = frames[i] > overhead + smallest ? frames[i] - overhead : smallest;
	snprintf(to, room, "%u:7,%u:4,%u:1", frames[0], frames[1], frames[2]);
}

int ipb_sizes_parse(struct ipb_sizes *s, const char *text, uint32_t smallest, uint32_t largest, uint32_t overhead,
                    struct ipb_error *err)
{
	char copy[512], *rest = copy;

	memset(s, 0, sizeof *s);
	if (strlen(text) >= sizeof copy)
		return ipb_error(err, "sizes: the list is longer than %zu bytes", sizeof copy - 1);
	memcpy(copy, text, strlen(text) + 1);
	if (strcasecmp(text, "IMIX") == 0)
		write_imix(copy, sizeof copy, smallest, overhead);
	for (char *word; (word = strtok_r(rest, ",; ", &rest)) != NULL;)
		if (add_size(s, word, smallest, largest, err) < 0)
			return -1;
	if (s->count == 0)
		return ipb_error(err, "sizes: no size was given");
	double squares = 0;
	s->smallest = UINT32_MAX;
	for (uint32_t i = 0; i < s->count; i++) {
		s->total += s->weight[i];
		s->mean += (double)s->size[i] * s->weight[i];
		squares += (double)s->size[i] * s->size[i] * s->weight[i];
		s->largest = s->size[i] > s->largest ? s->size[i] : s->largest;
		s->smallest = s->size[i] < s->smallest ? s->size[i] : s->smallest;
	}
	s->mean /= s->total;
	double variance = squares / s->total - s->mean * s->mean;
	s->cv = s->count > 1 && variance > 0 ? sqrt(variance) / s->mean : 0;
	return 0;
}

int ipb_arrival_parse(enum ipb_arrival *arrival, uint32_t *burst, const char *text, struct ipb_error *err)
{
	double n;

	*burst = 1;
	if (strcmp(text, "constant") == 0) {
		*arrival = IPB_ARRIVAL_CONSTANT;
	} else if (strcmp(text, "poisson") == 0) {
		*arrival = IPB_ARRIVAL_POISSON;
	} else if (strncmp(text, "burst:", 6) == 0 && ipb_parse_value("int", "", text + 6, &n) == 0 && n >= 1 &&
	           n <= IPB_BURST_MAX) {
		*arrival = IPB_ARRIVAL_BURST;
		*burst = (uint32_t)n;
	} else {
		return ipb_error(err, "argument arrival: \"%.60s\" is not constant, poisson or burst:N with N from 1 to %u",
		                 text, IPB_BURST_MAX);
	}
	return 0;
}

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

/* While the rate rises, packet k is due when the area under the rising rate reaches k. */
static void ramp_step(struct ipb_sched *s)
{
	double at = sqrt(2 * (double)++s->ramp_number * (double)s->ramp_ns * s->interval_ns);

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
