#include "gpu/emulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/sanitizer.h"

#ifdef LK_ASAN
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>

/* AddressSanitizer's own swapcontext prints a warning and clears whole stacks. It is told of the switches
 * here, so the C library's does. */
static void swap(ucontext_t *from, const ucontext_t *to)
{
    static int (*libc_swapcontext)(ucontext_t *, const ucontext_t *);
    if (!libc_swapcontext)
        *(void **)(void *)&libc_swapcontext =
            dlsym(dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), "swapcontext");
    libc_swapcontext(from, to);
}
#else
#define swap(from, to) swapcontext(from, to)
#define __sanitizer_start_switch_fiber(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(fake, bottom, size) ((void)(fake), (void)(bottom), (void)(size))
#endif

enum { STACK = 256 << 10, MOST_THREADS = 1024 };

lk_place3 blockIdx, threadIdx, blockDim, gridDim;

typedef struct {
    ucontext_t context;
    unsigned char *stack;
    void *fake_stack; /* AddressSanitizer's */
    bool ended;
} fiber;

static struct {
    ucontext_t caller;
    const void *caller_stack;
    size_t caller_size;
    fiber fibers[MOST_THREADS];
    fiber *now;
    void (*kernel)(const void *args);
    const void *args;
} block_run;

/* Back to the loop over threads, from the fiber that runs. */
static void leave(bool for_good)
{
    fiber *self = block_run.now;
    __sanitizer_start_switch_fiber(for_good ? NULL : &self->fake_stack, block_run.caller_stack,
                                   block_run.caller_size);
    swap(&self->context, &block_run.caller);
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
}

void __syncthreads(void)
{
    leave(false);
}

int __syncthreads_or(int any)
{
    static int all;
    __syncthreads();
    all = 0;
    __syncthreads();
    all |= any;
    __syncthreads();
    return all;
}

static void run_fiber(void)
{
    __sanitizer_finish_switch_fiber(NULL, &block_run.caller_stack, &block_run.caller_size);
    block_run.kernel(block_run.args);
    block_run.now->ended = true;
    leave(true);
}

/* Goes on with a thread until it waits or ends. */
static void resume(fiber *f, uint32_t thread)
{
    void *fake_stack = NULL;
    block_run.now = f;
    threadIdx = (lk_place3){thread, 0, 0};
    __sanitizer_start_switch_fiber(&fake_stack, f->stack, STACK);
    swap(&block_run.caller, &f->context);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
}

static void start(fiber *f)
{
    if (!f->stack) f->stack = malloc(STACK);
    if (!f->stack || getcontext(&f->context)) abort();
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK;
    f->context.uc_link = NULL;
    f->ended = false;
    f->fake_stack = NULL;
    makecontext(&f->context, run_fiber, 0);
}

static void run_waiting_block(uint32_t threads)
{
    for (uint32_t t = 0; t < threads; t++) start(&block_run.fibers[t]);
    for (uint32_t ended = 0; ended < threads;) {
        ended = 0;
        for (uint32_t t = 0; t < threads; t++) {
            resume(&block_run.fibers[t], t);
            ended += block_run.fibers[t].ended;
        }
        if (ended && ended < threads) {
            fprintf(stderr, "%u of %u threads of a block ended where the others wait\n", ended, threads);
            abort();
        }
    }
}

void lk_emulate(void (*kernel)(const void *args), bool waits, const void *args, const uint32_t grid[3],
                uint32_t block)
{
    if (block > MOST_THREADS || grid[1] > 65535 || grid[2] > 65535 || !block || !grid[0] || !grid[1] ||
        !grid[2])
        abort();
    blockDim = (lk_place3){block, 1, 1};
    gridDim = (lk_place3){grid[0], grid[1], grid[2]};
    block_run.kernel = kernel;
    block_run.args = args;
    for (uint32_t z = 0; z < grid[2]; z++)
        for (uint32_t y = 0; y < grid[1]; y++)
            for (uint32_t x = 0; x < grid[0]; x++) {
                blockIdx = (lk_place3){x, y, z};
                if (waits) {
                    run_waiting_block(block);
                    continue;
                }
                for (uint32_t t = 0; t < block; t++) {
                    threadIdx = (lk_place3){t, 0, 0};
                    kernel(args);
                }
            }
}
