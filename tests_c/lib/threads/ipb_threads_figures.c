/* What the document has of one thread; see ipb_threads.h.  SPDX-License-Identifier: MIT */
#include "ipb_json.h"
#include "ipb_limits.h"
#include "ipb_results.h"
#include "ipb_summary.h"
#include "ipb_threads.h"

void ipb_thread_begin(struct ipb_json *j, uint32_t thread, int64_t cpu)
{
	ipb_json_object(j, NULL);
	ipb_json_uint(j, "thread", thread);
	if (cpu >= 0)
		ipb_json_int(j, "cpu", cpu);
	else
		ipb_json_null(j, "cpu");
}

void ipb_thread_write(struct ipb_json *j, const struct ipb_thread_figures *f)
{
	ipb_results_counts(j, f->counts);
	ipb_json_object(j, "rates");
	ipb_json_number(j, "requested_bps", f->requested_bps);
	ipb_json_number(j, "sent_bps", f->sent_bps);
	ipb_json_number(j, "received_bps", f->received_bps);
	ipb_json_end_object(j);
	ipb_summary_json(j, "lateness", f->lateness);
	ipb_summary_json(j, "response", f->response);
	ipb_json_uint(j, "unsent", f->unsent);
	ipb_json_uint(j, "gaps", f->gaps->count);
	ipb_json_uint(j, "gap_sum_ns", f->gaps->sum_ns);
	ipb_json_uint(j, "gap_longest_ns", f->gaps->longest_ns);
	ipb_json_bool(j, "at_limit", f->at_limit);
	ipb_results_window(j, f->start_ns, f->end_ns);
}
