/* What an extraction has done so far, in OUT.partial beside its outputs: ended at any moment, by SIGKILL too, the same command
 * goes on from it, and ends with the bytes of a run that nobody disturbed. */
#ifndef LK_CBIR_CLI_JOURNAL_H
#define LK_CBIR_CLI_JOURNAL_H

#include "cbir/extract.h"
#include "cbir/recipe.h"

/* What must be the same for a later run to go on: the recipes, the list with its pictures' sizes and times, and whose
 * arithmetic it is. */
typedef struct {
    const lk_recipe *recipes;
    size_t recipe_count;
    const lk_list *list;
    lk_backend_kind backend;
    const char *isa;
    size_t values; /* floats of a picture's row, all recipes together, before a hash */
} journal_task;

typedef struct {
    int file;
    char *path;
    const journal_task *task;
    unsigned char *record; /* room for the longest */
    size_t done;           /* items that it holds */
    bool broken;           /* a record could not be written: none may follow it */
} journal;

/* Opens STEM.partial, or makes it, and locks it. *other says, where a file of another task was found and emptied, in what the
 * task is another; else it is NULL. The task must outlive the journal. LK_ERROR_IO (a running extraction has it, or the disk
 * is full), LK_ERROR_MEMORY. */
lk_status journal_open(const char *stem, const journal_task *task, journal *j, const char **other);

/* Hands on the items that are done, as lk_embed would: to calls->row and calls->bad. A record that was cut short by a kill,
 * or damaged by a power cut, and what follows it are cut off. With `strict` a bad picture is not taken as done. */
lk_status journal_replay(journal *j, bool strict, const lk_extract_calls *calls);

/* The next item: its row, or why it has none. LK_ERROR_IO, and once it has failed always. */
lk_status journal_add(journal *j, const float *values);
lk_status journal_skip(journal *j, const char *reason);

/* Closes the journal and leaves it for the next run, or removes it; both take a closed one. */
void journal_keep(journal *j);
void journal_remove(journal *j);

#endif
