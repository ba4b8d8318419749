/*
 * The two forms of a client's result as bytes, which marshal.c writes and unmarshal.c reads.  SPDX-License-Identifier: MIT
 *
 * Form 0, the original's: big-endian 64-bit words: time (us), samples, size, sends, recvs, latency-check only:
 * bad packets; throughput requested, achieved, sent (bit/s); then `samples` round trips in us.
 *
 * Form 1, ours: the magic word, whose bytes no form-0 result begins with (a measured phase of 160,000 years); then
 * records of tag (4 bytes), size (4 bytes) and content, in any order; a reader skips tags that it does not know.
 *   1 counts   17 words: time, size, sends, recvs, requested, achieved, sent, bad, sent, ok, lost, late, corrupt,
 *              duplicate, reordered, samples in record 6, 1 if the row shows response times
 *   2, 3, 4    response, service, lateness: minimum, maximum, mean and standard deviation (doubles), then the
 *              histogram in HdrHistogram's V2 encoding
 *   5 members  of the result document, JSON
 *   6 samples  in ns, each as a LEB128 number
 */
#ifndef LATENCY_MARSHAL_H
#define LATENCY_MARSHAL_H

#include "latency.h"

enum { TAG_COUNTS = 1, TAG_RESPONSE, TAG_SERVICE, TAG_LATENESS, TAG_JSON, TAG_SAMPLES };

#define WORDS_ORIGINAL (LATENCY_CHECK ? 9u : 8u)

#endif
