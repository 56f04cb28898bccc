/* Convolutions of any kind, and their first, from pixels. Included once a type.
 *
 * conv2d: a thread makes one value; x of the grid runs over the [row][column][channel] of a picture, z over pictures. */
LK_KERNEL LK_NAME(lk_conv2d)(LK_PARAMETER lk_gpu_conv d)
{
    const uint32_t index = lk_gpu_index(), picture = blockIdx.z;
    if (index >= d.out_h * d.out_w * d.out_c) return;
    const uint32_t o = index % d.out_c, ox = index / d.out_c % d.out_w, oy = index / d.out_c / d.out_w;
    const uint32_t inputs = d.in_c / d.groups, first = o / (d.out_c / d.groups) * inputs;
    const size_t map = (size_t)picture * d.in_h * d.in_w * d.in_c;
    const float *w = (const float *)d.w + o;
    float sum = d.bias[o];
    for (uint32_t ky = 0; ky < d.kernel_h; ky++)
        for (uint32_t kx = 0; kx < d.kernel_w; kx++) {
            /* Above and left of the map wraps to a huge number, which is outside as well. */
            const uint32_t iy = oy * d.stride_h + ky * d.dilation_h - d.pad_top;
            const uint32_t ix = ox * d.stride_w + kx * d.dilation_w - d.pad_left;
            if (iy >= d.in_h || ix >= d.in_w) continue;
            const size_t pixel = map + ((size_t)iy * d.in_w + ix) * d.in_c + first;
            const float *tap = w + (size_t)(ky * d.kernel_w + kx) * inputs * d.out_c;
            for (uint32_t c = 0; c < inputs; c++)
                sum = fmaf(LK_NAME(lk_load_x)(&d, pixel + c, first + c), tap[(size_t)c * d.out_c], sum);
        }
    const size_t at = (size_t)picture * d.out_h * d.out_w * d.out_c + index;
    LK_NAME(lk_store)(d.y, at, d.y_type, LK_NAME(lk_finish)(&d, sum, at));
}

/* stem: 3 input channels, out_c a multiple of 4, no residual, y of the kernel's own type. A thread makes 4 channels of 4 pixels that
 * stand side by side, so a weight is read once for four products; x of the grid runs over [row][4 columns][4 channels]. */
LK_KERNEL LK_NAME(lk_stem)(LK_PARAMETER lk_gpu_conv d)
{
    const uint32_t fours = d.out_c / 4, strips = (d.out_w + 3) / 4, index = lk_gpu_index(), picture = blockIdx.z;
    if (index >= d.out_h * strips * fours) return;
    const uint32_t o = index % fours * 4, first = index / fours % strips * 4, oy = index / fours / strips;
    const size_t map = (size_t)picture * d.in_h * d.in_w * 3;
    lk_float4 sums[4];
    LK_UNROLLED
    for (int p = 0; p < 4; p++) sums[p] = *(const lk_float4 *)(d.bias + o);
    for (uint32_t ky = 0; ky < d.kernel_h; ky++) {
        const uint32_t iy = oy * d.stride_h + ky * d.dilation_h - d.pad_top;
        if (iy >= d.in_h) continue;
        for (uint32_t kx = 0; kx < d.kernel_w; kx++)
            LK_UNROLLED
            for (uint32_t c = 0; c < 3; c++) {
                const float *w = (const float *)d.w + (size_t)((ky * d.kernel_w + kx) * 3 + c) * d.out_c + o;
                const lk_float4 tap = *(const lk_float4 *)w;
                LK_UNROLLED
                for (uint32_t p = 0; p < 4; p++) {
                    const uint32_t ix = (first + p) * d.stride_w + kx * d.dilation_w - d.pad_left;
                    if (ix >= d.in_w) continue;
                    const float x = LK_NAME(lk_load_x)(&d, map + ((size_t)iy * d.in_w + ix) * 3 + c, c);
                    LK_UNROLLED
                    for (int i = 0; i < 4; i++) sums[p].v[i] = fmaf(x, tap.v[i], sums[p].v[i]);
                }
            }
    }
    LK_UNROLLED
    for (uint32_t p = 0; p < 4; p++) {
        if (first + p >= d.out_w) break;
        LK_UNROLLED
        for (int i = 0; i < 4; i++) sums[p].v[i] = lk_gpu_clamp(sums[p].v[i], d.lo, d.hi);
        const size_t pixel = ((size_t)picture * d.out_h + oy) * d.out_w + first + p;
        LK_NAME(lk_store_four)(d.y, pixel * d.out_c + o, sums[p]);
    }
}

/* im2col: y [picture][out row][out column][ky][kx][c], of the kernel's own type, so that a convolution of one group is a product. A
 * thread copies one value; x of the grid runs over those of a picture. */
LK_KERNEL LK_NAME(lk_im2col)(LK_PARAMETER lk_gpu_conv d)
{
    const uint32_t values = d.kernel_h * d.kernel_w * d.in_c, picture = blockIdx.z;
    const uint32_t index = lk_gpu_index();
    if (index >= d.out_h * d.out_w * values) return;
    const uint32_t c = index % d.in_c, tap = index % values / d.in_c, pixel = index / values;
    const uint32_t iy = pixel / d.out_w * d.stride_h + tap / d.kernel_w * d.dilation_h - d.pad_top;
    const uint32_t ix = pixel % d.out_w * d.stride_w + tap % d.kernel_w * d.dilation_w - d.pad_left;
    float x = 0;
    if (iy < d.in_h && ix < d.in_w)
        x = LK_NAME(lk_load_x)(&d, (((size_t)picture * d.in_h + iy) * d.in_w + ix) * d.in_c + c, c);
    ((LK_REAL *)d.y)[(size_t)picture * d.out_h * d.out_w * values + index] = LK_PUT(x);
}
