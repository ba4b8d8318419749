/*
 * cpu_target: how much of each CPU the machine under test used between START and STOP; see README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_TARGET
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_args.h"
#include "ipb_report.h"
#include "meter.h"

#define TEXT_MAX (32 + BURNER_CPUS_MAX * 24)

static const struct ipbench_option options[] = {
	{ "cpus", "string", "", "", "", "How many CPUs to measure (4), or which (0-3, \"0,2-3\"); all that the daemon may use when not given.", 0, 0 },
	{ "period", "time", "s", "1", "1ms..1h", "Accepted for the original's sake; the figure is over the whole window.", 0, 0 },
	{ "warmup", "time", "s", "0", "0..24h", "Time after START that is not counted.", 0, 0 },
	{ "cooldown", "time", "s", "0", "0..600s", "Time before STOP that is not counted, to 0.1 s.", 0, 0 },
	{ "fancy_output", "bool", "", "0", "", "Without effect, as in the original; its command lines may have it.", 0, 0 },
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

static const struct ipbench_host *host;
static struct ipb_error err;
static struct meter meter;

static int attach(const struct ipbench_host *given)
{
	host = given;
	ipb_error_attach(&err, given);
	return 0;
}

static int setup_controller(char *arg)
{
	return ipb_args_check(options, OPTION_COUNT, arg, 1, &err) < 0 ? ipb_error_print(&err, "cpu_target") : 0;
}

static int setup(char *arg)
{
	struct ipb_args a;
	int status;

	if (ipb_args_parse(&a, options, OPTION_COUNT, arg, 0, &err) < 0)
		return ipb_error_print(&err, "cpu_target");
	meter.warmup_ns = ipb_args_ns(&a, "warmup");
	meter.cooldown_ns = ipb_args_ns(&a, "cooldown");
	meter.period_ns = ipb_args_ns(&a, "period");
	status = meter_setup(&meter, ipb_args_string(&a, "cpus"), &err);
	ipb_args_free(&a);
	return status < 0 ? ipb_error_print(&err, "cpu_target") : 0;
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

static void row(char *text, size_t size)
{
	static double each[BURNER_CPUS_MAX];
	double use = meter_use(&meter, each);
	int used = snprintf(text, size, "%.1f", use);

	for (unsigned i = 0; i < meter.burners.count && used > 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, ",CPU%d: %.1f",
		                 meter.burners.cpu[i], each[i]);
}

static int marshall(char **data, int *size, double running_time)
{
	static char text[TEXT_MAX];
	int extended = host != NULL && host->form == IPBENCH_FORM_EXTENDED;

	(void)running_time;
	row(text, sizeof text);
	char *json = extended ? meter_json(&meter, 0) : NULL;
	meter_end(&meter);
	return ipb_report_marshall(text, json, data, size);
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	return ipb_report_unmarshall(input, len, data, data_len, &err);
}

/* From an original target there is only the text: "12.3,CPU0: 10.1,…". */
static int results(const struct client_data *data, char **json)
{
	const char *text = ipb_report_text(data);
	char fallback[128], *end;
	double use = strtod(text, &end);

	if (end == text || (*end != ',' && *end != '\0') || !(use >= 0 && use <= 100))
		return ipb_report_results(data, NULL, json);
	snprintf(fallback, sizeof fallback, "{\"metrics\":[{\"name\":\"cpu_use\",\"value\":%.6g,\"unit\":\"%%\"}]}", use);
	return ipb_report_results(data, fallback, json);
}

/* Until it is stopped; and wrong arguments are known before anything is sent to the target. */
static int expected_duration(const char *args, uint64_t *ns)
{
	*ns = 0;
	return ipb_args_check(options, OPTION_COUNT, args, 0, &err);
}

IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = {
	.magic = IPBENCH_PLUGIN_MAGIC,
	.name = "cpu_target",
	.id = 0x11,
	.descr = "CPU use of the machine under test, by lowest-priority loops on each CPU",
	.default_port = 0,
	.type = IPBENCH_TARGET,
	.setup = setup,
	.setup_controller = setup_controller,
	.start = start,
	.stop = stop,
	.marshall = marshall,
	.marshall_cleanup = ipb_report_free,
	.unmarshall = unmarshall,
	.unmarshall_cleanup = ipb_report_free,
	.output = ipb_report_print,
};

IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = {
	.major = IPBENCH_EXT_MAJOR,
	.minor = IPBENCH_EXT_MINOR,
	.size = sizeof(struct ipbench_plugin_ext),
	.option_size = sizeof(struct ipbench_option),
	.version = "1.0.0",
	.options = options,
	.option_count = OPTION_COUNT,
	.csv_header = "CPU_Use",
	.attach = attach,
	.expected_duration = expected_duration,
	.results = results,
	.results_cleanup = ipb_report_free,
	IPBENCH_METRICS(meter_metrics),
};
