/*
 * connections: connects, sends a request, receives the response and closes, again and again. See README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "connections"
#include "ipb_plugin.h"
#include "ipb_requests_codec.h"
#include "ipb_requests_options.h"
#include "ipb_requests_stream.h"

#include <ctype.h>

#define TEST_ID 0x31

enum { UNTIL_ECHO, UNTIL_FIRST, UNTIL_CLOSED };

static const struct ipbench_option options[] = {
	IPB_REQ_OPTION("request", "size", "byte", "1", "0..16Mi", "Bytes of the request, which come back; 0: connect and close only."),
	IPB_REQ_OPTION("send", "string", "", "", "", "The request as text instead, with \\r, \\n, \\t, \\\\ and \\xHH."),
	IPB_REQ_OPTION("until", "enum", "", "echo", "echo|first|closed", "When the response is over: as many bytes as of the request, which have to be the same; its first bytes; the connection's end."),
	IPB_REQ_OPTION("linger", "int", "s", "-1", "-1..0", "0: close with a reset, which leaves no port waiting (SO_LINGER); -1: close as usual."),
	IPB_REQ_OPTIONS("1", "Connections at once, at most."),
};
IPB_PLUGIN_OPTIONS(options)

static const struct ipbench_metric metrics[] = { IPB_REQ_METRIC_ROWS };

#include "ipb_requests_plugin.h"

static const struct ipb_req_protocol protocol = {
	.one = "connection", .many = "connections", .state_size = sizeof(struct ipb_stream_state),
	.begin = ipb_stream_begin, .input = ipb_stream_input, .end = ipb_stream_end,
};
static struct ipb_stream stream;

/* Servers that answer something else: how many bytes came. */
static void other_begin(void *app, void *state)
{
	(void)app;
	*(uint32_t *)state = 0;
}

static enum ipb_req_step first_input(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured)
{
	(void)app;
	(void)state;
	(void)bytes;
	(void)measured;
	*used = size;
	return IPB_REQ_LAST;
}

static enum ipb_req_step closed_input(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured)
{
	(void)app;
	(void)bytes;
	(void)measured;
	*used = size;
	*(uint32_t *)state = 1;
	return IPB_REQ_MORE;
}

static enum ipb_req_step no_end(void *app, void *state, int measured)
{
	(void)app;
	(void)state;
	(void)measured;
	return IPB_REQ_MORE;
}

/* A server that ends the connection without a byte has not answered. */
static enum ipb_req_step closed_end(void *app, void *state, int measured)
{
	(void)app;
	(void)measured;
	return *(const uint32_t *)state > 0 ? IPB_REQ_LAST : IPB_REQ_MORE;
}

static const struct ipb_req_protocol until_first = {
	.one = "connection", .many = "connections", .state_size = sizeof(uint32_t),
	.begin = other_begin, .input = first_input, .end = no_end,
}, until_closed = {
	.one = "connection", .many = "connections", .state_size = sizeof(uint32_t),
	.begin = other_begin, .input = closed_input, .end = closed_end,
};

/* Replaces the request's pattern by the text. Returns its size, or -1 and a sentence. */
static int64_t write_text(uint8_t *to, const char *text)
{
	static const char letters[] = "rnt\\", meanings[] = "\r\n\t\\";
	int64_t size = 0;

	for (const char *at = text; *at != '\0'; at++) {
		if (*at != '\\') {
			to[size++] = (uint8_t)*at;
			continue;
		}
		const char *known = at[1] != '\0' ? strchr(letters, at[1]) : NULL;
		if (known != NULL) {
			to[size++] = (uint8_t)meanings[known - letters];
			at++;
		} else if (at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3])) {
			const char digits[] = { at[2], at[3], '\0' };
			to[size++] = (uint8_t)strtoul(digits, NULL, 16);
			at += 3;
		} else {
			return ipb_error(&err, "argument send: \"%.20s\" is none of \\r, \\n, \\t, \\\\ and \\xHH", at);
		}
	}
	return size;
}

static int configure(struct ipb_requests_config *c, const struct ipb_args *a)
{
	const char *text = ipb_args_string(a, "send");
	const int until = ipb_args_enum(a, "until");
	uint32_t request = (uint32_t)ipb_args_uint(a, "request");

	if (text[0] != '\0' && ipb_args_given(a, "request"))
		return ipb_error(&err, "argument send: give either request or send");
	if (text[0] != '\0')
		request = (uint32_t)strlen(text); /* or fewer */
	ipb_stream_close(&stream);
	if (ipb_stream_open(&stream, request, request) < 0)
		return ipb_error(&err, "no memory for a request of %u bytes", request);
	const int64_t size = text[0] != '\0' ? write_text(stream.request, text) : request;
	if (size < 0)
		return -1;
	if (size == 0 && until != UNTIL_ECHO)
		return ipb_error(&err, "argument until: with request=0 nothing is asked, and nothing answered");
	stream.request_size = stream.response_size = request = (uint32_t)size;
	c->fresh = 1;
	c->linger0 = ipb_args_number(a, "linger") == 0;
	c->request = stream.request;
	c->request_size = c->response_size = request;
	c->no_response = request == 0;
	c->protocol = until == UNTIL_FIRST ? &until_first : until == UNTIL_CLOSED ? &until_closed : &protocol;
	c->app = &stream;
	return 0;
}

static uint32_t own_results(struct ipb_requests *r, double *to)
{
	(void)r;
	(void)to;
	return 0;
}

static void tidy(void) { ipb_stream_close(&stream); }

IPB_REQ_PLUGIN(.descr = "Connections a second: connect, request, response, close", .default_port = 7);
