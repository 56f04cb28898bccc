/* Writing a gallery, under its lock. Rows gather in a segment; when it is full it is published: first its files are on the
 * disk, then a new manifest names it. A writer that is killed leaves the gallery of its last manifest, and unnamed files that
 * the next writer removes. Segments end after a fixed number of rows, and what is published never depends on when a writer was
 * killed: run again, the same work gives the same bytes. */
#ifndef LK_CBIR_GALLERY_WRITE_H
#define LK_CBIR_GALLERY_WRITE_H

#include "cbir/gallery.h"
#include "cbir/gallery_manifest.h"
#include "cbir/gallery_rows.h"
#include "cbir/gallery_segment.h"
#include "cbir/gallery_table.h"

/* What a gallery holds, fixed when it is made. */
typedef struct lk_gallery_about {
    size_t dim; /* values, or bits, of a row */
    bool bits;
    size_t raw_dim;           /* of the floats kept beside; 0: none */
    size_t segment_rows;      /* of a full segment */
    const json_t *recipe;     /* NULL: none */
    const char *model_path;   /* as it can be opened from the working folder; NULL: none */
    const char *model_sha256; /* with model_path */
    const char *projection_path; /* of the recipe's matrix, likewise; NULL: none */
    json_t *labels;           /* a dataset_info.json; NULL: none */
} lk_gallery_about;

/* Pictures that could not be read, in the order of their first failure. */
typedef struct lk_failures {
    lk_row **rows;
    size_t count, capacity;
    lk_table paths; /* path → place in rows */
    bool changed;   /* since they were last written */
} lk_failures;

typedef struct lk_gallery_writer {
    char *path;
    int lock;
    lk_manifest manifest; /* the one on the disk, and what the next one will say anew */
    lk_segment_writer segment;
    lk_failures failures;
    uint8_t *out; /* a bit a row of the manifest as it was when the writer was opened: removed */
    size_t out_rows, out_count;
    bool out_changed, replaced; /* replaced: files are no longer named once the next manifest is there */
} lk_gallery_writer;

/* Locks an existing gallery, or makes the folder and one without rows. A gallery that is there already must have been made
 * alike: LK_ERROR_MISMATCH says what differs. */
lk_status lk_gallery_writer_open(const char *path, lk_gallery_writer **writer);
lk_status lk_gallery_writer_create(const char *path, const lk_gallery_about *about, lk_gallery_writer **writer);

/* Unlocks. What was not published is gone. */
void lk_gallery_writer_close(lk_gallery_writer **writer);

/* Begins a task, or goes on with the same one where it stopped: same kind, list and number of items, and not finished. `task`
 * has kind, list_sha256 and items; the writer's manifest.task has `done` then, the items that are published. */
lk_status lk_gallery_writer_begin(lk_gallery_writer *writer, const lk_gallery_task *task);

/* Adds a row; `done` items of the task are dealt with once it is in. Publishes a segment that has become full. */
lk_status lk_gallery_writer_add(lk_gallery_writer *writer, const lk_gallery_row *row, const void *features,
                                const float *raw, size_t done);

/* Lists a picture that failed, or gives a listed one its new reason. */
lk_status lk_gallery_writer_fail(lk_gallery_writer *writer, const lk_gallery_row *row, const char *reason);

/* Marks a row removed, or takes a path from the failures; false when it was not alive, or not there. Published with the next. */
bool lk_gallery_writer_remove(lk_gallery_writer *writer, size_t index);
bool lk_gallery_writer_forget(lk_gallery_writer *writer, const char *path);

/* Publishes all that was added, marked and listed. Before the task's last item, a segment that is not full is published as one
 * that the task will replace by the whole one: after an interrupt, what was done is kept. */
lk_status lk_gallery_writer_publish(lk_gallery_writer *writer);

/* One segment of all rows that are not removed, in their order. LK_ERROR_ARGUMENT while a task is unfinished. *done is false
 * when there was nothing to do. */
lk_status lk_gallery_compact(lk_gallery_writer *writer, bool *done);

/* The labels of a model or an info file as lk_gallery_about has them; *labels stays NULL when there are none. LK_ERROR_MEMORY. */
struct lk_info_file;
lk_status lk_labels_of_model(const lk_model *model, json_t **labels);
lk_status lk_labels_of_info(const struct lk_info_file *info, json_t **labels);

#endif
