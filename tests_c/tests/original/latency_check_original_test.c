/* link: latency-check.a -DLATENCY_CHECK=1 */
/* The same for latency-check.  SPDX-License-Identifier: MIT */
#include "latency_original_test.c"
