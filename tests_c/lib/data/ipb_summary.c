/* A histogram as a SUMMARY; see ipb_summary.h.  SPDX-License-Identifier: MIT */
#include "ipb_summary.h"

void ipb_summary_json(struct ipb_json *j, const char *key, const struct ipb_hist *h)
{
	struct ipb_summary s = { 0 };

	if (h != NULL)
		ipb_hist_summary(h, &s);
	ipb_summary_write(j, key, &s);
}

void ipb_summary_write(struct ipb_json *j, const char *key, const struct ipb_summary *summary)
{
	const struct ipb_summary s = *summary;

	if (s.count == 0) {
		ipb_json_null(j, key);
		return;
	}
	ipb_json_object(j, key);
	ipb_json_uint(j, "count", s.count);
	ipb_json_uint(j, "min_ns", s.min_ns);
	ipb_json_number(j, "mean_ns", s.mean_ns);
	ipb_json_number(j, "stddev_ns", s.stddev_ns);
	ipb_json_uint(j, "p50_ns", s.p50_ns);
	ipb_json_uint(j, "p90_ns", s.p90_ns);
	ipb_json_uint(j, "p99_ns", s.p99_ns);
	ipb_json_uint(j, "p999_ns", s.p999_ns);
	ipb_json_uint(j, "p9999_ns", s.p9999_ns);
	ipb_json_uint(j, "p99999_ns", s.p99999_ns);
	ipb_json_uint(j, "max_ns", s.max_ns);
	ipb_json_end_object(j);
}
