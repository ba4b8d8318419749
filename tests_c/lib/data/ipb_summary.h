/* A histogram as a SUMMARY of the result document.  SPDX-License-Identifier: MIT */
#ifndef IPB_SUMMARY_H
#define IPB_SUMMARY_H

#include "ipb_hist.h"
#include "ipb_json.h"

/* Writes {"count":…,"min_ns":…} under key; null when h is NULL or empty. */
void ipb_summary_json(struct ipb_json *j, const char *key, const struct ipb_hist *h);
/* The same of a summary that was made before; null when its count is 0. */
void ipb_summary_write(struct ipb_json *j, const char *key, const struct ipb_summary *summary);

#endif
