/* link: ../latency/options.c ../latency/limits.c ../latency/marshal.c ../latency/unmarshal.c ../latency/output.c -DLATENCY_CHECK=1 */
/* The same for latency-check.  SPDX-License-Identifier: MIT */
#include "latency_original_test.c"
