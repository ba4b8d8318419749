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
#include "ipb_hello.h"
#include "ipb_threads.h"
#include "peer.h"

#define TEST_ID 0x30
#define UDP_LEAST 8u     /* bytes: a datagram's number */
#define UDP_LEAST_ASKED 16u /* with peer=ipbench: a token behind it */
#define UDP_MOST 65507u
#define ECHO_PORT 7

static const struct ipbench_option options[] = {
	IPB_REQ_OPTION("proto", "enum", "", "tcp", "tcp|udp", "Over what."),
	IPB_REQ_OPTION("request", "size", "byte", "64", "1..16Mi", "Bytes of a request; UDP: 8..65507, with peer=ipbench from 16 on."),
	IPB_REQ_OPTION("response", "size", "byte", "", "1..16Mi", "Bytes of a response, with peer=ipbench; as many as of the request when not given. UDP: 8..65507."),
	IPB_REQ_OPTION("peer", "enum", "", "echo", "echo|ipbench", "An echo (port 7), or stream_target (port 5205), which answers with other sizes, too."),
	IPB_REQ_OPTION("depth", "int", "", "1", "1..1024", "Requests that may be out on a connection."),
	IPB_REQ_OPTION("nodelay", "bool", "", "1", "", "TCP_NODELAY."),
	IPB_THREAD_OPTIONS,
	IPB_REQ_OPTIONS("1", "Connections, or with UDP local ports, kept for the whole run."),
};
IPB_PLUGIN_OPTIONS(options)

static const struct ipbench_metric metrics[] = { IPB_REQ_METRIC_ROWS };

static int share(struct ipb_requests_config *c, uint32_t thread, struct ipb_error *e);
#define IPB_REQ_SHARE share
#include "ipb_requests_plugin.h"

static const struct ipb_req_protocol protocol = {
	.one = "request", .many = "requests", .state_size = sizeof(struct ipb_stream_state),
	.begin = ipb_stream_begin, .input = ipb_stream_input, .end = ipb_stream_end,
};
static struct ipb_stream stream;
static struct peer *peers[IPB_THREADS_MAX]; /* one of each thread */

static void tidy(void)
{
	ipb_stream_close(&stream);
	for (uint32_t i = 0; i < IPB_THREADS_MAX; i++) {
		peer_close(peers[i]);
		peers[i] = NULL;
	}
}

static int share(struct ipb_requests_config *c, uint32_t thread, struct ipb_error *e)
{
	if (c->io_state == NULL)
		return 0;
	peers[thread] = peer_open(c->connections, c->request_size, c->response_size, c->udp);
	c->io_state = peers[thread];
	return peers[thread] != NULL ? 0 : ipb_error(e, "no memory for %u connections", c->connections);
}

static int configure_peer(struct ipb_requests_config *c)
{
	peers[0] = peer_open(c->connections, c->request_size, c->response_size, c->udp);
	if (peers[0] == NULL)
		return ipb_error(&err, "no memory for %u connections", c->connections);
	stream.request_size = 0; /* the answers are no copies */
	c->io = c->udp ? NULL : &peer_io;
	c->introduce = c->udp ? peer_introduce : NULL;
	c->io_state = peers[0];
	c->check_response = 0;
	return 0;
}

static int configure(struct ipb_requests_config *c, const struct ipb_args *a)
{
	const uint64_t request = ipb_args_uint(a, "request");

	c->udp = ipb_args_enum(a, "proto") == 1;
	c->depth = (uint32_t)ipb_args_uint(a, "depth");
	c->sock.nodelay = ipb_args_bool(a, "nodelay");
	const uint64_t response = ipb_args_given(a, "response") ? ipb_args_uint(a, "response") : request;
	const int ours = ipb_args_enum(a, "peer") == 1;
	const unsigned least = ours ? UDP_LEAST_ASKED : UDP_LEAST;
	if (c->udp && (request < least || request > UDP_MOST))
		return ipb_error(&err, "argument request: %llu is out of range; with proto=udp%s it takes %u..%u byte",
		                 (unsigned long long)request, ours ? " and peer=ipbench" : "", least, UDP_MOST);
	if (c->udp && (response < UDP_LEAST || response > UDP_MOST))
		return ipb_error(&err, "argument response: %llu is out of range; with proto=udp it takes %u..%u byte",
		                 (unsigned long long)response, UDP_LEAST, UDP_MOST);
	if (c->port == 0)
		c->port = ours ? IPB_SERVE_PORT : ECHO_PORT;
	if (!ours && response != request)
		return ipb_error(&err, "argument response: an echo sends back what it got; for another size give peer=ipbench and "
		                 "stream_target as the target's test");
	tidy();
	if (ipb_stream_open(&stream, (uint32_t)request, (uint32_t)response) < 0)
		return ipb_error(&err, "no memory for a request of %llu bytes", (unsigned long long)request);
	c->request = stream.request;
	c->request_size = stream.request_size;
	c->response_size = stream.response_size;
	c->check_response = 1;
	c->protocol = &protocol;
	c->app = &stream;
	return ours ? configure_peer(c) : 0;
}

static uint32_t own_results(struct ipb_requests *r, double *to)
{
	(void)r;
	(void)to;
	return 0;
}

IPB_REQ_PLUGIN(.descr = "Requests and responses over TCP or UDP, at a rate or as fast as answers come", .default_port = 0 /* the peer's */);
