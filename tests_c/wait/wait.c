/*
 * wait: a client test that ends when somebody asks it to; see README.md.  SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "wait"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_plugin.h"
#include "ipb_stop.h"

#define PROGRESS_NS 200000000ull
#define RESULT_SIZE 9 /* bytes: waited in ns, and who ended it */
#define ORIGINAL_RESULT "OK"

enum ended_by { BY_CONTINUE, BY_DEADLINE };
static const char *const ended_by_words[] = { "continue", "deadline" };

static const struct ipbench_option options[] = {
	{ "deadline", "time", "s", "1h", "0.001..168h", "When the test ends if nobody has ended it.", 0, 0 },
};
IPB_PLUGIN_OPTIONS(options)

static uint64_t deadline_ns;
static struct ipb_stop stopping;
static struct sigaction before_interrupt; /* what SIGINT did before setup */
static int catching;
static uint64_t waited_ns;
static enum ended_by ended_by;

static void progress(uint64_t begin_ns, enum ipbench_phase phase)
{
	if (host == NULL)
		return;
	IPBENCH_PROGRESS_SET(host->progress, phase, phase);
	IPBENCH_PROGRESS_SET(host->progress, elapsed_ns, ipb_now_ns() - begin_ns);
	IPBENCH_PROGRESS_SET(host->progress, expected_ns, deadline_ns);
	IPBENCH_PROGRESS_SET(host->progress, updates, host->progress->updates + 1);
}

static void on_interrupt(int number)
{
	(void)number;
	ipb_stop_ask(&stopping);
}

/* As ever: a SIGINT to the process that STATUS names ends the test. The runtime around us may put a handler of its own in
 * place of ours, at any time in its first second, which would end the process: so this is done again and again. */
static void catch_interrupt(void)
{
	struct sigaction interrupt = { .sa_handler = on_interrupt }, now;

	if (sigaction(SIGINT, NULL, &now) < 0 || now.sa_handler == on_interrupt)
		return;
	if (!catching)
		before_interrupt = now;
	catching = sigaction(SIGINT, &interrupt, NULL) == 0;
}

static int setup(char *hostname, int port, char *arg)
{
	struct ipb_args a;

	(void)hostname;
	(void)port;
	if (ipb_plugin_args(&a, arg) < 0)
		return ipb_plugin_fail();
	deadline_ns = ipb_args_ns(&a, "deadline");
	ipb_args_free(&a);
	if (ipb_stop_open(&stopping) < 0)
		return ipb_error_errno(&err, errno, "cannot make an event");
	catch_interrupt();
	return 0;
}

/* Whether somebody pressed Enter. At its end, and where it cannot be read, the input is not read again. */
static int entered(struct pollfd *input)
{
	char text[256];

	if (input->fd < 0 || input->revents == 0)
		return 0;
	ssize_t got = read(input->fd, text, sizeof text);
	if (got <= 0 && errno != EINTR)
		input->fd = -1;
	return got > 0 && memchr(text, '\n', (size_t)got) != NULL;
}

static int start(struct timeval *stamp)
{
	/* The original's daemon calls no stop for a client: there Enter ends the test, as it always did. */
	struct pollfd p[2] = { { .fd = stopping.event, .events = POLLIN }, { .fd = host == NULL ? 0 : -1, .events = POLLIN } };
	uint64_t begin = ipb_now_ns(), now = begin;

	gettimeofday(stamp, NULL);
	ended_by = BY_DEADLINE;
	while (now - begin < deadline_ns) {
		uint64_t left = deadline_ns - (now - begin), slice = left < PROGRESS_NS ? left : PROGRESS_NS;
		struct timespec wait = { .tv_nsec = (long)slice };
		catch_interrupt();
		p[0].revents = p[1].revents = 0;
		ppoll(p, 2, &wait, NULL);
		now = ipb_now_ns();
		if (ipb_stop_asked(&stopping) || p[0].revents != 0 || entered(&p[1])) {
			ended_by = BY_CONTINUE;
			break;
		}
		progress(begin, IPBENCH_PHASE_MEASURE);
	}
	waited_ns = now - begin;
	if (catching && host == NULL) /* a process of our own line is this test's alone: whoever asks twice asks in vain */
		sigaction(SIGINT, &before_interrupt, NULL);
	catching = 0;
	progress(begin, IPBENCH_PHASE_DONE);
	return 0;
}

/* `ipbench continue HOST`, and Enter at the daemon's terminal, get here. */
static int stop(struct timeval *stamp)
{
	gettimeofday(stamp, NULL);
	ipb_stop_ask(&stopping);
	return 0;
}

static int marshall(char **data, int *size, double running_time)
{
	struct ipb_writer w;

	(void)running_time;
	if (host == NULL || host->form == IPBENCH_FORM_ORIGINAL) {
		*data = strdup(ORIGINAL_RESULT);
		*size = *data != NULL ? (int)sizeof ORIGINAL_RESULT : 0;
		return *data != NULL ? 0 : -1;
	}
	*data = malloc(RESULT_SIZE);
	*size = RESULT_SIZE;
	if (*data == NULL)
		return -1;
	ipb_writer_init(&w, *data, RESULT_SIZE);
	ipb_write_u64(&w, waited_ns);
	ipb_write_u8(&w, (uint8_t)ended_by);
	return 0;
}

/* An original's wait reports nothing but that it ended. */
static int unmarshall(char *input, int len, char **data, int *data_len)
{
	int known = len == RESULT_SIZE && input != NULL && (uint8_t)input[8] <= BY_DEADLINE;

	if (!known && (len != (int)sizeof ORIGINAL_RESULT || input == NULL || memcmp(input, ORIGINAL_RESULT, (size_t)len) != 0))
		return ipb_error(&err, "the result (%d bytes) is none of wait's", len);
	return ipb_plugin_keep(input, len, data, data_len);
}

static int results(const struct client_data *data, char **json)
{
	char text[160] = "{}";

	if (data->data != NULL && data->size == RESULT_SIZE)
		snprintf(text, sizeof text, "{\"metrics\":[{\"name\":\"waited\",\"value\":%.9f,\"unit\":\"s\"}],"
		         "\"engine\":{\"ended_by\":\"%s\"}}", (double)ipb_get_be((uint8_t *)data->data, 8) / 1e9,
		         ended_by_words[(uint8_t)data->data[8]]);
	*json = strdup(text);
	return *json != NULL ? 0 : -1;
}

/* Times when there are any, in our own spelling; otherwise the word that the original prints, once for all clients. */
static int output(struct client_data data[], int n)
{
	int timed = 0;

	for (int i = 0; i < n && !ipb_original_spelling(host); i++)
		if (data[i].data != NULL && data[i].size == RESULT_SIZE)
			printf("%s%.3f", timed++ > 0 ? "," : "", (double)ipb_get_be((uint8_t *)data[i].data, 8) / 1e9);
	printf("%s\n", timed > 0 ? "" : ORIGINAL_RESULT);
	return 0;
}

static int expected_duration(const char *args, uint64_t *ns) { return ipb_plugin_lasts(args, "deadline", NULL, ns); }

IPB_PLUGIN(
	.id = 0x3,
	.descr = "Waits for `ipbench continue`, Enter at the daemon's terminal, or its deadline",
	IPB_PLUGIN_BLOCK
);

static const struct ipbench_metric metrics[] = {
	{ "waited", "s", "Time until it went on", IPBENCH_TOTAL_MAX, IPBENCH_BETTER_UNKNOWN },
};

IPB_PLUGIN_EXT(
	options,
	.csv_header = "Waited",
	.expected_duration = expected_duration,
	.results = results,
	IPBENCH_METRICS(metrics)
);
