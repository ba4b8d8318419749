/* Whether the machine is quiet enough to judge times. A test that measures calls quiet_begin, and asserts times with
 * assert_timely: when others had the processors, the test is skipped with that figure instead of failing.
 * SPDX-License-Identifier: MIT */
#ifndef QUIET_H
#define QUIET_H

#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ipb_clock.h"

#define QUIET_LOOK_NS 100000000ull /* how long each processor reads the clock in a bare loop */
#define QUIET_GAP_NS 50000ull      /* from one reading to the next: the loop did not have its processor */
#define QUIET_AWAY 0.03            /* of the time; on a machine that is left alone it is next to nothing */
#define QUIET_CPUS 64

/* Ends what the test has begun, threads above all, before it is skipped; NULL: nothing. */
__attribute__((weak)) void (*quiet_cleanup)(void);
/* A test was skipped in its middle: what it had allocated is no leak. */
__attribute__((weak)) int quiet_skipped;
__attribute__((weak, visibility("default"))) int __lsan_is_turned_off(void); /* which LeakSanitizer asks at the end */
__attribute__((weak, visibility("default"))) int __lsan_is_turned_off(void) { return quiet_skipped; }

/* When quiet_begin was called, how long this thread had then been ready to run without a processor, and what others had used. */
static struct {
	uint64_t at_ns, delay_ns;
	int64_t others_ns;
} quiet_since;

static inline uint64_t quiet_run_delay_ns(void)
{
	unsigned long long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(f);
	return waited;
}

/* What programs other than this one and its children that are over, and the hypervisor, have had of all processors so far. What
 * interrupts had is left out: they work for this program, too. */
static inline int64_t quiet_others_ns(void)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	struct timespec own;
	struct rusage over;
	FILE *f = fopen("/proc/stat", "r");

	if (f == NULL)
		return 0;
	const int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal);
	fclose(f);
	if (n != 8 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) != 0 || getrusage(RUSAGE_CHILDREN, &over) != 0)
		return 0;
	return (int64_t)(user + nice + system + steal) * (1000000000 / sysconf(_SC_CLK_TCK)) - own.tv_sec * 1000000000 - own.tv_nsec -
	       (over.ru_utime.tv_sec + over.ru_stime.tv_sec) * 1000000000 - (over.ru_utime.tv_usec + over.ru_stime.tv_usec) * 1000;
}

static inline void *quiet_look(void *away_ns)
{
	const uint64_t start = ipb_now_ns();

	for (uint64_t last = start, now; last < start + QUIET_LOOK_NS; last = now) {
		now = ipb_now_ns();
		if (now - last > QUIET_GAP_NS)
			*(uint64_t *)away_ns += now - last;
	}
	return NULL;
}

/* The share of a moment's time that bare loops, one for each processor, did not run. */
static inline double quiet_away(void)
{
	static uint64_t away_ns[QUIET_CPUS];
	pthread_t threads[QUIET_CPUS];
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int n = 0;
	double share = 0;

	for (; n < (cpus < QUIET_CPUS ? cpus : QUIET_CPUS); n++) {
		away_ns[n] = 0;
		if (pthread_create(&threads[n], NULL, quiet_look, &away_ns[n]) != 0)
			break;
	}
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		share += (double)away_ns[i] / (double)QUIET_LOOK_NS / n;
	}
	return share;
}

static inline void quiet_skip(void)
{
	fflush(stdout);
	if (quiet_cleanup != NULL)
		quiet_cleanup();
	quiet_skipped = 1;
	skip();
}

/* Skips the test that calls it on a crowded machine. */
static inline void quiet_or_skip(void)
{
	const double away = quiet_away();

	if (away <= QUIET_AWAY)
		return;
	printf("# skipped: others had the processors for %.1f %% of a moment, %.0f %% is allowed\n", away * 100, QUIET_AWAY * 100);
	quiet_skip();
}

/* At the beginning of a test that runs beside others and asserts a time with much room: it is not skipped for them. */
static inline void quiet_note(void)
{
	quiet_since.at_ns = ipb_now_ns();
	quiet_since.delay_ns = quiet_run_delay_ns();
	quiet_since.others_ns = quiet_others_ns();
}

/* At the beginning of a test that measures times, and is marked as one to run alone. */
static inline void quiet_begin(void)
{
	quiet_or_skip();
	quiet_note();
}

/* A time was not as it should be: the machine's doing, or the program's. */
static inline void quiet_fail(const char *what, const char *file, int line)
{
	const double took_ns = (double)(ipb_now_ns() - quiet_since.at_ns);
	const double waited = (double)(quiet_run_delay_ns() - quiet_since.delay_ns) / took_ns;
	const double others = (double)(quiet_others_ns() - quiet_since.others_ns) / took_ns / (double)sysconf(_SC_NPROCESSORS_ONLN);

	if (quiet_since.at_ns != 0 && waited > QUIET_AWAY) {
		printf("# skipped: the test was kept from running for %.1f %% of its time, %.0f %% is allowed; then: %s\n",
		       waited * 100, QUIET_AWAY * 100, what);
		quiet_skip();
	}
	if (quiet_since.at_ns != 0 && others > QUIET_AWAY) {
		printf("# skipped: others had %.1f %% of all processors during the test, %.0f %% is allowed; then: %s\n", others * 100,
		       QUIET_AWAY * 100, what);
		quiet_skip();
	}
	quiet_or_skip();
	print_error("%s:%d: not in time: %s\n", file, line, what);
	_fail(file, line);
}

#define assert_timely(condition)                              \
	do {                                                  \
		if (!(condition))                             \
			quiet_fail(#condition, __FILE__, __LINE__); \
	} while (0)

#endif
