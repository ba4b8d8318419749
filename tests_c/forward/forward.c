/*
 * forward: testers send through a device to testers that receive. See README.md.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "forward.h"
#define PLUGIN_NAME "forward"
#include "ipb_clock.h"
#include "ipb_plugin.h"
#include "ipb_rng.h"
#include "packet.h"
#include "receiver.h"
#include "result.h"

#define NO_TARGET "None"       /* the host of a SETUP that names no machine */
#define LEARN_NS 10000000ull  /* between two rounds of control packets */
#define LEARN_AT_ONCE 64u     /* flows that are announced in one round */
#define ENDS 3                /* packets that announce the end */
#define END_NS 20000000       /* between them */
#define LOOK_NS 20000000      /* how often a tester that only receives checks whether it is over */
#define LEARN_SPARE_NS 3000000ull /* before the first packet nothing else is sent */

/* One test runs in a process at a time: this is its state. */
static struct {
	struct ipb_args args;
	int has_args;
	char target[IPB_SOCK_RESOLVE_MAX + 1];
	struct forward_config config;
	struct forward_run run;
	uint32_t own;
	struct ipb_one_way one_way;
	uint64_t sent[FORWARD_FLOWS_MAX];
	struct ipb_engine *engine;          /* NULL: this tester does not send */
	struct ipbench_progress sender;     /* what the engine reports where the receiver reports both halves */
	struct forward_receiver receiver;
	struct ipb_reason reasons[IPB_ENGINE_REASONS_MAX];
	uint32_t reason_count;
	uint64_t started_ns, until_ns;
	uint64_t last_ns, last_bytes;       /* of the receiver's reports */
	int ran;
	atomic_int stopped;
} test = { .receiver.fd = -1 };

static void forget(void)
{
	forward_receiver_close(&test.receiver);
	ipb_engine_close(test.engine);
	test.engine = NULL;
	test.ran = 0;
	test.reason_count = 0;
	memset(test.sent, 0, sizeof test.sent);
	if (test.has_args)
		ipb_args_free(&test.args);
	test.has_args = 0;
}

static void seal(void *context, uint8_t *packet, uint32_t size, uint64_t number, uint64_t due_ns, uint64_t left_ns,
                 int measured)
{
	(void)context;
	forward_write(&test.run, packet, size, measured ? FORWARD_MEASURED : FORWARD_AROUND, test.own, number, left_ns,
	              left_ns > due_ns ? left_ns - due_ns : 0);
}

static int open_sender(uint64_t run)
{
	struct forward_config *c = &test.config;
	const int is_mac = ipb_parse_mac(test.target, c->engine.target_mac) == 0;

	if (c->engine.proto == IPB_RAW && strcmp(test.target, NO_TARGET) == 0)
		forward_made_mac(run, (uint32_t)c->to, c->engine.target_mac);
	else if (c->engine.proto == IPB_RAW && !is_mac)
		return ipb_error(&err, "with socktype=raw the target is a MAC address such as 02:00:00:00:00:01, or not given at all, "
		                 "not \"%.100s\"", test.target);
	else if (c->engine.proto == IPB_UDP && strcmp(test.target, NO_TARGET) == 0)
		return ipb_error(&err, "no address was given to send to: test_target=\"…\" in <client>");
	test.one_way = (struct ipb_one_way){ .seal = seal, .sent = test.sent };
	c->engine.one_way = &test.one_way;
	c->engine.run_id = run;
	c->engine.seed += test.own;
	test.engine = ipb_engine_open(&c->engine, &err);
	return test.engine != NULL ? 0 : -1;
}

static int setup(char *hostname, int port, char *arg)
{
	struct forward_config *c = &test.config;

	forget();
	if (port < 0 || port > 65535)
		return ipb_error(&err, "port %d is out of range 0..65535", port), ipb_plugin_fail();
	if (strlen(hostname) >= sizeof test.target)
		return ipb_error(&err, "the target's name is too long"), ipb_plugin_fail();
	if (!ipb_plugin_extended())
		return ipb_error(&err, "forward needs an ipbench of this line: an original one knows no testers that receive"),
		       ipb_plugin_fail();
	if (ipb_args_parse(&test.args, forward_options, FORWARD_OPTION_COUNT, arg, 0, &err) < 0)
		return ipb_plugin_fail();
	test.has_args = 1;
	snprintf(test.target, sizeof test.target, "%s", hostname);
	if (forward_configure(c, &test.args, test.target, port, &err) < 0)
		return ipb_plugin_fail();
	if (c->to == FORWARD_NOBODY && c->from_count == 0)
		return ipb_error(&err, "this tester neither sends nor receives: say to=\"…\" in its <client>, or name it in another's"),
		       ipb_plugin_fail();
	const uint64_t run = host->run_id != 0 ? host->run_id : ipb_own_run_id();
	test.own = host->flow_base;
	forward_run_init(&test.run, run);
	if (forward_receiver_open(&test.receiver, c, run, test.own, (uint16_t)port, &err) < 0)
		return ipb_plugin_fail();
	return c->to != FORWARD_NOBODY && open_sender(run) < 0 ? ipb_plugin_fail() : 0;
}

/* Live figures of a tester that receives, and of its sending half: called by the receiver's thread. */
static void publish(const struct forward_receiver *r)
{
	struct ipbench_progress *p = host->progress;
	const struct forward_live *l = &r->live;
	const uint64_t now = ipb_now_ns(), bytes = atomic_load(&l->bytes);
	const int sends = test.engine != NULL;
	uint32_t phase = atomic_load(&l->ended) ? IPBENCH_PHASE_DRAIN : IPBENCH_PHASE_WARMUP;

	if (atomic_load(&l->measuring))
		phase = IPBENCH_PHASE_MEASURE;
	if (sends)
		phase = __atomic_load_n(&test.sender.phase, __ATOMIC_ACQUIRE);
	IPBENCH_PROGRESS_SET(p, phase, phase);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - test.started_ns);
	IPBENCH_PROGRESS_SET(p, expected_ns, test.until_ns - test.started_ns);
	IPBENCH_PROGRESS_SET(p, sent, sends ? __atomic_load_n(&test.sender.sent, __ATOMIC_ACQUIRE) : 0);
	IPBENCH_PROGRESS_SET(p, sent_bps, sends ? __atomic_load_n(&test.sender.sent_bps, __ATOMIC_ACQUIRE) : 0);
	IPBENCH_PROGRESS_SET(p, unknown, sends ? 0 : IPBENCH_UNKNOWN_SENT | IPBENCH_UNKNOWN_SENT_RATE);
	IPBENCH_PROGRESS_SET(p, ok, atomic_load(&l->ok));
	IPBENCH_PROGRESS_SET(p, lost, atomic_load(&l->lost));
	IPBENCH_PROGRESS_SET(p, bad, atomic_load(&l->bad));
	if (now > test.last_ns)
		IPBENCH_PROGRESS_SET(p, rate_bps, (uint64_t)((double)(bytes - test.last_bytes) * 8e9 / (double)(now - test.last_ns)));
	IPBENCH_PROGRESS_SET(p, p50_ns, atomic_load(&l->p50_ns));
	IPBENCH_PROGRESS_SET(p, p99_ns, atomic_load(&l->p99_ns));
	IPBENCH_PROGRESS_SET(p, p999_ns, atomic_load(&l->p999_ns));
	IPBENCH_PROGRESS_SET(p, max_ns, atomic_load(&l->max_ns));
	IPBENCH_PROGRESS_SET(p, version, IPBENCH_EXT_MAJOR);
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
	test.last_ns = now;
	test.last_bytes = bytes;
}

static int asked_to_stop(void) { return atomic_load_explicit(&test.stopped, memory_order_acquire); }

static void sleep_ns(long ns) { nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL); }

static struct forward_control control_of(const struct forward_config *c, uint64_t first_ns, uint64_t sent)
{
	return (struct forward_control){
		.measure_ns = first_ns + c->engine.rampup_ns + c->engine.warmup_ns, .duration_ns = c->engine.duration_ns,
		.interval_ns = ipb_engine_interval_ns(&c->engine), .clock = forward_clock(), .sent = sent,
		.flows = c->engine.flows,
	};
}

/* The numbers that packets of the measured phase will have. */
static void plan(const struct forward_config *c, uint64_t first_ns, struct forward_control *control)
{
	struct ipb_sched s;

	if (c->engine.arrival == IPB_ARRIVAL_POISSON)
		return;
	ipb_sched_init(&s, c->engine.arrival, c->engine.burst, c->engine.rate_bps, &c->engine.sizes, c->engine.seed, first_ns,
	               c->engine.rampup_ns);
	ipb_sched_overload(&s, c->engine.overload);
	control->first = ipb_sched_skip(&s, control->measure_ns);
	control->numbers = ipb_sched_skip(&s, control->measure_ns + control->duration_ns);
}

/* Control packets by all flows in turn until shortly before first_ns. What does not leave is tried again by the next round. */
static void teach(const struct forward_config *c, uint64_t first_ns)
{
	struct forward_control control = control_of(c, first_ns, 0);
	uint8_t packet[FORWARD_CONTROL_SIZE];
	uint32_t flow = 0;

	plan(c, first_ns, &control);
	for (uint64_t now = ipb_now_ns(); now + LEARN_SPARE_NS < first_ns && !asked_to_stop(); now = ipb_now_ns()) {
		for (uint32_t i = 0; i < LEARN_AT_ONCE && i < c->engine.flows; i++, flow = (flow + 1) % c->engine.flows) {
			forward_write_control(&test.run, packet, FORWARD_LEARN, test.own, ipb_now_ns(), &control);
			ipb_engine_send_aside(test.engine, flow, packet, sizeof packet);
		}
		const uint64_t left = first_ns - LEARN_SPARE_NS - now;
		sleep_ns((long)(left < LEARN_NS ? left : LEARN_NS));
	}
}

/* Announces the end, and how many packets there were. */
static void end(const struct forward_config *c, uint64_t first_ns)
{
	struct ipb_engine_result r;
	uint8_t packet[FORWARD_CONTROL_SIZE];

	ipb_engine_result(test.engine, &r);
	struct forward_control control = control_of(c, first_ns, r.counts.sent);
	control.first = r.first_number;
	control.numbers = r.counts.sent + r.refused;
	for (int i = 0; i < ENDS; i++) {
		forward_write_control(&test.run, packet, FORWARD_END, test.own, ipb_now_ns(), &control);
		ipb_engine_send_aside(test.engine, (uint32_t)i % c->engine.flows, packet, sizeof packet);
		if (i + 1 < ENDS)
			sleep_ns(END_NS);
	}
}

/* Processor and priority of the sending thread; restored when it is done. */
struct privileges {
	cpu_set_t cpus;
	struct sched_param param;
	int policy;
};

static void take_privileges(const struct ipb_engine_config *c, struct privileges *old)
{
	cpu_set_t one;
	struct sched_param param = { .sched_priority = c->rt };

	sched_getaffinity(0, sizeof old->cpus, &old->cpus);
	pthread_getschedparam(pthread_self(), &old->policy, &old->param);
	if (c->cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(c->cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
	}
	if (c->rt > 0)
		pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
}

static void leave_privileges(const struct ipb_engine_config *c, const struct privileges *old)
{
	if (c->rt > 0)
		pthread_setschedparam(pthread_self(), old->policy, &old->param);
	if (c->cpu >= 0)
		sched_setaffinity(0, sizeof old->cpus, &old->cpus);
}

static int send_all(void)
{
	struct forward_config *c = &test.config;
	const int both = test.receiver.fd >= 0;
	struct privileges old;

	test.one_way.start_ns = test.started_ns + c->learn_ns;
	take_privileges(&c->engine, &old);
	teach(c, test.one_way.start_ns);
	const int status = ipb_engine_run(test.engine, both ? &test.sender : host->progress);
	end(c, test.one_way.start_ns);
	leave_privileges(&c->engine, &old);
	return status;
}

static int start(struct timeval *begin)
{
	struct forward_config *c = &test.config;
	struct forward_receiver *r = &test.receiver;
	const uint64_t own = forward_sending_ns(c);

	gettimeofday(begin, NULL);
	if (!test.has_args)
		return ipb_error(&err, "start without a set-up"), ipb_plugin_fail();
	test.started_ns = test.last_ns = ipb_now_ns();
	test.until_ns = test.started_ns + (c->listen_ns > own ? c->listen_ns : own) + c->drain_ns;
	r->publish = publish;
	atomic_store(&r->hold, test.engine != NULL);
	if (forward_receiver_start(r, test.until_ns, &err) < 0)
		return ipb_plugin_fail();
	const int status = test.engine != NULL ? send_all() : 0;
	atomic_store_explicit(&r->hold, 0, memory_order_release);
	if (asked_to_stop())
		forward_receiver_stop(r);
	forward_receiver_join(r);
	if (r->fd >= 0)
		publish(r);
	IPBENCH_PROGRESS_SET(host->progress, phase, IPBENCH_PHASE_DONE);
	test.reason_count = forward_judge_receiver(r, c, asked_to_stop(), test.engine, test.reasons, IPB_ENGINE_REASONS_MAX);
	test.ran = 1;
	return status;
}

static int stop(struct timeval *end)
{
	gettimeofday(end, NULL);
	atomic_store_explicit(&test.stopped, 1, memory_order_release);
	if (test.engine != NULL)
		ipb_engine_stop(test.engine);
	else
		forward_receiver_stop(&test.receiver);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	int broken = asked_to_stop() || test.receiver.error != 0;
	struct ipb_engine_result r;

	(void)running_time;
	*data = NULL;
	*size = 0;
	if (!test.ran)
		return ipb_error(&err, "there is no result: the test has not run"), ipb_plugin_fail();
	if (forward_marshall(&test.config, test.own, test.engine, test.sent, &test.receiver, test.reasons, test.reason_count, data,
	                     size) < 0)
		return ipb_error(&err, "no memory for the result"), ipb_plugin_fail();
	if (test.engine != NULL) {
		ipb_engine_result(test.engine, &r);
		broken |= r.broken;
	}
	return broken;
}

static int setup_controller(char *arg)
{
	return ipb_args_check(forward_options, FORWARD_OPTION_COUNT, arg, 1, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int expected_duration(const char *arg, uint64_t *ns)
{
	struct ipb_args args;
	static struct forward_config c;

	if (ipb_args_parse(&args, forward_options, FORWARD_OPTION_COUNT, arg, 0, &err) < 0)
		return -1;
	const int status = forward_configure(&c, &args, NULL, 0, &err);
	if (status == 0) {
		c.to = c.to == FORWARD_NOBODY && c.from_count == 0 ? 0 : c.to; /* not known yet: as one that sends */
		const uint64_t own = forward_sending_ns(&c);
		*ns = (c.listen_ns > own ? c.listen_ns : own) + c.drain_ns;
	}
	ipb_args_free(&args);
	return status;
}

static int output(struct client_data data[], int n) { return forward_print(data, n); }

IPB_PLUGIN(
	.id = 0x24,
	.descr = "Through a device: what one tester sends another one receives, each packet counted, one-way delay",
	.default_port = 7007,
	.setup_controller = setup_controller,
	.unmarshall = ipb_plugin_unmarshall_report,
	.unmarshall_cleanup = ipb_report_free,
	.output = output
);

static const struct ipbench_metric metrics[] = {
	{ "stray_packets", "packets", "Packets that came in and are none of this run's", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "misrouted_packets", "packets", "Packets that came to a tester that they were not sent to", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "reorder_extent", "packets", "How far the most reordered packet was behind (RFC 4737, 4.2.1)", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_LESS },
	{ "receive_queue_drops", "packets", "Packets that the receiving testers' own sockets dropped", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "wrong_checksums", "packets", "Packets that the receiving testers' kernels refused for a wrong UDP checksum", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "interface_drops", "packets", "Packets that the receiving testers' interfaces dropped", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "other_vlan", "packets", "Frames that came with other VLAN tags than they were sent with", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
};

IPB_PLUGIN_EXT(
	forward_options,
	.csv_header = "Requested_Throughput,Receive_Throughput,Send_Throughput,Packet_Size,Sent,Received,Lost,Late,Corrupt,Duplicate,"
	              "Reordered,Minimum_Delay,Average_Delay,Maximum_Delay",
	.expected_duration = expected_duration,
	.results = ipb_plugin_results_report,
	IPBENCH_METRICS(metrics)
);
