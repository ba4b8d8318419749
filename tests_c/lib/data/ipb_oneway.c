/* Delays from one clock to another; see ipb_oneway.h.  SPDX-License-Identifier: MIT */
#include "ipb_oneway.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int ipb_oneway_init(struct ipb_oneway *o)
{
	memset(o, 0, sizeof *o);
	if (ipb_hist_init(&o->above) == 0 && ipb_hist_init(&o->below) == 0)
		return 0;
	ipb_oneway_free(o);
	return -1;
}

void ipb_oneway_free(struct ipb_oneway *o)
{
	ipb_hist_free(&o->above);
	ipb_hist_free(&o->below);
}

/* Distances from the base, signed. */
static int64_t least(const struct ipb_oneway *o)
{
	return o->below.count > 0 ? -(int64_t)o->below.max_ns : o->above.count > 0 ? (int64_t)o->above.min_ns : 0;
}

static int64_t greatest(const struct ipb_oneway *o)
{
	return o->above.count > 0 ? (int64_t)o->above.max_ns : o->below.count > 0 ? -(int64_t)o->below.min_ns : 0;
}

int64_t ipb_oneway_min(const struct ipb_oneway *o) { return ipb_oneway_count(o) > 0 ? o->base_ns + least(o) : 0; }

int64_t ipb_oneway_max(const struct ipb_oneway *o) { return ipb_oneway_count(o) > 0 ? o->base_ns + greatest(o) : 0; }

/* Records a histogram's values, their sign and a distance changed; one of them, if it has it, as the least and one as the
 * greatest, which are known exactly. */
static void move(const struct ipb_oneway *o, const struct ipb_hist *from, int sign, struct ipb_hist *to)
{
	const int64_t low = least(o), high = greatest(o);

	for (uint32_t i = 0; from->count > 0 && i < IPB_HIST_LENGTH; i++) {
		uint64_t n = from->counts[i];
		if (n == 0)
			continue;
		const int64_t middle = sign * (int64_t)(ipb_hist_bucket_value(i) + (ipb_hist_bucket_width(i) - 1) / 2);
		const int64_t held = middle < low ? low : middle > high ? high : middle;
		if (low * sign >= 0 && ipb_hist_index((uint64_t)(low * sign)) == i && to->min_ns != 0) {
			ipb_hist_record_n(to, 0, 1);
			n--;
		}
		if (n > 0 && high * sign >= 0 && ipb_hist_index((uint64_t)(high * sign)) == i && to->max_ns != (uint64_t)(high - low)) {
			ipb_hist_record_n(to, (uint64_t)(high - low), 1);
			n--;
		}
		if (n > 0)
			ipb_hist_record_n(to, (uint64_t)(held - low), n);
	}
}

static double mean_of(const struct ipb_oneway *o)
{
	const double n = (double)ipb_oneway_count(o);

	return n > 0 ? ((double)o->above.sum - (double)o->below.sum) / n : 0;
}

static double stddev_of(const struct ipb_oneway *o)
{
	const double n = (double)ipb_oneway_count(o), mean = mean_of(o);
	const double square = n > 0 ? ((double)o->above.sum_squares + (double)o->below.sum_squares) / n - mean * mean : 0;

	return square > 0 ? sqrt(square) : 0;
}

void ipb_oneway_variation(const struct ipb_oneway *o, struct ipb_hist *h)
{
	const int64_t from = least(o), to = greatest(o);

	ipb_hist_reset(h);
	move(o, &o->above, 1, h);
	move(o, &o->below, -1, h);
	if (h->count > 0)
		(void)ipb_hist_restore(h, 0, (uint64_t)(to - from), mean_of(o) - (double)from, stddev_of(o));
}

static void encoded(struct ipb_json *j, const char *key, const struct ipb_hist *h)
{
	uint8_t *bytes = h->count > 0 ? malloc(IPB_HIST_ENCODED_MAX) : NULL;
	const size_t size = bytes != NULL ? ipb_hist_encode(h, bytes, IPB_HIST_ENCODED_MAX) : 0;

	if (h->count > 0 && size == 0)
		j->failed = 1;
	if (size > 0)
		ipb_json_base64(j, key, bytes, size);
	else
		ipb_json_null(j, key);
	free(bytes);
}

void ipb_oneway_json(const struct ipb_oneway *o, struct ipb_json *j, const char *key)
{
	if (ipb_oneway_count(o) == 0) {
		ipb_json_null(j, key);
		return;
	}
	ipb_json_object(j, key);
	ipb_json_uint(j, "count", ipb_oneway_count(o));
	ipb_json_format(j, "base_ns", "%" PRId64, o->base_ns);
	ipb_json_int(j, "min_ns", least(o));
	ipb_json_int(j, "max_ns", greatest(o));
	ipb_json_number(j, "mean_ns", mean_of(o));
	ipb_json_number(j, "stddev_ns", stddev_of(o));
	encoded(j, "above", &o->above);
	encoded(j, "below", &o->below);
	ipb_json_end_object(j);
}
