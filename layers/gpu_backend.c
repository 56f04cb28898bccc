/* A GPU as a backend, by the module that knows CUDA. */
#include "layers/backend.h"
#include "layers/gpu_module.h"
#include "layers/gpu_plan.h"

const lk_backend lk_backend_cuda = {.name = "cuda",
                                    .probe = lk_gpu_probe,
                                    .compile = lk_gpu_compile,
                                    .release = lk_gpu_release,
                                    .kernel = lk_gpu_kernel_name,
                                    .traffic = lk_gpu_traffic,
                                    .arena_bytes = lk_gpu_arena_bytes,
                                    .weight_bytes = lk_gpu_weight_bytes,
                                    .note = lk_gpu_note,
                                    .open = lk_gpu_open,
                                    .close = lk_gpu_close,
                                    .input = lk_gpu_input,
                                    .read = lk_gpu_read,
                                    .run = lk_gpu_run};
