/* link: sink/flows.o */
/* What sink counts: losses, duplicates, order, many senders, rubbish.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../sink/flows.h"
#include "ipb_bytes.h"

static struct flows flows;
static struct flow_totals totals;

static void packet_of(uint64_t run, uint64_t sequence, uint64_t measured, enum discard_phase phase, uint32_t flow)
{
	uint8_t data[DISCARD_HEADER];

	ipb_put_be(data, sequence, 8);
	ipb_put_be(data + 8, DISCARD_MAGIC, 4);
	ipb_put_be(data + 12, flow, 4);
	ipb_put_be(data + 16, run, 8);
	ipb_put_be(data + 24, measured, 8);
	data[32] = (uint8_t)phase;
	flows_count(&flows, data, sizeof data, 100, 7, sequence * 1000);
}

static void packet(uint64_t sequence, uint64_t measured, enum discard_phase phase, uint32_t flow)
{
	packet_of(99, sequence, measured, phase, flow);
}

static int fresh(void **state)
{
	(void)state;
	flows_free(&flows);
	return 0;
}

static void all_arrive(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		packet(i, i < 2 ? 0 : i - 2, i < 2 ? DISCARD_WARMUP : DISCARD_MEASURE, 1);
	packet(10, 8, DISCARD_END, 1);
	flows_totals(&flows, &totals);
	assert_int_equal(totals.measured_sent, 8);
	assert_int_equal(totals.measured, 8);
	assert_int_equal(totals.missing, 0);
	assert_true(totals.loss == 0);
	assert_int_equal(flows.packets, 11);
	assert_int_equal(flows.bytes, 1100);
	/* 7 intervals of 1000 ns carry 7 packets of 100 bytes. */
	assert_true(totals.received_bps > 799999999 && totals.received_bps < 800000001);
}

/* Of a thousand packets the last 400, or the first, are lost: what arrives is 600 packets in the time of a thousand. */
static void the_rate_is_of_the_whole_phase(void **state)
{
	for (uint64_t lost_from = 0; lost_from <= 600; lost_from += 600) {
		fresh(state);
		for (uint64_t i = 0; i < 1000; i++)
			if (i < lost_from || i >= lost_from + 400)
				packet(i, i, DISCARD_MEASURE, 1);
		packet(1000, 1000, DISCARD_END, 1);
		flows_totals(&flows, &totals);
		assert_true(fabs(totals.loss - 0.4) < 1e-12);
		assert_true(fabs(totals.received_bps / (600 * 100 * 8 / 1e-3) - 1) < 1e-9);
	}
}

/* Of many senders one packet each: together they have a rate. */
static void senders_of_one_packet_have_a_rate(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 11; i++)
		packet(i, 0, DISCARD_MEASURE, (uint32_t)i);
	flows_totals(&flows, &totals);
	assert_true(fabs(totals.received_bps / 800e6 - 1) < 1e-9);
}

/* What two threads counted is what one would have counted: each sender is one thread's. */
static void threads_add_up(void **state)
{
	static struct flows one, other;
	const struct flows *const both[] = { &one, &other };
	struct flow_totals alone;

	(void)state;
	for (int thread = 0; thread < 2; thread++) {
		memset(&flows, 0, sizeof flows);
		for (uint64_t i = 0; i < 10; i++)
			if (i != 4 + (uint64_t)thread) /* one is lost of each */
				packet(i * 2 + (uint64_t)thread, i * 2, DISCARD_MEASURE, (uint32_t)thread);
		*(thread == 0 ? &one : &other) = flows;
		(thread == 0 ? &one : &other)->last = NULL;
	}
	memset(&flows, 0, sizeof flows);
	for (uint64_t i = 0; i < 10; i++)
		for (uint32_t thread = 0; thread < 2; thread++)
			if (i != 4 + thread)
				packet(i * 2 + thread, i * 2, DISCARD_MEASURE, thread);
	flows_totals(&flows, &alone);
	flows_totals_of(both, 2, &totals);
	assert_int_equal(totals.measured, alone.measured);
	assert_int_equal(totals.measured, 18);
	assert_int_equal(totals.measured_sent, alone.measured_sent);
	assert_int_equal(totals.missing, alone.missing);
	assert_true(totals.loss == alone.loss && totals.received_bps == alone.received_bps);
	flows_free(&one);
	flows_free(&other);
}

/* The last four of ten measured packets are lost; the closing packet reports it. */
static void a_lost_tail_is_seen(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		packet(i, i, DISCARD_MEASURE, 1);
	packet(10, 10, DISCARD_END, 1);
	flows_totals(&flows, &totals);
	assert_int_equal(totals.measured_sent, 10);
	assert_int_equal(totals.measured, 6);
	assert_int_equal(totals.missing, 4);
	assert_true(totals.loss > 0.3999 && totals.loss < 0.4001);
}

/* Strangers say that they have sent any number, and are more than there is room for, before and while the own run's senders come. */
static void strangers_change_nothing(void **state)
{
	struct flow_totals alone;

	for (int with = 0; with <= 1; with++) {
		fresh(state);
		flows.own = 99;
		for (uint32_t i = 0; with && i < FLOWS_MAX + 10; i++)
			packet_of(1000 + i, i, UINT64_MAX / 4, DISCARD_MEASURE, i);
		flows_totals(&flows, &totals);
		assert_int_equal(totals.measured > 0, with); /* as long as nobody else is there */
		assert_int_equal(totals.untold, with ? FLOWS_MAX + 10 - FLOWS_FOREIGN_MAX : 0);
		assert_int_equal(totals.foreign, 0);
		for (uint64_t i = 0; i < 20; i++) {
			if (i != 7)
				packet(i, i, DISCARD_MEASURE, i % 2);
			if (with)
				packet_of(7, i * 1000, i, DISCARD_MEASURE, i % 2);
		}
		packet(20, 20, DISCARD_END, 0);
		flows_totals(&flows, with ? &totals : &alone);
	}
	assert_int_equal(totals.foreign, FLOWS_MAX + 10 + 20);
	assert_int_equal(totals.senders, 2);
	assert_int_equal(totals.measured, 19);
	assert_int_equal(totals.untold, 0);
	totals.foreign = 0;
	assert_memory_equal(&totals, &alone, sizeof totals);
}

static void order_and_duplicates(void **state)
{
	static const uint64_t order[] = { 0, 2, 1, 2, 5, 5, 3, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		packet(order[i], order[i], DISCARD_MEASURE, 1);
	flows_totals(&flows, &totals);
	assert_int_equal(totals.duplicate, 3); /* 2, 5 and 0 again */
	assert_int_equal(totals.reordered, 2); /* 1 and 3 */
	assert_int_equal(totals.missing, 1);   /* 4 */
	assert_int_equal(totals.measured, 5);
}

static void far_jumps(void **state)
{
	(void)state;
	packet(0, 0, DISCARD_MEASURE, 1);
	packet(IPB_SEQUENCE_WINDOW * 3, 1, DISCARD_MEASURE, 1);
	packet(IPB_SEQUENCE_WINDOW * 3 - 1, 2, DISCARD_MEASURE, 1);
	packet(IPB_SEQUENCE_WINDOW * 3 - 1, 2, DISCARD_MEASURE, 1);
	packet(UINT64_MAX, 3, DISCARD_MEASURE, 1);
	packet(UINT64_MAX, UINT64_MAX, DISCARD_END, 1);
	flows_totals(&flows, &totals);
	assert_int_equal(totals.duplicate, 2);
	assert_int_equal(totals.reordered, 1);
	assert_true(totals.loss >= 0 && totals.loss <= 1);
}

/* Senders in turn, more than there is room for: the figures of the others are right, and theirs are not rubbish. */
static void many_senders(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		for (uint32_t flow = 0; flow < FLOWS_MAX + 5; flow++)
			packet(i == 2 ? 3 : i, i, DISCARD_MEASURE, flow);
	assert_int_equal(flows.count, FLOWS_MAX);
	assert_int_equal(flows.untold, 3 * 5);
	assert_int_equal(flows.unnumbered, 0);
	flows_totals(&flows, &totals);
	assert_int_equal(totals.measured, 3 * FLOWS_MAX);
	assert_int_equal(totals.measured_sent, 3 * FLOWS_MAX);
	assert_int_equal(totals.missing, FLOWS_MAX);
	assert_int_equal(totals.duplicate + totals.reordered, 0);
}

static void rubbish(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t data[64];
		for (size_t k = 0; k < sizeof data; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			data[k] = (uint8_t)(seed >> 56);
		}
		if (i % 2)
			ipb_put_be(data + 8, DISCARD_MAGIC, 4);
		size_t size = (size_t)i % sizeof data;
		uint8_t *exact = malloc(size + 1);
		memcpy(exact, data, size);
		flows_count(&flows, exact, size, size, seed, (uint64_t)i);
		free(exact);
	}
	flows_totals(&flows, &totals);
	assert_int_equal(flows.packets, 20000);
}

/* Nothing at all, or only packets that are not of the measured phase: no loss is known, least of all none. */
static void without_a_word_the_loss_is_not_known(void **state)
{
	(void)state;
	flows_totals(&flows, &totals);
	assert_true(isnan(totals.loss));
	packet(0, 0, DISCARD_WARMUP, 1);
	flows_totals(&flows, &totals);
	assert_true(isnan(totals.loss));
	packet(9, 8, DISCARD_END, 1);
	flows_totals(&flows, &totals);
	assert_true(totals.loss == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_arrive, fresh, fresh),
		cmocka_unit_test_setup_teardown(a_lost_tail_is_seen, fresh, fresh),
		cmocka_unit_test_setup_teardown(the_rate_is_of_the_whole_phase, fresh, fresh),
		cmocka_unit_test_setup_teardown(senders_of_one_packet_have_a_rate, fresh, fresh),
		cmocka_unit_test_setup_teardown(threads_add_up, fresh, fresh),
		cmocka_unit_test_setup_teardown(order_and_duplicates, fresh, fresh),
		cmocka_unit_test_setup_teardown(strangers_change_nothing, fresh, fresh),
		cmocka_unit_test_setup_teardown(far_jumps, fresh, fresh),
		cmocka_unit_test_setup_teardown(many_senders, fresh, fresh),
		cmocka_unit_test_setup_teardown(without_a_word_the_loss_is_not_known, fresh, fresh),
		cmocka_unit_test_setup_teardown(rubbish, fresh, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
