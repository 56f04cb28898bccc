/* The file: a line that names the task, then a record an item, in the list's order:
 *
 *     uint32 kind   uint32 bytes   payload [bytes]   uint32 CRC-32 of all before it
 *
 * The payload is the row's floats, or the reason why there is none. It is read by the machine that wrote it.
 */
#include "cbir/cli/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cbir/json.h"

enum { ROW = 1, SKIPPED = 2, HEAD_BYTES = 8, SUM_BYTES = 4, REASON_BYTES = sizeof((lk_error *)0)->text };

#define BEGINNING "likeness-extraction 1 "

/* The words of the line behind that. */
typedef struct {
    char values[24], recipe[SHA256_DIGEST_STRING_LENGTH], list[SHA256_DIGEST_STRING_LENGTH], how[40];
} identity;

static lk_status no_memory(const char *path)
{
    return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", path);
}

static lk_status failed(const char *path)
{
    return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", path, strerror(errno));
}

/* ------------------------------------------------------------------ Which task */

static lk_status digest_recipes(const journal_task *task, const char *path, char *digest)
{
    SHA256_CTX sum;
    SHA256Init(&sum);
    for (size_t i = 0; i < task->recipe_count; i++) {
        json_t *json = lk_recipe_to_json(&task->recipes[i]);
        char *text = json ? json_dumps(json, LK_JSON_FLAGS) : NULL;
        json_decref(json);
        if (!text) return no_memory(path);
        SHA256Update(&sum, (const uint8_t *)text, strlen(text) + 1);
        free(text);
    }
    SHA256End(&sum, digest);
    return LK_OK;
}

/* With each file's size and time of change: a picture that has become another must not keep its old row. */
static void digest_list(const lk_list *list, char *digest)
{
    SHA256_CTX sum;
    SHA256Init(&sum);
    for (size_t i = 0; i < list->count; i++) {
        const lk_list_item *item = &list->items[i];
        struct stat file;
        if (stat(item->path, &file)) file = (struct stat){0};
        const int64_t about[] = {item->has_label, item->label, file.st_size, file.st_mtim.tv_sec,
                                 file.st_mtim.tv_nsec};
        SHA256Update(&sum, (const uint8_t *)item->path, strlen(item->path) + 1);
        SHA256Update(&sum, (const uint8_t *)about, sizeof about);
    }
    SHA256End(&sum, digest);
}

static lk_status identify(const journal_task *task, const char *path, identity *id)
{
    snprintf(id->values, sizeof id->values, "%zu", task->values);
    snprintf(id->how, sizeof id->how, "%d-%.30s", (int)task->backend, task->isa ? task->isa : "");
    digest_list(task->list, id->list);
    return digest_recipes(task, path, id->recipe);
}

static int write_line(const identity *id, char *line, size_t size)
{
    return snprintf(line, size, BEGINNING "%s %s %s %s\n", id->values, id->recipe, id->list, id->how);
}

/* In what the task is another than the line's; NULL: it is the same. */
static const char *difference(const char *line, const identity *id)
{
    identity found;
    if (sscanf(line, BEGINNING "%23s %64s %64s %39s", found.values, found.recipe, found.list, found.how) != 4)
        return "an extraction that was begun otherwise";
    if (strcmp(found.values, id->values) != 0 || strcmp(found.recipe, id->recipe) != 0)
        return "an extraction of other features, or by another model";
    if (strcmp(found.list, id->list) != 0)
        return "an extraction of another list, or of pictures that have changed since";
    return strcmp(found.how, id->how) != 0 ? "an extraction by another backend or instruction set" : NULL;
}

/* ------------------------------------------------------------------ Opening */

/* A process that has just finished may remove the file between our opening and our locking it. */
static lk_status open_locked(journal *j)
{
    struct stat about;
    for (;;) {
        j->file = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (j->file < 0) return failed(j->path);
        if (flock(j->file, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
            return lk_fail(
                LK_ERROR_IO,
                "%s: another extraction is writing to the same output; wait until it is done, or end it",
                j->path);
        if (fstat(j->file, &about)) return failed(j->path);
        if (!S_ISREG(about.st_mode)) return lk_fail(LK_ERROR_IO, "%s: not a regular file", j->path);
        if (about.st_nlink) return LK_OK;
        close(j->file);
    }
}

static lk_status write_all(journal *j, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size) {
        const ssize_t written = write(j->file, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed(j->path);
        at += written;
        size -= (size_t)written;
    }
    return LK_OK;
}

/* The first line without its end; empty when the file is new, or a kill cut it short. */
static lk_status read_line(const journal *j, char *line, size_t size)
{
    const ssize_t length = pread(j->file, line, size - 1, 0);
    const size_t count = length > 0 ? (size_t)length : 0, head = strlen(BEGINNING);
    if (memcmp(line, BEGINNING, count < head ? count : head) != 0)
        return lk_fail(LK_ERROR_IO, "%s: not an extraction that this Likeness has begun; move it away",
                       j->path);
    char *end = memchr(line, '\n', count);
    *(end ? end : line) = 0;
    return LK_OK;
}

static lk_status begin(journal *j, const char **other)
{
    identity id;
    char line[512], found[512];
    lk_status status = identify(j->task, j->path, &id);
    if (!status) status = read_line(j, found, sizeof found);
    if (status) return status;
    *other = *found ? difference(found, &id) : NULL;
    if (*found && !*other) return LK_OK;
    const int length = write_line(&id, line, sizeof line);
    if (ftruncate(j->file, 0)) return failed(j->path);
    status = write_all(j, line, (size_t)length);
    if (status) unlink(j->path);
    return status;
}

lk_status journal_open(const char *stem, const journal_task *task, journal *j, const char **other)
{
    size_t bytes = 0;
    *j = (journal){.file = -1, .task = task};
    const size_t size = strlen(stem) + sizeof ".partial";
    j->path = lk_allocate(size, 1);
    if (!j->path) return no_memory(stem);
    snprintf(j->path, size, "%s.partial", stem);
    if (lk_multiply(task->values, sizeof(float), &bytes) && bytes < UINT32_MAX)
        j->record = lk_allocate(HEAD_BYTES + (bytes > REASON_BYTES ? bytes : REASON_BYTES) + SUM_BYTES, 8);
    lk_status status = j->record ? open_locked(j) : no_memory(j->path);
    if (!status) status = begin(j, other);
    if (status) journal_keep(j); /* it is another's, or removed already */
    return status;
}

/* ------------------------------------------------------------------ Records */

static size_t record_size(size_t bytes)
{
    return HEAD_BYTES + bytes + SUM_BYTES;
}

static lk_status append(journal *j, uint32_t kind, const void *payload, size_t bytes)
{
    const uint32_t head[] = {kind, (uint32_t)bytes};
    if (j->broken) return lk_fail(LK_ERROR_IO, "%s: an earlier write failed", j->path);
    memcpy(j->record, head, sizeof head);
    memcpy(j->record + HEAD_BYTES, payload, bytes);
    const uint32_t sum = (uint32_t)crc32_z(0, j->record, HEAD_BYTES + bytes);
    memcpy(j->record + HEAD_BYTES + bytes, &sum, sizeof sum);
    const lk_status status = write_all(j, j->record, record_size(bytes));
    j->broken = status != LK_OK;
    if (!status) j->done++;
    return status;
}

lk_status journal_add(journal *j, const float *values)
{
    return append(j, ROW, values, j->task->values * sizeof *values);
}

lk_status journal_skip(journal *j, const char *reason)
{
    const size_t length = strlen(reason);
    return append(j, SKIPPED, reason, length < REASON_BYTES ? length : REASON_BYTES - 1);
}

/* The record at `bytes` into j->record; 0 when it is not whole, or not one that an extraction would have
 * written. */
static size_t take_record(journal *j, const unsigned char *bytes, size_t size, uint32_t head[2])
{
    uint32_t sum;
    if (size < HEAD_BYTES + SUM_BYTES) return 0;
    memcpy(head, bytes, HEAD_BYTES);
    if (head[0] == ROW ? head[1] != j->task->values * sizeof(float)
                       : head[0] != SKIPPED || head[1] >= REASON_BYTES)
        return 0;
    if (size < record_size(head[1])) return 0;
    memcpy(&sum, bytes + HEAD_BYTES + head[1], sizeof sum);
    if (sum != (uint32_t)crc32_z(0, bytes, HEAD_BYTES + head[1])) return 0;
    memcpy(j->record, bytes, HEAD_BYTES + head[1]);
    j->record[HEAD_BYTES + head[1]] = 0;
    return record_size(head[1]);
}

static lk_status hand_on(journal *j, uint32_t kind, const lk_extract_calls *calls)
{
    const void *payload = j->record + HEAD_BYTES;
    if (kind == ROW) return calls->row(calls->context, j->done, payload);
    lk_error error = {.status = LK_ERROR_FORMAT};
    snprintf(error.text, sizeof error.text, "%s", (const char *)payload);
    calls->bad(calls->context, j->done, &error);
    return LK_OK;
}

lk_status journal_replay(journal *j, bool strict, const lk_extract_calls *calls)
{
    lk_mapping file;
    lk_status status = lk_map_file(j->path, &file);
    if (status) return status;
    const unsigned char *end_of_line = memchr(file.bytes, '\n', file.size);
    size_t at = (size_t)(end_of_line - file.bytes) + 1;
    while (!status && j->done < j->task->list->count) {
        uint32_t head[2];
        const size_t size = take_record(j, file.bytes + at, file.size - at, head);
        if (!size || (strict && head[0] == SKIPPED)) break;
        status = hand_on(j, head[0], calls);
        at += size;
        j->done++;
    }
    lk_unmap(&file);
    if (!status && (ftruncate(j->file, (off_t)at) || lseek(j->file, 0, SEEK_END) < 0))
        status = failed(j->path);
    return status;
}

/* ------------------------------------------------------------------ The end */

void journal_keep(journal *j)
{
    if (j->file >= 0) close(j->file);
    lk_free(j->record);
    lk_free(j->path);
    *j = (journal){.file = -1};
}

void journal_remove(journal *j)
{
    if (j->file >= 0) unlink(j->path);
    journal_keep(j);
}
