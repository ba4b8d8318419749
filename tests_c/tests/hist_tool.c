/*
 * Decodes a histogram (HdrHistogram V2, not compressed) from standard input and writes it, encoded again, on standard
 * output, so that another implementation can compare.  SPDX-License-Identifier: MIT
 *
 * On standard error: count, minimum, maximum, then p50 p90 p99 p99.9 p99.99, one a line. Exit status 1: not decodable.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ipb_hist.h"

int main(void)
{
	static const double percentiles[] = { 50, 90, 99, 99.9, 99.99 };
	uint8_t *bytes = malloc(IPB_HIST_ENCODED_MAX);
	struct ipb_hist h;

	if (bytes == NULL || ipb_hist_init(&h) < 0)
		return 1;
	size_t size = fread(bytes, 1, IPB_HIST_ENCODED_MAX, stdin);
	if (ipb_hist_decode(&h, bytes, size) < 0)
		return 1;
	fprintf(stderr, "%llu\n%llu\n%llu\n", (unsigned long long)h.count, (unsigned long long)h.min_ns,
	        (unsigned long long)h.max_ns);
	for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
		fprintf(stderr, "%llu\n", (unsigned long long)ipb_hist_percentile(&h, percentiles[i]));
	size = ipb_hist_encode(&h, bytes, IPB_HIST_ENCODED_MAX);
	int failed = size == 0 || fwrite(bytes, 1, size, stdout) != size;
	ipb_hist_free(&h);
	free(bytes);
	return failed;
}
