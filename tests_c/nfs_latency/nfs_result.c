/* nfs_latency's result on the wire; see nfs_result.h.  SPDX-License-Identifier: MIT
 *
 * In network byte order: magic (8 bytes), f64 rate asked for, u64 size, sent, ok, bad, skipped, run time in ns, window
 * start and end in ns; u32 size and bytes of: histogram of response times, of service times (HdrHistogram V2), text of
 * the first error.
 */
#include "nfs_result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_bytes.h"

#define MAGIC "IPBNFS01"

static void put_hist(struct ipb_writer *w, const struct ipb_hist *h, uint8_t *scratch)
{
	size_t size = ipb_hist_encode(h, scratch, IPB_HIST_ENCODED_MAX);

	ipb_write_u32(w, (uint32_t)size);
	ipb_write_bytes(w, scratch, size);
}

int nfs_result_encode(const struct load *l, char **data, int *size)
{
	uint8_t *scratch = malloc(IPB_HIST_ENCODED_MAX);
	struct ipb_writer w;

	*data = malloc(NFS_RESULT_MAX + sizeof l->first_error);
	if (scratch == NULL || *data == NULL) {
		free(scratch);
		return -1;
	}
	ipb_writer_init(&w, *data, NFS_RESULT_MAX + sizeof l->first_error);
	ipb_write_bytes(&w, MAGIC, 8);
	ipb_write_f64(&w, l->rate);
	ipb_write_u64(&w, l->size);
	ipb_write_u64(&w, l->sent);
	ipb_write_u64(&w, l->ok);
	ipb_write_u64(&w, l->bad);
	ipb_write_u64(&w, l->skipped);
	ipb_write_u64(&w, l->window_end_ns - l->window_start_ns);
	ipb_write_u64(&w, l->window_start_ns);
	ipb_write_u64(&w, l->window_end_ns);
	put_hist(&w, &l->response, scratch);
	put_hist(&w, &l->service, scratch);
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

int nfs_result_decode(struct nfs_result *r, const char *data, int size, struct ipb_error *err)
{
	struct ipb_reader in;

	memset(r, 0, sizeof *r);
	if (data == NULL || size < 8 || memcmp(data, MAGIC, 8) != 0)
		return ipb_error(err, "the result (%d bytes) is not one of this nfs_latency", size);
	if (ipb_hist_init(&r->response) < 0 || ipb_hist_init(&r->service) < 0) {
		nfs_result_free(r);
		return ipb_error(err, "no memory for a result");
	}
	ipb_reader_init(&in, data + 8, (size_t)size - 8);
	r->rate = ipb_read_f64(&in);
	r->size = ipb_read_u64(&in);
	r->sent = ipb_read_u64(&in);
	r->ok = ipb_read_u64(&in);
	r->bad = ipb_read_u64(&in);
	r->skipped = ipb_read_u64(&in);
	r->run_ns = ipb_read_u64(&in);
	r->window_start_ns = ipb_read_u64(&in);
	r->window_end_ns = ipb_read_u64(&in);
	int broken = get_hist(&in, &r->response) < 0 || get_hist(&in, &r->service) < 0;
	uint32_t text_size = ipb_read_u32(&in);
	const uint8_t *text = ipb_read_bytes(&in, text_size);
	if (broken || text == NULL || text_size >= sizeof r->first_error || ipb_reader_left(&in) != 0 || in.failed ||
	    !isfinite(r->rate) || r->rate < 0 || r->ok > r->sent || r->bad > r->sent - r->ok ||
	    r->response.count != r->ok || r->service.count != r->ok) {
		nfs_result_free(r);
		return ipb_error(err, "the result (%d bytes) is damaged", size);
	}
	memcpy(r->first_error, text, text_size);
	return 0;
}

void nfs_result_free(struct nfs_result *r)
{
	ipb_hist_free(&r->response);
	ipb_hist_free(&r->service);
}
