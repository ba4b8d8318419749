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

#define TEST_ID 0x31

static const struct ipbench_option options[] = {
	IPB_REQ_OPTION("request", "size", "byte", "1", "0..16Mi", "Bytes of the request, which come back; 0: connect and close only."),
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

static int configure(struct ipb_requests_config *c, const struct ipb_args *a)
{
	const uint32_t request = (uint32_t)ipb_args_uint(a, "request");

	ipb_stream_close(&stream);
	if (ipb_stream_open(&stream, request, request) < 0)
		return ipb_error(&err, "no memory for a request of %u bytes", request);
	c->fresh = 1;
	c->linger0 = ipb_args_number(a, "linger") == 0;
	c->request = stream.request;
	c->request_size = c->response_size = request;
	c->no_response = request == 0;
	c->protocol = &protocol;
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
