#include "layers/expand_depthwise.h"

#include "base/checked.h"
#include "layers/int8.h"
#include "layers/layout.h"

/* What a panel's ring of rows may take: with the weights and a strip of the output it stays in a first cache
 * of 32 to 48 KB. */
#define RING_BYTES ((size_t)32 * 1024)

static const lk_expand_depthwise_kernel kernels[] = {
#define LK_EXPAND_DEPTHWISE(run, type, needs, panel, pack) {#run, run, type, needs, panel, pack},
#include "layers/kernels.inc"
};

static bool fits(const lk_conv2d *expand, const lk_conv2d *depthwise)
{
    if (expand->type == LK_I8)
        return depthwise->type == LK_I8 && lk_int8_fits_pointwise(expand) && lk_int8_fits_ring(depthwise) &&
               expand->residual == LK_RESIDUAL_NONE;
    return lk_conv2d_is_pointwise(expand) && expand->type == depthwise->type &&
           expand->x_type == expand->type && expand->residual == LK_RESIDUAL_NONE &&
           lk_conv2d_is_depthwise(depthwise) && lk_depthwise_fits_blocked(depthwise) &&
           depthwise->kernel_h == 3 && expand->out_h * expand->out_w > 1;
}

const lk_expand_depthwise_kernel *lk_expand_depthwise_choose(const lk_conv2d *expand,
                                                             const lk_conv2d *depthwise, unsigned can)
{
    if (!fits(expand, depthwise)) return NULL;
    for (size_t i = LK_COUNT(kernels); i > 0; i--) {
        const lk_expand_depthwise_kernel *kernel = &kernels[i - 1];
        if (kernel->type != expand->type || kernel->needs & ~can) continue;
        if (kernel->pack != lk_pointwise_pack_pairs || lk_pointwise_fits_pairs(expand)) return kernel;
    }
    return NULL;
}

size_t lk_expand_depthwise_ring_width(const lk_conv2d *depthwise)
{
    const size_t read = (depthwise->out_w - 1) * depthwise->stride_w + depthwise->kernel_w,
                 written = depthwise->pad_left + depthwise->in_w;
    return read > written ? read : written;
}

static size_t row_bytes(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise)
{
    if (kernel->type == LK_I8) return lk_depthwise_i8_row(depthwise) * kernel->panel / LK_BLOCK;
    return lk_expand_depthwise_ring_width(depthwise) * kernel->panel * lk_dtype_bytes(kernel->type);
}

size_t lk_expand_depthwise_ring(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise)
{
    const size_t least = depthwise->stride_h + depthwise->kernel_h; /* what two output rows read */
    const size_t most = RING_BYTES / row_bytes(kernel, depthwise), rows = most > least ? most : least;
    return rows < depthwise->in_h ? rows : depthwise->in_h;
}

size_t lk_expand_depthwise_scratch(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise)
{
    const size_t ring = lk_expand_depthwise_ring(kernel, depthwise) * row_bytes(kernel, depthwise);
    if (kernel->type == LK_I8) return ring + lk_depthwise_i8_row(depthwise);
    return ring + lk_expand_depthwise_ring_width(depthwise) * LK_BLOCK * lk_dtype_bytes(kernel->type);
}

size_t lk_expand_depthwise_rows(const lk_expand_depthwise_kernel *kernel, const lk_conv2d *depthwise)
{
    return (depthwise->out_channels + kernel->panel - 1) / kernel->panel * depthwise->out_h;
}
