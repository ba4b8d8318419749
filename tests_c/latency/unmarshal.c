/* Reads a client's result, in the forms of marshal.h.  SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"
#include "ipb_json.h"
#include "marshal.h"

#define SAMPLE_BYTES_MAX 9u /* of one sample as a LEB128 number */

/* What reading one result takes beside the result. */
struct scratch {
	struct ipb_hist hist;
	uint8_t *bytes; /* IPB_HIST_ENCODED_MAX of them */
};

/* Keeps what the scratch histogram holds. */
static int keep_hist(struct latency_hist *to, const struct scratch *s)
{
	to->size = ipb_hist_encode(&s->hist, s->bytes, IPB_HIST_ENCODED_MAX);
	if (to->size == 0 || (to->bytes = malloc(to->size)) == NULL)
		return -1;
	memcpy(to->bytes, s->bytes, to->size);
	ipb_hist_summary(&s->hist, &to->summary);
	return 0;
}

int latency_hist_open(const struct latency_hist *from, struct ipb_hist *h)
{
	const struct ipb_summary *s = &from->summary;

	if (from->bytes == NULL || ipb_hist_decode(h, from->bytes, from->size) < 0)
		return -1;
	return ipb_hist_restore(h, s->min_ns, s->max_ns, s->mean_ns, s->stddev_ns);
}

/* Whether a tester of any edition could have measured this: what a row prints is added up, so that one absurd number
 * would spoil those of all testers. */
static int latency_plausible(const struct latency_result *r)
{
	return r->time_us <= LATENCY_TIME_MAX_US && r->size <= LATENCY_PACKET_MAX &&
	       r->requested_bps <= LATENCY_RATE_MAX_BPS && r->achieved_bps <= LATENCY_RATE_MAX_BPS &&
	       r->sent_bps <= LATENCY_RATE_MAX_BPS;
}

static int read_original(struct latency_result *r, struct ipb_reader *in, struct scratch *s, struct ipb_error *err)
{
	r->form = IPBENCH_FORM_ORIGINAL;
	r->time_us = ipb_read_u64(in);
	r->samples = ipb_read_u64(in);
	r->size = ipb_read_u64(in);
	r->sends = ipb_read_u64(in);
	r->recvs = ipb_read_u64(in);
	if (LATENCY_CHECK)
		r->bad = ipb_read_u64(in);
	r->requested_bps = ipb_read_u64(in);
	r->achieved_bps = ipb_read_u64(in);
	r->sent_bps = ipb_read_u64(in);
	if (in->failed)
		return ipb_error(err, "the result is shorter than its %u bytes of header", WORDS_ORIGINAL * 8);
	if (!latency_plausible(r) || r->sends > LATENCY_PACKETS_MAX || r->recvs > LATENCY_REPLIES_MAX ||
	    r->bad > LATENCY_REPLIES_MAX)
		return ipb_error(err, "the result's header has a number that nobody can have measured");
	if (r->samples > r->recvs)
		return ipb_error(err, "the result says %llu samples of %llu packets that were answered",
		                 (unsigned long long)r->samples, (unsigned long long)r->recvs);
	if (r->samples != ipb_reader_left(in) / 8 || ipb_reader_left(in) % 8 != 0) {
		return ipb_error(err, "the result says %llu samples and has %zu bytes of them", (unsigned long long)r->samples,
		                 ipb_reader_left(in));
	}
	if ((r->sample_ns = malloc((size_t)(r->samples + 1) * sizeof *r->sample_ns)) == NULL)
		return ipb_error(err, "no memory for %llu samples", (unsigned long long)r->samples);
	for (uint64_t i = 0; i < r->samples; i++) {
		uint64_t us = ipb_read_u64(in);
		r->sample_ns[i] = us < UINT64_MAX / 1000 ? us * 1000 : UINT64_MAX;
		ipb_hist_record(&s->hist, r->sample_ns[i]);
	}
	r->rtt = &r->service;
	if (keep_hist(&r->service, s) < 0)
		return ipb_error(err, "no memory for a histogram");
	return 0;
}

static int read_counts(struct latency_result *r, struct ipb_reader *in, int *is_response)
{
	struct ipb_counts *c = &r->counts;

	r->time_us = ipb_read_u64(in);
	r->size = ipb_read_u64(in);
	r->sends = ipb_read_u64(in);
	r->recvs = ipb_read_u64(in);
	r->requested_bps = ipb_read_u64(in);
	r->achieved_bps = ipb_read_u64(in);
	r->sent_bps = ipb_read_u64(in);
	r->bad = ipb_read_u64(in);
	c->sent = ipb_read_u64(in);
	c->ok = ipb_read_u64(in);
	c->lost = ipb_read_u64(in);
	c->late = ipb_read_u64(in);
	c->corrupt = ipb_read_u64(in);
	c->duplicate = ipb_read_u64(in);
	c->reordered = ipb_read_u64(in);
	r->samples = ipb_read_u64(in);
	*is_response = ipb_read_u64(in) != 0;
	r->has_counts++;
	if (in->failed || r->has_counts > 1 || c->sent > LATENCY_PACKETS_MAX || c->ok > c->sent || c->lost > c->sent ||
	    c->late > c->sent || c->corrupt > c->sent || c->ok + c->lost + c->late + c->corrupt != c->sent ||
	    c->reordered > c->ok || c->duplicate > LATENCY_REPLIES_MAX || r->bad > LATENCY_REPLIES_MAX)
		return -1;
	if (r->sends != c->sent || r->recvs != c->ok || !latency_plausible(r))
		return -1;
	return 0;
}

static int read_hist(struct latency_hist *h, struct ipb_reader *in, struct scratch *s)
{
	uint64_t min = ipb_read_u64(in), max = ipb_read_u64(in);
	double mean = ipb_read_f64(in), stddev = ipb_read_f64(in);
	size_t size = ipb_reader_left(in);
	const uint8_t *bytes = ipb_read_bytes(in, size);

	if (h->bytes != NULL || in->failed || ipb_hist_decode(&s->hist, bytes, size) < 0 ||
	    ipb_hist_restore(&s->hist, min, max, mean, stddev) < 0)
		return -1;
	return keep_hist(h, s);
}

/* Single round trips of the record that began at in. There are as many as the counts give, no more than packets that
 * were answered, and a byte each at least: what is allocated for them follows from what the counts allow. */
static int read_samples(struct latency_result *r, struct ipb_reader *in)
{
	if (r->samples > ipb_reader_left(in) || (r->sample_ns = malloc((r->samples + 1) * sizeof *r->sample_ns)) == NULL)
		return -1;
	for (uint64_t i = 0; i < r->samples; i++) {
		uint64_t v = 0, byte = 0x80;
		for (unsigned shift = 0; byte & 0x80; shift += 7) {
			byte = ipb_read_u8(in);
			if (in->failed || shift > 56)
				return -1;
			v |= (byte & 0x7f) << shift;
		}
		if (v > IPB_HIST_HIGHEST)
			return -1;
		r->sample_ns[i] = v;
	}
	return ipb_reader_left(in) > 0 ? -1 : 0;
}

static int read_json(struct latency_result *r, struct ipb_reader *in)
{
	size_t size = ipb_reader_left(in);
	const uint8_t *bytes = ipb_read_bytes(in, size);

	if (r->json != NULL || size > LATENCY_JSON_MAX || (r->json = malloc(size + 3)) == NULL)
		return -1;
	r->json[0] = '{';
	if (size)
		memcpy(r->json + 1, bytes, size);
	r->json[size + 1] = '}';
	r->json[size + 2] = '\0';
	r->json_size = size;
	return ipb_json_check(r->json, size + 2);
}

static int read_record(struct latency_result *r, uint32_t tag, struct ipb_reader *in, struct scratch *s,
                       int *is_response)
{
	switch (tag) {
	case TAG_COUNTS: return read_counts(r, in, is_response);
	case TAG_RESPONSE: return read_hist(&r->response, in, s);
	case TAG_SERVICE: return read_hist(&r->service, in, s);
	case TAG_LATENESS: return read_hist(&r->lateness, in, s);
	case TAG_JSON: return read_json(r, in);
	default: return 0;
	}
}

/* Whether the parts of a result agree with each other. */
static int check_parts(const struct latency_result *r, const struct ipb_reader *samples, struct ipb_error *err)
{
	const size_t sample_bytes = samples->at != NULL ? ipb_reader_left(samples) : 0;

	if (!r->has_counts || r->response.bytes == NULL || r->service.bytes == NULL || r->lateness.bytes == NULL ||
	    r->json == NULL)
		return ipb_error(err, "the result lacks a part");
	if (r->response.summary.count != r->counts.ok || r->service.summary.count != r->counts.ok ||
	    r->lateness.summary.count != r->counts.sent)
		return ipb_error(err, "the result's counts and histograms disagree");
	if (r->samples > r->counts.ok || r->samples > IPB_ENGINE_SAMPLES_MAX)
		return ipb_error(err, "the result says %llu single round trips of %llu packets that were answered; %llu are kept "
		                 "at most", (unsigned long long)r->samples, (unsigned long long)r->counts.ok,
		                 (unsigned long long)IPB_ENGINE_SAMPLES_MAX);
	if (r->samples > sample_bytes || sample_bytes / SAMPLE_BYTES_MAX > r->samples)
		return ipb_error(err, "the result says %llu single round trips and has %zu bytes of them",
		                 (unsigned long long)r->samples, sample_bytes);
	return 0;
}

static int read_extended(struct latency_result *r, struct ipb_reader *in, struct scratch *s, struct ipb_error *err)
{
	struct ipb_reader samples = { 0 };
	int is_response = 0;

	r->form = IPBENCH_FORM_EXTENDED;
	r->has_hists = 1;
	ipb_read_u64(in);
	while (ipb_reader_left(in) > 0) {
		struct ipb_reader part;
		uint32_t tag = ipb_read_u32(in), size = ipb_read_u32(in);
		const uint8_t *bytes = ipb_read_bytes(in, size);
		if (bytes == NULL)
			return ipb_error(err, "the result ends in the middle of record %u", tag);
		ipb_reader_init(&part, bytes, size);
		if (tag == TAG_SAMPLES && samples.at == NULL)
			samples = part; /* read when it is known how many there may be */
		else if (tag == TAG_SAMPLES || read_record(r, tag, &part, s, &is_response) < 0)
			return ipb_error(err, "record %u of the result makes no sense", tag);
	}
	if (check_parts(r, &samples, err) < 0)
		return -1;
	if (samples.at != NULL && read_samples(r, &samples) < 0)
		return ipb_error(err, "the result's single round trips make no sense, or there is no memory for them");
	r->rtt = is_response ? &r->response : &r->service;
	return 0;
}

struct latency_result *latency_unmarshal(const char *input, size_t size, struct ipb_error *err)
{
	struct latency_result *r = size <= LATENCY_RESULT_MAX ? calloc(1, sizeof *r) : NULL;
	struct scratch s = { .bytes = malloc(IPB_HIST_ENCODED_MAX) };
	struct ipb_reader in;
	int read = -1;

	if (r == NULL || s.bytes == NULL || ipb_hist_init(&s.hist) < 0) {
		ipb_error(err, size > LATENCY_RESULT_MAX ? "the result is larger than 256 MiB" : "no memory for the result");
	} else {
		ipb_reader_init(&in, input, size);
		int ours = size >= 8 && ipb_get_be(in.at, 8) == LATENCY_MAGIC;
		read = ours ? read_extended(r, &in, &s, err) : read_original(r, &in, &s, err);
	}
	ipb_hist_free(&s.hist);
	free(s.bytes);
	if (read == 0)
		return r;
	latency_result_free(r);
	return NULL;
}

void latency_result_free(struct latency_result *r)
{
	if (r == NULL)
		return;
	free(r->response.bytes);
	free(r->service.bytes);
	free(r->lateness.bytes);
	free(r->sample_ns);
	free(r->json);
	free(r);
}

int latency_read(const char *input, int len, const struct ipbench_host *host, char **data, int *data_len, struct ipb_error *err)
{
	*data = NULL;
	*data_len = 0;
	if (len < 0)
		return ipb_error(err, "the result has %d bytes", len);
	struct latency_result *r = latency_unmarshal(input, (size_t)len, err);
	if (r == NULL)
		return -1;
	r->client = host != NULL ? (int)host->flow_base : -1;
	*data = (char *)r;
	*data_len = sizeof *r;
	return 0;
}

void latency_read_cleanup(char **data)
{
	latency_result_free((struct latency_result *)*data);
	*data = NULL;
}
