/*
 * dummy_target: the smallest target test, and the template for new ones.  SPDX-License-Identifier: MIT
 *
 * A target test runs on the machine under test, from before the clients start until after they have ended: it serves
 * them (echo), or it measures what they cost (cpu_target). This one does neither; it waits and gives a text. To make
 * one of your own out of it: change NAME in the Makefile and below, put your work into dummy_target_start, and what
 * you measured into dummy_target_marshall. plugin.h is all it needs.
 *
 * The order of the calls. On the target (ipbenchd --target): attach, setup, start, stop, marshall, marshall_cleanup.
 * On the controller (ipbench run): attach, setup_controller, unmarshall, results, output, unmarshall_cleanup.
 */
#define IPBENCH_TEST_TARGET /* selects the target's prototypes of setup and output */
#include "plugin.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 256     /* bytes of text, NUL included */
#define SLICE_NS 5000000 /* how often start checks whether it is to stop */

/* Every argument, once: `ipbench plugins dummy_target` prints this table. A target that measures and understands
 * both `warmup` and `cooldown` is taken for a meter: the controller then starts it with the measured phase. */
static const struct ipbench_option options[] = {
	{ "text", "string", "", "dummy target data", "", "What it gives as its result (at most 255 bytes).", 0, 0 },
};

static const struct ipbench_host *host; /* NULL when an old ipbench opened us: it has no such thing */
static char text[TEXT_MAX] = "dummy target data";
/* Set by stop on one thread, read by start on another: what two threads share is atomic, or a lock guards it. What was
 * written before a release store is there for the thread whose acquire load has seen that store. */
static atomic_int stopping;

/* Leaves the reason where the user will read it, and gives the return value of a failure. */
static int fail(const char *what, const char *value)
{
	if (host != NULL)
		snprintf(host->error, host->error_size, "%s: \"%.64s\"", what, value);
	else
		fprintf(stderr, "dummy_target: %s: \"%.64s\"\n", what, value);
	return -1;
}

/* What the original lets pass is a warning in its spelling (and in an old ipbench, which has no host), an error
 * otherwise. */
static int object(const char *what, const char *value)
{
	if (host != NULL && (host->minor < 1 || host->original_spelling == 0))
		return fail(what, value);
	fprintf(stderr, "dummy_target: %s: \"%.64s\"\n", what, value);
	return 0;
}

static int dummy_target_attach(const struct ipbench_host *given)
{
	host = given;
	return 0;
}

/* On the controller, before anything else; arg may be NULL. */
static int dummy_target_setup_controller(char *arg)
{
	return arg == NULL || *arg == '\0' ? 0 : object("no controller arguments are known, not", arg);
}

/* On the target. Arguments arrive as "name=value,name=value"; "" when there are none. */
static int dummy_target_setup(char *arg)
{
	if (*arg == '\0')
		return 0;
	if (strncmp(arg, "text=", 5) != 0 || strchr(arg, ',') != NULL)
		return object("unknown argument; known is text, not", arg);
	if (strlen(arg + 5) >= sizeof text)
		return fail("argument text: takes at most 255 bytes, not", arg + 5);
	strcpy(text, arg + 5);
	return 0;
}

/* On a thread of its own: stamp first, then work until stop was called. */
static int dummy_target_start(struct timeval *start)
{
	struct timespec slice = { .tv_nsec = SLICE_NS };

	gettimeofday(start, NULL);
	while (!atomic_load_explicit(&stopping, memory_order_acquire))
		nanosleep(&slice, NULL);
	return 0;
}

/* While start is running, on the other thread. An old ipbench calls it from a signal handler: do no more than this. */
static int dummy_target_stop(struct timeval *stop)
{
	atomic_store_explicit(&stopping, 1, memory_order_release);
	gettimeofday(stop, NULL);
	return 0;
}

/* The result as bytes for the network. Non-zero means that these data are not valid. */
static int dummy_target_marshall(char **data, int *size, double running_time)
{
	(void)running_time;
	*data = strdup(text);
	*size = *data != NULL ? (int)strlen(text) + 1 : 0;
	return *data != NULL ? 0 : -1;
}

static void dummy_target_free(char **data)
{
	free(*data);
	*data = NULL;
}

/* On the controller. The bytes come from the network: check everything before you use it. */
static int dummy_target_unmarshall(char *input, int len, char **data, int *data_len)
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

/* The figures as data, for the result document. */
static int dummy_target_results(const struct client_data *data, char **json)
{
	*json = malloc(128);
	if (*json == NULL || data->data == NULL)
		return -1;
	snprintf(*json, 128, "{\"metrics\":[{\"name\":\"text_size\",\"value\":%d,\"unit\":\"byte\"}]}", data->size - 1);
	return 0;
}

/* Prints the result on standard output, behind the row of the clients. */
static int dummy_target_output(struct client_data *data)
{
	printf("DUMMY TARGET RETURNED: %s\n", data->data != NULL ? data->data : "");
	return 0;
}

IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = {
	.magic = IPBENCH_PLUGIN_MAGIC,
	.name = "dummy_target",
	.id = 0x2,
	.descr = "Waits and gives a text: the template for target tests",
	.default_port = 0,
	.type = IPBENCH_TARGET,
	.setup = dummy_target_setup,
	.setup_controller = dummy_target_setup_controller,
	.start = dummy_target_start,
	.stop = dummy_target_stop,
	.marshall = dummy_target_marshall,
	.marshall_cleanup = dummy_target_free,
	.unmarshall = dummy_target_unmarshall,
	.unmarshall_cleanup = dummy_target_free,
	.output = dummy_target_output,
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
	.attach = dummy_target_attach,
	.results = dummy_target_results,
	.results_cleanup = dummy_target_free,
	IPBENCH_METRICS(metrics),
};
