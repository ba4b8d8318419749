/*
 * What all our plugins share beside what they measure, so that a plugin's file has only that.
 * SPDX-License-Identifier: MIT
 *
 * Included once, by the plugin's main file, behind IPBENCH_TEST_CLIENT or IPBENCH_TEST_TARGET and PLUGIN_NAME. The file
 * has a table of its arguments, IPB_PLUGIN_OPTIONS(table) behind it, functions with the names of the interface's fields
 * (setup, start, stop, marshall …), and at its end the two tables of the interface:
 *
 *   IPB_PLUGIN(.id = 0x3, .descr = "…", .default_port = 0, …);       what differs from test to test
 *   IPB_PLUGIN_EXT(options, .csv_header = "Waited", IPBENCH_METRICS(metrics));
 *
 * Plugins of other authors need plugin.h alone: `dummy` is the template for those.
 */
#ifndef IPB_PLUGIN_H
#define IPB_PLUGIN_H

#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"
#include "ipb_clock.h"
#include "ipb_report.h"
#include "plugin.h"

/* NULL in an original daemon or controller, which has no such thing. */
static const struct ipbench_host *host;
static struct ipb_error err;

static inline int ipb_plugin_attach(const struct ipbench_host *given)
{
	host = given;
	ipb_error_attach(&err, given);
	return 0;
}

/* Shows why a call failed, where nobody else would. Gives -1. */
static inline int ipb_plugin_fail(void) { return ipb_error_print(&err, PLUGIN_NAME); }

/* Whether the result goes to a controller of our line, rather than to one of the original's. */
static inline int ipb_plugin_extended(void) { return host != NULL && host->form == IPBENCH_FORM_EXTENDED; }

/* Copies a block that unmarshall has checked. 0 or -1. */
static inline int ipb_plugin_keep(const char *input, int len, char **data, int *data_len)
{
	*data = malloc((size_t)len);
	if (*data == NULL)
		return ipb_error(&err, "no memory for a result of %d bytes", len);
	memcpy(*data, input, (size_t)len);
	*data_len = len;
	return 0;
}

/* Reads the arguments of `setup` and of `expected_duration`: ipb_args_parse with the plugin's table. The name of a
 * controller's argument is refused. */
#define IPB_PLUGIN_OPTIONS(table)                                                                        \
	enum { OPTION_COUNT = sizeof(table) / sizeof((table)[0]) };                                       \
	static inline int ipb_plugin_args(struct ipb_args *a, const char *arg)                            \
	{                                                                                                 \
		return ipb_args_parse(a, (table), OPTION_COUNT, arg, 0, &err);                            \
	}                                                                                                 \
	/* How long a test takes that lasts as long as two of its arguments say together (NULL: one alone). */ \
	static inline int ipb_plugin_lasts(const char *arg, const char *first, const char *second, uint64_t *ns) \
	{                                                                                                 \
		struct ipb_args a;                                                                        \
		if (ipb_plugin_args(&a, arg) < 0)                                                         \
			return -1;                                                                        \
		*ns = ipb_args_ns(&a, first) + (second != NULL ? ipb_args_ns(&a, second) : 0);            \
		ipb_args_free(&a);                                                                        \
		return 0;                                                                                 \
	}                                                                                                 \
	static inline int ipb_plugin_setup_controller(char *arg)                                          \
	{                                                                                                 \
		return ipb_args_check((table), OPTION_COUNT, arg, 1, &err) < 0 ? ipb_plugin_fail() : 0;   \
	}                                                                                                 \
	/* A target's: until it is stopped; wrong arguments are known before anything is sent to it. */   \
	static inline int ipb_plugin_until_stopped(const char *args, uint64_t *ns)                        \
	{                                                                                                 \
		*ns = 0;                                                                                  \
		return ipb_args_check((table), OPTION_COUNT, args, 0, &err);                              \
	}

#ifdef IPBENCH_TEST_CLIENT
#define IPB_PLUGIN_TYPE IPBENCH_CLIENT
#else
#define IPB_PLUGIN_TYPE IPBENCH_TARGET
#endif

#define IPB_PLUGIN(...)                                                                                  \
	IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = {                                           \
		.magic = IPBENCH_PLUGIN_MAGIC, .name = PLUGIN_NAME, .type = IPB_PLUGIN_TYPE,              \
		.setup = setup, .start = start, .stop = stop,                                             \
		.marshall = marshall, .marshall_cleanup = ipb_report_free, __VA_ARGS__                    \
	}

#define IPB_PLUGIN_EXT(table, ...)                                                                       \
	IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = {                                   \
		.major = IPBENCH_EXT_MAJOR, .minor = IPBENCH_EXT_MINOR,                                   \
		.size = sizeof(struct ipbench_plugin_ext), .option_size = sizeof(struct ipbench_option),  \
		.version = "1.0.0", .options = (table), .option_count = sizeof(table) / sizeof((table)[0]), \
		.attach = ipb_plugin_attach, .results_cleanup = ipb_report_free, __VA_ARGS__              \
	}

/* Targets whose result is a text with JSON behind it (ipb_report.h). */
static inline int ipb_plugin_unmarshall_report(char *input, int len, char **data, int *data_len)
{
	return ipb_report_unmarshall(input, len, data, data_len, &err);
}

static inline int ipb_plugin_results_report(const struct client_data *data, char **json)
{
	return ipb_report_results(data, NULL, json);
}

/* Reports how a target that sends back what it gets goes on: so many packets and bytes from begin_ns on, over all threads. */
static inline void ipb_plugin_report_echoed(uint64_t begin_ns, uint64_t packets, uint64_t bytes)
{
	static uint64_t last_ns, last_bytes;
	const uint64_t now = ipb_now_ns();

	if (host == NULL)
		return;
	struct ipbench_progress *p = host->progress;
	IPBENCH_PROGRESS_SET(p, phase, IPBENCH_PHASE_MEASURE);
	IPBENCH_PROGRESS_SET(p, elapsed_ns, now - begin_ns);
	IPBENCH_PROGRESS_SET(p, ok, packets);
	IPBENCH_PROGRESS_SET(p, sent, packets);
	if (last_ns != 0 && now > last_ns) {
		const uint64_t bps = (uint64_t)((double)(bytes - last_bytes) * 8e9 / (double)(now - last_ns));
		IPBENCH_PROGRESS_SET(p, rate_bps, bps);
		IPBENCH_PROGRESS_SET(p, sent_bps, bps);
	}
	IPBENCH_PROGRESS_SET(p, unknown, IPBENCH_UNKNOWN_LOST | IPBENCH_UNKNOWN_BAD |
	                                         (last_ns == 0 ? IPBENCH_UNKNOWN_RATE | IPBENCH_UNKNOWN_SENT_RATE : 0));
	last_ns = now;
	last_bytes = bytes;
	IPBENCH_PROGRESS_SET(p, updates, p->updates + 1);
}

#define IPB_PLUGIN_REPORT                                                                                \
	.setup_controller = ipb_plugin_setup_controller, .unmarshall = ipb_plugin_unmarshall_report,      \
	.unmarshall_cleanup = ipb_report_free, .output = ipb_report_print

/* Plugins that read and print their result themselves, as one block of memory. */
#define IPB_PLUGIN_BLOCK                                                                                 \
	.setup_controller = ipb_plugin_setup_controller, .unmarshall = unmarshall,                        \
	.unmarshall_cleanup = ipb_report_free, .output = output

#endif
