/*
 * The protocol of rr and connections over TCP: so many bytes out, so many back; an echo's are compared.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_REQUESTS_STREAM_H
#define IPB_REQUESTS_STREAM_H

#include "ipb_requests.h"

struct ipb_stream {
	uint8_t *request;       /* a pattern */
	uint32_t request_size, response_size;
};

/* One connection's. */
struct ipb_stream_state {
	uint32_t received;      /* of the response */
	int corrupt;
};

/* Makes the pattern. 0, or -1 without memory. */
int ipb_stream_open(struct ipb_stream *s, uint32_t request_size, uint32_t response_size);
void ipb_stream_close(struct ipb_stream *s);

void ipb_stream_begin(void *app, void *state);
enum ipb_req_step ipb_stream_input(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured);
enum ipb_req_step ipb_stream_end(void *app, void *state, int measured);

#endif
