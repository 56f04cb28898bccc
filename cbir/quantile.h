/* Quantiles, interpolated as numpy.percentile's "linear" does. */
#ifndef LK_CBIR_QUANTILE_H
#define LK_CBIR_QUANTILE_H

#include <stddef.h>

void lk_sort_values(double *values, size_t count); /* rising; no NaN among them */

/* Between the two sorted values around (count - 1) * share; count is not 0. */
double lk_quantile(const double *sorted, size_t count, double share);

#endif
