/* The list is cut into jobs of one batch each. Workers take jobs in order into a ring of slots, two for each
 * worker. The calling thread is one of them, and hands the jobs' rows on, in order, which frees the slots
 * again:
 *
 *     delivered            taken         slots ahead
 *         |  done  running  |  free       |
 *   ------+-----------------+-------------+---------> jobs
 *
 * A worker waits while all slots hold jobs that are not yet handed on, so a slow consumer holds the workers
 * back and memory stays flat. The calling thread waits only where the job whose turn it is runs elsewhere and
 * there is none to take: no thread more than asked for ever wants a processor. */
#include "cbir/extract.h"

#include <pthread.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/memory.h"

typedef struct {
    float *rows;      /* [batch][length]: row i of item first + i, if that has one */
    lk_error *errors; /* [batch]: LK_OK for items with a row */
    lk_error failure; /* what ended the job as a whole */
    bool done;
} slot;

typedef struct {
    const lk_list *list;
    const lk_extract_options *options;
    size_t batch, job_count, slot_count;
    size_t length;  /* floats of an item's row: all its vectors */
    size_t scratch; /* floats that the vectorizers need */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job is done, a slot is free, or all shall stop */
    size_t taken, delivered;
    bool stop;
    slot *slots;
} extraction;

typedef struct {
    extraction *all;
    lk_session *session;
    lk_picture_reader *reader;
    size_t *items;  /* [batch]: which item of the job each picture of the session's batch is */
    float *scratch; /* [all->scratch] */
    pthread_t thread;
    bool started;
} worker;

static bool interrupted(const lk_extract_options *options)
{
    return options->interrupt && atomic_load(options->interrupt);
}

static lk_status finish_row(const worker *w, size_t picture, float *row)
{
    const lk_extract_options *options = w->all->options;
    lk_status status = LK_OK;
    for (size_t v = 0; !status && v < options->vector_count; v++) {
        status = lk_vectorize(&options->vectors[v], w->session, picture, w->scratch, row);
        row += options->vectors[v].length;
    }
    return status;
}

/* The file of a job that is a ring of slots away: when its turn comes, the system has it in memory. */
static void read_ahead(const extraction *all, size_t item)
{
    const size_t ahead = all->slot_count * all->batch;
    if (ahead < all->list->count - item) lk_file_ahead(all->list->items[item + ahead].path);
}

/* Bad pictures leave no hole in the batch: the good ones close up, and w->items remembers whose each is. */
static lk_status run_job(worker *w, size_t job, slot *out)
{
    const extraction *all = w->all;
    const size_t first = job * all->batch, left = all->list->count - first;
    const size_t count = left < all->batch ? left : all->batch;
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        if (interrupted(all->options)) return lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
        read_ahead(all, first + i);
        const lk_status status = lk_picture_reader_read(w->reader, all->list->items[first + i].path,
                                                        lk_session_pixels(w->session, good));
        if (status == LK_ERROR_MEMORY) return status; /* the machine's fault, not the picture's */
        out->errors[i] = status ? lk_error_take(status) : (lk_error){.status = LK_OK};
        if (!status) w->items[good++] = i;
    }
    lk_status status = good ? lk_session_run(w->session, good) : LK_OK;
    for (size_t p = 0; !status && p < good; p++)
        status = finish_row(w, p, out->rows + w->items[p] * all->length);
    return status;
}

static bool has_free_slot(const extraction *all)
{
    return all->taken < all->delivered + all->slot_count;
}

/* Takes the next job and does it; the lock is held before and after, not meanwhile. */
static void work_once(worker *w)
{
    extraction *all = w->all;
    const size_t job = all->taken++;
    slot *out = &all->slots[job % all->slot_count];
    pthread_mutex_unlock(&all->lock);
    const lk_status status = run_job(w, job, out);
    pthread_mutex_lock(&all->lock);
    out->failure = status ? lk_error_take(status) : (lk_error){.status = LK_OK};
    out->done = true;
    pthread_cond_broadcast(&all->changed);
}

static void *work(void *argument)
{
    worker *w = argument;
    extraction *all = w->all;
    pthread_mutex_lock(&all->lock);
    while (!all->stop && all->taken < all->job_count) {
        if (has_free_slot(all)) work_once(w);
        else pthread_cond_wait(&all->changed, &all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

static void wait_for(worker *own, const slot *out)
{
    extraction *all = own->all;
    pthread_mutex_lock(&all->lock);
    while (!out->done) {
        if (all->taken < all->job_count && has_free_slot(all)) work_once(own);
        else pthread_cond_wait(&all->changed, &all->lock);
    }
    pthread_mutex_unlock(&all->lock);
}

static void free_slot(extraction *all, slot *out)
{
    pthread_mutex_lock(&all->lock);
    out->done = false;
    all->delivered++;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

static lk_status hand_on_item(const extraction *all, const slot *out, size_t i, size_t index,
                              const lk_extract_calls *calls)
{
    lk_status status = LK_OK;
    if (out->errors[i].status) {
        if (all->options->strict) return lk_error_restore(&out->errors[i]);
        if (calls->bad) calls->bad(calls->context, index, &out->errors[i]);
    } else if (calls->row) {
        status = calls->row(calls->context, index, out->rows + i * all->length);
    }
    if (!status && calls->progress) calls->progress(calls->context, index + 1);
    return status;
}

/* The calling thread's part: each job's rows in order, until the last or the first failure. */
static lk_status hand_on(worker *own, const lk_extract_calls *calls)
{
    extraction *all = own->all;
    lk_status status = LK_OK;
    for (size_t job = 0; !status && job < all->job_count; job++) {
        slot *out = &all->slots[job % all->slot_count];
        wait_for(own, out);
        if (out->failure.status) return lk_error_restore(&out->failure);
        for (size_t i = 0; !status && i < all->batch && job * all->batch + i < all->list->count; i++)
            status = hand_on_item(all, out, i, job * all->batch + i, calls);
        if (!status && interrupted(all->options)) status = lk_fail(LK_ERROR_INTERRUPTED, "interrupted");
        free_slot(all, out);
    }
    return status;
}

static lk_status open_slots(extraction *all)
{
    size_t values;
    all->slots = lk_allocate_array(all->slot_count, sizeof *all->slots);
    bool enough = all->slots && lk_multiply(all->batch, all->length, &values);
    for (size_t i = 0; enough && i < all->slot_count; i++) {
        all->slots[i].rows = lk_allocate_array(values, sizeof(float));
        all->slots[i].errors = lk_allocate_array(all->batch, sizeof(lk_error));
        enough = all->slots[i].rows && all->slots[i].errors;
    }
    return enough ? LK_OK : lk_fail(LK_ERROR_MEMORY, "out of memory for rows of %zu values", all->length);
}

static void close_slots(extraction *all)
{
    for (size_t i = 0; all->slots && i < all->slot_count; i++) {
        lk_free(all->slots[i].rows);
        lk_free(all->slots[i].errors);
    }
    lk_free(all->slots);
}

/* Opens all workers, and gives a thread to each but the first, which is the caller's. */
static lk_status start(worker *workers, size_t count, extraction *all)
{
    lk_status status = LK_OK;
    for (size_t i = 0; !status && i < count; i++) {
        workers[i].all = all;
        workers[i].items = lk_allocate_array(all->batch, sizeof *workers[i].items);
        workers[i].scratch = lk_allocate_array(all->scratch, sizeof *workers[i].scratch);
        status = workers[i].items && workers[i].scratch
                     ? lk_session_share(all->options->plan, NULL, &workers[i].session)
                     : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu threads", count);
        if (!status && !lk_session_pixels(workers[i].session, 0))
            status = lk_fail(LK_ERROR_ARGUMENT, "the plan of an extraction must take pixels");
        if (!status) status = lk_picture_reader_open(all->options->preprocessing, &workers[i].reader);
    }
    for (size_t i = 1; !status && i < count; i++) {
        workers[i].started = !pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        if (!workers[i].started)
            status = lk_fail(LK_ERROR_MEMORY, "cannot start thread %zu of %zu", i + 1, count);
    }
    return status;
}

static void stop(worker *workers, size_t count, extraction *all)
{
    pthread_mutex_lock(&all->lock);
    all->stop = true;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < count; i++)
        if (workers[i].started) pthread_join(workers[i].thread, NULL);
    for (size_t i = 0; i < count; i++) {
        lk_session_close(&workers[i].session);
        lk_picture_reader_close(&workers[i].reader);
        lk_free(workers[i].items);
        lk_free(workers[i].scratch);
    }
}

static size_t thread_count(const lk_extract_options *options, size_t jobs)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t wanted = options->threads ? options->threads : processors > 0 ? (size_t)processors : 1;
    return wanted < jobs ? wanted : jobs;
}

lk_status lk_extract(const lk_list *list, const lk_extract_options *options, const lk_extract_calls *calls)
{
    extraction all = {.list = list,
                      .options = options,
                      .batch = options->batch ? options->batch : 1,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER};
    if (!list->count) return LK_OK;
    for (size_t v = 0; v < options->vector_count; v++) {
        all.length += options->vectors[v].length;
        if (options->vectors[v].scratch > all.scratch) all.scratch = options->vectors[v].scratch;
    }
    all.job_count = (list->count - 1) / all.batch + 1;
    const size_t threads = thread_count(options, all.job_count);
    all.slot_count = 2 * threads;
    worker *workers = lk_allocate_array(threads, sizeof *workers);
    lk_status status =
        workers ? open_slots(&all) : lk_fail(LK_ERROR_MEMORY, "out of memory for %zu threads", threads);
    if (!status) status = start(workers, threads, &all);
    if (!status) status = hand_on(&workers[0], calls);
    if (workers) stop(workers, threads, &all); /* the status's message is this thread's, and stays */
    lk_free(workers);
    close_slots(&all);
    pthread_mutex_destroy(&all.lock);
    pthread_cond_destroy(&all.changed);
    return status;
}
