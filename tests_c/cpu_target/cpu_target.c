/*
 * cpu_target: how much of each CPU the machine under test used between START and STOP; see README.md. With LUKEM it is
 * cpu_target_lukem: one figure from counted idle cycles, whose controller half shows whatever text a target sends, so that
 * targets without an operating system can answer to this name.  SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#ifndef LUKEM
#define LUKEM 0
#endif
#if LUKEM
#define PLUGIN_NAME "cpu_target_lukem"
#else
#define PLUGIN_NAME "cpu_target"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_plugin.h"
#include "ipb_results.h"
#include "meter.h"
#include "words.h"

#define TEXT_MAX (32 + BURNER_CPUS_MAX * 24)

static const struct ipbench_option options[] = {
	{ "cpus", "string", "", "", "", "How many CPUs to measure (4), or which (0-3, \"0,2-3\"); all that the daemon may use when not given.", 0, 0 },
#if !LUKEM
	{ "period", "time", "s", "1", "1ms..1h", "Accepted for the original's sake; the figure is over the whole window.", 0, 0 },
#endif
	{ "warmup", "time", "s", "0", "0..24h", "Time after START that is not counted.", 0, 0 },
	{ "cooldown", "time", "s", "0", "0..600s", "Time before STOP that is not counted, to 0.1 s.", 0, 0 },
	{ "fancy_output", "bool", "", "0", "", "Without effect, as in the original; its command lines may have it.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static struct meter meter;

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	meter.warmup_ns = ipb_args_ns(&a, "warmup");
	meter.cooldown_ns = ipb_args_ns(&a, "cooldown");
	status = meter_setup(&meter, ipb_args_string(&a, "cpus"), &err);
	ipb_args_free(&a);
	return status < 0 ? ipb_plugin_fail() : 0;
}

static int start(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	return meter_start(&meter, host);
}

static int stop(struct timeval *stamp)
{
	meter_stop(&meter);
	gettimeofday(stamp, NULL);
	return 0;
}

/* As the original prints it: "12.3,CPU0: 10.1,CPU1: …"; lukem's has one figure, and a newline that only the original's
 * controller gets. */
static void write_text(char *text, size_t size)
{
	static double each[BURNER_CPUS_MAX];
	int used = snprintf(text, size, "%.1f", meter_use(&meter, each));

	for (unsigned i = 0; !LUKEM && i < meter.burners.count && used > 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, ",CPU%d: %.1f", meter.burners.cpu[i], each[i]);
	if (LUKEM && !ipb_plugin_extended())
		strcpy(text + used, "\n");
}

static int marshall(char **data, int *size, double running_time)
{
	static char text[TEXT_MAX];

	(void)running_time;
	write_text(text, sizeof text);
	char *json = ipb_plugin_extended() ? meter_json(&meter, LUKEM) : NULL;
	meter_end(&meter);
	return ipb_report_marshall(text, json, data, size);
}

/* A text without what it names: ",IDLE,TOTAL" in cycles with lukem, of a target of the original "12.3,CPU0: 10.1,…", a figure.
 * Writes metrics inside of an array, and gives whether there were any; any other text stays a text. */
static int shown_metrics(const char *text, struct ipb_json *j)
{
	unsigned long long idle, total;
	char *end;
	int used = 0;

	if (LUKEM && sscanf(text, ",%19llu,%19llu %n", &idle, &total, &used) == 2 && text[used] == '\0' && total > 0 &&
	    idle <= total) {
		ipb_results_metric(j, "cpu_use", 100 - 100 * ((double)idle / (double)total), "%");
		ipb_results_metric(j, "idle_cycles", (double)idle, "");
		ipb_results_metric(j, "total_cycles", (double)total, "");
		return 1;
	}
	double use = strtod(text, &end);
	int is_figure = end != text && (end[strspn(end, LUKEM ? " \r\n" : "")] == '\0' || (!LUKEM && *end == ','));
	if (!is_figure || !(use >= 0 && use <= 100))
		return 0;
	ipb_results_metric(j, "cpu_use", use, "%");
	return 1;
}

static int results(const struct client_data *data, char **json)
{
	const char *text = ipb_report_text(data);
	char wrong[WORDS_LINE + 1], *shown;
	int all_known;
	struct ipb_json j;

	if (*ipb_report_json(data) != '\0')
		return ipb_report_results(data, NULL, json);
	if ((shown = strndup(text, words_begin(text))) == NULL)
		return -1;
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_array(&j, "metrics");
	/* What is named counts before what is shown. */
	const char *named = text + strlen(shown) + (text[strlen(shown)] == '\n');
	all_known = words_value(named, "cpu_use", &(double){ 0 }) == 0 || words_value(named, "total_cycles", &(double){ 0 }) == 0 ||
	            shown_metrics(shown, &j);
	words_metrics(text, all_known, &j, wrong);
	ipb_json_end_array(&j);
	if (wrong[0] != '\0') {
		ipb_json_array(&j, "reasons");
		ipb_results_reason(&j, 0, "target-words", "the target sent a line that is no \"name=value unit\": \"%s\"", wrong);
		ipb_json_end_array(&j);
	}
	ipb_json_end_object(&j);
	free(shown);
	*json = ipb_json_take(&j);
	return *json != NULL ? 0 : -1;
}

/* The row has what the original would print: what is named is in the document. */
static int print(struct client_data *data)
{
	const char *text = ipb_report_text(data);

	printf("%.*s\n", (int)words_begin(text), text);
	return 0;
}

IPB_PLUGIN(
	.id = LUKEM ? 0x12 : 0x11,
	.descr = LUKEM ? "CPU use from counted idle cycles; shows what targets without an operating system send"
	               : "CPU use of the machine under test, by lowest-priority loops on each CPU",
	.setup_controller = ipb_plugin_setup_controller,
	.unmarshall = ipb_plugin_unmarshall_report, .unmarshall_cleanup = ipb_report_free, .output = print
);

IPB_PLUGIN_EXT(
	options,
	.csv_header = "CPU_Use",
	.expected_duration = ipb_plugin_until_stopped,
	.results = results,
	IPBENCH_METRICS(meter_metrics)
);
