/* The result of discard as bytes; see result.h for their form.  SPDX-License-Identifier: MIT */
#include "marshal.h"

#include <stdlib.h>

#include "ipb_bytes.h"

/* All threads together. */
static struct sender sum_of(const struct sender *senders, const struct ipb_threads *threads)
{
	struct sender all = { .fd = -1 };

	for (uint32_t i = 0; senders != NULL && i < threads->count; i++) {
		const struct sender *s = &senders[i];
		all.bps += s->bps;
		all.size = s->size;
		all.sequence += s->sequence;
		all.measured += s->measured;
		all.again += s->again;
		all.failed += s->failed;
		all.given_up += s->given_up;
		all.failure = s->failure != 0 ? s->failure : all.failure;
		all.window_start_ns = s->window_start_ns;
		all.window_end_ns = s->window_end_ns > all.window_end_ns ? s->window_end_ns : all.window_end_ns;
	}
	all.test_ns = all.window_end_ns > all.window_start_ns ? all.window_end_ns - all.window_start_ns : 0;
	return all;
}

static void write_threads(struct ipb_writer *w, const struct sender *senders, const struct ipb_threads *threads)
{
	for (uint32_t i = 0; i < threads->count; i++) {
		const struct sender *s = &senders[i];
		ipb_write_u64(w, (uint64_t)(int64_t)threads->cpu[i]);
		ipb_write_u64(w, s->measured);
		ipb_write_u64(w, s->sequence);
		ipb_write_u64(w, s->again);
		ipb_write_u64(w, s->failed);
		ipb_write_u64(w, s->given_up);
		ipb_write_u64(w, (uint64_t)s->failure);
	}
}

int discard_marshal(const struct sender *senders, const struct ipb_threads *threads, const struct left *left, int extended,
                    char **data, int *size)
{
	const int several = extended && senders != NULL && threads->count > 1;
	const int injected = extended && senders != NULL && senders->inject != NULL;
	const struct sender all = sum_of(senders, threads);
	uint64_t bytes = all.measured * all.size, us = all.test_ns / 1000;
	struct ipb_writer w;

	*size = extended ? RESULT_EXTENDED + (injected ? RESULT_LEFT : 0) + (several ? (int)threads->count * RESULT_THREAD : 0) :
	        RESULT_ORIGINAL;
	*data = malloc((size_t)*size);
	if (*data == NULL)
		return -1;
	ipb_writer_init(&w, *data, (size_t)*size);
	ipb_write_u64(&w, bytes);
	ipb_write_u64(&w, us);
	/* Before a test has run there is no time, and no rate. */
	ipb_write_u64(&w, all.test_ns > 0 ? (uint64_t)((double)bytes * 8e9 / (double)all.test_ns) : 0);
	ipb_write_u64(&w, all.measured);
	ipb_write_u64(&w, all.size);
	ipb_write_u64(&w, (uint64_t)all.bps);
	ipb_write_u64(&w, all.again);
	ipb_write_u64(&w, all.failed);
	if (extended) {
		ipb_write_u64(&w, all.sequence);
		ipb_write_u64(&w, all.given_up);
		ipb_write_u64(&w, all.window_start_ns);
		ipb_write_u64(&w, all.window_end_ns);
		ipb_write_u64(&w, (uint64_t)all.failure);
	}
	if (injected) {
		ipb_write_u64(&w, left->sent);
		ipb_write_u64(&w, left->dropped);
	}
	if (several)
		write_threads(&w, senders, threads);
	return 0;
}
