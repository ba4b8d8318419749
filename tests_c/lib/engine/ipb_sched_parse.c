/* Packet sizes and arrivals as they are typed; see ipb_sched.h.  SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ipb_args.h"
#include "ipb_sched.h"

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
