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

#include "ipb_bytes.h"
#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_results.h"
#include "ipb_rng.h"
#include "sender.h"

#define RESULT_ORIGINAL 64 /* bytes: eight numbers */
#define RESULT_EXTENDED 104 /* five more */

static const struct ipbench_option options[] = {
	{ "bps", "rate", "bit/s", "10M", "1..1T", "Rate to send at, for each client.", 0, 0 },
	{ "size", "size", "byte", "64", "33..65507", "Bytes in a packet: UDP payload, or the whole Ethernet frame (47..1514).", 0, 0 },
	{ "warmup", "time", "s", "10", "0..24h", "Phase before the measured one, sent at the same rate and not counted.", 0, 0 },
	{ "cooldown", "time", "s", "10", "0..24h", "Phase after it.", 0, 0 },
	{ "duration", "time", "s", "10", "0.001..24h", "The measured phase.", 0, 0 },
	{ "test_time", "time", "s", "", "0.001..24h", "The original's name of duration.", 0, 0 },
	{ "rampup", "time", "s", "0", "0..1h", "Before the warm-up the rate rises to bps over this time.", 0, 0 },
	{ "socktype", "enum", "", "raw", "raw|udp", "raw sends Ethernet frames to a MAC address, udp to host and port.", 0, 0 },
	{ "iface", "string", "", "eth1", "", "Interface for raw.", 0, 0 },
	{ "if", "string", "", "", "", "The original's name of iface.", 0, 0 },
	{ "proto", "string", "", "0x6009", "", "Ethernet type for raw, decimal or 0x…; sink listens to 0x6009.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

struct result {
	uint64_t bytes, us, sent_bps, sends, size, requested_bps, again, failed;
	uint64_t packets, given_up, window_start_ns, window_end_ns, failure; /* extended; failure: the last error number */
};

static struct sender sender = { .fd = -1 };

/* Which of an argument's two names was used: ours unless only the original's was typed. */
static const char *typed(const struct ipb_args *a, const char *name, const char *original)
{
	return ipb_args_given(a, original) && !ipb_args_given(a, name) ? original : name;
}

static int parse_arguments(struct ipb_args *a, const char *text)
{
	static const char *const names[][2] = { { "duration", "test_time" }, { "iface", "if" } };

	if (ipb_plugin_args(a, text) < 0)
		return -1;
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ipb_args_given(a, names[i][0]) && ipb_args_given(a, names[i][1])) {
			ipb_args_free(a);
			return ipb_error(&err, "arguments %s and %s are one thing: give one of them", names[i][0], names[i][1]);
		}
	return 0;
}

/* Reads the same arguments on both sides: the controller's half has none of its own, but the original's took them. */
static int setup_controller(char *arg)
{
	struct ipb_args a;

	if (parse_arguments(&a, arg) < 0)
		return ipb_plugin_fail();
	ipb_args_free(&a);
	return 0;
}

static int ether_type(const char *text, uint16_t *type)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 0);

	if (rest == text || *rest != '\0' || *text == '-' || value < 0x600 || value > 0xffff)
		return ipb_error(&err, "argument proto: \"%.40s\" is no Ethernet type; it takes 0x0600..0xffff", text);
	*type = (uint16_t)value;
	return 0;
}

static int open_socket(const struct ipb_args *a, const char *hostname, int port)
{
	int raw = ipb_args_enum(a, "socktype") == 0;
	uint16_t type = DISCARD_ETHER_TYPE;

	sender.bps = ipb_args_number(a, "bps");
	sender.size = (uint32_t)ipb_args_uint(a, "size");
	sender.rampup_ns = ipb_args_ns(a, "rampup");
	sender.warmup_ns = ipb_args_ns(a, "warmup");
	sender.test_ns = ipb_args_ns(a, typed(a, "duration", "test_time"));
	sender.cooldown_ns = ipb_args_ns(a, "cooldown");
	/* Under an original controller, or in an original daemon, all testers would have the same. */
	sender.run_id = host != NULL && host->run_id != 0 ? host->run_id : ipb_own_run_id();
	sender.flow = host != NULL ? host->flow_base : (uint32_t)getpid();
	if (!raw)
		return sender_open_udp(&sender, hostname, (uint16_t)port, &err);
	if (ether_type(ipb_args_string(a, "proto"), &type) < 0)
		return -1;
	if (sender.size < DISCARD_HEADER + DISCARD_ETHERNET || sender.size > SENDER_FRAME_MAX)
		return ipb_error(&err, "argument size: %u is out of range; with socktype=raw it takes %u..%u byte", sender.size,
		                 DISCARD_HEADER + DISCARD_ETHERNET, SENDER_FRAME_MAX);
	return sender_open_raw(&sender, hostname, ipb_args_string(a, typed(a, "iface", "if")), type, &err);
}

static int setup(char *hostname, int port, char *arg)
{
	struct ipb_args a;
	int status;

	if (parse_arguments(&a, arg) < 0)
		return ipb_plugin_fail();
	status = open_socket(&a, hostname, port);
	ipb_args_free(&a);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static void report(const struct sender *s, enum discard_phase phase, uint64_t elapsed_ns)
{
	static const uint32_t names[] = { IPBENCH_PHASE_WARMUP, IPBENCH_PHASE_MEASURE, IPBENCH_PHASE_COOLDOWN };
	static uint64_t last_ns, last_sequence;

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, names[phase]);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, elapsed_ns);
	IPBENCH_PROGRESS_SET(p, expected_ns, s->rampup_ns + s->warmup_ns + s->test_ns + s->cooldown_ns);
	IPBENCH_PROGRESS_SET(p, sent, s->measured);
	if (elapsed_ns > last_ns)
		IPBENCH_PROGRESS_SET(p, sent_bps, (uint64_t)((double)(s->sequence - last_sequence) * s->size * 8e9 /
		                                             (double)(elapsed_ns - last_ns)));
	last_ns = elapsed_ns;
	last_sequence = s->sequence;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

static int start(struct timeval *stamp)
{
	int status;

	gettimeofday(stamp, NULL);
	status = sender_run(&sender, report, &err);
	if (host != NULL)
		IPBENCH_PROGRESS_SET(host->progress, phase, IPBENCH_PHASE_DONE);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&sender.stopping);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	int extended = ipb_plugin_extended();
	uint64_t bytes = sender.measured * sender.size, us = sender.test_ns / 1000;
	struct ipb_writer w;

	(void)running_time;
	*size = extended ? RESULT_EXTENDED : RESULT_ORIGINAL;
	*data = malloc((size_t)*size);
	if (*data == NULL)
		return -1;
	ipb_writer_init(&w, *data, (size_t)*size);
	ipb_write_u64(&w, bytes);
	ipb_write_u64(&w, us);
	/* Before a test was set up there is no time, and no rate. */
	ipb_write_u64(&w, sender.test_ns > 0 ? (uint64_t)((double)bytes * 8e9 / (double)sender.test_ns) : 0);
	ipb_write_u64(&w, sender.measured);
	ipb_write_u64(&w, sender.size);
	ipb_write_u64(&w, (uint64_t)sender.bps);
	ipb_write_u64(&w, sender.again);
	ipb_write_u64(&w, sender.failed);
	if (extended) {
		ipb_write_u64(&w, sender.sequence);
		ipb_write_u64(&w, sender.given_up);
		ipb_write_u64(&w, sender.window_start_ns);
		ipb_write_u64(&w, sender.window_end_ns);
		ipb_write_u64(&w, (uint64_t)sender.failure);
	}
	sender_close(&sender);
	return 0;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	if (input == NULL || (len != RESULT_ORIGINAL && len != RESULT_EXTENDED))
		return ipb_error(&err, "the result has %d bytes; discard's has %d or %d", len, RESULT_ORIGINAL, RESULT_EXTENDED);
	return ipb_plugin_keep(input, len, data, data_len);
}

static int parse(const struct client_data *data, struct result *r)
{
	uint64_t *field[] = { &r->bytes, &r->us, &r->sent_bps, &r->sends, &r->size, &r->requested_bps, &r->again, &r->failed,
		              &r->packets, &r->given_up, &r->window_start_ns, &r->window_end_ns,
		              &r->failure };
	struct ipb_reader in;

	memset(r, 0, sizeof *r);
	if (data->data == NULL || data->size < RESULT_ORIGINAL)
		return -1;
	ipb_reader_init(&in, data->data, (size_t)data->size);
	for (int i = 0; i < data->size / 8 && i < 13; i++)
		*field[i] = ipb_read_u64(&in);
	return 0;
}

static void reasons(struct ipb_json *j, const struct result *r)
{
	char cause[128];

	ipb_json_array(j, "reasons");
	if (r->given_up > 0)
		ipb_results_reason(j, 0, "rate-not-reached",
		                   "the tester could not send at %" PRIu64 " bit/s: it gave up %" PRIu64 " packets",
		                   r->requested_bps, r->given_up);
	if (r->failed > 0 && r->failure > 0 && r->failure < 4096)
		ipb_results_reason(j, 0, "send-failures", "%" PRIu64 " attempts to send failed; the last: %s", r->failed,
		                   strerror_r((int)r->failure, cause, sizeof cause));
	else if (r->failed > 0)
		ipb_results_reason(j, 0, "send-failures", "%" PRIu64 " attempts to send failed", r->failed);
	ipb_json_end_array(j);
}

static int results(const struct client_data *data, char **json)
{
	struct ipb_json j;
	struct result r;

	if (parse(data, &r) < 0)
		return -1;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_object(&j, "rates");
	ipb_json_uint(&j, "requested_bps", r.requested_bps);
	ipb_json_uint(&j, "sent_bps", r.sent_bps);
	ipb_json_null(&j, "received_bps");
	ipb_json_end_object(&j);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "sent_packets", (double)r.sends, "");
	ipb_results_metric(&j, "sent_bytes", (double)r.bytes, "byte");
	ipb_results_metric(&j, "send_queue_full", (double)r.again, "");
	ipb_results_metric(&j, "send_failures", (double)r.failed, "");
	if (data->size >= RESULT_EXTENDED) {
		ipb_results_metric(&j, "packets_all_phases", (double)r.packets, "");
		ipb_results_metric(&j, "packets_given_up", (double)r.given_up, "");
	}
	ipb_json_end_array(&j);
	if (data->size >= RESULT_EXTENDED)
		ipb_results_window(&j, r.window_start_ns, r.window_end_ns);
	reasons(&j, &r);
	ipb_json_end_object(&j);
	*json = ipb_json_take(&j);
	return *json != NULL ? 0 : -1;
}

/* Requested and sent rate of all clients together, and the size of a packet, as the original prints them. */
static int output(struct client_data data[], int n)
{
	uint64_t requested = 0, sent = 0, size = 0;
	struct result r;

	for (int i = 0; i < n; i++)
		if (parse(&data[i], &r) == 0) {
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

	if (parse_arguments(&a, args) < 0)
		return -1;
	*ns = ipb_args_ns(&a, "rampup") + ipb_args_ns(&a, "warmup") + ipb_args_ns(&a, typed(&a, "duration", "test_time")) +
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
};

IPB_PLUGIN_EXT(
	options,
	.needs_target = 1,
	.csv_header = "Requested_Throughput,Send_Throughput,Packet_Size",
	.expected_duration = expected_duration,
	.results = results,
	IPBENCH_METRICS(metrics)
);
