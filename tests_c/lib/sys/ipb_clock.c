/* A calibrated clock; see ipb_clock.h.  SPDX-License-Identifier: MIT */
#include "ipb_clock.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <fcntl.h>
#include <unistd.h>
#endif

#define REFINE_SHARE 2000u /* of the rate: 500 ppm, what NTP changes at most and more than 40 ms of calibration miss */
#define TRIES 16 /* readings for one pair; the narrowest counts */

#if defined(__x86_64__)
#define COUNTER "tsc"
#define NOT_INVARIANT "this processor's time stamp counter is not known to be invariant"

static int is_invariant(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & 1u << 8) != 0;
}
#elif defined(__aarch64__)
#define COUNTER "cntvct"
#define NOT_INVARIANT "the system does not keep its time by this processor's counter (clocksource arch_sys_counter)"

/* Its rate is fixed by definition; that it can be relied on, and read here, is for the kernel to know, which has a list of
 * processors that read it wrongly and takes another clock, or reads in their place. */
static int is_invariant(void)
{
	static const char wanted[] = "arch_sys_counter";
	char name[sizeof wanted] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t n = read(fd, name, sizeof name - 1);
	close(fd);
	return n == sizeof name - 1 && memcmp(name, wanted, sizeof name - 1) == 0;
}
#else
#define NOT_INVARIANT "this processor's counter of time is not known here"
#endif

#if defined(IPB_CLOCK_HAS_COUNTER)

static uint64_t rate_of(uint64_t ticks, uint64_t ns) { return (uint64_t)(((unsigned __int128)ns << 32) / ticks); }

/* One simultaneous reading of both clocks; returns half the width of the bracket in ticks. */
static uint64_t pair(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = ipb_clock_counter();
		uint64_t now = ipb_now_ns();
		uint64_t after = ipb_clock_counter();
		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = now;
		}
	}
	return best / 2;
}
#endif

static void fall_back(struct ipb_clock *c, const char *why)
{
	memset(c, 0, sizeof *c);
	c->source = "clock_monotonic";
	c->why = why;
}

void ipb_clock_init(struct ipb_clock *c, int want_tsc)
{
	fall_back(c, want_tsc ? NOT_INVARIANT : "asked for");
#if defined(IPB_CLOCK_HAS_COUNTER)
	uint64_t tsc0, ns0, tsc1, ns1;

	if (!want_tsc || !is_invariant())
		return;
	pair(&tsc0, &ns0);
	struct timespec pause = { 0, (long)IPB_CLOCK_CALIBRATION_NS };
	nanosleep(&pause, NULL);
	uint64_t ticks = pair(&tsc1, &ns1);
	if (tsc1 <= tsc0 || ns1 <= ns0) {
		fall_back(c, "the processor's counter did not advance with CLOCK_MONOTONIC");
		return;
	}
	c->first_tsc = tsc0;
	c->first_ns = ns0;
	c->mult = rate_of(tsc1 - tsc0, ns1 - ns0);
	c->base_tsc = tsc1;
	c->base_ns = ns1;
	c->spread_ns = (ticks * c->mult) >> 32;
	c->tsc = 1;
	c->source = COUNTER;
	c->why = "invariant, calibrated against CLOCK_MONOTONIC in this process";
#endif
}

void ipb_clock_anchor(struct ipb_clock *c)
{
#if defined(IPB_CLOCK_HAS_COUNTER)
	if (c->tsc)
		pair(&c->base_tsc, &c->base_ns);
#else
	(void)c;
#endif
}

void ipb_clock_refine(struct ipb_clock *c)
{
#if defined(IPB_CLOCK_HAS_COUNTER)
	uint64_t tsc, ns;

	if (!c->tsc)
		return;
	pair(&tsc, &ns);
	if (tsc <= c->first_tsc || ns <= c->first_ns)
		return;
	uint64_t mult = rate_of(tsc - c->first_tsc, ns - c->first_ns), old = c->mult;
	uint64_t change = mult > old ? mult - old : old - mult;
	/* More than that is no better calibration: one of the clocks stood still meanwhile (a machine that was suspended). */
	if (change > old / REFINE_SHARE)
		return;
	c->base_ns += (uint64_t)(((unsigned __int128)(tsc - c->base_tsc) * old) >> 32);
	c->base_tsc = tsc;
	c->mult = mult;
#else
	(void)c;
#endif
}

int64_t ipb_clock_error_ns(const struct ipb_clock *c)
{
	uint64_t best = UINT64_MAX;
	int64_t error = 0;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = ipb_clock_now(c);
		uint64_t now = ipb_now_ns();
		uint64_t after = ipb_clock_now(c);
		if (after - before < best) {
			best = after - before;
			error = (int64_t)(before + best / 2) - (int64_t)now;
		}
	}
	return error;
}

int64_t ipb_clock_realtime_offset_ns(const struct ipb_clock *c, uint64_t *spread_ns)
{
	uint64_t best = UINT64_MAX;
	int64_t offset = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t before = ipb_clock_now(c);
		uint64_t now = ipb_clock_gettime_ns(CLOCK_REALTIME);
		uint64_t after = ipb_clock_now(c);
		if (after - before < best) {
			best = after - before;
			offset = (int64_t)now - (int64_t)(before + best / 2);
		}
	}
	if (spread_ns != NULL)
		*spread_ns = best / 2 + 1;
	return offset;
}
