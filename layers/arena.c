#include "layers/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

#define ALIGNMENT_FLOATS (LK_ALIGNMENT / sizeof(float))

/* One value: its size for the whole batch, and the steps from the one that makes it to the last that reads
 * it. */
typedef struct {
    lk_value_id value;
    size_t floats, first, last;
} tenant;

static void extend(tenant *t, size_t step)
{
    if (step < t->first) t->first = step;
    if (step > t->last || t->last == SIZE_MAX) t->last = step;
}

static void find_lifetimes(const lk_program *program, tenant *tenants)
{
    for (size_t i = 0; i < program->value_count; i++)
        tenants[i] = (tenant){.value = i, .first = SIZE_MAX, .last = SIZE_MAX};
    extend(&tenants[program->input], 0);
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_step *step = &program->steps[i];
        extend(&tenants[step->input], i);
        extend(&tenants[step->output], i);
        if (step->residual != LK_NO_VALUE) extend(&tenants[step->residual], i);
    }
    for (size_t i = 0; i < program->value_count; i++)
        if (program->values[i].kept) extend(&tenants[i], program->step_count);
}

static bool find_sizes(const lk_program *program, tenant *tenants)
{
    for (size_t i = 0; i < program->value_count; i++)
        if (!lk_multiply(lk_value_floats(&program->values[i]), program->batch, &tenants[i].floats) ||
            !lk_round_up(tenants[i].floats, ALIGNMENT_FLOATS, &tenants[i].floats) ||
            tenants[i].floats > SIZE_MAX / sizeof(float) / (program->value_count + 1))
            return false;
    return true;
}

static bool live_together(const tenant *a, const tenant *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Large ones first: small ones then fill the holes between them. Ties go by value, so that a plan is always
 * the same. */
static int order_by_size(const void *a, const void *b)
{
    const tenant *left = a, *right = b;
    if (left->floats != right->floats) return left->floats > right->floats ? -1 : 1;
    return left->value < right->value ? -1 : left->value > right->value;
}

/* The lowest offset at which `t` meets none of the tenants placed before it. */
static size_t lowest_offset(const tenant *tenants, const tenant *t, const size_t *offsets)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (const tenant *other = tenants; other < t; other++) {
            const size_t begin = offsets[other->value];
            if (begin == SIZE_MAX || !live_together(other, t)) continue;
            if (offset >= begin + other->floats || offset + t->floats <= begin) continue;
            offset = begin + other->floats;
            moved = true;
        }
    }
    return offset;
}

lk_status lk_arena_place(const lk_program *program, size_t *offsets, size_t *floats)
{
    lk_status status = LK_OK;
    tenant *tenants = lk_allocate_array(program->value_count, sizeof *tenants);
    if (!tenants) return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    find_lifetimes(program, tenants);
    if (!find_sizes(program, tenants)) {
        status = lk_fail(LK_ERROR_LIMIT, "a batch of %zu pictures needs more memory than there can be",
                         program->batch);
        goto done;
    }
    qsort(tenants, program->value_count, sizeof *tenants, order_by_size);
    *floats = 0;
    for (tenant *t = tenants; t < tenants + program->value_count; t++) {
        offsets[t->value] = SIZE_MAX;
        if (t->first == SIZE_MAX) continue;
        const size_t offset = lowest_offset(tenants, t, offsets);
        offsets[t->value] = offset;
        if (offset + t->floats > *floats) *floats = offset + t->floats;
    }
done:
    lk_free(tenants);
    return status;
}
