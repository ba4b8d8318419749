/*
 * rr: requests and responses over TCP or UDP, in an open or a closed loop. See README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "rr"
#include "ipb_plugin.h"
#include "ipb_requests_codec.h"
#include "ipb_requests_options.h"
#include "ipb_requests_stream.h"

#define TEST_ID 0x30
#define UDP_LEAST 8u     /* bytes: a datagram's number */
#define UDP_MOST 65507u

static const struct ipbench_option options[] = {
	IPB_REQ_OPTION("proto", "enum", "", "tcp", "tcp|udp", "Over what."),
	IPB_REQ_OPTION("request", "size", "byte", "64", "1..16Mi", "Bytes of a request; UDP: 8..65507."),
	IPB_REQ_OPTION("depth", "int", "", "1", "1..1024", "Requests that may be out on a connection."),
	IPB_REQ_OPTION("nodelay", "bool", "", "1", "", "TCP_NODELAY."),
	IPB_REQ_OPTIONS("1", "Connections, or with UDP local ports, kept for the whole run."),
};
IPB_PLUGIN_OPTIONS(options)

static const struct ipbench_metric metrics[] = { IPB_REQ_METRIC_ROWS };

#include "ipb_requests_plugin.h"

static const struct ipb_req_protocol protocol = {
	.one = "request", .many = "requests", .state_size = sizeof(struct ipb_stream_state),
	.begin = ipb_stream_begin, .input = ipb_stream_input, .end = ipb_stream_end,
};
static struct ipb_stream stream;

static int configure(struct ipb_requests_config *c, const struct ipb_args *a)
{
	const uint64_t request = ipb_args_uint(a, "request");

	c->udp = ipb_args_enum(a, "proto") == 1;
	c->depth = (uint32_t)ipb_args_uint(a, "depth");
	c->sock.nodelay = ipb_args_bool(a, "nodelay");
	if (c->udp && (request < UDP_LEAST || request > UDP_MOST))
		return ipb_error(&err, "argument request: %llu is out of range; with proto=udp it takes %u..%u byte",
		                 (unsigned long long)request, UDP_LEAST, UDP_MOST);
	ipb_stream_close(&stream);
	if (ipb_stream_open(&stream, (uint32_t)request, (uint32_t)request) < 0)
		return ipb_error(&err, "no memory for a request of %llu bytes", (unsigned long long)request);
	c->request = stream.request;
	c->request_size = stream.request_size;
	c->response_size = stream.response_size;
	c->check_response = 1;
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

IPB_REQ_PLUGIN(.descr = "Requests and responses over TCP or UDP, at a rate or as fast as answers come", .default_port = 7);
