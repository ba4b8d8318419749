/* The inside of the test `http`, shared by its files only.  SPDX-License-Identifier: MIT */
#ifndef HTTP_H
#define HTTP_H

#include <http_parser.h>

#include "ipb_args.h"
#include "ipb_requests.h"

#define HTTP_HEADER_MAX 65536u /* bytes of a request before its body */
#define HTTP_TLS_CONNECTIONS_MAX 6500 /* 18 KB each at rest, 36 KB in the middle of a record: within 256 MB */
#define HTTP_CLASSES 5         /* 1xx to 5xx */

struct http_request {
	uint8_t *bytes;
	uint32_t size;
	int is_head;
};

/* Makes the request from the arguments method, path, host, headers, body, body_size; target and port are for the Host header.
 * kept: else it asks the server to close. 0, or -1 and a sentence. */
int http_request_make(struct http_request *to, const struct ipb_args *a, const char *target, uint16_t port, int tls, int kept,
                      struct ipb_error *err);
void http_request_free(struct http_request *request);

/* What responses add up to, of the measured phase. */
struct http_tally {
	uint64_t classes[HTTP_CLASSES], body_bytes;
	uint16_t first_bad; /* the first status of 400 or above; 0: none */
	char broken[80];    /* why a response could not be understood, "" when all could */
};

struct http_app {
	struct http_request request;
	struct http_tally tally;
	http_parser_settings settings;
};

void http_app_init(struct http_app *app);
extern const struct ipb_req_protocol http_protocol;

/* TLS of all connections; io of the requests' core. NULL and a sentence where OpenSSL is not there. */
struct tls;
extern const struct ipb_req_io tls_io;
struct tls *tls_open(uint32_t connections, const char *name, int verify, struct ipb_error *err);
void tls_close(struct tls *tls);

#endif
