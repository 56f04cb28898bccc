#include "cbir/top_k.h"

#include <math.h>
#include <stdlib.h>

float lk_top_limit(const lk_top *top)
{
    if (top->held < top->k) return top->least;
    return fmaxf(top->least, top->heap[0] - 2 * top->margin);
}

static void sift_up(float *heap, size_t at, float value)
{
    for (; at && heap[(at - 1) / 2] > value; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = value;
}

static void sift_down(float *heap, size_t count, float value)
{
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= value) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

void lk_top_add(lk_top *top, lk_candidate candidate)
{
    top->candidates[top->count++] = candidate;
    if (top->held < top->k) sift_up(top->heap, top->held++, candidate.value);
    else if (candidate.value > top->heap[0]) sift_down(top->heap, top->k, candidate.value);
}

void lk_top_thin(lk_top *top, float limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < top->count; i++)
        if (top->candidates[i].value >= limit) top->candidates[kept++] = top->candidates[i];
    top->count = kept;
}

static int by_rank(const void *a, const void *b)
{
    const lk_candidate *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    if (x->span != y->span) return x->span < y->span ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

void lk_candidates_sort(lk_candidate *candidates, size_t count)
{
    qsort(candidates, count, sizeof *candidates, by_rank);
}
