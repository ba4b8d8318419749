/* Parts of a result document; see ipb_results.h.  SPDX-License-Identifier: MIT */
#include "ipb_results.h"

#include <stdarg.h>
#include <stdio.h>

void ipb_results_metric(struct ipb_json *j, const char *name, double value, const char *unit)
{
	ipb_json_object(j, NULL);
	ipb_json_string(j, "name", name);
	ipb_json_number(j, "value", value);
	ipb_json_string(j, "unit", unit);
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
