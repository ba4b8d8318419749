/* nfs_latency's result on the wire; see nfs_result.h.  SPDX-License-Identifier: MIT
 *
 * In network byte order: magic (8 bytes), f64 rate asked for, u64 size, window start and end in ns, sent, ok, bad,
 * skipped, given up, sent in the window, replies in the window, last reply in ns; u32 size and bytes of: histograms of
 * response times, service times and lateness (HdrHistogram V2), text of the first error.
 *
 * To and from the original: see nfs_result.h. No such result begins with our magic: it would have run for 150,000 years.
 */
#include "nfs_result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"

#define MAGIC "IPBNFS02"
#define ORIGINAL_WORDS 4u
#define NFS_RUN_US_MAX 31536000000000ull /* a year */
#define NFS_READS_MAX (1ull << 48)

static void put_hist(struct ipb_writer *w, const struct ipb_hist *h, uint8_t *scratch)
{
	size_t size = ipb_hist_encode(h, scratch, IPB_HIST_ENCODED_MAX);

	ipb_write_u32(w, (uint32_t)size);
	ipb_write_bytes(w, scratch, size);
}

/* The numbers of a tally, in the order of the wire. */
#define FIELDS(t)                                                                                                   \
	{ &(t)->window_start_ns, &(t)->window_end_ns, &(t)->sent,           &(t)->ok,           &(t)->bad,          \
	  &(t)->skipped,         &(t)->given_up,      &(t)->sent_in_window, &(t)->ok_in_window, &(t)->last_ok_ns }
#define FIELD_COUNT 10

int nfs_result_encode(const struct load *l, char **data, int *size)
{
	const uint64_t *const field[FIELD_COUNT] = FIELDS(&l->tally);
	size_t room = NFS_RESULT_MAX + sizeof l->first_error;
	uint8_t *scratch = malloc(IPB_HIST_ENCODED_MAX);
	struct ipb_writer w;

	*data = malloc(room);
	if (scratch == NULL || *data == NULL) {
		free(scratch);
		return -1;
	}
	ipb_writer_init(&w, *data, room);
	ipb_write_bytes(&w, MAGIC, 8);
	ipb_write_f64(&w, l->rate);
	ipb_write_u64(&w, l->size);
	for (int i = 0; i < FIELD_COUNT; i++)
		ipb_write_u64(&w, *field[i]);
	put_hist(&w, &l->tally.response, scratch);
	put_hist(&w, &l->tally.service, scratch);
	put_hist(&w, &l->tally.lateness, scratch);
	ipb_write_u32(&w, (uint32_t)strlen(l->first_error));
	ipb_write_bytes(&w, l->first_error, strlen(l->first_error));
	free(scratch);
	*size = (int)ipb_writer_size(&w);
	return w.failed ? -1 : 0;
}

static int get_hist(struct ipb_reader *r, struct ipb_hist *h)
{
	uint32_t size = ipb_read_u32(r);
	const uint8_t *bytes = ipb_read_bytes(r, size);

	return bytes == NULL ? -1 : ipb_hist_decode(h, bytes, size);
}

static int adds_up(const struct nfs_result *r)
{
	const struct tally *t = &r->tally;

	return isfinite(r->rate) && r->rate >= 0 && t->ok <= t->sent && t->bad <= t->sent - t->ok &&
	       t->window_start_ns <= t->window_end_ns && t->response.count == t->ok && t->service.count == t->ok &&
	       t->lateness.count == t->sent;
}

int nfs_result_encode_original(const struct tally *t, char **data, int *size)
{
	const size_t bytes = (ORIGINAL_WORDS + (size_t)t->kept) * 8;
	struct ipb_writer w;

	if (t->kept > NFS_ORIGINAL_SAMPLES_MAX || (*data = malloc(bytes)) == NULL)
		return -1;
	ipb_writer_init(&w, *data, bytes);
	ipb_write_u64(&w, tally_run_ns(t) / 1000);
	ipb_write_u64(&w, t->kept);
	ipb_write_u64(&w, t->sent);
	ipb_write_u64(&w, t->ok);
	for (uint64_t i = 0; i < t->kept; i++)
		ipb_write_u64(&w, t->service_ns[i] / 1000);
	*size = (int)bytes;
	return w.failed ? -1 : 0;
}

static int decode_original(struct nfs_result *r, const char *data, int size, struct ipb_error *err)
{
	struct tally *t = &r->tally;
	struct ipb_reader in;

	ipb_reader_init(&in, data, (size_t)size);
	r->original = 1;
	r->run_us = ipb_read_u64(&in);
	uint64_t samples = ipb_read_u64(&in);
	r->sends = ipb_read_u64(&in);
	r->recvs = ipb_read_u64(&in);
	if (in.failed || ipb_reader_left(&in) % 8 != 0 || samples != ipb_reader_left(&in) / 8)
		return ipb_error(err, "the result (%d bytes) is neither one of this nfs_latency nor one of the original's", size);
	if (r->run_us > NFS_RUN_US_MAX || r->sends > NFS_READS_MAX || r->recvs > NFS_READS_MAX)
		return ipb_error(err, "the result tells of %llu reads in %llu us: that cannot be", (unsigned long long)r->sends,
		                 (unsigned long long)r->run_us);
	r->times_us = malloc(((size_t)samples + 1) * sizeof *r->times_us);
	if (r->times_us == NULL || tally_init(t) < 0)
		return ipb_error(err, "no memory for a result");
	for (uint64_t i = 0; i < samples; i++) {
		uint64_t us = ipb_read_u64(&in);
		if (us > NFS_RUN_US_MAX) {
			tally_free(t);
			return ipb_error(err, "the result tells of a reply after %llu us: that cannot be", (unsigned long long)us);
		}
		if (us == 0)
			continue;
		r->times_us[r->times++] = us;
		ipb_hist_record(&t->service, us * 1000);
	}
	return 0;
}

int nfs_result_decode(struct nfs_result *r, const char *data, int size, struct ipb_error *err)
{
	uint64_t *const field[FIELD_COUNT] = FIELDS(&r->tally);
	struct tally *t = &r->tally;
	struct ipb_reader in;

	memset(r, 0, sizeof *r);
	if (data == NULL || size < 8)
		return ipb_error(err, "the result (%d bytes) is too short to be one of nfs_latency", size);
	if (memcmp(data, MAGIC, 8) != 0) {
		if (decode_original(r, data, size, err) == 0)
			return 0;
		free(r->times_us);
		r->times_us = NULL;
		return -1;
	}
	if (tally_init(t) < 0)
		return ipb_error(err, "no memory for a result");
	ipb_reader_init(&in, data + 8, (size_t)size - 8);
	r->rate = ipb_read_f64(&in);
	r->size = ipb_read_u64(&in);
	for (int i = 0; i < FIELD_COUNT; i++)
		*field[i] = ipb_read_u64(&in);
	int broken = get_hist(&in, &t->response) < 0 || get_hist(&in, &t->service) < 0 || get_hist(&in, &t->lateness) < 0;
	uint32_t text_size = ipb_read_u32(&in);
	const uint8_t *text = ipb_read_bytes(&in, text_size);
	if (broken || text == NULL || text_size >= sizeof r->first_error || ipb_reader_left(&in) != 0 || in.failed ||
	    !adds_up(r)) {
		nfs_result_free(r);
		return ipb_error(err, "the result (%d bytes) is damaged", size);
	}
	memcpy(r->first_error, text, text_size);
	return 0;
}

void nfs_result_free(struct nfs_result *r)
{
	tally_free(&r->tally);
	free(r->times_us);
	r->times_us = NULL;
}
