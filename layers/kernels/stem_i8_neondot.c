#include "layers/kernels/stem_i8_words.h"

void lk_conv2d_i8_stem4__neondot(const lk_conv2d *d, const lk_operands *io, lk_rows rows)
{
    stem_i8_words(d, io, rows);
}
