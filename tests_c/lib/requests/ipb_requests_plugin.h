/*
 * What the tests of requests share beside what they measure.  SPDX-License-Identifier: MIT
 *
 * Included once, by the plugin's main file, behind ipb_plugin.h, TEST_ID, the table `options`, which holds IPB_REQ_OPTIONS
 * (ipb_requests_options.h), IPB_PLUGIN_OPTIONS, and the table `metrics`, which begins with IPB_REQ_METRIC_ROWS. Behind it
 * the file has the three functions that are declared first, and IPB_REQ_PLUGIN at its end.
 */
#ifndef IPB_REQUESTS_PLUGIN_H
#define IPB_REQUESTS_PLUGIN_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_limits.h"
#include "ipb_requests_codec.h"
#include "ipb_requests_team.h"

/* The test's own settings, after those of IPB_REQ_OPTIONS are in c. What c points to has to live until the run is over. 0, or
 * -1 and a sentence. */
static int configure(struct ipb_requests_config *c, const struct ipb_args *a);
/* Before marshalling: reasons of the test's own, and its metrics behind the common ones. Returns how many. */
static uint32_t own_results(struct ipb_requests *r, double *metrics);
/* After the run. */
static void tidy(void);

/* A test whose connections several threads may share has the rows IPB_THREAD_OPTIONS, and defines this as a function that gives
 * each further thread what must not be another's (ipb_requests_team_open). */
#ifndef IPB_REQ_SHARE
#define IPB_REQ_SHARE NULL
#define IPB_REQ_ONE_THREAD 1
#endif

static struct {
	struct ipb_requests_team *team;
	struct ipb_threads threads;
	struct ipb_requests_config config;
	struct ipb_args args;
	int has_args;
	char host[IPB_SOCK_RESOLVE_MAX + 1], sources[2048]; /* host: "" as long as none is known */
	uint16_t port;
} test;

#define IPB_REQ_METRIC_COUNT ((uint32_t)(sizeof metrics / sizeof *metrics))

/* here: on the tester, whose processors are known. */
static int read_settings(struct ipb_requests_config *c, const struct ipb_args *a, int here)
{
	static const int waits[] = { -1, 0, 1 };
	struct ipb_mistakes mistakes = { 0 };

	memset(c, 0, sizeof *c);
	c->name = PLUGIN_NAME;
	c->host = test.host;
	c->port = test.port;
	c->rate = ipb_args_number(a, "rate");
	if (ipb_arrival_parse(&c->arrival, &c->burst, ipb_args_string(a, "arrival"), &err) < 0)
		ipb_mistakes_add(&mistakes, &err);
	if (c->rate > 0 && c->rate < 0.01)
		ipb_error(&err, "argument rate: less than 0.01 a second; 0 means a closed loop"), ipb_mistakes_add(&mistakes, &err);
	c->seed = ipb_args_uint(a, "seed");
	c->connections = (uint32_t)ipb_args_uint(a, "connections");
	c->depth = 1;
	c->warmup_ns = ipb_args_ns(a, "warmup");
	c->duration_ns = ipb_args_ns(a, "duration");
	c->cooldown_ns = ipb_args_ns(a, "cooldown");
	c->drain_ns = ipb_args_ns(a, "drain");
	c->late_ns = ipb_args_ns(a, "late");
	if (strlen(ipb_args_string(a, "bind")) >= sizeof test.sources)
		ipb_error(&err, "argument bind: the list is longer than %zu bytes", sizeof test.sources - 1),
			ipb_mistakes_add(&mistakes, &err);
	else
		c->sources = strcpy(test.sources, ipb_args_string(a, "bind"));
	c->spin = waits[ipb_args_enum(a, "wait")];
	c->series_times = ipb_args_bool(a, "series_times");
	c->cpu = (int)ipb_args_number(a, "cpu");
	c->rt = (int)ipb_args_uint(a, "rt");
	c->sock.dscp = -1;
	c->sock.sockopts = ipb_args_string(a, "sockopts");
	ipb_limits_configure(&c->limits, a);
	test.threads = (struct ipb_threads){ .count = 1, .cpu = { -1 } };
#ifndef IPB_REQ_ONE_THREAD
	if (ipb_threads_plan(&test.threads, a, here, &err) < 0 || ipb_requests_team_check(c, &test.threads, &err) < 0)
		ipb_mistakes_add(&mistakes, &err);
#endif
	(void)here;
	if (configure(c, a) < 0 || ipb_requests_check(c, &err) < 0)
		ipb_mistakes_add(&mistakes, &err);
	return ipb_mistakes_end(&mistakes, &err);
}

static int expected_duration(const char *text, uint64_t *ns)
{
	struct ipb_requests_config c;
	struct ipb_args a;
	int status;

	if (ipb_plugin_args(&a, text) < 0)
		return -1;
	status = read_settings(&c, &a, 0);
	*ns = status == 0 ? ipb_requests_duration_ns(&c) : 0;
	tidy();
	ipb_args_free(&a);
	return status;
}

/* All that a test holds. */
static void let_go(void)
{
	ipb_requests_team_close(test.team);
	test.team = NULL;
	tidy();
	if (test.has_args)
		ipb_args_free(&test.args);
	test.has_args = 0;
}

static int setup_failed(void)
{
	let_go();
	return ipb_plugin_fail();
}

static int setup(char *hostname, int port, char *arg)
{
	/* A library that writes to a connection which is gone must not end the process. */
	signal(SIGPIPE, SIG_IGN);
	if (strlen(hostname) > IPB_SOCK_RESOLVE_MAX)
		return ipb_error(&err, "the target's name is longer than %d bytes", IPB_SOCK_RESOLVE_MAX), ipb_plugin_fail();
	let_go();
	if (ipb_plugin_args(&test.args, arg) < 0)
		return ipb_plugin_fail();
	test.has_args = 1;
	strcpy(test.host, hostname);
	test.port = (uint16_t)port;
	if (read_settings(&test.config, &test.args, 1) < 0)
		return setup_failed();
	test.team = ipb_requests_team_open(&test.config, &test.threads, IPB_REQ_SHARE, &err);
	return test.team == NULL ? setup_failed() : 0;
}

static int start(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	if (test.team == NULL)
		return -1;
	return ipb_requests_team_run(test.team, host != NULL ? host->progress : NULL, &err) < 0 ? ipb_plugin_fail() : 0;
}

static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	if (test.team != NULL)
		ipb_requests_team_stop(test.team);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	double own[IPB_REQ_METRICS_MAX];
	struct ipb_requests_result r;
	struct ipb_json j;

	(void)running_time;
	*data = NULL;
	*size = 0;
	if (test.team == NULL)
		return -1;
	struct ipb_requests *all = ipb_requests_team_of(test.team, 0);
	uint32_t count = own_results(all, own);
	int broken = ipb_requests_broken(all);
	ipb_requests_result(all, &r);
	ipb_json_init(&j);
	ipb_requests_report(all, &j);
	ipb_requests_team_report(test.team, &j);
	int status = j.failed ? -1 : ipb_requests_encode(&r, TEST_ID, own, count, j.text, j.size, data, size);
	ipb_json_free(&j);
	let_go();
	return status < 0 || broken ? -1 : 0;
}

static int unmarshall(char *input, int len, char **data, int *data_len)
{
	struct ipb_requests_record r;

	if (ipb_requests_decode(&r, TEST_ID, IPB_REQ_METRIC_COUNT, input, len, &err) < 0)
		return -1;
	return ipb_plugin_keep(input, len, data, data_len);
}

static int results(const struct client_data *data, char **json)
{
	struct ipb_requests_record r;

	if (ipb_requests_decode(&r, TEST_ID, IPB_REQ_METRIC_COUNT, data->data, data->size, &err) < 0)
		return -1;
	*json = ipb_requests_json(&r, metrics);
	return *json != NULL ? 0 : -1;
}

static int output(struct client_data data[], int n)
{
	return ipb_requests_print(data, n, TEST_ID, IPB_REQ_METRIC_COUNT, &err);
}

#define IPB_REQ_PLUGIN(...) \
	IPB_PLUGIN(.id = TEST_ID, IPB_PLUGIN_BLOCK, __VA_ARGS__); \
	IPB_PLUGIN_EXT(options, .needs_target = 1, .csv_header = IPB_REQ_COLUMNS, .expected_duration = expected_duration, \
	               .results = results, IPBENCH_METRICS(metrics))

#endif
