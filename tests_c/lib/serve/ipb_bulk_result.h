/*
 * What one end of a bulk transfer has counted, as a structure and as bytes on the control connection.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_BULK_RESULT_H
#define IPB_BULK_RESULT_H

#include <stddef.h>

#include "ipb_pump.h"

#define IPB_BULK_RESULT_MAX (2u << 20)  /* bytes */
#define IPB_BULK_SAMPLES_MAX 4096u      /* readings of TCP_INFO, of all streams together */
#define IPB_BULK_STEP_NS 100000000ull   /* of the series; doubled until there are at most */
#define IPB_BULK_STEPS_MAX 1024u

struct ipb_bulk_stream {
	uint8_t present, sends, over; /* over: enum ipb_pump_over */
	uint32_t error;           /* errno of the end that counted */
	uint32_t thread;          /* of that end, in `use` */
	uint64_t bytes;           /* in all phases */
	double window_bytes;      /* in the measured phase */
	uint64_t datagrams, measured, measured_bytes, duplicate, reordered, refused, foreign; /* UDP */
	double jitter_ns;
	struct ipb_tcp_summary tcp; /* TCP, when it sends */
	uint32_t sample_count;
	struct ipb_tcp_sample *samples; /* times from the window's start, in ns; those before it are left out */
};

struct ipb_bulk_result {
	uint32_t count;
	struct ipb_bulk_stream *streams;
	struct ipb_pump_use use;
	uint64_t step_ns;         /* bytes of all streams together in steps from the window's start */
	uint32_t steps;
	double *received, *sent;  /* steps of each */
};

/* From a pump that has stopped. 0, or -1 without memory. */
int ipb_bulk_result_of(struct ipb_bulk_result *r, const struct ipb_pump *p);
/* malloc'ed bytes, or NULL. */
uint8_t *ipb_bulk_result_write(const struct ipb_bulk_result *r, size_t *size);
/* From the network: 0, or -1 when these bytes are not one whole result of count streams. */
int ipb_bulk_result_read(struct ipb_bulk_result *r, uint32_t count, const uint8_t *from, size_t size);
void ipb_bulk_result_free(struct ipb_bulk_result *r);

#endif
