/*
 * Parts of the JSON object that `results` gives (plugin.h), as several plugins write them.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_RESULTS_H
#define IPB_RESULTS_H

#include "ipb_json.h"
#include "ipb_track.h"

/* A figure, inside of the array "metrics". */
void ipb_results_metric(struct ipb_json *j, const char *name, double value, const char *unit);

/* One that is a mean or a share of so many (packets, streams): several testers' become the run's by these weights. */
void ipb_results_mean(struct ipb_json *j, const char *name, double value, const char *unit, double weight);

/* Why the result is SUSPECT or, with invalid, INVALID, inside of the array "reasons": a sentence of at most 1023 bytes. */
void ipb_results_reason(struct ipb_json *j, int invalid, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The member "counts". */
void ipb_results_counts(struct ipb_json *j, const struct ipb_counts *c);

/* The member "window": the measured phase, on CLOCK_MONOTONIC. */
void ipb_results_window(struct ipb_json *j, uint64_t start_ns, uint64_t end_ns);

/* Members "times" and "times_from_ns" of an interval of the series: its response times less from_ns, of ipb_interval.h's layout.
 * *left: bytes of JSON that all intervals together may still take; one that would take more has none. */
#define IPB_RESULTS_TIMES_MAX (1u << 20)
void ipb_results_times(struct ipb_json *j, const uint32_t *counts, uint32_t length, uint64_t from_ns, size_t *left);

#endif
