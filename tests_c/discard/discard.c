/*
 * discard: sends as fast as asked, and nothing comes back; `sink` counts what arrives. See README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "discard"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_plugin.h"
#include "ipb_rng.h"
#include "inject.h"
#include "ipb_clock.h"
#include "ipb_link.h"
#include "marshal.h"
#include "options.h"
#include "sender.h"

#define START_NS 2000000u /* from the threads' creation until they begin, */
#define START_EACH_NS 100000u /* and more for each of them */
#define REPORT_NS 200000000ull
#define SETTLE_NS 1500000000ull /* how long an interface may take to count what it sent */
#define THREAD_SHIFT 20 /* of a thread's number, above the tester's in a flow's */

static struct sender *senders; /* one of each thread */
static struct ipb_error *errors;
static struct ipb_threads threads = { .count = 0 };
static struct ipb_stop stopping;
static uint64_t reported_ns, reported_sequence;
static atomic_int failed_one;
static uint64_t run_id;
static struct left left_by; /* by the interface, what the kernel made */

/* Reads the same arguments on both sides: the controller's half has none of its own, but the original's took them. */
static int setup_controller(char *arg)
{
	struct ipb_args a;

	if (discard_arguments(&a, arg, &err) < 0)
		return ipb_plugin_fail();
	ipb_args_free(&a);
	return 0;
}

static void let_go(void)
{
	for (uint32_t i = 0; senders != NULL && i < threads.count; i++)
		sender_close(&senders[i]);
	free(senders);
	free(errors);
	senders = NULL;
	errors = NULL;
}

struct opening {
	const struct ipb_args *a;
	const char *hostname;
	int port;
};

/* On the thread's own processor: what the kernel keeps of a connected socket's way is that processor's then, too. */
static void open_one(void *context, uint32_t i)
{
	const struct opening *o = context;
	struct sender *s = &senders[i];

	s->stopping = &stopping;
	s->run_id = run_id;
	/* Each has a number of its own in the run, since each counts by itself. */
	s->flow = (host != NULL ? host->flow_base : (uint32_t)getpid()) + (i << THREAD_SHIFT);
	if (ipb_threads_pin(threads.cpu[i]) < 0)
		ipb_error_errno(&errors[i], errno, "argument cpus: cannot run on processor %d", threads.cpu[i]);
	else
		discard_open_sender(s, i, threads.count, o->a, o->hostname, o->port, &errors[i]);
}

static int open_senders(const struct ipb_args *a, const char *hostname, int port)
{
	let_go();
	if (ipb_threads_plan(&threads, a, 1, &err) < 0)
		return -1;
	senders = ipb_apart_array(threads.count, sizeof *senders);
	errors = calloc(threads.count, sizeof *errors);
	if (senders == NULL || errors == NULL)
		return ipb_error(&err, "no memory for %u threads", threads.count);
	for (uint32_t i = 0; i < threads.count; i++)
		senders[i].fd = -1;
	struct opening o = { a, hostname, port };
	const struct ipb_threads_job job = { .work = open_one, .context = &o };
	/* Under an original controller, or in an original daemon, all testers would have the same. */
	run_id = host != NULL && host->run_id != 0 ? host->run_id : ipb_own_run_id();
	if (ipb_threads_run(&job, threads.count, &err) < 0)
		return -1;
	for (uint32_t i = 0; i < threads.count; i++)
		if (senders[i].fd < 0)
			return ipb_error(&err, "%s", ipb_error_text(&errors[i]));
	return 0;
}

static int setup(char *hostname, int port, char *arg)
{
	struct ipb_args a;
	int status;

	if (discard_arguments(&a, arg, &err) < 0)
		return ipb_plugin_fail();
	status = open_senders(&a, hostname, port);
	ipb_args_free(&a);
	if (status < 0)
		let_go();
	return status < 0 ? ipb_plugin_fail() : 0;
}

static void report(uint64_t elapsed_ns)
{
	static const uint32_t names[] = { IPBENCH_PHASE_WARMUP, IPBENCH_PHASE_MEASURE, IPBENCH_PHASE_COOLDOWN };
	uint64_t sequence = 0, measured = 0;
	uint32_t phase = DISCARD_COOLDOWN;

	if (host == NULL)
		return;
	for (uint32_t i = 0; i < threads.count; i++) {
		const uint32_t one = atomic_load_explicit(&senders[i].progress.phase, memory_order_relaxed);
		sequence += atomic_load_explicit(&senders[i].progress.sequence, memory_order_acquire);
		measured += atomic_load_explicit(&senders[i].progress.measured, memory_order_relaxed);
		phase = one < phase ? one : phase;
	}
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, names[phase]);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, elapsed_ns);
	IPBENCH_PROGRESS_SET(p, expected_ns, senders->rampup_ns + senders->warmup_ns + senders->test_ns + senders->cooldown_ns);
	IPBENCH_PROGRESS_SET(p, sent, measured);
	if (elapsed_ns > reported_ns && sequence >= reported_sequence)
		IPBENCH_PROGRESS_SET(p, sent_bps, (uint64_t)((double)(sequence - reported_sequence) * senders->size * 8e9 /
		                                             (double)(elapsed_ns - reported_ns)));
	IPBENCH_PROGRESS_SET(p, unknown, IPBENCH_UNKNOWN_OK | IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_BAD | IPBENCH_UNKNOWN_RATE);
	reported_ns = elapsed_ns;
	reported_sequence = sequence;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

static void send_all(void *context, uint32_t i)
{
	(void)context;
	/* One thread is where the host put it, unless a processor was asked for. */
	if (ipb_threads_pin(threads.cpu[i]) < 0)
		ipb_error_errno(&errors[i], errno, "argument cpus: cannot run on processor %d", threads.cpu[i]);
	else if (sender_run(&senders[i], &errors[i]) == 0)
		return;
	/* What the others sent would be no measurement. */
	int none = 0;
	if (atomic_compare_exchange_strong(&failed_one, &none, (int)i + 1))
		ipb_stop_ask(&stopping);
}

/* What the interface has sent and dropped since the beginning of what the kernel made, when that is all: some drivers count a
 * moment later. */
static void wait_until_counted(const struct left *before)
{
	const char *name = inject_device(senders)->name;
	const struct timespec pause = { .tv_nsec = 10000000 };
	const uint64_t until_ns = ipb_now_ns() + SETTLE_NS;
	uint64_t made = 0;

	for (uint32_t i = 0; i < threads.count; i++)
		made += senders[i].sequence;
	for (;;) {
		ipb_link_sent(name, &left_by.sent, &left_by.dropped);
		left_by.sent -= before->sent;
		left_by.dropped -= before->dropped;
		if (left_by.sent + left_by.dropped >= made || ipb_now_ns() > until_ns)
			return;
		nanosleep(&pause, NULL);
	}
}

static uint64_t watch(void *context)
{
	const uint64_t now_ns = ipb_now_ns(), *start_ns = context;

	if (now_ns > *start_ns)
		report(now_ns - *start_ns);
	return REPORT_NS;
}

static void cancel(void *context)
{
	(void)context;
	ipb_stop_ask(&stopping);
}

static int start(struct timeval *stamp)
{
	uint64_t start_ns = ipb_now_ns() + START_NS + threads.count * START_EACH_NS;
	const struct ipb_threads_job job = { .work = send_all, .watch = watch, .cancel = cancel, .context = &start_ns };
	int status, failed;

	gettimeofday(stamp, NULL);
	if (senders == NULL)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	for (uint32_t i = 0; i < threads.count; i++)
		senders[i].start_ns = start_ns;
	struct left before = { 0, 0 };
	if (senders->inject != NULL)
		ipb_link_sent(inject_device(senders)->name, &before.sent, &before.dropped);
	status = ipb_threads_run(&job, threads.count, &err);
	if (senders->inject != NULL)
		wait_until_counted(&before);
	if (host != NULL)
		IPBENCH_PROGRESS_SET(host->progress, phase, IPBENCH_PHASE_DONE);
	if (status == 0 && (failed = atomic_load(&failed_one)) > 0) {
		char name[64] = "";
		if (threads.count > 1)
			ipb_threads_name(&threads, (uint32_t)failed - 1, name, sizeof name);
		status = ipb_error(&err, "%s%s%s", name, *name != '\0' ? ": " : "", ipb_error_text(&errors[failed - 1]));
	}
	return status < 0 ? ipb_plugin_fail() : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	if (discard_marshal(senders, &threads, &left_by, ipb_plugin_extended(), data, size) < 0)
		return -1;
	let_go();
	return 0;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	const struct client_data given = { .data = input, .size = len };
	int injected;
	struct result r;

	if (input == NULL || result_threads(len, &injected) < 0)
		return ipb_error(&err, "the result has %d bytes; discard's has %d, %d, %d more with engine=inject, and %d for each thread",
		                 len, RESULT_ORIGINAL, RESULT_EXTENDED, RESULT_LEFT, RESULT_THREAD);
	if (result_parse(&given, &r) < 0 || !result_adds_up(&r))
		return ipb_error(&err, "what the threads of the result sent does not add up to what it says of all");
	return ipb_plugin_keep(input, len, data, data_len);
}

static int results(const struct client_data *data, char **json)
{
	*json = result_json(data);
	return *json != NULL ? 0 : -1;
}

/* Requested and sent rate of all clients together, and the size of a packet, as the original prints them. */
static int output(struct client_data data[], int n)
{
	uint64_t requested = 0, sent = 0, size = 0;
	struct result r;

	for (int i = 0; i < n; i++)
		if (result_parse(&data[i], &r) == 0) {
			requested += r.requested_bps;
			sent += r.sent_bps;
			size = r.size;
		}
	printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", requested, sent, size);
	return 0;
}

static int expected_duration(const char *args, uint64_t *ns)
{
	struct ipb_args a;

	if (discard_arguments(&a, args, &err) < 0)
		return -1;
	*ns = ipb_args_ns(&a, "rampup") + ipb_args_ns(&a, "warmup") + ipb_args_ns(&a, discard_typed(&a, "duration", "test_time")) +
	      ipb_args_ns(&a, "cooldown") + 2000000000ull;
	ipb_args_free(&a);
	return 0;
}

IPB_PLUGIN(
	.id = 0x5,
	.descr = "Sends as fast as asked over raw Ethernet or UDP; nothing comes back",
	.default_port = DISCARD_PORT,
	.setup_controller = setup_controller,
	.unmarshall = unmarshall,
	.unmarshall_cleanup = ipb_report_free,
	.output = output
);

static const struct ipbench_metric metrics[] = {
	{ "sent_packets", "", "Packets of the measured phase that were sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "sent_bytes", "byte", "Bytes of them", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_MORE },
	{ "send_queue_full", "", "Attempts to send that found the queue full", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "send_failures", "", "Attempts to send that failed", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "packets_all_phases", "", "Packets of all phases that were sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "packets_given_up", "", "Packets that were due and never sent", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "interface_sent", "", "engine=inject: packets that the interface counted as sent meanwhile", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "interface_dropped", "", "engine=inject: packets that its driver dropped meanwhile", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
};

IPB_PLUGIN_EXT(
	discard_options,
	.needs_target = 1,
	.csv_header = "Requested_Throughput,Send_Throughput,Packet_Size",
	.expected_duration = expected_duration,
	.results = results,
	IPBENCH_METRICS(metrics)
);
