/* Parts of a result document; see ipb_results.h.  SPDX-License-Identifier: MIT */
#include "ipb_results.h"

#include <stdarg.h>
#include <stdio.h>

#include "ipb_hist.h"

#define COARSE_LENGTH 4608u /* of the layout up to IPB_HIST_HIGHEST */
#define TIMES_BYTES (64u + COARSE_LENGTH * 5)

static void open_metric(struct ipb_json *j, const char *name, double value, const char *unit)
{
	ipb_json_object(j, NULL);
	ipb_json_string(j, "name", name);
	ipb_json_number(j, "value", value);
	ipb_json_string(j, "unit", unit);
}

void ipb_results_metric(struct ipb_json *j, const char *name, double value, const char *unit)
{
	open_metric(j, name, value, unit);
	ipb_json_end_object(j);
}

void ipb_results_mean(struct ipb_json *j, const char *name, double value, const char *unit, double weight)
{
	open_metric(j, name, value, unit);
	ipb_json_number(j, "weight", weight);
	ipb_json_end_object(j);
}

void ipb_results_reason(struct ipb_json *j, int invalid, const char *code, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ipb_json_object(j, NULL);
	ipb_json_string(j, "level", invalid ? "INVALID" : "SUSPECT");
	ipb_json_string(j, "code", code);
	ipb_json_string(j, "text", text);
	ipb_json_end_object(j);
}

void ipb_results_counts(struct ipb_json *j, const struct ipb_counts *c)
{
	ipb_json_object(j, "counts");
	ipb_json_uint(j, "sent", c->sent);
	ipb_json_uint(j, "ok", c->ok);
	ipb_json_uint(j, "lost", c->lost);
	ipb_json_uint(j, "late", c->late);
	ipb_json_uint(j, "corrupt", c->corrupt);
	ipb_json_uint(j, "duplicate", c->duplicate);
	ipb_json_uint(j, "reordered", c->reordered);
	ipb_json_end_object(j);
}

void ipb_results_window(struct ipb_json *j, uint64_t start_ns, uint64_t end_ns)
{
	ipb_json_object(j, "window");
	ipb_json_uint(j, "start_ns", start_ns);
	ipb_json_uint(j, "end_ns", end_ns);
	ipb_json_end_object(j);
}

void ipb_results_times(struct ipb_json *j, const uint32_t *counts, uint32_t length, uint64_t from_ns, size_t *left)
{
	static uint8_t bytes[TIMES_BYTES];
	const uint32_t known = COARSE_LENGTH < length ? COARSE_LENGTH : length;
	const size_t size = ipb_hist_encode_coarse(counts, known, bytes, sizeof bytes), in_json = size / 3 * 4 + 64;

	if (size == 0 || in_json > *left)
		return;
	*left -= in_json;
	ipb_json_base64(j, "times", bytes, size);
	if (from_ns > 0)
		ipb_json_uint(j, "times_from_ns", from_ns);
}
