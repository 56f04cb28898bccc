/* OpenBLAS, loaded when a plan asks for it and not in everybody's start-up. */
#ifndef LK_LAYERS_OPENBLAS_H
#define LK_LAYERS_OPENBLAS_H

#include "engine/likeness.h"

/* Loads libopenblas.so.0 once for the process and sets it to one thread: the pool splits the work, and results must not
 * depend on OpenBLAS's own threads. LK_ERROR_BACKEND when it is not installed. Thread-safe. */
lk_status lk_openblas_load(void);

/* y [rows][outputs] = x [rows][inputs] * w [inputs][outputs], all row-major and without gaps. Only after lk_openblas_load. */
void lk_openblas_multiply(size_t rows, size_t inputs, size_t outputs, const float *x, const float *w, float *y);

#endif
