/* What was wrong with which thread, in sentences about all of them; see ipb_threads.h.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "ipb_engine.h"
#include "ipb_threads.h"

#define NAME_MAX_BYTES 48

void ipb_threads_failure(const struct ipb_threads *t, uint32_t thread, const char *why, char *to, size_t size)
{
	char name[NAME_MAX_BYTES], text[sizeof ((struct ipb_reason *)0)->text];

	ipb_threads_name(t, thread, name, sizeof name);
	snprintf(text, sizeof text, "%s", why);
	snprintf(to, size, "%s: %.*s", name, (int)(size - NAME_MAX_BYTES - 3), text);
}

const struct ipb_reason *ipb_threads_reason(const struct ipb_threads *t, const struct ipb_thread_reasons *own, const char *code,
                                            int is_limit, char *text, size_t size)
{
	const struct ipb_reason *worst = NULL;
	uint32_t whose = 0, how_many = 0, limited = 0;
	char name[NAME_MAX_BYTES];

	for (uint32_t i = 0; i < t->count; i++)
		for (uint32_t k = 0; k < own[i].count; k++) {
			const struct ipb_reason *one = &own[i].list[k];
			if (strcmp(one->code, code) != 0)
				continue;
			how_many++;
			limited += (uint32_t)own[i].at_limit;
			if (worst == NULL || one->invalid > worst->invalid) {
				worst = one;
				whose = i;
			}
		}
	if (worst == NULL)
		return NULL;
	ipb_threads_name(t, whose, name, sizeof name);
	const int limit = is_limit && limited == how_many;
	if (how_many == 1)
		snprintf(text, size, "%s%s: %s", name, limit ? " was at its limit" : "", worst->text);
	else
		snprintf(text, size, "%u of %u threads%s; %s: %s", how_many, t->count, limit ? " were at their limit" : "", name,
		         worst->text);
	return worst;
}
