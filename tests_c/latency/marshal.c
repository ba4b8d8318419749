/* Writes a client's result as bytes, in the forms of marshal.h.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_json.h"
#include "ipb_rng.h"
#include "marshal.h"

#define COUNT_WORDS 17u
#define EXACT_BYTES 32u

static uint64_t whole(double v) { return v > 0 ? (uint64_t)(v + 0.5) : 0; }

static uint64_t window_us(const struct ipb_engine_result *r)
{
	return r->window_end_ns > r->window_start_ns ? (r->window_end_ns - r->window_start_ns) / 1000 : 0;
}

void latency_identify(struct ipb_engine_config *c, const struct ipbench_host *host)
{
	c->flow_base = host != NULL ? host->flow_base << 10 : 0;
	uint64_t mix = (host != NULL && host->run_id != 0 ? host->run_id : ipb_own_run_id()) + c->flow_base;
	c->run_id = ipb_mix64(&mix);
	c->seed += c->flow_base;
}

int latency_marshal_original(const struct ipb_engine_result *r, uint64_t wanted, char **data, int *size)
{
	uint64_t samples = r->samples_kept < wanted ? r->samples_kept : wanted;
	size_t bytes = (size_t)(WORDS_ORIGINAL + samples) * 8;
	struct ipb_writer w;

	if ((*data = malloc(bytes)) == NULL)
		return -1;
	ipb_writer_init(&w, *data, bytes);
	ipb_write_u64(&w, window_us(r));
	ipb_write_u64(&w, samples);
	ipb_write_u64(&w, whole(r->packet_size));
	ipb_write_u64(&w, r->counts.sent);
	ipb_write_u64(&w, r->counts.ok);
	if (LATENCY_CHECK)
		ipb_write_u64(&w, r->bad);
	ipb_write_u64(&w, whole(r->requested_bps));
	ipb_write_u64(&w, whole(r->received_bps));
	ipb_write_u64(&w, whole(r->sent_bps));
	for (uint64_t i = 0; i < samples; i++)
		ipb_write_u64(&w, r->samples_ns[i] / 1000);
	*size = (int)bytes;
	return 0;
}

/* Begins a record; end_record writes its size. */
static uint8_t *begin_record(struct ipb_writer *w, uint32_t tag)
{
	ipb_write_u32(w, tag);
	return ipb_write_room(w, 4);
}

static void end_record(struct ipb_writer *w, uint8_t *size_at)
{
	if (!w->failed)
		ipb_put_be(size_at, (uint64_t)(w->at - size_at - 4), 4);
}

static void write_counts(struct ipb_writer *w, const struct ipb_engine_result *r, uint64_t samples, int is_response)
{
	const struct ipb_counts *c = &r->counts;
	const uint64_t words[COUNT_WORDS] = {
		window_us(r), whole(r->packet_size), c->sent, c->ok, whole(r->requested_bps), whole(r->received_bps),
		whole(r->sent_bps), r->bad, c->sent, c->ok, c->lost, c->late, c->corrupt, c->duplicate, c->reordered, samples,
		(uint64_t)is_response,
	};
	uint8_t *size_at = begin_record(w, TAG_COUNTS);

	for (unsigned i = 0; i < COUNT_WORDS; i++)
		ipb_write_u64(w, words[i]);
	end_record(w, size_at);
}

static void write_hist(struct ipb_writer *w, uint32_t tag, const struct ipb_hist *h)
{
	uint8_t *size_at = begin_record(w, tag);

	ipb_write_u64(w, h->count ? h->min_ns : 0);
	ipb_write_u64(w, h->max_ns);
	ipb_write_f64(w, ipb_hist_mean(h));
	ipb_write_f64(w, ipb_hist_stddev(h));
	if (w->failed)
		return;
	size_t size = ipb_hist_encode(h, w->at, (size_t)(w->end - w->at));
	if (size == 0)
		w->failed = 1;
	w->at += size;
	end_record(w, size_at);
}

static void write_samples(struct ipb_writer *w, const uint64_t *samples, uint64_t count)
{
	uint8_t *size_at = begin_record(w, TAG_SAMPLES);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t v = samples[i];
		for (; v >= 0x80; v >>= 7)
			ipb_write_u8(w, (uint8_t)(v | 0x80));
		ipb_write_u8(w, (uint8_t)v);
	}
	end_record(w, size_at);
}

int latency_marshal_extended(const struct ipb_engine_result *r, const struct ipb_engine *e, int keep_samples,
                             int rtt_is_response, char **data, int *size)
{
	uint64_t samples = keep_samples ? r->samples_kept : 0;
	struct ipb_json j;
	struct ipb_writer w;

	*data = NULL;
	ipb_json_init(&j);
	ipb_engine_report(e, &j);
	if (j.failed || j.size > LATENCY_JSON_MAX)
		goto fail;
	size_t most = 8 + 6 * 8 + COUNT_WORDS * 8 + 3 * (size_t)(EXACT_BYTES + IPB_HIST_ENCODED_MAX) + j.size + samples * 6;
	if ((*data = malloc(most)) == NULL)
		goto fail;
	ipb_writer_init(&w, *data, most);
	ipb_write_u64(&w, LATENCY_MAGIC);
	write_counts(&w, r, samples, rtt_is_response);
	write_hist(&w, TAG_RESPONSE, r->response);
	write_hist(&w, TAG_SERVICE, r->service);
	write_hist(&w, TAG_LATENESS, r->lateness);
	uint8_t *size_at = begin_record(&w, TAG_JSON);
	ipb_write_bytes(&w, j.text, j.size);
	end_record(&w, size_at);
	if (samples > 0)
		write_samples(&w, r->samples_ns, samples);
	if (w.failed)
		goto fail;
	ipb_json_free(&j);
	*size = (int)ipb_writer_size(&w);
	char *exact = realloc(*data, (size_t)*size);
	*data = exact != NULL ? exact : *data;
	return 0;
fail:
	ipb_json_free(&j);
	free(*data);
	*data = NULL;
	return -1;
}

int latency_marshal(const struct ipb_engine *e, const struct ipb_engine_config *c, int extended, char **data, int *size,
                    struct ipb_error *err)
{
	struct ipb_engine_result r;

	ipb_engine_result(e, &r);
	if ((extended ? latency_marshal_extended(&r, e, c->keep_samples, c->keep_response, data, size)
	              : latency_marshal_original(&r, c->samples, data, size)) < 0)
		return ipb_error(err, "no memory for the result");
	if (r.broken)
		ipb_error(err, "%s", r.reason_count > 0 ? r.reasons[0].text : "nothing came back");
	return r.broken;
}
