/* What bench/gpu runs on a machine with a GPU: the network on inputs from a tensor file, held against outputs
 * from there, or timed. A line of JSON for each thing that was found.
 *
 *     bench_gpu parity MODEL TENSORS [OPTION...]     pixels [n][h][w][3] and, by layer, outputs [n][...]
 *     bench_gpu speed MODEL TENSORS [OPTION...]      --batch, --sessions (each in a thread), --seconds
 *     bench_gpu steps MODEL TENSORS [OPTION...]      the least time of each step
 *
 * Options: --backend cuda|native|reference, --precision f32|f16, --isa portable, --tf32, --device N. Ends
 * with 0, with 1 where a bound does not hold, or with 10 plus the lk_status. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/likeness.h"
#include "weights/safetensors.h"

enum { MOST_FEATURES = 256, MOST_SESSIONS = 16, MOST_RUNS = 1 << 16 };

/* Float32: of a layer's largest magnitude. Float16: of the pooled features. */
#define MOST_DEPARTURE 1e-4
#define LEAST_COSINE 0.9999

typedef struct {
    const char *command, *model_path, *tensors_path;
    lk_plan_options plan;
    size_t sessions;
    double seconds;
    lk_model *model;
    lk_safetensors *tensors;
    const lk_tensor *pixels; /* [count][height][width][3] */
    size_t count;
    const char *names[MOST_FEATURES]; /* the other tensors' */
    size_t name_count;
} job;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ------------------------------------------------------------------ Options */

static bool set_option(job *j, const char *name, const char *value)
{
    static const struct {
        const char *name;
        lk_backend_kind kind;
    } backends[] = {
        {"cuda", LK_BACKEND_CUDA}, {"native", LK_BACKEND_NATIVE}, {"reference", LK_BACKEND_REFERENCE}};
    if (!strcmp(name, "--backend"))
        for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
            if (!strcmp(value, backends[i].name)) {
                j->plan.backend = backends[i].kind;
                return true;
            }
    if (!strcmp(name, "--precision"))
        j->plan.precision = strcmp(value, "f16") ? LK_PRECISION_F32 : LK_PRECISION_F16;
    else if (!strcmp(name, "--isa")) j->plan.isa = value;
    else if (!strcmp(name, "--batch")) j->plan.batch = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--device")) j->plan.device = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--sessions")) j->sessions = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--seconds")) j->seconds = strtod(value, NULL);
    else return false;
    return true;
}

static bool parse(int count, char **arguments, job *j)
{
    *j = (job){.plan = {.backend = LK_BACKEND_CUDA, .precision = LK_PRECISION_F32, .batch = 1},
               .sessions = 1,
               .seconds = 3};
    if (count < 4) return false;
    j->command = arguments[1];
    j->model_path = arguments[2];
    j->tensors_path = arguments[3];
    for (int i = 4; i < count; i++) {
        if (!strcmp(arguments[i], "--tf32")) j->plan.tf32 = true;
        else if (i + 1 == count || !set_option(j, arguments[i], arguments[i + 1])) return false;
        else i++;
    }
    return j->sessions >= 1 && j->sessions <= MOST_SESSIONS;
}

static lk_status open_job(job *j)
{
    lk_status status = lk_model_open(j->model_path, &j->model);
    if (!status) status = lk_safetensors_open(j->tensors_path, &j->tensors);
    if (status) return status;
    j->pixels = lk_safetensors_find(j->tensors, "pixels");
    if (!j->pixels || j->pixels->rank != 4 || j->pixels->dtype != LK_U8 || j->pixels->shape[3] != 3)
        return lk_fail(LK_ERROR_FORMAT, "%s: no pixels [n][h][w][3]", j->tensors_path);
    j->count = j->pixels->shape[0];
    j->plan.height = j->pixels->shape[1];
    j->plan.width = j->pixels->shape[2];
    j->plan.pixels = lk_model_preprocessing(j->model);
    for (size_t i = 0; i < lk_safetensors_count(j->tensors) && j->name_count < MOST_FEATURES; i++) {
        const lk_tensor *t = lk_safetensors_tensor(j->tensors, i);
        if (t != j->pixels) j->names[j->name_count++] = t->name;
    }
    return LK_OK;
}

static void fill(const job *j, lk_session *session, size_t picture, size_t from)
{
    const size_t bytes = j->pixels->count / j->count;
    memcpy(lk_session_pixels(session, picture), j->pixels->bytes + from % j->count * bytes, bytes);
}

static void print_options(const job *j, const lk_plan *plan)
{
    printf("\"what\": \"%s\", \"backend\": \"%s\", \"precision\": \"%s\", \"way\": \"%s\", \"tf32\": %s, "
           "\"size\": %zu, \"batch\": %zu",
           j->command, lk_plan_backend(plan), j->plan.precision == LK_PRECISION_F16 ? "f16" : "f32",
           j->plan.isa ? j->plan.isa : "fastest", j->plan.tf32 ? "true" : "false", j->plan.height,
           j->plan.batch);
}

static lk_status open_plan(job *j, lk_plan **plan)
{
    const lk_status status = lk_plan_open(j->model, &j->plan, plan);
    if (!status && lk_plan_note(*plan)) fprintf(stderr, "%s\n", lk_plan_note(*plan));
    return status;
}

/* ------------------------------------------------------------------ Parity */

typedef struct {
    double departure, cosine; /* the largest, over the largest magnitude; the least */
    const char *layer;        /* of the departure */
    double pooled;            /* the cosine of pool2d_avg, 1 where there is none */
} agreement;

static void compare(const float *got, const lk_tensor *want, size_t first, size_t length, agreement *a)
{
    double largest = 0, off = 0, xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < length; i++) {
        const double x = (double)got[i], y = (double)lk_tensor_at(want, first + i), away = fabs(x - y);
        largest = fmax(largest, fabs(y));
        off = away <= off ? off : away; /* NaN goes in, and stays */
        xy += x * y, xx += x * x, yy += y * y;
    }
    const double departure = off / (largest > 0 ? largest : 1), cosine = xx * yy > 0 ? xy / sqrt(xx * yy) : 1;
    if (!(departure <= a->departure)) a->departure = departure, a->layer = want->name;
    if (!(cosine >= a->cosine)) a->cosine = cosine;
    if (!strcmp(want->name, "pool2d_avg") && !(cosine >= a->pooled)) a->pooled = cosine;
}

static lk_status compare_picture(const job *j, lk_session *session, size_t picture, agreement *a)
{
    lk_status status = LK_OK;
    for (size_t f = 0; !status && f < j->name_count; f++) {
        const lk_tensor *want = lk_safetensors_find(j->tensors, j->names[f]);
        const size_t length = lk_session_feature_length(session, f);
        if (want->count != length * j->count || want->dtype != LK_F32)
            return lk_fail(LK_ERROR_FORMAT, "%s: %s has not %zu x %zu floats", j->tensors_path, want->name,
                           j->count, length);
        float *got = lk_allocate_array(length, sizeof *got);
        if (!got) return lk_fail(LK_ERROR_MEMORY, "out of memory");
        status = lk_session_feature(session, f, picture, got);
        if (!status) compare(got, want, picture * length, length, a);
        lk_free(got);
    }
    return status;
}

static lk_status parity(job *j, bool *holds)
{
    lk_plan *plan = NULL;
    lk_session *session = NULL;
    agreement a = {0, 1, "-", 1};
    j->plan.features = j->names;
    j->plan.feature_count = j->name_count;
    j->plan.batch = j->count;
    lk_status status = open_plan(j, &plan);
    if (!status) status = lk_session_share(plan, NULL, &session);
    for (size_t p = 0; !status && p < j->count; p++) fill(j, session, p, p);
    if (!status) status = lk_session_run(session, j->count);
    for (size_t p = 0; !status && p < j->count; p++) status = compare_picture(j, session, p, &a);
    if (!status) {
        *holds = j->plan.precision == LK_PRECISION_F16 || j->plan.tf32 ? a.pooled >= LEAST_COSINE
                                                                       : a.departure <= MOST_DEPARTURE;
        printf("{");
        print_options(j, plan);
        printf(", \"layers\": %zu, \"departure\": %.3g, \"layer\": \"%s\", \"cosine\": %.7f, "
               "\"pooled_cosine\": %.7f, \"holds\": %s}\n",
               j->name_count, a.departure, a.layer, a.cosine, a.pooled, *holds ? "true" : "false");
    }
    lk_session_close(&session);
    lk_plan_close(&plan);
    return status;
}

/* ------------------------------------------------------------------ Speed */

typedef struct {
    const job *j;
    lk_session *session;
    pthread_t thread;
    double until, *ms; /* [MOST_RUNS] */
    size_t runs;
    lk_error error;
} runner;

static void *run_for_a_while(void *argument)
{
    runner *r = argument;
    lk_status status = LK_OK;
    r->runs = 0;
    while (!status && r->runs < MOST_RUNS && (!r->runs || now() < r->until)) {
        const double start = now();
        status = lk_session_run(r->session, r->j->plan.batch);
        r->ms[r->runs++] = (now() - start) * 1e3;
    }
    r->error = status ? lk_error_take(status) : (lk_error){.status = LK_OK};
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static lk_status open_runner(const job *j, const lk_plan *plan, runner *r)
{
    r->j = j;
    r->ms = lk_allocate_array(MOST_RUNS, sizeof *r->ms);
    lk_status status =
        r->ms ? lk_session_share(plan, NULL, &r->session) : lk_fail(LK_ERROR_MEMORY, "out of memory");
    for (size_t p = 0; !status && p < j->plan.batch; p++) fill(j, r->session, p, p);
    for (int warm = 0; !status && warm < 3; warm++) status = lk_session_run(r->session, j->plan.batch);
    return status;
}

static lk_status run_all(const job *j, runner *runners, double *seconds)
{
    const double start = now();
    lk_status status = LK_OK;
    size_t started = 0;
    for (; !status && started < j->sessions; started++) {
        runners[started].until = start + j->seconds;
        if (pthread_create(&runners[started].thread, NULL, run_for_a_while, &runners[started])) {
            status = lk_fail(LK_ERROR_MEMORY, "cannot start a thread");
            break;
        }
    }
    for (size_t i = 0; i < started; i++) pthread_join(runners[i].thread, NULL);
    *seconds = now() - start;
    for (size_t i = 0; !status && i < started; i++)
        if (runners[i].error.status) status = lk_error_restore(&runners[i].error);
    return status;
}

/* From pixels in the host's memory to pooled features there. */
static lk_status speed(job *j)
{
    static const char *const pooled[] = {"pooled"};
    static runner runners[MOST_SESSIONS];
    lk_plan *plan = NULL;
    double seconds = 0;
    size_t runs = 0;
    j->plan.features = pooled;
    j->plan.feature_count = 1;
    lk_status status = open_plan(j, &plan);
    for (size_t i = 0; !status && i < j->sessions; i++) status = open_runner(j, plan, &runners[i]);
    if (!status) status = run_all(j, runners, &seconds);
    if (!status) {
        qsort(runners[0].ms, runners[0].runs, sizeof(double), by_size);
        for (size_t i = 0; i < j->sessions; i++) runs += runners[i].runs;
        printf("{");
        print_options(j, plan);
        printf(", \"sessions\": %zu, \"runs\": %zu, \"pictures_per_s\": %.1f, \"least_ms\": %.4f, "
               "\"median_ms\": %.4f, "
               "\"p95_ms\": %.4f}\n",
               j->sessions, runs, (double)(runs * j->plan.batch) / seconds, runners[0].ms[0],
               runners[0].ms[runners[0].runs / 2], runners[0].ms[runners[0].runs * 95 / 100]);
    }
    for (size_t i = 0; i < j->sessions; i++) {
        lk_session_close(&runners[i].session);
        lk_free(runners[i].ms);
    }
    lk_plan_close(&plan);
    return status;
}

/* The least of 20 runs. */
static lk_status steps(job *j)
{
    lk_plan *plan = NULL;
    lk_session *session = NULL;
    lk_step_profile *now_took = NULL;
    uint64_t *least = NULL;
    lk_status status = open_plan(j, &plan);
    if (!status) status = lk_session_share(plan, NULL, &session);
    const size_t count = status ? 0 : lk_plan_step_count(plan);
    if (!status) {
        now_took = lk_allocate_array(count, sizeof *now_took);
        least = lk_allocate_array(count, sizeof *least);
        if (!now_took || !least) status = lk_fail(LK_ERROR_MEMORY, "out of memory");
    }
    for (size_t p = 0; !status && p < j->plan.batch; p++) fill(j, session, p, p);
    for (int turn = 0; !status && turn < 20; turn++) {
        status = lk_session_profile(session, j->plan.batch, now_took);
        for (size_t s = 0; !status && s < count; s++)
            if (!turn || now_took[s].ns < least[s]) least[s] = now_took[s].ns;
    }
    for (size_t s = 0; !status && s < count; s++) {
        printf("{");
        print_options(j, plan);
        printf(", \"layer\": \"%s\", \"kind\": \"%s\", \"kernel\": \"%s\", \"us\": %.2f, \"multiply_adds\": "
               "%zu, \"map_bytes\": %zu}\n",
               now_took[s].name, now_took[s].kind, now_took[s].kernel, (double)least[s] * 1e-3,
               now_took[s].multiply_adds, now_took[s].map_bytes);
    }
    lk_free(least);
    lk_free(now_took);
    lk_session_close(&session);
    lk_plan_close(&plan);
    return status;
}

int main(int count, char **arguments)
{
    job j;
    bool holds = true;
    if (!parse(count, arguments, &j)) {
        fprintf(stderr, "usage: bench_gpu parity|speed|steps MODEL TENSORS [OPTION...]\n");
        return 2;
    }
    lk_status status = open_job(&j);
    if (!status)
        status = !strcmp(j.command, "parity")  ? parity(&j, &holds)
                 : !strcmp(j.command, "speed") ? speed(&j)
                 : !strcmp(j.command, "steps")
                     ? steps(&j)
                     : lk_fail(LK_ERROR_ARGUMENT, "%s is none of parity, speed, steps", j.command);
    if (status) fprintf(stderr, "bench_gpu: %s\n", lk_error_message());
    lk_safetensors_close(&j.tensors);
    lk_model_close(&j.model);
    return status ? 10 + (int)status : holds ? 0 : 1;
}
