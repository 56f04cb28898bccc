#include "layers/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

/* One value: its size, and the steps from the one that makes it to the last that reads it. */
typedef struct {
    lk_value_id value;
    size_t bytes, first, last;
} tenant;

static void extend(tenant *t, size_t step)
{
    if (step < t->first) t->first = step;
    if (step > t->last || t->last == SIZE_MAX) t->last = step;
}

static void find_lifetimes(const lk_cpu_program *compiled, tenant *tenants)
{
    const lk_program *program = compiled->program;
    for (size_t i = 0; i < program->value_count; i++)
        tenants[i] = (tenant){.value = i, .first = SIZE_MAX, .last = SIZE_MAX};
    extend(&tenants[program->input], 0);
    for (size_t i = 0; i < program->step_count; i++) {
        const lk_cpu_step *step = &compiled->steps[i];
        if (step->in_next) continue;
        extend(&tenants[step->input], i);
        extend(&tenants[step->output], i);
        if (step->residual != LK_NO_VALUE) extend(&tenants[step->residual], i);
    }
    for (size_t i = 0; i < program->value_count; i++) {
        if (program->values[i].kept) extend(&tenants[i], program->step_count);
        if (compiled->values[i].is_apart) tenants[i].first = SIZE_MAX;
    }
}

static bool find_sizes(const lk_program *program, const lk_cpu_value *values, tenant *tenants)
{
    for (size_t i = 0; i < program->value_count; i++)
        if (!lk_round_up(values[i].bytes, LK_ALIGNMENT, &tenants[i].bytes) ||
            tenants[i].bytes > SIZE_MAX / (program->value_count + 1))
            return false;
    return true;
}

static bool live_together(const tenant *a, const tenant *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Orders in which places are given out. Ties go by value, so that a plan is always the same. Large ones
 * first: small ones then fill the holes between them. */
static int order_by_size(const void *a, const void *b)
{
    const tenant *left = a, *right = b;
    if (left->bytes != right->bytes) return left->bytes > right->bytes ? -1 : 1;
    return left->value < right->value ? -1 : left->value > right->value;
}

/* Or as the steps make them: chains of maps of falling size then lie at the two ends in turn. */
static int order_by_time(const void *a, const void *b)
{
    const tenant *left = a, *right = b;
    if (left->first != right->first) return left->first < right->first ? -1 : 1;
    return order_by_size(a, b);
}

/* The lowest offset at which `t` meets none of the tenants placed before it. */
static size_t lowest_offset(const tenant *tenants, const tenant *t, const lk_cpu_value *values)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (const tenant *other = tenants; other < t; other++) {
            const size_t begin = values[other->value].offset;
            if (begin == SIZE_MAX || !live_together(other, t)) continue;
            if (offset >= begin + other->bytes || offset + t->bytes <= begin) continue;
            offset = begin + other->bytes;
            moved = true;
        }
    }
    return offset;
}

/* Gives every tenant its place, and returns how many bytes all need. */
static size_t place_in_order(tenant *tenants, size_t count, lk_cpu_value *values,
                             int (*order)(const void *, const void *))
{
    size_t bytes = 0;
    qsort(tenants, count, sizeof *tenants, order);
    for (tenant *t = tenants; t < tenants + count; t++) {
        values[t->value].offset = SIZE_MAX;
        if (t->first == SIZE_MAX) continue;
        const size_t offset = lowest_offset(tenants, t, values);
        values[t->value].offset = offset;
        if (offset + t->bytes > bytes) bytes = offset + t->bytes;
    }
    return bytes;
}

lk_status lk_arena_place(lk_cpu_program *compiled, size_t *bytes)
{
    const lk_program *program = compiled->program;
    lk_cpu_value *values = compiled->values;
    lk_status status = LK_OK;
    tenant *tenants = lk_allocate_array(program->value_count, sizeof *tenants);
    if (!tenants) return lk_fail(LK_ERROR_MEMORY, "out of memory for a plan");
    find_lifetimes(compiled, tenants);
    if (!find_sizes(program, values, tenants)) {
        status = lk_fail(LK_ERROR_LIMIT, "the maps of a picture need more memory than there can be");
        goto done;
    }
    const size_t by_time = place_in_order(tenants, program->value_count, values, order_by_time);
    *bytes = place_in_order(tenants, program->value_count, values, order_by_size);
    if (by_time < *bytes) *bytes = place_in_order(tenants, program->value_count, values, order_by_time);
done:
    lk_free(tenants);
    return status;
}
