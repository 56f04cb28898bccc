/* Values of maps: in the kernel's own type, in float, or pixels. Included once a type. */
typedef struct LK_ALIGN(4 * sizeof(LK_REAL)) LK_NAME(lk_four) {
    LK_REAL v[4];
} LK_NAME(lk_four);

LK_DEVICE lk_float4 LK_NAME(lk_load_four)(const void *map, size_t at)
{
    const LK_NAME(lk_four) four = *(const LK_NAME(lk_four) *)((const LK_REAL *)map + at);
    lk_float4 wide;
    LK_UNROLLED
    for (int i = 0; i < 4; i++) wide.v[i] = LK_GET(four.v[i]);
    return wide;
}

LK_DEVICE void LK_NAME(lk_store_four)(void *map, size_t at, lk_float4 wide)
{
    LK_NAME(lk_four) four;
    LK_UNROLLED
    for (int i = 0; i < 4; i++) four.v[i] = LK_PUT(wide.v[i]);
    *(LK_NAME(lk_four) *)((LK_REAL *)map + at) = four;
}

LK_DEVICE float LK_NAME(lk_load)(const void *map, size_t at, lk_gpu_type type)
{
    return type == LK_GPU_OWN ? LK_GET(((const LK_REAL *)map)[at]) : ((const float *)map)[at];
}

/* The x of a convolution, which may be pixels: `c` is the channel. */
LK_DEVICE float LK_NAME(lk_load_x)(const lk_gpu_conv *d, size_t at, uint32_t c)
{
    if (d->x_type == LK_GPU_PIXELS)
        return d->pixels[c * 256 + ((const uint8_t *)d->x)[at]];
    return lk_gpu_clamp(LK_NAME(lk_load)(d->x, at, d->x_type), d->x_lo, d->x_hi);
}

/* A convolution's epilogue: `sum` has the bias. */
LK_DEVICE float LK_NAME(lk_finish)(const lk_gpu_conv *d, float sum, size_t at)
{
    const float residual = d->residual ? LK_NAME(lk_load)(d->residual, at, d->y_type) : 0;
    if (d->residual_last) return lk_gpu_clamp(sum, d->lo, d->hi) + residual;
    return lk_gpu_clamp(sum + residual, d->lo, d->hi);
}

LK_DEVICE void LK_NAME(lk_store)(void *map, size_t at, lk_gpu_type type, float value)
{
    if (type == LK_GPU_OWN) ((LK_REAL *)map)[at] = LK_PUT(value);
    else ((float *)map)[at] = value;
}
