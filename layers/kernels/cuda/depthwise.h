/* Depthwise 3x3, stride 1 or 2 both ways, no dilation, channels a multiple of 4, maps of the kernel's own type, no residual. Included
 * once a type.
 *
 * A thread makes 4 channels of d.rows output rows in one column. It keeps the three input rows that it looks at in registers,
 * and reads `stride` new ones for each row that it makes. x of the grid runs over [rows / d.rows][column][4 channels]. */
LK_DEVICE void LK_NAME(lk_depthwise_read)(const lk_gpu_conv *d, size_t map, uint32_t iy, uint32_t left, uint32_t c,
                                          lk_float4 row[3])
{
    LK_UNROLLED
    for (uint32_t kx = 0; kx < 3; kx++) {
        const uint32_t ix = left + kx;
        lk_float4 x = {{0, 0, 0, 0}};
        if (iy < d->in_h && ix < d->in_w) {
            x = LK_NAME(lk_load_four)(d->x, map + ((size_t)iy * d->in_w + ix) * d->in_c + c);
            LK_UNROLLED
            for (int i = 0; i < 4; i++) x.v[i] = lk_gpu_clamp(x.v[i], d->x_lo, d->x_hi);
        }
        row[kx] = x;
    }
}

LK_DEVICE void LK_NAME(lk_depthwise_column)(const lk_gpu_conv *d, const uint32_t stride)
{
    const uint32_t fours = d->in_c / 4, strips = (d->out_h + d->rows - 1) / d->rows, index = lk_gpu_index();
    if (index >= strips * d->out_w * fours) return;
    const uint32_t c = index % fours * 4, ox = index / fours % d->out_w, top = index / fours / d->out_w * d->rows;
    const uint32_t left = ox * stride - d->pad_left, end = top + d->rows < d->out_h ? top + d->rows : d->out_h;
    const size_t map = (size_t)blockIdx.z * d->in_h * d->in_w * d->in_c;
    lk_float4 w[9], rows[3][3];
    const lk_float4 bias = *(const lk_float4 *)(d->bias + c);
    LK_UNROLLED
    for (uint32_t t = 0; t < 9; t++) w[t] = *(const lk_float4 *)((const float *)d->w + (size_t)t * d->in_c + c);
    LK_UNROLLED
    for (uint32_t ky = stride; ky < 3; ky++)
        LK_NAME(lk_depthwise_read)(d, map, top * stride - d->pad_top + ky - stride, left, c, rows[ky]);
    for (uint32_t oy = top; oy < end; oy++) {
        lk_float4 sum = bias;
        LK_UNROLLED
        for (uint32_t ky = 0; ky < 3; ky++)
            LK_UNROLLED
            for (uint32_t kx = 0; kx < 3; kx++)
                if (ky + stride < 3) rows[ky][kx] = rows[ky + stride][kx];
        LK_UNROLLED
        for (uint32_t ky = 3 - stride; ky < 3; ky++)
            LK_NAME(lk_depthwise_read)(d, map, oy * stride - d->pad_top + ky, left, c, rows[ky]);
        LK_UNROLLED
        for (uint32_t t = 0; t < 9; t++)
            LK_UNROLLED
            for (int i = 0; i < 4; i++) sum.v[i] = fmaf(rows[t / 3][t % 3].v[i], w[t].v[i], sum.v[i]);
        LK_UNROLLED
        for (int i = 0; i < 4; i++) sum.v[i] = lk_gpu_clamp(sum.v[i], d->lo, d->hi);
        const size_t pixel = ((size_t)blockIdx.z * d->out_h + oy) * d->out_w + ox;
        LK_NAME(lk_store_four)(d->y, pixel * d->out_c + c, sum);
    }
}

LK_KERNEL LK_NAME(lk_depthwise)(LK_PARAMETER lk_gpu_conv d)
{
    if (d.stride_h == 1) LK_NAME(lk_depthwise_column)(&d, 1);
    else LK_NAME(lk_depthwise_column)(&d, 2);
}
