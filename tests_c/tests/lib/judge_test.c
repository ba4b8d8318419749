/* link: latency.a */
/* The verdict from made-up runs: what is a reason, and what is chance.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../latency/latency.h"
#include "ipb_engine_private.h"

#define SECOND 1000000000ull

static struct ipb_sizes sizes_of(const char *text)
{
	struct ipb_sizes s;
	struct ipb_error err = { 0 };

	assert_int_equal(ipb_sizes_parse(&s, text, 8, 65507, 0, &err), 0);
	return s;
}

/* A run without fault: pps packets a second for so many seconds, all sent, all answered. */
static struct ipb_engine *flawless(const char *sizes, double pps, uint64_t seconds)
{
	struct ipb_engine *e = calloc(1, sizeof *e);

	assert_non_null(e);
	assert_int_equal(ipb_hist_init(&e->lateness), 0);
	e->config.sizes = sizes_of(sizes);
	e->config.rate_bps = pps * 8 * e->config.sizes.mean;
	e->config.burst = 1;
	e->config.limits = (struct ipb_limits){ .lateness_p99_suspect_ns = 1000000, .lateness_p99_invalid_ns = 100000000,
	                                        .rate_suspect = 0.01, .rate_invalid = 0.05, .gap_suspect = 0.01,
	                                        .gap_invalid = 0.3, .gap_longest_suspect_ns = 50000000, .drop_invalid = 0.001,
	                                        .steal_suspect = 0.01, .frequency_suspect = 0.05, .clock_step_ns = 5000000 };
	e->config.proto = IPB_UDP;
	e->start_ns = SECOND;
	e->measure_ns = 2 * SECOND;
	e->end_ns = e->measure_ns + seconds * SECOND;
	e->window_sent_bytes = pps * (double)seconds * e->config.sizes.mean;
	e->sent_in_window = (uint64_t)(pps * (double)seconds);
	e->track.counts.sent = e->track.counts.ok = e->sent_in_window;
	return e;
}

/* The codes of all reasons, separated by spaces; "" for VALID. Closes the run. */
static const char *codes_of(struct ipb_engine *e)
{
	static char codes[400];

	codes[0] = '\0';
	ipb_engine_judge(e);
	for (uint32_t i = 0; i < e->reason_count; i++) {
		strcat(codes, i > 0 ? " " : "");
		strcat(codes, e->reasons[i].code);
	}
	ipb_hist_free(&e->lateness);
	free(e);
	return codes;
}

static void a_flawless_run_is_valid(void **state)
{
	(void)state;
	assert_string_equal(codes_of(flawless("64", 10000, 10)), "");
}

static void the_slack_is_three_standard_deviations(void **state)
{
	struct ipb_engine_config c = { .sizes = sizes_of("64"), .burst = 1, .rate_bps = 512e3 };

	(void)state;
	assert_true(fabs(ipb_engine_rate_slack(&c, 10) - 1e-4) < 1e-12);
	c.arrival = IPB_ARRIVAL_POISSON;
	assert_true(fabs(ipb_engine_rate_slack(&c, 10) - 0.03 - 1e-4) < 1e-12);
	assert_true(fabs(ipb_engine_rate_slack(&c, 1000) - 0.003 - 1e-6) < 1e-12);
	c.sizes = sizes_of("100,300"); /* mean 200, standard deviation 100 */
	c.rate_bps = 1600e3;
	assert_true(fabs(ipb_engine_rate_slack(&c, 10) - 3 * sqrt(1.25 / 1e4) - 1e-4) < 1e-12);
	c.arrival = IPB_ARRIVAL_BURST;
	c.burst = 50;
	assert_true(fabs(ipb_engine_rate_slack(&c, 10) - 3 * sqrt(0.25 / 1e4) - 50e-4) < 1e-12);
}

/* Bytes that the real schedule makes due in a second, as a share of the rate that is missing. */
static double missing_of(enum ipb_arrival arrival, const struct ipb_sizes *sizes, double rate_bps, uint64_t seed)
{
	struct ipb_sched s;
	double bytes = 0;

	for (ipb_sched_init(&s, arrival, 1, rate_bps, sizes, seed, 0, 0); s.due_ns < SECOND; ipb_sched_next(&s))
		bytes += s.size;
	return 1 - bytes * 8 / rate_bps;
}

/* Schedules fall short of the rate by more than the slack as often as three standard deviations are exceeded (once in
 * 741), and by more than two thirds of it as two are (once in 44). */
static void schedules_keep_within_the_slack(void **state)
{
	static const struct {
		enum ipb_arrival arrival;
		const char *sizes;
	} models[] = { { IPB_ARRIVAL_POISSON, "64" }, { IPB_ARRIVAL_POISSON, "40:7,576:4,1500:1" },
	               { IPB_ARRIVAL_CONSTANT, "40:7,576:4,1500:1" } };
	enum { RUNS = 2000, PPS = 1000 };

	(void)state;
	for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
		struct ipb_engine_config c = { .sizes = sizes_of(models[k].sizes), .arrival = models[k].arrival, .burst = 1 };
		c.rate_bps = PPS * 8 * c.sizes.mean;
		double slack = ipb_engine_rate_slack(&c, 1);
		int beyond = 0, beyond_two = 0;
		for (uint64_t seed = 1; seed <= RUNS; seed++) {
			double missing = missing_of(c.arrival, &c.sizes, c.rate_bps, seed);
			beyond += missing > slack;
			beyond_two += missing > slack * 2 / 3;
		}
		print_message("# %s: %d beyond three, %d beyond two of %d\n", models[k].sizes, beyond, beyond_two, RUNS);
		assert_in_range(beyond, 0, 8);
		assert_in_range(beyond_two, 20, 75);
	}
}

static void chance_is_no_reason_and_slowness_is(void **state)
{
	(void)state;
	for (int random = 0; random <= 1; random++) {
		struct ipb_engine *e = flawless("64", 10000, 10); /* three standard deviations are 0.95 % */
		e->config.arrival = random ? IPB_ARRIVAL_POISSON : IPB_ARRIVAL_CONSTANT;
		e->window_sent_bytes *= 0.985;
		assert_string_equal(codes_of(e), random ? "" : "rate-not-reached");
	}
	struct ipb_engine *e = flawless("64", 10000, 10);
	e->config.arrival = IPB_ARRIVAL_POISSON;
	e->window_sent_bytes *= 0.975;
	assert_string_equal(codes_of(e), "rate-not-reached");
	e = flawless("64", 150, 1); /* one of one and a half bursts: the phase ended before the second */
	e->config.arrival = IPB_ARRIVAL_BURST;
	e->config.burst = 100;
	e->window_sent_bytes = 6400;
	assert_string_equal(codes_of(e), "");
}

/* More than was asked for is as wrong as less, and has a share below 0; an odd packet or a burst at an end is neither. */
static void too_much_is_a_reason_as_too_little_is(void **state)
{
	static const struct {
		double sent;
		const char *codes;
		int invalid;
	} cases[] = { { 1.005, "", 0 }, { 1.02, "rate-exceeded", 0 }, { 1.1, "rate-exceeded", 1 }, { 0.9, "rate-not-reached", 1 } };

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ipb_engine *e = flawless("64", 10000, 10);
		e->window_sent_bytes *= cases[k].sent;
		ipb_engine_judge(e);
		assert_true(fabs(e->missing - (1 - cases[k].sent)) < 1e-9);
		assert_true(*cases[k].codes == '\0' || e->reasons[0].invalid == cases[k].invalid);
		e->reason_count = 0;
		assert_string_equal(codes_of(e), cases[k].codes);
	}
}

/* A target that takes nothing for 7 of 10 s: what was held up may leave in the rest, or never, and is not missing. */
static void what_a_target_holds_up_is_not_missing(void **state)
{
	static const struct {
		double sent, missing;
	} cases[] = { { 1, 0 }, { 0.96, 0 }, { 0.3, 0 }, { 0.27, 0.1 }, { 1.2, -0.2 } };

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ipb_engine *e = flawless("64", 10000, 10);
		e->config.proto = IPB_TCP;
		e->blocked_ns = 7 * SECOND;
		e->window_sent_bytes *= cases[k].sent;
		ipb_engine_judge(e);
		assert_true(fabs(e->missing - cases[k].missing) < 1e-9);
		codes_of(e);
	}
}

/* A UDP sender that its own link holds up: neither its processor nor the rate is blamed. What waits in its queue at the
 * end was not carried. */
static void a_full_link_is_told_as_such(void **state)
{
	static const struct {
		uint64_t late_ns, unaccepted, queued_start, queued_end;
		double sent;
		const char *codes;
		int invalid;
	} cases[] = {
		{ 500000, 0, 0, 0, 1, "", 0 },
		{ 45000000, 0, 0, 0, 0.96, "link-full", 0 },
		{ 45000000, 0, 0, 0, 0.9, "link-full", 1 },
		{ 500000000, 0, 0, 0, 0.99, "link-full", 1 },
		{ 45000000, 1, 0, 0, 1, "link-full", 1 },
		{ 0, 0, 0, 200, 1, "", 0 },               /* of 100,000 packets */
		{ 0, 0, 700, 900, 1, "", 0 },
		{ 0, 0, 0, 300, 1, "link-full", 0 },
		{ 0, 0, 0, 6000, 1, "link-full", 1 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
		for (int raw = 0; raw <= 1; raw++) {
			struct ipb_engine *e = flawless("64", 10000, 10);
			e->config.proto = raw ? IPB_RAW : IPB_UDP;
			assert_int_equal(ipb_hist_init(&e->excused), 0);
			for (uint64_t i = 0; cases[k].late_ns > 0 && i < e->sent_in_window; i++) {
				ipb_hist_record(&e->lateness, cases[k].late_ns);
				ipb_hist_record(&e->excused, cases[k].late_ns);
			}
			e->blocked_ns = cases[k].late_ns > 0 ? 5 * SECOND : 0;
			e->unaccepted = cases[k].unaccepted;
			e->queued_start = cases[k].queued_start;
			e->queued_end = cases[k].queued_end;
			e->window_sent_bytes *= cases[k].sent;
			ipb_engine_judge(e);
			assert_int_equal(e->reason_count, *cases[k].codes != '\0');
			if (e->reason_count > 0) {
				assert_string_equal(e->reasons[0].code, cases[k].codes);
				assert_int_equal(e->reasons[0].invalid, cases[k].invalid);
			}
			ipb_hist_free(&e->excused);
			ipb_hist_free(&e->lateness);
			free(e);
		}
}

static void drops_on_the_way_out_are_a_reason(void **state)
{
	(void)state;
	for (int raw = 0; raw <= 1; raw++) {
		struct ipb_engine *e = flawless("64", 10000, 10);
		e->config.proto = raw ? IPB_RAW : IPB_UDP;
		e->after.udp_sndbuf_errors = e->after.link_drops = 30; /* but the sender got an error, and sent again */
		e->busy = e->turned_away = 30;
		e->track.counts.lost = 10;
		assert_string_equal(codes_of(e), "");
		e = flawless("64", 10000, 10);
		e->config.proto = raw ? IPB_RAW : IPB_UDP;
		e->after.link_drops = 30;
		assert_string_equal(codes_of(e), ""); /* another's: nothing of ours was lost */
		e = flawless("64", 10000, 10);
		e->config.proto = raw ? IPB_RAW : IPB_UDP;
		e->after.link_drops = 30;
		e->track.counts.lost = 10;
		assert_string_equal(codes_of(e), "send-drops");
	}
	struct ipb_engine *e = flawless("64", 10000, 10);
	e->before.udp_sndbuf_errors = 5;
	e->after.udp_sndbuf_errors = 6;
	e->track.counts.lost = 1;
	assert_string_equal(codes_of(e), "send-drops");
}

static void only_a_running_processor_has_a_clock(void **state)
{
	static const struct {
		uint64_t at_ns, before_khz, after_khz;
		int cpu;
		const char *codes;
	} cases[] = {
		{ 2 * SECOND - 50000000, 2000000, 2300000, 1, "cpu-frequency" },
		{ 2 * SECOND - 50000000, 2300000, 2000000, 1, "cpu-frequency" },
		{ 2 * SECOND - 50000000, 2000000, 2050000, 1, "" },
		{ 2 * SECOND - 50000000, 2000000, 2300000, 0, "" }, /* another processor */
		{ 2 * SECOND - 50000000, 0, 2300000, 1, "" },       /* the system did not report it */
		{ SECOND / 2, 800000, 3000000, 1, "" },             /* set-up's reading: the thread had just woken */
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ipb_engine *e = flawless("64", 10000, 10);
		e->before = (struct ipb_sysmon){ .at_ns = cases[k].at_ns, .cpu = cases[k].cpu, .frequency_khz = cases[k].before_khz };
		e->after = (struct ipb_sysmon){ .at_ns = e->end_ns, .cpu = 1, .frequency_khz = cases[k].after_khz };
		assert_string_equal(codes_of(e), cases[k].codes);
	}
}

static void drift_is_judged_by_the_length_of_the_run(void **state)
{
	static const struct {
		uint64_t seconds;
		int64_t error_ns;
		const char *codes;
	} cases[] = {
		{ 10, 4000000, "" },
		{ 10, 7000000, "clock-drift" },
		{ 10, -7000000, "clock-drift" },
		{ 7200, 18000000, "" },           /* 2.5 ppm */
		{ 7200, 720000000, "clock-drift" }, /* 100 ppm */
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ipb_engine *e = flawless("64", 1000, cases[k].seconds);
		e->after.at_ns = e->end_ns;
		e->clock_error_ns = cases[k].error_ns;
		assert_string_equal(codes_of(e), cases[k].codes);
	}
}

/* A machine whose processors other virtual machines use: late sends, standstills, stolen time. */
static struct ipb_engine *crowded(const char *arguments)
{
	struct ipb_engine *e = flawless("64", 10000, 10);
	struct ipb_args args;
	struct ipb_error err = { 0 };

	if (ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, arguments, 0, &err) < 0)
		fail_msg("\"%s\": %s", arguments, ipb_error_text(&err));
	ipb_limits_configure(&e->config.limits, &args);
	ipb_args_free(&args);
	for (int i = 0; i < 1000; i++)
		ipb_hist_record(&e->lateness, i < 970 ? 5000 : 12000000);
	e->window_sent_bytes *= 0.97;
	e->gaps.count = 400;
	e->gaps.sum_ns = SECOND * 8 / 10;
	e->gaps.longest_ns = 180000000;
	e->after.all_ticks = 1000;
	e->after.steal_ticks = 120;
	return e;
}

static void limits_have_names(void **state)
{
	struct ipb_engine *e;

	(void)state;
	const char *all = "send-lateness rate-not-reached scheduling-gaps steal";
	assert_string_equal(codes_of(crowded("")), all);
	assert_string_equal(codes_of(crowded("limits=lab")), all);
	assert_string_equal(codes_of(crowded("limits=paper")), all);
	assert_string_equal(codes_of(crowded("limit_lateness=20ms,limit_lateness_invalid=1s,limit_rate=5%,limit_rate_invalid=20%,"
	                                     "limit_gap=2ms,limit_gaps=20%,limit_gaps_invalid=60%,limit_longest_gap=500ms,"
	                                     "limit_steal=25%")), "");
	assert_string_equal(codes_of(crowded("limits=shared")), "");
	/* One that is given by itself wins, wherever it stands, and also when it says what the lab's says. */
	assert_string_equal(codes_of(crowded("limit_steal=1%,limits=shared")), "steal");
	assert_string_equal(codes_of(crowded("limits=paper,limit_lateness=20ms,limit_longest_gap=1s,limit_gaps=50%")),
	                    "rate-not-reached steal");
	e = crowded("limits=paper");
	assert_string_equal(e->config.limits.preset, "paper");
	assert_true(e->config.limits.lateness_p99_suspect_ns == 100000 && e->config.limits.rate_invalid == 0.01);
	codes_of(e);
	/* Each set is at least as strict as the next one. */
	struct ipb_engine *sets[] = { crowded("limits=paper"), crowded("limits=lab"), crowded("limits=shared") };
	for (int i = 0; i < 2; i++) {
		const struct ipb_limits *a = &sets[i]->config.limits, *b = &sets[i + 1]->config.limits;
		assert_true(a->lateness_p99_suspect_ns <= b->lateness_p99_suspect_ns && a->lateness_p99_invalid_ns <= b->lateness_p99_invalid_ns);
		assert_true(a->rate_suspect <= b->rate_suspect && a->rate_invalid <= b->rate_invalid && a->gap_ns <= b->gap_ns);
		assert_true(a->gap_suspect <= b->gap_suspect && a->gap_invalid <= b->gap_invalid);
		assert_true(a->gap_longest_suspect_ns <= b->gap_longest_suspect_ns && a->drop_invalid <= b->drop_invalid);
		assert_true(a->steal_suspect <= b->steal_suspect && a->frequency_suspect <= b->frequency_suspect);
		assert_true(a->clock_step_ns <= b->clock_step_ns);
	}
	for (int i = 0; i < 3; i++)
		codes_of(sets[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flawless_run_is_valid),
		cmocka_unit_test(the_slack_is_three_standard_deviations),
		cmocka_unit_test(schedules_keep_within_the_slack),
		cmocka_unit_test(chance_is_no_reason_and_slowness_is),
		cmocka_unit_test(too_much_is_a_reason_as_too_little_is),
		cmocka_unit_test(what_a_target_holds_up_is_not_missing),
		cmocka_unit_test(a_full_link_is_told_as_such),
		cmocka_unit_test(drops_on_the_way_out_are_a_reason),
		cmocka_unit_test(only_a_running_processor_has_a_clock),
		cmocka_unit_test(limits_have_names),
		cmocka_unit_test(drift_is_judged_by_the_length_of_the_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
