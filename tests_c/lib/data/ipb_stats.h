/*
 * Confidence intervals that know autocorrelation.  SPDX-License-Identifier: MIT
 *
 * Batch means: the series is cut into consecutive batches; the spread of the batches' means, with Student's t, gives
 * the interval. Sound when batches are much longer than the autocorrelation lasts. (Law, "Simulation Modeling and
 * Analysis", 5th ed., 9.5.3; Conway 1963.)
 */
#ifndef IPB_STATS_H
#define IPB_STATS_H

#include <stdint.h>

#define IPB_BATCHES_MIN 10u
#define IPB_BATCHES 30u /* how many batches are made where there are enough points */

/* The 97.5 % point of Student's t with df >= 1 degrees of freedom (within 0.1 % for df >= 3). */
double ipb_student_975(uint32_t df);

/* Half width of the 95 % interval of the mean of n batch values, n >= 2; weights (may be NULL: equal) are how many
 * observations each batch holds. *mean is the weighted mean. */
double ipb_batch_half_width(const double *values, const double *weights, uint32_t n, double *mean);

/* How alike successive batches are, -1 to 1: the correlation of each with the next. 0 when all are the same. */
double ipb_batch_correlation(const double *values, const double *weights, uint32_t n);

#endif
