/* Search: distances of bits, values of products, and the rows that may be among the nearest.
 *
 * hamming: a thread makes one value; x of the grid runs over rows, y over queries. */
LK_KERNEL lk_hamming__cuda(LK_PARAMETER lk_gpu_hamming d)
{
    const uint64_t row = lk_gpu_index();
    if (row >= d.row_count) return;
    const uint32_t *bits = d.rows + row * d.words, *query = d.queries + (size_t)blockIdx.y * d.words;
    uint32_t differ = 0;
    for (uint32_t w = 0; w < d.words; w++) differ += (uint32_t)__popc(bits[w] ^ query[w]);
    d.values[blockIdx.y * d.row_count + row] = -(float)differ;
}

/* values: products become values, and rows that are out become -infinity. The grid as above. */
LK_KERNEL lk_values__cuda(LK_PARAMETER lk_gpu_select d)
{
    const uint64_t row = lk_gpu_index();
    if (row >= d.row_count) return;
    float *value = d.values + blockIdx.y * d.row_count + row;
    if (d.scales) *value *= d.scales[row];
    if (d.offsets) *value -= d.offsets[row];
    if (d.out && d.out[row / 32] >> row % 32 & 1) *value = LK_MINUS_INFINITY;
}

/* A whole number that rises with the float; 0 is below all. */
LK_DEVICE uint32_t lk_rising(float value)
{
    const uint32_t bits = __float_as_uint(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

LK_DEVICE float lk_from_rising(uint32_t rising)
{
    return __uint_as_float(rising & 0x80000000u ? rising & 0x7fffffffu : ~rising);
}

/* Each of 256 counts, a thread's own, becomes its sum with all before it. */
LK_DEVICE void lk_running_sums(uint32_t counts[256])
{
    const uint32_t t = threadIdx.x;
    __syncthreads();
    for (uint32_t step = 1; step < 256; step *= 2) {
        const uint32_t before = t >= step ? counts[t - step] : 0;
        __syncthreads();
        counts[t] += before;
        __syncthreads();
    }
}

/* select: a block of 256 threads for each query, x of the grid. First the k-th largest value, 8 bits of it at a time: the values
 * that begin as it does are counted by their next 8 bits. Then one pass in order of row that takes what is near enough. Needs
 * k at most row_count. Of equal values at the cut, where the margin is 0, it takes no more than are wanted: the first. */
LK_KERNEL LK_LAUNCH_BOUNDS(256) lk_select__cuda(LK_PARAMETER lk_gpu_select d)
{
    __shared__ uint32_t counts[256], begin, wanted;
    __shared__ uint64_t taken;
    const uint32_t t = threadIdx.x, q = blockIdx.x;
    const float *values = d.values + q * d.row_count;
    if (!t) begin = 0, wanted = d.k, taken = 0;
    for (uint32_t shift = 32; shift;) {
        shift -= 8;
        counts[t] = 0;
        __syncthreads();
        for (uint64_t row = t; row < d.row_count; row += 256) {
            const uint32_t rising = lk_rising(values[row]);
            if (shift == 24 || rising >> (shift + 8) == begin) atomicAdd(&counts[rising >> shift & 255], 1u);
        }
        __syncthreads();
        if (!t) {
            uint32_t bin = 255;
            while (counts[bin] < wanted) wanted -= counts[bin--];
            begin = begin << 8 | bin;
        }
        __syncthreads();
    }
    /* begin is the k-th largest value, and `wanted` of those that equal it are among the k. */
    const float least = lk_from_rising(begin), margin = d.margins[q];
    const float limit = least - 2 * margin;
    uint32_t equals = wanted; /* still to be taken of those that are equal */
    for (uint64_t first = 0; first < d.row_count; first += 8 * 256) {
        bool near = false; /* most rows are not: then eight tiles are passed over at once */
        for (uint64_t row = first + t; row < first + 8 * 256 && row < d.row_count; row += 256) near = near || values[row] >= limit;
        if (!__syncthreads_or(near)) continue;
        for (uint64_t tile = first; tile < first + 8 * 256 && tile < d.row_count; tile += 256) {
            const uint64_t row = tile + t;
            const float value = row < d.row_count ? values[row] : LK_MINUS_INFINITY;
            const bool inside = row < d.row_count && value > LK_MINUS_INFINITY;
            bool take = inside && (margin > 0 ? value >= limit : value > least);
            const bool equal = inside && !(margin > 0) && value == least;
            counts[t] = equal;
            lk_running_sums(counts);
            take = take || (equal && counts[t] <= equals);
            const uint32_t found_equal = counts[255];
            __syncthreads();
            equals -= found_equal < equals ? found_equal : equals;
            counts[t] = take;
            lk_running_sums(counts);
            const uint64_t place = taken + counts[t] - 1;
            if (take && place < d.capacity) {
                lk_gpu_candidate *candidate = d.candidates + (size_t)q * d.capacity + place;
                candidate->value = value;
                candidate->row = (uint32_t)row;
            }
            __syncthreads();
            if (!t) taken += counts[255];
            __syncthreads();
        }
    }
    if (!t) d.found[q] = (uint32_t)taken;
}
