/*
 * stamp_reflector: a target that answers STAMP packets (RFC 8762, RFC 8972), and TWAMP Light's, until STOP; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#define PLUGIN_NAME "stamp_reflector"
#include "server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "ipb_json.h"
#include "ipb_plugin.h"
#include "ipb_results.h"
#include "ipb_sock.h"

#define PROGRESS_MS 200
#define SESSIONS_TOLD 4096u

static const struct ipbench_option options[] = {
	{ "port", "int", "", "862", "0..65535", "UDP port; 0 takes a free one.", 0, 0 },
	{ "ip", "string", "", "", "", "Address to listen on; all addresses when not given.", 0, 0 },
	{ "stateless", "bool", "", "0", "", "Answers have their packets' numbers, and the ways of lost packets cannot be told.", 0, 0 },
	{ "auth", "bool", "", "0", "", "Authenticated mode: packets without a right HMAC are not answered.", 0, 0 },
	{ "key", "string", "", "", "", "Key of the HMACs, as text. It stands in the result: key_file does not.", 0, 0 },
	{ "key_file", "string", "", "", "", "File on the target that holds the key, 1 to 1024 bytes; a line feed at its end does not count.", 0, 0 },
	{ "ssid", "int", "", "-1", "-1..65535", "Only packets with this session identifier are answered; -1: any.", 0, 0 },
	{ "times", "enum", "", "ntp", "ntp|ptp", "How time stamps are written.", 0, 0 },
	{ "cos", "bool", "", "1", "", "Answers get the DSCP that a class of service TLV asks for; 0: that of their packets, and the TLV says so.", 0, 0 },
	{ "location", "bool", "", "1", "", "Location TLVs are filled with the addresses and ports that were seen; 0: with zeroes.", 0, 0 },
	{ "stamps", "enum", "", "kernel", "kernel|user", "Which clock reading is the time of arrival: the kernel's, or that after the receive call.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static struct server server = { .fd = -1 };
static struct ipb_stop stopping;

static int open_key(const struct ipb_args *a)
{
	const char *text = ipb_args_string(a, "key"), *file = ipb_args_string(a, "key_file");
	uint8_t key[IPB_HMAC_KEY_MAX];
	int size = (int)strlen(text);

	if (*text != '\0' && *file != '\0')
		return ipb_error(&err, "argument key_file: give either key or key_file");
	if (*text == '\0' && *file == '\0')
		return ipb_args_bool(a, "auth") ? ipb_error(&err, "argument auth: it needs a key: give key_file, or key") : 0;
	if (*file != '\0' && (size = ipb_hmac_key_file(file, key, &err)) < 0)
		return -1;
	server.reflector.key = ipb_hmac_open(*file != '\0' ? (const char *)key : text, (size_t)size, 0, &err);
	explicit_bzero(key, sizeof key);
	return server.reflector.key != NULL ? 0 : -1;
}

static void announce(void)
{
	char name[80];

	ipb_sock_name((const struct sockaddr *)&server.own, sizeof server.own, name, sizeof name);
	fprintf(stderr, "stamp_reflector: UDP on %s, %s, %s\n", name, server.reflector.authenticated ? "authenticated" : "unauthenticated",
	        server.reflector.stateless ? "stateless" : "stateful");
}

static int open_server(const struct ipb_args *a)
{
	struct ipb_stamp_reflector *r = &server.reflector;

	r->authenticated = ipb_args_bool(a, "auth");
	r->stateless = ipb_args_bool(a, "stateless");
	r->allow_cos = ipb_args_bool(a, "cos");
	r->tell_location = ipb_args_bool(a, "location");
	r->ssid = (int)ipb_args_number(a, "ssid");
	server.kernel = ipb_args_enum(a, "stamps") == 0;
	server.stop = &stopping;
	if (open_key(a) < 0)
		return -1;
	return server_open(&server, ipb_args_string(a, "ip"), (uint16_t)ipb_args_uint(a, "port"), ipb_args_enum(a, "times") == 1, &err);
}

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	status = ipb_stop_open(&stopping) < 0 ? ipb_error_errno(&err, errno, "cannot make an event") : open_server(&a);
	ipb_args_free(&a);
	if (status < 0) {
		server_close(&server);
		return ipb_plugin_fail();
	}
	announce();
	return 0;
}

static void *serve(void *arg)
{
	server_run(arg);
	return NULL;
}

static void note_refusals(void)
{
	const struct ipb_stamp_reflector *r = &server.reflector;
	const uint64_t ignored = atomic_load(&server.ignored);

	if (ignored > 0)
		fprintf(stderr, "stamp_reflector: %" PRIu64 " packets not answered that came from another reflector or a service, were sent to "
		        "many, or were at their last hop\n", ignored);
	if (r->forged > 0)
		fprintf(stderr, "stamp_reflector: %" PRIu64 " packets not answered that had a wrong HMAC\n", r->forged);
	if (r->too_short > 0)
		fprintf(stderr, "stamp_reflector: %" PRIu64 " packets not answered that were too short\n", r->too_short);
	if (r->displaced > 0)
		fprintf(stderr, "stamp_reflector: %" PRIu64 " sessions made room for others and began anew with their next packet: somebody fills "
		        "the table (see ssid, auth)\n", r->displaced);
}

static int start(struct timeval *stamp)
{
	const uint64_t begin = ipb_now_ns();
	pthread_t thread;

	gettimeofday(stamp, NULL);
	if ((errno = pthread_create(&thread, NULL, serve, &server)) != 0) {
		ipb_error_errno(&err, errno, "cannot start the reflector's thread");
		return ipb_plugin_fail();
	}
	while (!ipb_stop_asked(&stopping)) {
		struct pollfd p = { .fd = stopping.event, .events = POLLIN };
		poll(&p, 1, PROGRESS_MS);
		ipb_plugin_report_echoed(begin, atomic_load(&server.packets), atomic_load(&server.bytes));
	}
	pthread_join(thread, NULL);
	note_refusals();
	return 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

static int by_packets(const void *a, const void *b)
{
	const struct ipb_stamp_session *const *x = a, *const *y = b;

	return ((*x)->received < (*y)->received) - ((*x)->received > (*y)->received);
}

/* Its clock, and the sessions that it has seen: for a tester that was among them the delays of each way can be computed. Those with
 * the most packets come first: the others may be strangers'. */
static void write_clock(struct ipb_json *j)
{
	const struct ipb_stamp_reflector *r = &server.reflector;
	const struct ipb_stamp_session **all = calloc(IPB_STAMP_SESSIONS_MAX, sizeof *all);
	uint32_t count = 0;

	for (uint32_t i = 0; all != NULL && i < IPB_STAMP_SESSIONS_MAX; i++)
		if (r->sessions[i].used)
			all[count++] = &r->sessions[i];
	if (count > 1)
		qsort(all, count, sizeof *all, by_packets);

	ipb_json_object(j, "stamp_clock");
	ipb_json_format(j, "anchor_ns", "%" PRId64, server.anchor_ns);
	ipb_json_uint(j, "anchor_error_ns", server.anchor_error_ns);
	ipb_json_array(j, "sessions");
	for (uint32_t i = 0; i < count && i < SESSIONS_TOLD; i++) {
		ipb_json_object(j, NULL);
		ipb_json_uint(j, "session", all[i]->ssid);
		ipb_json_uint(j, "packets", all[i]->received);
		ipb_json_end_object(j);
	}
	free(all);
	ipb_json_end_array(j);
	ipb_json_end_object(j);
}

static char *figures(uint64_t dropped)
{
	const struct ipb_stamp_reflector *r = &server.reflector;
	struct ipb_json j;

	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	ipb_results_metric(&j, "answered", (double)atomic_load(&server.packets), "packets");
	ipb_results_metric(&j, "bytes", (double)atomic_load(&server.bytes), "byte");
	ipb_results_metric(&j, "sessions", r->session_count, "");
	ipb_results_metric(&j, "dropped", (double)dropped, "packets");
	ipb_results_metric(&j, "ignored", (double)atomic_load(&server.ignored), "packets");
	ipb_results_metric(&j, "forged", (double)r->forged, "packets");
	ipb_results_metric(&j, "too_short", (double)r->too_short, "packets");
	ipb_results_metric(&j, "other_session", (double)r->other_session, "packets");
	ipb_results_metric(&j, "displaced", (double)r->displaced, "");
	ipb_results_metric(&j, "send_failures", (double)atomic_load(&server.failed), "packets");
	ipb_results_metric(&j, "unrecognized_tlvs", (double)r->unrecognized, "");
	ipb_results_metric(&j, "malformed_tlvs", (double)r->malformed, "");
	ipb_results_metric(&j, "unverified_tlvs", (double)r->integrity, "packets");
	ipb_json_end_array(&j);
	ipb_json_array(&j, "reasons");
	if (dropped > 0)
		ipb_results_reason(&j, 0, "reflector-overrun", "the reflector was too slow: its socket overflowed and lost %" PRIu64
		                   " packets, which count as lost on the way out", dropped);
	if (atomic_load(&server.failed) > 0)
		ipb_results_reason(&j, 0, "reflector-send", "%" PRIu64 " answers could not be sent, and count as lost on the way back",
		                   atomic_load(&server.failed));
	if (llabs(server.moved_most_ns) > SERVER_STEP_NS)
		ipb_results_reason(&j, 0, "clock-step", "the reflector's real-time clock was moved by %.3f ms during the run%s",
		                   (double)server.moved_most_ns / 1e6,
		                   server.kernel ? ": stamps of the kernel are of that clock, and some may be wrong by as much" : "");
	ipb_json_end_array(&j);
	write_clock(&j);
	ipb_json_end_object(&j);
	return ipb_json_take(&j);
}

static int marshall(char **data, int *size, double running_time)
{
	const uint64_t dropped = server.fd >= 0 ? ipb_sock_drops(server.fd) : 0;
	char text[64];

	(void)running_time;
	snprintf(text, sizeof text, "%" PRIu64 ",%" PRIu64, atomic_load(&server.packets), atomic_load(&server.bytes));
	return ipb_report_marshall(text, ipb_plugin_extended() ? figures(dropped) : NULL, data, size);
}

IPB_PLUGIN(
	.id = 0x34,
	.descr = "Answers STAMP and TWAMP Light packets (RFC 8762, RFC 8972)",
	.default_port = IPB_STAMP_PORT,
	IPB_PLUGIN_REPORT
);

#define SUM(name, unit, text, better) { name, unit, text, IPBENCH_TOTAL_SUM, IPBENCH_BETTER_##better }
static const struct ipbench_metric metrics[] = {
	SUM("answered", "packets", "Packets answered", UNKNOWN),
	SUM("bytes", "byte", "Bytes of answers", UNKNOWN),
	SUM("sessions", "", "Sessions seen", UNKNOWN),
	SUM("dropped", "packets", "Packets that the kernel dropped because the reflector was too slow", LESS),
	SUM("ignored", "packets", "Packets from other reflectors and services, to many, or at their last hop", UNKNOWN),
	SUM("forged", "packets", "Packets with a wrong HMAC", UNKNOWN),
	SUM("too_short", "packets", "Packets that are too short", UNKNOWN),
	SUM("other_session", "packets", "Packets of another session than ssid names", UNKNOWN),
	SUM("displaced", "", "Sessions in use that made room for others", LESS),
	SUM("send_failures", "packets", "Answers that could not be sent", LESS),
	SUM("unrecognized_tlvs", "", "TLVs of unknown types", UNKNOWN),
	SUM("malformed_tlvs", "", "TLVs of a wrong length", UNKNOWN),
	SUM("unverified_tlvs", "packets", "Packets whose TLVs' HMAC was wrong or missing", UNKNOWN),
};

IPB_PLUGIN_EXT(
	options,
	.expected_duration = ipb_plugin_until_stopped,
	.results = ipb_plugin_results_report,
	.csv_header = "Packets,Bytes",
	IPBENCH_METRICS(metrics)
);
