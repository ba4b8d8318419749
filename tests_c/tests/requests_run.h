/* One whole test of requests by its built plugin, and its figures.  SPDX-License-Identifier: MIT */
#ifndef REQUESTS_RUN_H
#define REQUESTS_RUN_H

#define IPBENCH_TEST_CLIENT
#include "opened.h"
#include "quiet.h"
#include "unit.h"

#include <stdlib.h>

struct run {
	int set_up, valid;
	char error[1024];
	char *json; /* NULL when set-up failed */
};

static inline struct run measure(const char *name, int port, const char *arguments)
{
	static struct ipbench_progress progress;
	static char text[1024];
	static struct ipbench_host host = { IPBENCH_EXT_MAJOR, IPBENCH_EXT_MINOR, sizeof host, 0, IPBENCH_FORM_EXTENDED, 0, 0, 0,
		                            sizeof text, text, &progress, 0, 0 };
	struct ipbench_plugin *plugin = opened_plugin(name);
	struct ipbench_plugin_ext *ext = opened_ext(name);
	struct client_data d = { .valid = 1 };
	struct run r = { 0 };
	struct timeval stamp;
	char target[] = "127.0.0.1", args[1024], *wire = NULL, *json = NULL;
	int size = 0;

	quiet_note();
	if (plugin == NULL || ext == NULL)
		skip(); /* what it needs is missing here */
	snprintf(args, sizeof args, "wait=sleep,limits=shared,warmup=0.1,cooldown=0,%s", arguments);
	text[0] = '\0';
	assert_int_equal(ext->attach(&host), 0);
	r.set_up = ((ipbench_client_setup_fn)plugin->setup)(target, port, args) == 0;
	snprintf(r.error, sizeof r.error, "%s", text);
	if (!r.set_up)
		return r;
	assert_int_equal(plugin->start(&stamp), 0);
	r.valid = plugin->marshall(&wire, &size, 0) == 0;
	assert_non_null(wire);
	if (plugin->unmarshall(wire, size, &d.data, &d.size) != 0)
		fail_msg("%s", text);
	assert_int_equal(ext->results(&d, &json), 0);
	r.json = strdup(json);
	ext->results_cleanup(&json);
	plugin->unmarshall_cleanup(&d.data);
	plugin->marshall_cleanup(&wire);
	return r;
}

/* A number of the result: the first `"name":` in it, or a metric's value; -1 when there is none. */
static inline double figure(const struct run *r, const char *name)
{
	char key[100];

	snprintf(key, sizeof key, "{\"name\":\"%s\",\"value\":", name);
	const char *at = strstr(r->json, key);
	if (at == NULL) {
		snprintf(key, sizeof key, "\"%s\":", name);
		at = strstr(r->json, key);
	}
	return at != NULL ? strtod(at + strlen(key), NULL) : -1;
}

/* A figure that says how much was done in a time: on a crowded machine the test is skipped instead of failing. */
static inline void figure_is(const struct run *r, const char *name, double wanted)
{
	char text[200];

	snprintf(text, sizeof text, "%s is %g, not %g", name, figure(r, name), wanted);
	if (figure(r, name) != wanted)
		quiet_fail(text, __FILE__, __LINE__);
}

/* A percentile of "response" or "service", in ms. */
static inline double percentile_ms(const struct run *r, const char *of, const char *which)
{
	char key[100];

	snprintf(key, sizeof key, "\"%s\":{\"count\"", of);
	const char *at = strstr(r->json, key);
	snprintf(key, sizeof key, "\"%s\":", which);
	at = at != NULL ? strstr(at, key) : NULL;
	return at != NULL ? strtod(at + strlen(key), NULL) / 1e6 : -1;
}

static inline void says(const struct run *r, const char *text)
{
	if (r->json == NULL || strstr(r->json, text) == NULL)
		fail_msg("\"%s\" is not in %s%s", text, r->error, r->json != NULL ? r->json : "");
}

/* Every request has one fate. */
static inline void adds_up(const struct run *r)
{
	const double lost = figure(r, "lost");

	assert_true(figure(r, "sent") == figure(r, "ok") + lost + figure(r, "late") + figure(r, "corrupt"));
	assert_true(lost == figure(r, "refused") + figure(r, "reset") + figure(r, "closed") + figure(r, "timed_out") +
	            figure(r, "other_failures"));
}

#endif
