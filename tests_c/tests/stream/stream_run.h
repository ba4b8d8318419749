/* One test of stream, mostly against the services in this process, and what it gave.  SPDX-License-Identifier: MIT */
#ifndef STREAM_RUN_H
#define STREAM_RUN_H

#include "quiet.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../stream/figures.h"
#include "ipb_bulk.h"
#include "ipb_clock.h"
#include "ipb_serve.h"

#define SHORT "duration=0.3,warmup=0.1"

static struct ipb_error err;

/* ---- the services, until the test is over ---- */

static struct {
	struct ipb_serve *serve;
	struct ipb_bulk *bulk;
	struct ipb_stop stop;
	pthread_t thread;
	struct ipb_error err;
} target;

static inline void *serve(void *arg)
{
	(void)arg;
	ipb_serve_run(target.serve, &target.stop, &target.err);
	return NULL;
}

static inline int begin(void **state)
{
	const struct ipb_serve_options o = { .ip = "127.0.0.1" };

	(void)state;
	memset(&target, 0, sizeof target);
	target.serve = ipb_serve_open(&o, &err);
	target.bulk = ipb_bulk_new(0);
	if (target.serve == NULL || target.bulk == NULL)
		return -1;
	ipb_serve_add(target.serve, ipb_bulk_service(target.bulk));
	return pthread_create(&target.thread, NULL, serve, NULL);
}

static inline int end(void **state)
{
	(void)state;
	ipb_stop_ask(&target.stop);
	pthread_join(target.thread, NULL);
	ipb_serve_close(target.serve);
	ipb_bulk_free(target.bulk);
	return 0;
}

/* ---- one test ---- */

struct outcome {
	struct stream_figures figures;
	char code[32], failure[STREAM_FAILURE_TEXT], row[200];
	char *json;
	double seconds; /* that stream_run took */
	int64_t offset_ns;
	uint64_t offset_error_ns;
};

/* NULL args: the defaults. 0, or -1 when it could not be opened (err). */
static inline int run(const char *args, uint16_t port, struct outcome *o)
{
	struct stream_test t;
	struct ipb_args a;

	memset(o, 0, sizeof *o);
	memset(&t, 0, sizeof t);
	assert_int_equal(ipb_args_parse(&a, stream_options, STREAM_OPTION_COUNT, args, 0, &err), 0);
	assert_int_equal(stream_configure(&t.config, &a, "127.0.0.1", port, &err), 0);
	quiet_note();
	int status = stream_open(&t, &err);
	if (status == 0) {
		const uint64_t begin_ns = ipb_now_ns();
		assert_int_equal(stream_run(&t, NULL), 0);
		o->seconds = (double)(ipb_now_ns() - begin_ns) / 1e9;
		stream_figures(&t, &o->figures);
		stream_row(&t, o->row, sizeof o->row);
		memcpy(o->code, t.failure_code, sizeof o->code);
		memcpy(o->failure, t.failure, sizeof o->failure);
		o->json = stream_json(&t);
		assert_non_null(o->json);
		assert_int_equal(ipb_json_check(o->json, strlen(o->json)), 0);
		o->offset_ns = t.offset_ns;
		o->offset_error_ns = t.offset_error_ns;
	}
	stream_close(&t);
	ipb_args_free(&a);
	return status;
}

static inline uint16_t served(void) { return ipb_serve_port(target.serve); }

static inline void it_works(const char *args, struct outcome *o)
{
	if (run(args, served(), o) != 0)
		fail_msg("%s: %s", args, ipb_error_text(&err));
	if (*o->code != '\0')
		fail_msg("%s: %s: %s", args, o->code, o->failure);
	free(o->json);
}

#endif
