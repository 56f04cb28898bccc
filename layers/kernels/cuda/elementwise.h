/* Pooling, batch norm, activation, sum, softmax. Included once a type.
 *
 * pool2d: a thread makes one value; x of the grid runs over [row][column][channel] of a picture, z over pictures. */
LK_KERNEL LK_NAME(lk_pool2d)(LK_PARAMETER lk_gpu_pool d)
{
    const uint32_t index = lk_gpu_index(), picture = blockIdx.z;
    if (index >= d.out_h * d.out_w * d.channels) return;
    const uint32_t c = index % d.channels, ox = index / d.channels % d.out_w, oy = index / d.channels / d.out_w;
    uint32_t top = oy * d.in_h / d.out_h, bottom = ((oy + 1) * d.in_h + d.out_h - 1) / d.out_h;
    uint32_t left = ox * d.in_w / d.out_w, right = ((ox + 1) * d.in_w + d.out_w - 1) / d.out_w;
    if (d.is_max) {
        const uint32_t y = oy * d.stride_h, x = ox * d.stride_w; /* in the padded map */
        top = y > d.pad_top ? y - d.pad_top : 0;
        left = x > d.pad_left ? x - d.pad_left : 0;
        bottom = y + d.kernel_h > d.pad_top ? y + d.kernel_h - d.pad_top : 0;
        right = x + d.kernel_w > d.pad_left ? x + d.kernel_w - d.pad_left : 0;
        bottom = bottom < d.in_h ? bottom : d.in_h;
        right = right < d.in_w ? right : d.in_w;
    }
    float all = d.is_max ? LK_MINUS_INFINITY : 0;
    for (uint32_t iy = top; iy < bottom; iy++)
        for (uint32_t ix = left; ix < right; ix++) {
            const size_t at = (((size_t)picture * d.in_h + iy) * d.in_w + ix) * d.channels + c;
            const float x = lk_gpu_clamp(LK_NAME(lk_load)(d.x, at, d.x_type), d.x_lo, d.x_hi);
            if (d.is_max) all = all >= x ? all : x; /* keeps NaN */
            else all += x;
        }
    if (!d.is_max) all /= (float)((bottom - top) * (right - left));
    d.y[(size_t)picture * d.out_h * d.out_w * d.channels + index] = all;
}

/* batch_norm, clamp, add: a thread makes one value of d.count; x and y of the grid together run over them. */
LK_DEVICE uint64_t LK_NAME(lk_element)(void)
{
    return ((uint64_t)blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
}

LK_DEVICE float LK_NAME(lk_element_x)(const lk_gpu_elementwise *d, uint64_t at)
{
    return lk_gpu_clamp(LK_GET(((const LK_REAL *)d->x)[at]), d->x_lo, d->x_hi);
}

LK_KERNEL LK_NAME(lk_batch_norm)(LK_PARAMETER lk_gpu_elementwise d)
{
    const uint64_t at = LK_NAME(lk_element)();
    if (at >= d.count) return;
    const uint32_t c = (uint32_t)(at % d.channels);
    const double y = (double)LK_NAME(lk_element_x)(&d, at) * d.scale[c] + d.offset[c];
    ((LK_REAL *)d.y)[at] = LK_PUT((float)y);
}

LK_KERNEL LK_NAME(lk_clamp)(LK_PARAMETER lk_gpu_elementwise d)
{
    const uint64_t at = LK_NAME(lk_element)();
    if (at >= d.count) return;
    ((LK_REAL *)d.y)[at] = LK_PUT(lk_gpu_clamp(LK_NAME(lk_element_x)(&d, at), d.lo, d.hi));
}

LK_KERNEL LK_NAME(lk_add)(LK_PARAMETER lk_gpu_elementwise d)
{
    const uint64_t at = LK_NAME(lk_element)();
    if (at >= d.count) return;
    const float residual =
        lk_gpu_clamp(LK_GET(((const LK_REAL *)d.residual)[at]), d.residual_lo, d.residual_hi);
    ((LK_REAL *)d.y)[at] = LK_PUT(LK_NAME(lk_element_x)(&d, at) + residual);
}

/* softmax: a block of 256 threads for each picture. */
LK_KERNEL LK_NAME(lk_softmax)(LK_PARAMETER lk_gpu_elementwise d)
{
    __shared__ float largest[256];
    __shared__ double sums[256];
    const uint32_t t = threadIdx.x;
    const size_t first = (size_t)blockIdx.x * d.channels;
    float most = LK_MINUS_INFINITY;
    for (uint32_t c = t; c < d.channels; c += 256) {
        const float x = LK_NAME(lk_element_x)(&d, first + c);
        most = x > most ? x : most;
    }
    largest[t] = most;
    __syncthreads();
    for (uint32_t half = 128; half; half /= 2) {
        if (t < half && largest[t + half] > largest[t]) largest[t] = largest[t + half];
        __syncthreads();
    }
    double sum = 0;
    for (uint32_t c = t; c < d.channels; c += 256) sum += (double)expf(LK_NAME(lk_element_x)(&d, first + c) - largest[0]);
    sums[t] = sum;
    __syncthreads();
    for (uint32_t half = 128; half; half /= 2) {
        if (t < half) sums[t] += sums[t + half];
        __syncthreads();
    }
    for (uint32_t c = t; c < d.channels; c += 256)
        ((LK_REAL *)d.y)[first + c] =
            LK_PUT((float)((double)expf(LK_NAME(lk_element_x)(&d, first + c) - largest[0]) / sums[0]));
}
