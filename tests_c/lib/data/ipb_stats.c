/* Batch means; see ipb_stats.h.  SPDX-License-Identifier: MIT */
#include "ipb_stats.h"

#include <math.h>
#include <stddef.h>

double ipb_student_975(uint32_t df)
{
	static const double exact[] = { 12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281 };
	const double z = 1.959963985, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;

	if (df == 0)
		return HUGE_VAL;
	if (df <= sizeof exact / sizeof *exact)
		return exact[df - 1];
	/* Cornish and Fisher's expansion in 1/df. */
	double n = df;
	return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

static double weighted_mean(const double *values, const double *weights, uint32_t n, double *total)
{
	double sum = 0;

	*total = 0;
	for (uint32_t i = 0; i < n; i++) {
		double w = weights != NULL ? weights[i] : 1;
		sum += w * values[i];
		*total += w;
	}
	return *total > 0 ? sum / *total : 0;
}

double ipb_batch_half_width(const double *values, const double *weights, uint32_t n, double *mean)
{
	double total, spread = 0;

	*mean = weighted_mean(values, weights, n, &total);
	if (n < 2 || !(total > 0))
		return HUGE_VAL;
	for (uint32_t i = 0; i < n; i++) {
		double w = weights != NULL ? weights[i] * n / total : 1;
		spread += w * w * (values[i] - *mean) * (values[i] - *mean);
	}
	return ipb_student_975(n - 1) * sqrt(spread / (n - 1) / n);
}

double ipb_batch_correlation(const double *values, const double *weights, uint32_t n)
{
	double total, mean = weighted_mean(values, weights, n, &total), before = 0, together = 0, squares = 0;

	for (uint32_t i = 0; i < n; i++) {
		double away = (weights != NULL ? weights[i] : 1) * (values[i] - mean);
		together += before * away;
		squares += away * away;
		before = away;
	}
	return squares > 0 ? together / squares : 0;
}
