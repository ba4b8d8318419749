/* discard's result; see result.h.  SPDX-License-Identifier: MIT */
#include "result.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_json.h"
#include "ipb_results.h"

int result_threads(int size, int *injected)
{
	int rest = size - RESULT_EXTENDED;

	*injected = rest > 0 && rest % RESULT_THREAD == RESULT_LEFT;
	rest -= *injected ? RESULT_LEFT : 0;
	if (size == RESULT_ORIGINAL || rest == 0)
		return 0;
	return rest > RESULT_THREAD && rest % RESULT_THREAD == 0 && rest / RESULT_THREAD <= (int)IPB_THREADS_MAX
	               ? rest / RESULT_THREAD : -1;
}

static void read_thread(struct ipb_reader *in, struct thread_result *t)
{
	t->cpu = (int64_t)ipb_read_u64(in);
	t->measured = ipb_read_u64(in);
	t->packets = ipb_read_u64(in);
	t->again = ipb_read_u64(in);
	t->failed = ipb_read_u64(in);
	t->given_up = ipb_read_u64(in);
	t->failure = ipb_read_u64(in);
}

int result_parse(const struct client_data *data, struct result *r)
{
	uint64_t *field[] = { &r->bytes, &r->us, &r->sent_bps, &r->sends, &r->size, &r->requested_bps, &r->again, &r->failed,
		              &r->packets, &r->given_up, &r->window_start_ns, &r->window_end_ns,
		              &r->failure };
	struct ipb_reader in;

	memset(r, 0, sizeof *r);
	if (data->data == NULL || data->size < RESULT_ORIGINAL)
		return -1;
	ipb_reader_init(&in, data->data, (size_t)data->size);
	for (int i = 0; i < data->size / 8 && i < 13; i++)
		*field[i] = ipb_read_u64(&in);
	const int threads = result_threads(data->size, &r->injected);
	r->thread_count = (uint32_t)(threads > 0 ? threads : 0);
	if (r->injected) {
		r->left.sent = ipb_read_u64(&in);
		r->left.dropped = ipb_read_u64(&in);
	}
	for (uint32_t i = 0; i < r->thread_count; i++)
		read_thread(&in, &r->threads[i]);
	return in.failed ? -1 : 0;
}

int result_adds_up(const struct result *r)
{
	struct thread_result sum = { 0 };

	for (uint32_t i = 0; i < r->thread_count; i++) {
		const struct thread_result *t = &r->threads[i];
		if (t->cpu < -1 || t->cpu >= (int64_t)IPB_THREADS_CPUS_MAX)
			return 0;
		sum.measured += t->measured;
		sum.packets += t->packets;
		sum.again += t->again;
		sum.failed += t->failed;
		sum.given_up += t->given_up;
	}
	return r->thread_count == 0 || (sum.measured == r->sends && sum.packets == r->packets && sum.again == r->again &&
	                                sum.failed == r->failed && sum.given_up == r->given_up);
}

/* Which threads were at their limit, as a sentence's end; "" when there are none to name. */
static const char *at_limit(const struct result *r, char *to, size_t size)
{
	uint32_t n = 0, worst = 0;

	for (uint32_t i = 0; i < r->thread_count; i++) {
		n += r->threads[i].given_up > 0;
		worst = r->threads[i].given_up > r->threads[worst].given_up ? i : worst;
	}
	if (n == 0)
		return "";
	struct ipb_threads one = { .count = r->thread_count };
	char name[64];
	one.cpu[worst] = (int)r->threads[worst].cpu;
	ipb_threads_name(&one, worst, name, sizeof name);
	if (n == 1)
		snprintf(to, size, "; %s was at its limit", name);
	else
		snprintf(to, size, "; %" PRIu32 " of %" PRIu32 " threads were at their limit, %s the most", n, r->thread_count, name);
	return to;
}

static void threads_json(struct ipb_json *j, const struct result *r)
{
	ipb_json_array(j, "threads");
	for (uint32_t i = 0; i < r->thread_count; i++) {
		const struct thread_result *t = &r->threads[i];
		ipb_thread_begin(j, i, t->cpu);
		ipb_json_object(j, "rates");
		ipb_json_number(j, "requested_bps", (double)r->requested_bps / r->thread_count);
		ipb_json_number(j, "sent_bps", r->us > 0 ? (double)(t->measured * r->size) * 8e6 / (double)r->us : 0);
		ipb_json_null(j, "received_bps");
		ipb_json_end_object(j);
		ipb_json_uint(j, "sent_packets", t->measured);
		ipb_json_uint(j, "packets_all_phases", t->packets);
		ipb_json_uint(j, "packets_given_up", t->given_up);
		ipb_json_uint(j, "send_queue_full", t->again);
		ipb_json_uint(j, "send_failures", t->failed);
		ipb_json_bool(j, "at_limit", t->given_up > 0);
		ipb_json_end_object(j);
	}
	ipb_json_end_array(j);
}

/* No attempt to send fails with this one: it is a sender's word for the end that it was asked for. */
static int is_cut_off(const struct result *r) { return r->failure == ECANCELED; }

/* A phase may be shorter than the time from one packet to the next. */
static void nothing_sent(struct ipb_json *j, const struct result *r)
{
	const uint32_t threads = r->thread_count > 0 ? r->thread_count : 1;
	const double every = r->requested_bps > 0 ? (double)r->size * 8 * threads / (double)r->requested_bps : 0;

	if (!is_cut_off(r) && every * 2 > (double)r->us / 1e6)
		ipb_results_reason(j, 1, "nothing-sent", "sent nothing in the measured phase: it took %.3g s, and at the rate asked for a packet "
		                   "is due every %.3g s%s: ask for a longer duration or a higher rate", (double)r->us / 1e6, every,
		                   threads > 1 ? " on each thread" : "");
	else
		ipb_results_reason(j, 1, "nothing-sent", "sent nothing in the measured phase");
}

static void reasons(struct ipb_json *j, const struct result *r)
{
	char cause[128], who[160];

	ipb_json_array(j, "reasons");
	if (r->sends == 0)
		nothing_sent(j, r);
	if (r->given_up > 0)
		ipb_results_reason(j, 0, "rate-not-reached",
		                   "the tester could not send at %" PRIu64 " bit/s: it gave up %" PRIu64 " packets%s",
		                   r->requested_bps, r->given_up, at_limit(r, who, sizeof who));
	if (is_cut_off(r))
		ipb_results_reason(j, 1, "stopped", "the test was stopped before its end");
	if (r->failed > 0 && r->failure > 0 && r->failure < 4096 && !is_cut_off(r))
		ipb_results_reason(j, 0, "send-failures", "%" PRIu64 " attempts to send failed; the last: %s", r->failed,
		                   strerror_r((int)r->failure, cause, sizeof cause));
	else if (r->failed > 0)
		ipb_results_reason(j, 0, "send-failures", "%" PRIu64 " attempts to send failed", r->failed);
	if (r->injected && r->left.sent + r->left.dropped < r->packets)
		ipb_results_reason(j, 0, "packets-did-not-leave",
		                   "of %" PRIu64 " packets that the kernel made the interface counted %" PRIu64 " as sent and %" PRIu64
		                   " as dropped: its driver may not send XDP frames (a veth does only while its other end has an XDP program or "
		                   "generic receive offload)", r->packets, r->left.sent, r->left.dropped);
	else if (r->injected && r->left.dropped > 0)
		ipb_results_reason(j, 0, "packets-did-not-leave", "the interface dropped %" PRIu64 " packets, of %" PRIu64
		                   " that the kernel made: ask for a lower rate", r->left.dropped, r->packets);
	ipb_json_end_array(j);
}

char *result_json(const struct client_data *data)
{
	struct ipb_json j;
	struct result r;

	if (result_parse(data, &r) < 0)
		return NULL;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_object(&j, "rates");
	ipb_json_uint(&j, "requested_bps", r.requested_bps);
	ipb_json_uint(&j, "sent_bps", r.sent_bps);
	ipb_json_null(&j, "received_bps");
	ipb_json_end_object(&j);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "sent_packets", (double)r.sends, "");
	ipb_results_metric(&j, "sent_bytes", (double)r.bytes, "byte");
	ipb_results_metric(&j, "send_queue_full", (double)r.again, "");
	ipb_results_metric(&j, "send_failures", (double)r.failed, "");
	if (data->size >= RESULT_EXTENDED) {
		ipb_results_metric(&j, "packets_all_phases", (double)r.packets, "");
		ipb_results_metric(&j, "packets_given_up", (double)r.given_up, "");
	}
	if (r.injected) {
		ipb_results_metric(&j, "interface_sent", (double)r.left.sent, "");
		ipb_results_metric(&j, "interface_dropped", (double)r.left.dropped, "");
	}
	ipb_json_end_array(&j);
	if (data->size >= RESULT_EXTENDED)
		ipb_results_window(&j, r.window_start_ns, r.window_end_ns);
	reasons(&j, &r);
	if (r.thread_count > 0)
		threads_json(&j, &r);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}
