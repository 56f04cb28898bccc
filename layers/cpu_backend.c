/* The CPU as a backend, once for each of its masks over kernels.inc. */
#include "layers/backend.h"
#include "layers/cpu_plan.h"
#include "layers/openblas.h"

static lk_status compile_reference(const lk_program *program, const lk_backend_options *options,
                                   void **compiled)
{
    (void)options; /* the reference uses none; an unknown name has been refused by the plan */
    return lk_cpu_compile(program, &(lk_cpu_choice){0}, compiled);
}

static lk_status compile_openblas(const lk_program *program, const lk_backend_options *options,
                                  void **compiled)
{
    unsigned can;
    lk_status status = lk_cpu_mask(options->isa, &can);
    if (!status) status = lk_openblas_load();
    return status
               ? status
               : lk_cpu_compile(program, &(lk_cpu_choice){.can = can | LK_NEEDS_PORTABLE | LK_NEEDS_OPENBLAS},
                                compiled);
}

static lk_status compile_native(const lk_program *program, const lk_backend_options *options, void **compiled)
{
    unsigned can;
    const lk_status status = lk_cpu_mask(options->isa, &can);
    return status
               ? status
               : lk_cpu_compile(program, &(lk_cpu_choice){.can = can | LK_NEEDS_PORTABLE | LK_NEEDS_NATIVE},
                                compiled);
}

static lk_status any_machine(void)
{
    return LK_OK;
}

#define LK_CPU_BACKEND(label, probe_fn, compile_fn)                                            \
    {                                                                                          \
        .name = label, .probe = probe_fn, .compile = compile_fn, .release = lk_cpu_release,    \
        .kernel = lk_cpu_kernel, .traffic = lk_cpu_traffic, .arena_bytes = lk_cpu_arena_bytes, \
        .weight_bytes = lk_cpu_weight_bytes, .open = lk_cpu_open, .close = lk_cpu_close,       \
        .input = lk_cpu_input, .read = lk_cpu_read, .run = lk_cpu_run                          \
    }

const lk_backend lk_backend_reference = LK_CPU_BACKEND("reference", any_machine, compile_reference);
const lk_backend lk_backend_openblas = LK_CPU_BACKEND("openblas", lk_openblas_load, compile_openblas);
const lk_backend lk_backend_native = LK_CPU_BACKEND("native", any_machine, compile_native);
