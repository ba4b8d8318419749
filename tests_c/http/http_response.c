/* HTTP responses, by http_parser.  SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "http.h"

/* One connection's. */
struct state {
	http_parser parser;
	struct http_app *app;
	uint64_t body;
	int complete, keep;
};

static int on_headers(http_parser *p)
{
	const struct state *s = p->data;

	/* 1: no body follows, whatever the length is (RFC 9112, section 6.3). The parser knows the end of those without one. */
	return s->app->request.is_head || p->status_code / 100 == 1 || p->status_code == 204 || p->status_code == 304;
}

static int on_body(http_parser *p, const char *at, size_t size)
{
	(void)at;
	((struct state *)p->data)->body += size;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct state *s = p->data;

	s->complete = 1;
	s->keep = http_should_keep_alive(p);
	http_parser_pause(p, 1);
	return 0;
}

static void next_response(struct state *s)
{
	http_parser_init(&s->parser, HTTP_RESPONSE);
	s->parser.data = s;
	s->body = 0;
	s->complete = 0;
}

static void begin(void *app, void *state)
{
	struct state *s = state;

	s->app = app;
	next_response(s);
}

static void count(struct http_app *app, unsigned status, uint64_t body)
{
	if (status / 100 >= 1 && status / 100 <= HTTP_CLASSES)
		app->tally.classes[status / 100 - 1]++;
	if (status >= 400 && app->tally.first_bad == 0)
		app->tally.first_bad = (uint16_t)status;
	app->tally.body_bytes += body;
}

static enum ipb_req_step completed(struct http_app *app, struct state *s, int measured)
{
	const unsigned status = s->parser.status_code;
	const int upgrade = s->parser.upgrade, keep = s->keep;

	if (measured)
		count(app, status, s->body);
	next_response(s);
	if (status / 100 == 1 && status != 101)
		return IPB_REQ_MORE; /* the response itself is still to come */
	return keep && !upgrade ? IPB_REQ_DONE : IPB_REQ_LAST;
}

static enum ipb_req_step broken(struct http_app *app, struct state *s)
{
	if (app->tally.broken[0] == '\0')
		snprintf(app->tally.broken, sizeof app->tally.broken, "%s",
		         http_errno_description(HTTP_PARSER_ERRNO(&s->parser)));
	return IPB_REQ_BROKEN;
}

static enum ipb_req_step input(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured)
{
	struct http_app *a = app;
	struct state *s = state;

	*used = http_parser_execute(&s->parser, &a->settings, (const char *)bytes, size);
	if (s->complete)
		return completed(a, s, measured);
	if (HTTP_PARSER_ERRNO(&s->parser) != HPE_OK || *used != size)
		return broken(a, s);
	return IPB_REQ_MORE;
}

/* The end of a connection ends a body without a length. */
static enum ipb_req_step end(void *app, void *state, int measured)
{
	struct http_app *a = app;
	struct state *s = state;

	http_parser_execute(&s->parser, &a->settings, "", 0);
	if (!s->complete)
		return IPB_REQ_MORE;
	completed(a, s, measured);
	return IPB_REQ_LAST;
}

void http_app_init(struct http_app *app)
{
	memset(app, 0, sizeof *app);
	http_parser_settings_init(&app->settings);
	app->settings.on_headers_complete = on_headers;
	app->settings.on_body = on_body;
	app->settings.on_message_complete = on_complete;
}

const struct ipb_req_protocol http_protocol = {
	.one = "request", .many = "requests", .state_size = sizeof(struct state), .begin = begin, .input = input, .end = end,
};
