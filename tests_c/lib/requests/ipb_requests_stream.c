/* Bytes out and as many back; see ipb_requests_stream.h.  SPDX-License-Identifier: MIT */
#include "ipb_requests_stream.h"

#include <stdlib.h>
#include <string.h>

int ipb_stream_open(struct ipb_stream *s, uint32_t request_size, uint32_t response_size)
{
	s->request = malloc(request_size + 1u);
	s->request_size = request_size;
	s->response_size = response_size;
	for (uint32_t i = 0; s->request != NULL && i < request_size; i++)
		s->request[i] = (uint8_t)(i * 31 + 7);
	return s->request != NULL ? 0 : -1;
}

void ipb_stream_close(struct ipb_stream *s)
{
	free(s->request);
	s->request = NULL;
}

void ipb_stream_begin(void *app, void *state)
{
	(void)app;
	memset(state, 0, sizeof(struct ipb_stream_state));
}

enum ipb_req_step ipb_stream_input(void *app, void *state, const uint8_t *bytes, size_t size, size_t *used, int measured)
{
	const struct ipb_stream *s = app;
	struct ipb_stream_state *at = state;
	const uint32_t left = s->response_size - at->received;

	(void)measured;
	*used = size < left ? size : left;
	/* What comes back from an echo is known. */
	if (s->request_size == s->response_size && memcmp(bytes, s->request + at->received, *used) != 0)
		at->corrupt = 1;
	at->received += (uint32_t)*used;
	if (at->received < s->response_size)
		return IPB_REQ_MORE;
	const int corrupt = at->corrupt;
	memset(at, 0, sizeof *at);
	return corrupt ? IPB_REQ_CORRUPT : IPB_REQ_DONE;
}

enum ipb_req_step ipb_stream_end(void *app, void *state, int measured)
{
	(void)app;
	(void)state;
	(void)measured;
	return IPB_REQ_MORE;
}
