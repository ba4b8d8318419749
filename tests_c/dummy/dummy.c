/*
 * dummy: the smallest client test, and the template for new ones.  SPDX-License-Identifier: MIT
 *
 * It waits for `seconds` and gives a text. To make a test of your own out of it: change NAME in the Makefile and
 * below, put your work into dummy_start, and what you measured into dummy_marshall. plugin.h is all it needs.
 *
 * The order of the calls. On the tester (ipbenchd): attach, setup, start, marshall, marshall_cleanup.
 * On the controller (ipbench run): attach, setup_controller, then for each client unmarshall and results, then once
 * output with all clients, then unmarshall_cleanup for each.
 */
#define IPBENCH_TEST_CLIENT /* selects the client's prototypes of setup and output */
#include "plugin.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX 3600.0 /* longest wait */
#define TEXT_MAX 256       /* bytes of text, NUL included */
#define SLICE_NS 5000000   /* how often a waiting test checks whether it is to stop */

/* Every argument, once: `ipbench plugins dummy` prints this table. Arguments arrive as "name=value,name=value". */
static const struct ipbench_option options[] = {
	{ "seconds", "float", "s", "5", "0..3600", "How long the test takes.", 0, 0 },
	{ "text", "string", "", "dummy client data", "", "What it gives as its result (at most 255 bytes).", 0, 0 },
};

/* What the process knows. Each run has a process of its own, so nothing here outlives a test. */
static const struct ipbench_host *host; /* NULL when an old ipbench opened us: it has no such thing */
static double seconds = 5;
static char text[TEXT_MAX] = "dummy client data";
/* Set by dummy_stop on one thread, read by dummy_start on another: what two threads share is atomic, or a lock guards it.
 * What was written before a release store is there for the thread whose acquire load has seen that store. */
static atomic_int stopping;

/* Leaves the reason where the user will read it, and gives the return value of a failure. */
static int fail(const char *what, const char *value)
{
	if (host != NULL)
		snprintf(host->error, host->error_size, "%s: \"%.64s\"", what, value);
	else
		fprintf(stderr, "dummy: %s: \"%.64s\"\n", what, value);
	return -1;
}

/* What the original lets pass is a warning in its spelling (and in an old ipbench, which has no host), an error
 * otherwise. */
static int object(const char *what, const char *value)
{
	if (host != NULL && (host->minor < 1 || host->original_spelling == 0))
		return fail(what, value);
	fprintf(stderr, "dummy: %s: \"%.64s\"\n", what, value);
	return 0;
}

/* Reads one argument. Unknown names and values out of range are errors, never ignored without a word. */
static int set_option(const char *name, const char *value)
{
	if (strcmp(name, "seconds") == 0) {
		char *end;
		double number = strtod(value, &end);
		if (end == value || *end != '\0' || !(number >= 0 && number <= SECONDS_MAX))
			return fail("argument seconds: takes 0..3600, not", value);
		seconds = number;
		return 0;
	}
	if (strcmp(name, "text") == 0) {
		if (strlen(value) >= sizeof text)
			return fail("argument text: takes at most 255 bytes, not", value);
		strcpy(text, value);
		return 0;
	}
	return object("unknown argument; known are seconds and text, not", name);
}

static int parse(const char *arguments)
{
	char *copy = strdup(arguments), *rest = NULL;
	int status = copy != NULL ? 0 : -1;

	for (char *word = status == 0 ? strtok_r(copy, ",", &rest) : NULL; word != NULL && status == 0;
	     word = strtok_r(NULL, ",", &rest)) {
		char *equals = strchr(word, '=');
		if (equals != NULL)
			*equals = '\0';
		status = set_option(word, equals != NULL ? equals + 1 : "");
	}
	free(copy);
	return status;
}

/* First of all, in each process. Keep the pointer: it is valid as long as the process lives. */
static int dummy_attach(const struct ipbench_host *given)
{
	host = given;
	return 0;
}

/* On the controller, before anything else; arg may be NULL. This test has no controller arguments. */
static int dummy_setup_controller(char *arg)
{
	return arg == NULL || *arg == '\0' ? 0 : object("no controller arguments are known, not", arg);
}

/* On the tester. Resolve names, open sockets, get memory here: what takes time, or may fail. */
static int dummy_setup(char *hostname, int port, char *arg)
{
	(void)hostname;
	(void)port;
	return parse(arg);
}

/* The test itself, on a thread of its own. Stamp first; return when done, 0 for success. */
static int dummy_start(struct timeval *start)
{
	struct timespec begin, now, slice = { .tv_nsec = SLICE_NS };
	double elapsed = 0;

	gettimeofday(start, NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	while (!atomic_load_explicit(&stopping, memory_order_acquire) && elapsed < seconds) {
		if (seconds - elapsed < SLICE_NS / 1e9)
			slice.tv_nsec = (long)((seconds - elapsed) * 1e9);
		nanosleep(&slice, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		elapsed = (double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
		if (host != NULL) { /* what `ipbench watch` shows; a few times a second is enough */
			IPBENCH_PROGRESS_SET(host->progress, phase, IPBENCH_PHASE_MEASURE);
			IPBENCH_PROGRESS_SET(host->progress, elapsed_ns, (uint64_t)(elapsed * 1e9));
			IPBENCH_PROGRESS_SET(host->progress, expected_ns, (uint64_t)(seconds * 1e9));
			IPBENCH_PROGRESS_SET(host->progress, updates, host->progress->updates + 1);
		}
	}
	return 0;
}

/* After ABORT on a client: dummy_start has to return soon. */
static int dummy_stop(struct timeval *stop)
{
	atomic_store_explicit(&stopping, 1, memory_order_release);
	gettimeofday(stop, NULL);
	return 0;
}

/* The result as bytes for the network. Numbers: in network byte order and of fixed width; the other machine may be
 * of another kind. Non-zero means that these data are not valid. */
static int dummy_marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	*data = strdup(text);
	*size = *data != NULL ? (int)strlen(text) + 1 : 0;
	return *data != NULL ? 0 : -1;
}

static void dummy_free(char **data)
{
	free(*data);
	*data = NULL;
}

/* On the controller. The bytes come from the network: check everything before you use it. */
static int dummy_unmarshall(char *input, int len, char **data, int *data_len)
{
	if (input == NULL || len < 1 || len > TEXT_MAX || memchr(input, '\0', (size_t)len) != input + len - 1)
		return fail("the result is not a text of 1 to 256 bytes that ends with NUL", "");
	*data = malloc((size_t)len);
	if (*data == NULL)
		return -1;
	memcpy(*data, input, (size_t)len);
	*data_len = len;
	return 0;
}

/* One client's figures as data, for the result document. */
static int dummy_results(const struct client_data *data, char **json)
{
	*json = malloc(128);
	if (*json == NULL || data->data == NULL)
		return -1;
	snprintf(*json, 128, "{\"metrics\":[{\"name\":\"text_size\",\"value\":%d,\"unit\":\"byte\"}]}", data->size - 1);
	return 0;
}

/* Prints the result on standard output: here a line for each client. A test that measures prints one row for all clients
 * together, comma separated, so that scripts can read it. */
static int dummy_output(struct client_data data[], int n)
{
	for (int i = 0; i < n; i++)
		if (data[i].data != NULL)
			printf("DUMMY RETURNED: %s\n", data[i].data);
	return 0;
}

/* How long dummy_start will take: the controller's deadline comes from this. */
static int dummy_expected_duration(const char *args, uint64_t *ns)
{
	if (parse(args) < 0)
		return -1;
	*ns = (uint64_t)(seconds * 1e9) + 1;
	return 0;
}

IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = {
	.magic = IPBENCH_PLUGIN_MAGIC,
	.name = "dummy",
	.id = 0x1,
	.descr = "Waits and gives a text: the template for client tests",
	.default_port = 6123,
	.type = IPBENCH_CLIENT,
	.setup = dummy_setup,
	.setup_controller = dummy_setup_controller,
	.start = dummy_start,
	.stop = dummy_stop,
	.marshall = dummy_marshall,
	.marshall_cleanup = dummy_free,
	.unmarshall = dummy_unmarshall,
	.unmarshall_cleanup = dummy_free,
	.output = dummy_output,
};

static const struct ipbench_metric metrics[] = {
	{ "text_size", "byte", "Length of the text that was returned", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
};

IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = {
	.major = IPBENCH_EXT_MAJOR,
	.minor = IPBENCH_EXT_MINOR,
	.size = sizeof(struct ipbench_plugin_ext),
	.option_size = sizeof(struct ipbench_option),
	.version = "1.0.0",
	.options = options,
	.option_count = sizeof options / sizeof options[0],
	.csv_header = "Text",
	.attach = dummy_attach,
	.expected_duration = dummy_expected_duration,
	.results = dummy_results,
	.results_cleanup = dummy_free,
	IPBENCH_METRICS(metrics),
};
