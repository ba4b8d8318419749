/*
 * http: requests to an HTTP/1.1 server, at a rate or as fast as it answers. See README.md.
 * SPDX-License-Identifier: MIT
 */
#define IPBENCH_TEST_CLIENT
#define PLUGIN_NAME "http"
#include "http.h"
#include "ipb_plugin.h"
#include "ipb_requests_codec.h"
#include "ipb_requests_options.h"

#define TEST_ID 0x32

static const struct ipbench_option options[] = {
	IPB_REQ_OPTION("method", "string", "", "GET", "", "Method of each request."),
	IPB_REQ_OPTION("path", "string", "", "/", "", "Path and query."),
	IPB_REQ_OPTION("host", "string", "", "", "", "Host header; the target's name or address, and its port, where it is not given."),
	IPB_REQ_OPTION("headers", "string", "", "", "", "More headers, \"Name: value|Name: value\"."),
	IPB_REQ_OPTION("body", "string", "", "", "", "Body of each request, as text."),
	IPB_REQ_OPTION("body_size", "size", "byte", "0", "0..8Mi", "A body of so many bytes instead."),
	IPB_REQ_OPTION("kept", "bool", "", "1", "", "Connections are kept for further requests; 0: each request has one of its own."),
	IPB_REQ_OPTION("linger", "int", "s", "-1", "-1..0", "0: close with a reset, which leaves no port waiting (SO_LINGER); -1: close as usual."),
	IPB_REQ_OPTION("tls", "bool", "", "0", "", "https, with the tester's OpenSSL."),
	IPB_REQ_OPTION("verify", "bool", "", "0", "", "Certificates have to be valid, and of the host."),
	IPB_REQ_OPTIONS("10", "Connections, each with one request at a time."),
};
IPB_PLUGIN_OPTIONS(options)

static const struct ipbench_metric metrics[] = {
	IPB_REQ_METRIC_ROWS,
	{ "status_1xx", "", "Interim responses", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "status_2xx", "", "Responses with a status of 200 to 299", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "status_3xx", "", "Responses with a status of 300 to 399", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
	{ "status_4xx", "", "Responses with a status of 400 to 499", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "status_5xx", "", "Responses with a status of 500 to 599", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_LESS },
	{ "body_bytes", "byte", "Bytes of the responses' bodies", IPBENCH_TOTAL_SUM, IPBENCH_BETTER_UNKNOWN },
};

#include "ipb_requests_plugin.h"

static struct http_app app;
static struct tls *tls;

static void tidy(void)
{
	http_request_free(&app.request);
	tls_close(tls);
	tls = NULL;
}

static int configure(struct ipb_requests_config *c, const struct ipb_args *a)
{
	const char *host_header = ipb_args_string(a, "host");
	const int kept = ipb_args_bool(a, "kept"), https = ipb_args_bool(a, "tls");

	tidy();
	http_app_init(&app);
	if (https && c->connections > HTTP_TLS_CONNECTIONS_MAX)
		return ipb_error(&err, "argument connections: %u connections with tls=1 may take more than 256 MB of memory: at most %d for one "
		                 "tester; use more testers", c->connections, HTTP_TLS_CONNECTIONS_MAX);
	if (http_request_make(&app.request, a, c->host, c->port, https, kept, &err) < 0)
		return -1;
	c->fresh = !kept;
	c->linger0 = ipb_args_number(a, "linger") == 0;
	c->sock.nodelay = 1;
	c->request = app.request.bytes;
	c->request_size = app.request.size;
	c->protocol = &http_protocol;
	c->app = &app;
	if (!https || c->host[0] == '\0') /* the controller needs no OpenSSL */
		return 0;
	tls = tls_open(c->connections, *host_header != '\0' ? host_header : c->host, ipb_args_bool(a, "verify"), &err);
	c->io = &tls_io;
	c->io_state = tls;
	return tls != NULL ? 0 : -1;
}

static uint32_t own_results(struct ipb_requests *r, double *to)
{
	const struct http_tally *t = &app.tally;
	const uint64_t bad = t->classes[3] + t->classes[4];
	struct ipb_requests_result result;

	ipb_requests_result(r, &result);
	if (bad > 0)
		ipb_requests_reason(r, 0, "http-status", "%llu of %llu responses were errors, the first with status %u: they count as "
		                    "answered (is path= right?)", (unsigned long long)bad,
		                    (unsigned long long)(result.counts.ok + result.counts.late), t->first_bad);
	if (t->broken[0] != '\0')
		ipb_requests_reason(r, 0, "http-broken", "responses could not be understood as HTTP/1.1, the first for: %s", t->broken);
	for (int i = 0; i < HTTP_CLASSES; i++)
		to[i] = (double)t->classes[i];
	to[HTTP_CLASSES] = (double)t->body_bytes;
	return HTTP_CLASSES + 1;
}

IPB_REQ_PLUGIN(.descr = "Requests to an HTTP/1.1 server, at a rate or as fast as it answers", .default_port = 80);
