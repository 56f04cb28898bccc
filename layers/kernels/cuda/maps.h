/* All kernels on maps, for float32 and for float16. */
#include "layers/kernels/cuda/device.h"

#define LK_NAME(name) name##_f32__cuda
#define LK_REAL float
#define LK_GET(value) (value)
#define LK_PUT(value) (value)
#include "layers/kernels/cuda/map.h"
#include "layers/kernels/cuda/conv2d.h"
#include "layers/kernels/cuda/depthwise.h"
#include "layers/kernels/cuda/pointwise.h"
#include "layers/kernels/cuda/elementwise.h"
#undef LK_NAME
#undef LK_REAL
#undef LK_GET
#undef LK_PUT

#define LK_NAME(name) name##_f16__cuda
#define LK_REAL lk_half
#define LK_GET(value) lk_get_half(value)
#define LK_PUT(value) lk_put_half(value)
#include "layers/kernels/cuda/map.h"
#include "layers/kernels/cuda/conv2d.h"
#include "layers/kernels/cuda/depthwise.h"
#include "layers/kernels/cuda/pointwise.h"
#include "layers/kernels/cuda/elementwise.h"
#undef LK_NAME
#undef LK_REAL
#undef LK_GET
#undef LK_PUT
