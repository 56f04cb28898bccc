// All kernels, compiled for a GPU.
#include "layers/kernels/cuda/maps.h"
#include "layers/kernels/cuda/search.h"
