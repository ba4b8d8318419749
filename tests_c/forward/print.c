/* The row of forward, from the lines of what was sent and of what came; see result.h.  SPDX-License-Identifier: MIT */
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ipb_report.h"

/* The sum of one sender's lines. */
struct sent {
	unsigned own;
	int to;
	uint64_t packets, window_ns;
	double requested, rate, size;
};

struct came {
	unsigned own, from;
	uint64_t ok, late, corrupt, duplicate, reordered, bytes, delays, min_ns, max_ns;
	double mean_ns;
};

static int read_sent(const char *line, struct sent *s)
{
	return sscanf(line, "S %u %d %" SCNu64 " %lf %lf %lf %" SCNu64, &s->own, &s->to, &s->packets, &s->requested, &s->rate,
	              &s->size, &s->window_ns) == 7;
}

static int read_came(const char *line, struct came *r)
{
	return sscanf(line, "R %u %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	              " %lf %" SCNu64, &r->own, &r->from, &r->ok, &r->late, &r->corrupt, &r->duplicate, &r->reordered, &r->bytes,
	              &r->delays, &r->min_ns, &r->mean_ns, &r->max_ns) == 12;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end != NULL ? end + 1 : line + strlen(line);
}

/* What became of a sender's packets, from the receiver's lines; 0 when there are none. */
static int find_came(const struct client_data data[], int n, const struct sent *s, struct came *r)
{
	for (int i = 0; i < n; i++)
		for (const char *line = ipb_report_text(&data[i]); *line != '\0'; line = next_line(line))
			if (read_came(line, r) && r->from == s->own && (int)r->own == s->to)
				return 1;
	return 0;
}

int forward_print(const struct client_data data[], int n)
{
	double requested = 0, rate = 0, received = 0, bytes = 0, delay_sum = 0;
	uint64_t packets = 0, lost = 0, delays = 0, min_ns = UINT64_MAX, max_ns = 0;
	struct came all = { 0 }, r;
	struct sent s;
	int known = 1;

	for (int i = 0; i < n; i++)
		for (const char *line = ipb_report_text(&data[i]); *line != '\0'; line = next_line(line)) {
			if (!read_sent(line, &s))
				continue;
			requested += s.requested;
			rate += s.rate;
			packets += s.packets;
			bytes += (double)s.packets * s.size;
			if (!find_came(data, n, &s, &r)) {
				known = 0;
				continue;
			}
			const uint64_t came = r.ok + r.late + r.corrupt;
			lost += s.packets > came ? s.packets - came : 0;
			received += s.window_ns > 0 ? (double)r.bytes * 8e9 / (double)s.window_ns : 0;
			all.ok += r.ok;
			all.late += r.late;
			all.corrupt += r.corrupt;
			all.duplicate += r.duplicate;
			all.reordered += r.reordered;
			delays += r.delays;
			delay_sum += r.mean_ns * (double)r.delays;
			min_ns = r.delays > 0 && r.min_ns < min_ns ? r.min_ns : min_ns;
			max_ns = r.max_ns > max_ns ? r.max_ns : max_ns;
		}
	printf("%.0f,", requested);
	if (known)
		printf("%.0f", received);
	printf(",%.0f,%.0f,%" PRIu64 ",", rate, packets > 0 ? bytes / (double)packets : 0, packets);
	if (known)
		printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", all.ok, lost, all.late, all.corrupt,
		       all.duplicate, all.reordered);
	else
		printf(",,,,,,");
	if (known && delays > 0)
		printf("%.3f,%.3f,%.3f\n", (double)min_ns / 1e3, delay_sum / (double)delays / 1e3, (double)max_ns / 1e3);
	else
		printf(",,\n");
	return 0;
}
