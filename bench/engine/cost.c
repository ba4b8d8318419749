/* What one sample costs: clock reads, histogram updates, packet headers; ns each, medians of many.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_clock.h"
#include "ipb_header.h"
#include "ipb_hist.h"
#include "ipb_rng.h"

#define ROUNDS 101
#define EACH 20000

static struct ipb_clock fast, slow;
static struct ipb_hist hist;
static uint64_t values[EACH], sink;
static uint8_t packet[2048], pattern[2048];
static struct ipb_header header;

static void read_fast(int i) { (void)i, sink += ipb_clock_now(&fast); }
static void read_slow(int i) { (void)i, sink += ipb_clock_now(&slow); }
static void record(int i) { ipb_hist_record(&hist, values[i]); }
static void read_and_record(int i) { ipb_hist_record(&hist, values[i] + (ipb_clock_now(&fast) & 7)); }
static void write_header(int i) { ipb_header_write(&header, packet, 64, (uint64_t)i, 0); }

static void check(int i)
{
	uint64_t number;

	(void)i;
	sink += (uint64_t)ipb_header_read(&header, packet, 64, 64, EACH, &number);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(void (*step)(int))
{
	double took[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		uint64_t start = ipb_now_ns();
		for (int i = 0; i < EACH; i++)
			step(i);
		took[r] = (double)(ipb_now_ns() - start) / EACH;
	}
	qsort(took, ROUNDS, sizeof *took, compare);
	return took[ROUNDS / 2];
}

int main(void)
{
	struct ipb_rng rng;

	ipb_clock_init(&fast, 1);
	ipb_clock_init(&slow, 0);
	if (ipb_hist_init(&hist) < 0)
		return 1;
	ipb_header_pattern(pattern, sizeof pattern);
	memcpy(packet, pattern, sizeof packet);
	ipb_header_init(&header, 1, 77, pattern, sizeof pattern);
	ipb_rng_seed(&rng, 1);
	for (int i = 0; i < EACH; i++)
		values[i] = 5000 + ipb_rng_below(&rng, 30000);
	printf("{\"clock\":\"%s\",\"clock_read\":%.1f,\"clock_gettime\":%.1f,\"record\":%.1f,\"read_and_record\":%.1f,", fast.source,
	       median(read_fast), median(read_slow), median(record), median(read_and_record));
	printf("\"write_header\":%.1f,", median(write_header));
	printf("\"check_reply\":%.1f,\"sink\":%d}\n", median(check), (int)(sink & 1));
	return 0;
}
