/* Replies that one thread reads and another one's are: each arrives once, in order, as it was, or is counted as dropped.
 * SPDX-License-Identifier: MIT */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_xdp_share.h"

#define WRITERS 3u
#define EACH 20000u
#define LARGEST 200u

static struct ipb_xdp_share *open_mail(void)
{
	struct ipb_error err = { 0 };
	struct ipb_xdp_share *s = ipb_xdp_share_open(2, &err);

	assert_non_null(s);
	assert_int_equal(ipb_xdp_share_mailbox(s, 1, LARGEST, &err), 0);
	return s;
}

struct writer {
	struct ipb_xdp_share *share;
	uint8_t number;
};

static void *write_letters(void *context)
{
	const struct writer *w = context;
	uint8_t frame[LARGEST];

	for (uint32_t i = 0; i < EACH; i++) {
		const uint32_t size = 16 + i % (LARGEST - 16);
		memset(frame, (int)(i & 0xff), size);
		frame[0] = w->number;
		memcpy(frame + 4, &i, sizeof i);
		ipb_xdp_share_post(w->share, 1, frame, size, (uint64_t)w->number << 32 | i);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Several write while one reads: what was not dropped comes once, in each one's order. */
static void letters_come_once_and_whole(void **state)
{
	struct ipb_xdp_share *s = open_mail();
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	uint32_t next[WRITERS] = { 0 };
	uint64_t got = 0;

	(void)state;
	for (uint32_t i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ s, (uint8_t)i };
		assert_int_equal(pthread_create(&threads[i], NULL, write_letters, &writers[i]), 0);
	}
	while (got + ipb_xdp_share_dropped(s, 1) < (uint64_t)WRITERS * EACH) {
		const struct ipb_xdp_letter *l = ipb_xdp_share_letter(s, 1, 0);
		uint32_t i;
		if (l == NULL) {
			sched_yield();
			continue;
		}
		memcpy(&i, l->frame + 4, sizeof i);
		assert_true(l->frame[0] < WRITERS && i >= next[l->frame[0]] && i < EACH);
		assert_int_equal(l->now_ns, (uint64_t)l->frame[0] << 32 | i);
		assert_int_equal(l->size, 16 + i % (LARGEST - 16));
		for (uint32_t k = 8; k < l->size; k++)
			assert_int_equal(l->frame[k], i & 0xff);
		next[l->frame[0]] = i + 1;
		got++;
		ipb_xdp_share_read(s, 1, 1);
	}
	for (uint32_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(ipb_xdp_share_letter(s, 1, 0));
	ipb_xdp_share_close(s);
}

/* When nobody reads, what finds no room is counted; what is too long stays longer than any reply. */
static void what_finds_no_room_is_counted(void **state)
{
	struct ipb_xdp_share *s = open_mail();
	uint8_t frame[4 * LARGEST] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < IPB_XDP_MAIL + 7; i++)
		ipb_xdp_share_post(s, 1, frame, i == 0 ? sizeof frame : 60, i);
	assert_int_equal(ipb_xdp_share_dropped(s, 1), 7);
	assert_int_equal(ipb_xdp_share_dropped(s, 0), 0);
	assert_in_range(ipb_xdp_share_letter(s, 1, 0)->size, LARGEST, sizeof frame - 1);
	assert_int_equal(ipb_xdp_share_letter(s, 1, IPB_XDP_MAIL - 1)->now_ns, IPB_XDP_MAIL - 1);
	assert_null(ipb_xdp_share_letter(s, 1, IPB_XDP_MAIL));
	ipb_xdp_share_read(s, 1, IPB_XDP_MAIL);
	ipb_xdp_share_post(s, 1, frame, 60, 99);
	assert_int_equal(ipb_xdp_share_letter(s, 1, 0)->now_ns, 99);
	ipb_xdp_share_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(letters_come_once_and_whole),
		                            cmocka_unit_test(what_finds_no_room_is_counted) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
