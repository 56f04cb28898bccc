/* One block of memory for the maps of a picture, in which maps that are not needed at the same time share a place.
 *
 *   offset ^   +-----------------+
 *          |   | residual, 2–5   |      +--------------+
 *          |   +--------+--------+------+ map, 6–7     |
 *          |   | 0–1    | map, 2–3      +-------+------+
 *          |   +--------+---------------+-------+---------> step
 *
 * Every place is 64-byte aligned. Under AddressSanitizer each step may touch only its own operands. */
#ifndef LK_LAYERS_ARENA_H
#define LK_LAYERS_ARENA_H

#include "layers/cpu_plan.h"

/* Finds a place for every value of the program: sets their `offset`; a value that no step touches, or that is apart, gets SIZE_MAX.
 * `bytes` is the size of the whole. LK_ERROR_LIMIT when that overflows, LK_ERROR_MEMORY. */
lk_status lk_arena_place(lk_cpu_program *compiled, size_t *bytes);

#endif
