/* A backend compiles a program once and runs it in any number of instances. The CPU's is built in; another may be loaded
 * at run time, so what passes through here is plain data. */
#ifndef LK_LAYERS_BACKEND_H
#define LK_LAYERS_BACKEND_H

#include "layers/pool.h"
#include "layers/step.h"

typedef struct lk_backend {
    const char *name;

    /* Whether this machine can run it; the reason is the error message. */
    lk_status (*probe)(void);

    /* Chooses kernels, packs weights, places memory. `isa` as in lk_plan_options. The program outlives the result. */
    lk_status (*compile)(const lk_program *program, const char *isa, void **compiled);
    void (*release)(void *compiled);

    const char *(*kernel)(const void *compiled, size_t step); /* the name of a step's kernel */
    lk_step_traffic (*traffic)(const void *compiled, size_t step);
    size_t (*arena_bytes)(const void *compiled);
    size_t (*weight_bytes)(const void *compiled);

    /* An instance is memory to run in: one a session. */
    lk_status (*open)(const void *compiled, lk_pool *pool, void **instance);
    void (*close)(void *instance);
    void *(*input)(const void *instance); /* [batch][height][width][channels], for the caller to fill: floats, or bytes where the
                                           * program has pixels */

    /* One picture's kept value [channels][height][width], whatever the layout that the backend keeps it in. */
    void (*read)(const void *instance, lk_value_id value, size_t picture, float *chw);

    /* Runs the first `pictures`. `step_ns` [step_count] receives each step's time, unless it is NULL. Allocates nothing. */
    lk_status (*run)(void *instance, size_t pictures, uint64_t *step_ns);
} lk_backend;

/* The CPU under each of its masks. */
extern const lk_backend lk_backend_reference, lk_backend_openblas, lk_backend_native;

#endif
