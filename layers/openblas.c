#include "layers/openblas.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/error.h"

/* From cblas.h, which is not needed to build: Debian's OpenBLAS has 32-bit integers. */
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
typedef void sgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void sgemv_fn(int order, int transpose, int m, int n, float alpha, const float *a, int lda,
                      const float *x, int incx, float beta, float *y, int incy);

/* Written once, under pthread_once, and only read after that. */
static struct {
    sgemm_fn *sgemm;
    sgemv_fn *sgemv;
    char reason[256];
} blas;

/* dlsym gives an object pointer; POSIX lets it be used as a function's. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    if (symbol) *(void **)function = symbol;
    return symbol;
}

static void load(void)
{
    void (*set_threads)(int) = NULL;
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library || !find(library, "openblas_set_num_threads", &set_threads) ||
        !find(library, "cblas_sgemv", &blas.sgemv) || !find(library, "cblas_sgemm", &blas.sgemm)) {
        const lk_error failure =
            lk_error_take(lk_fail(LK_ERROR_BACKEND, "OpenBLAS cannot be loaded: %s", dlerror()));
        __builtin_memcpy(blas.reason, failure.text, sizeof blas.reason - 1);
        blas.sgemm = NULL;
        return;
    }
    set_threads(1);
}

lk_status lk_openblas_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return blas.sgemm ? LK_OK : lk_fail(LK_ERROR_BACKEND, "%s", blas.reason);
}

void lk_openblas_multiply(size_t rows, size_t inputs, size_t outputs, const float *x, const float *w,
                          float *y)
{
    const int m = (int)rows, k = (int)inputs, n = (int)outputs;
    /* SGEMM would copy all of w to multiply it with one row. */
    if (rows == 1) blas.sgemv(ROW_MAJOR, TRANSPOSED, k, n, 1, w, n, x, 1, 0, y, 1);
    else blas.sgemm(ROW_MAJOR, PLAIN, PLAIN, m, n, k, 1, x, k, w, n, 0, y, n);
}
