/* Pointwise convolution on a GPU's plain cores, for what cuBLASLt does not offer, and a depthwise layer with the pointwise layer
 * behind it in one. Included once a type.
 *
 * A block of 256 threads makes 64 pixels by LK_TILE_OUTPUTS outputs; a thread 4 pixels by 4 or 2 outputs. 16 inputs at a time are laid into shared
 * memory, read or made there. x of the grid runs over tiles of pixels, y over tiles of outputs, z over pictures. */
#ifndef LK_TILE
#define LK_TILE
enum { LK_TILE_PIXELS = 64, LK_TILE_INPUTS = 16, LK_TILE_WIDTH = 64, LK_TILE_NARROW = 32 };

/* One row more than is used, so that a column's values lie in different banks. */
typedef struct lk_tile {
    float x[LK_TILE_INPUTS][LK_TILE_PIXELS + 1];
    float w[LK_TILE_INPUTS][LK_TILE_WIDTH + 1];
} lk_tile;

LK_DEVICE void lk_tile_multiply(const lk_tile *tile, const uint32_t columns, float sums[4][4])
{
    const uint32_t row = threadIdx.x / 16, column = threadIdx.x % 16;
    for (uint32_t k = 0; k < LK_TILE_INPUTS; k++)
        LK_UNROLLED
        for (uint32_t p = 0; p < 4; p++)
            LK_UNROLLED
            for (uint32_t o = 0; o < columns; o++)
                sums[p][o] = fmaf(tile->x[k][row + 16 * p], tile->w[k][column + 16 * o], sums[p][o]);
}
#endif

/* The weights of 16 inputs from `k` on, and of `columns` times 16 outputs from `first` on. */
LK_DEVICE void LK_NAME(lk_tile_weights)(const lk_gpu_conv *d, uint32_t first, uint32_t k, const uint32_t columns, lk_tile *tile)
{
    for (uint32_t i = threadIdx.x; i < columns * 16 * LK_TILE_INPUTS; i += blockDim.x) {
        const uint32_t input = i % LK_TILE_INPUTS, output = i / LK_TILE_INPUTS;
        const bool inside = first + output < d->out_c && k + input < d->in_c;
        const size_t at = (size_t)(first + output) * d->in_c + k + input;
        tile->w[input][output] = inside ? LK_GET(((const LK_REAL *)d->w)[at]) : 0;
    }
}

LK_DEVICE void LK_NAME(lk_tile_store)(const lk_gpu_conv *d, uint32_t tile, uint32_t first, const uint32_t columns, float sums[4][4])
{
    const uint32_t row = threadIdx.x / 16, column = threadIdx.x % 16, pixels = d->out_h * d->out_w;
    LK_UNROLLED
    for (uint32_t p = 0; p < 4; p++)
        LK_UNROLLED
        for (uint32_t o = 0; o < columns; o++) {
            const uint32_t pixel = tile * LK_TILE_PIXELS + row + 16 * p, output = first + column + 16 * o;
            if (pixel >= pixels || output >= d->out_c) continue;
            const size_t at = ((size_t)blockIdx.z * pixels + pixel) * d->out_c + output;
            LK_NAME(lk_store)(d->y, at, d->y_type, LK_NAME(lk_finish)(d, d->bias ? sums[p][o] + d->bias[output] : sums[p][o], at));
        }
}

LK_KERNEL LK_LAUNCH_BOUNDS(256) LK_NAME(lk_pointwise)(LK_PARAMETER lk_gpu_conv d)
{
    __shared__ lk_tile tile;
    const uint32_t pixels = d.out_h * d.out_w, begin = blockIdx.x * LK_TILE_PIXELS, first = blockIdx.y * LK_TILE_WIDTH;
    float sums[4][4] = {{0}};
    for (uint32_t k = 0; k < d.in_c; k += LK_TILE_INPUTS) {
        for (uint32_t i = threadIdx.x; i < LK_TILE_PIXELS * LK_TILE_INPUTS; i += blockDim.x) {
            const uint32_t input = i % LK_TILE_INPUTS, pixel = i / LK_TILE_INPUTS;
            const bool inside = begin + pixel < pixels && k + input < d.in_c;
            const size_t at = ((size_t)blockIdx.z * pixels + begin + pixel) * d.in_c + k + input;
            tile.x[input][pixel] = inside ? LK_NAME(lk_load_x)(&d, at, k + input) : 0;
        }
        LK_NAME(lk_tile_weights)(&d, first, k, 4, &tile);
        __syncthreads();
        lk_tile_multiply(&tile, 4, sums);
        __syncthreads();
    }
    LK_NAME(lk_tile_store)(&d, blockIdx.x, first, 4, sums);
}

/* Four channels of one pixel of a depthwise layer 3x3. */
LK_DEVICE lk_float4 LK_NAME(lk_depthwise_at)(const lk_gpu_conv *d, uint32_t pixel, uint32_t c)
{
    const uint32_t top = pixel / d->out_w * d->stride_h - d->pad_top, left = pixel % d->out_w * d->stride_w - d->pad_left;
    const size_t map = (size_t)blockIdx.z * d->in_h * d->in_w * d->in_c;
    lk_float4 sum = *(const lk_float4 *)(d->bias + c);
    LK_UNROLLED
    for (uint32_t t = 0; t < 9; t++) {
        const uint32_t iy = top + t / 3, ix = left + t % 3;
        if (iy >= d->in_h || ix >= d->in_w) continue;
        const lk_float4 x = LK_NAME(lk_load_four)(d->x, map + ((size_t)iy * d->in_w + ix) * d->in_c + c);
        const lk_float4 w = *(const lk_float4 *)((const float *)d->w + (size_t)t * d->in_c + c);
        LK_UNROLLED
        for (int i = 0; i < 4; i++) sum.v[i] = fmaf(lk_gpu_clamp(x.v[i], d->x_lo, d->x_hi), w.v[i], sum.v[i]);
    }
    LK_UNROLLED
    for (int i = 0; i < 4; i++) sum.v[i] = lk_gpu_clamp(sum.v[i], d->lo, d->hi);
    return sum;
}

/* Channels a multiple of 4, at most 32 outputs: each block makes the depthwise values of its own pixels, 16 channels at a time, and
 * multiplies them at once. */
LK_KERNEL LK_LAUNCH_BOUNDS(256) LK_NAME(lk_depthwise_project)(LK_PARAMETER lk_gpu_project d)
{
    __shared__ lk_tile tile;
    const lk_gpu_conv *p = &d.project;
    const uint32_t pixel = threadIdx.x / 4, input = threadIdx.x % 4 * 4;
    const bool inside = blockIdx.x * LK_TILE_PIXELS + pixel < p->out_h * p->out_w;
    float sums[4][4] = {{0}};
    for (uint32_t k = 0; k < p->in_c; k += LK_TILE_INPUTS) {
        lk_float4 made = {{0, 0, 0, 0}};
        if (inside && k + input < p->in_c)
            made = LK_NAME(lk_depthwise_at)(&d.depthwise, blockIdx.x * LK_TILE_PIXELS + pixel, k + input);
        LK_UNROLLED
        for (uint32_t i = 0; i < 4; i++) tile.x[input + i][pixel] = LK_GET(LK_PUT(made.v[i])); /* rounded as a map would be */
        LK_NAME(lk_tile_weights)(p, 0, k, LK_TILE_NARROW / 16, &tile);
        __syncthreads();
        lk_tile_multiply(&tile, LK_TILE_NARROW / 16, sums);
        __syncthreads();
    }
    LK_NAME(lk_tile_store)(p, blockIdx.x, 0, LK_TILE_NARROW / 16, sums);
}
