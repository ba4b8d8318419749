/* What became of the reads; see tally.h.  SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

int tally_init(struct tally *t)
{
	memset(t, 0, sizeof *t);
	if (ipb_hist_init(&t->response) == 0 && ipb_hist_init(&t->service) == 0 && ipb_hist_init(&t->lateness) == 0)
		return 0;
	tally_free(t);
	return -1;
}

void tally_free(struct tally *t)
{
	ipb_hist_free(&t->response);
	ipb_hist_free(&t->service);
	ipb_hist_free(&t->lateness);
	free(t->service_ns);
	t->service_ns = NULL;
}

int tally_keep(struct tally *t, uint64_t room)
{
	t->service_ns = room <= SIZE_MAX / sizeof *t->service_ns ? malloc(room * sizeof *t->service_ns) : NULL;
	t->room = t->service_ns != NULL ? room : 0;
	return t->service_ns != NULL ? 0 : -1;
}

int tally_measured(const struct tally *t, uint64_t due_ns)
{
	return due_ns >= t->window_start_ns && due_ns < t->window_end_ns;
}

void tally_sent(struct tally *t, uint64_t due_ns, uint64_t now_ns)
{
	t->sent_in_window += (uint64_t)tally_measured(t, now_ns);
	if (!tally_measured(t, due_ns))
		return;
	t->sent++;
	ipb_hist_record(&t->lateness, now_ns - due_ns);
}

void tally_replied(struct tally *t, uint64_t due_ns, uint64_t sent_ns, uint64_t now_ns, int good)
{
	t->ok_in_window += (uint64_t)(good && tally_measured(t, now_ns));
	if (!tally_measured(t, due_ns))
		return;
	if (!good) {
		t->bad++;
		return;
	}
	t->ok++;
	t->last_ok_ns = now_ns;
	ipb_hist_record(&t->response, now_ns - due_ns);
	ipb_hist_record(&t->service, now_ns - sent_ns);
	if (t->kept < t->room)
		t->service_ns[t->kept++] = now_ns - sent_ns;
}

static double rate(const struct tally *t, uint64_t count)
{
	return t->window_end_ns > t->window_start_ns ? (double)count * 1e9 / (double)(t->window_end_ns - t->window_start_ns) : 0;
}

double tally_sent_rate(const struct tally *t) { return rate(t, t->sent_in_window); }

double tally_reply_rate(const struct tally *t) { return rate(t, t->ok_in_window); }

uint64_t tally_run_ns(const struct tally *t)
{
	uint64_t end_ns = t->last_ok_ns > t->window_start_ns ? t->last_ok_ns : t->window_end_ns;

	return end_ns > t->window_start_ns ? end_ns - t->window_start_ns : 0;
}
