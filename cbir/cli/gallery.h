/* What the commands that write a gallery share. */
#ifndef LK_CBIR_CLI_GALLERY_H
#define LK_CBIR_CLI_GALLERY_H

#include "cbir/cli/cli.h"
#include "cbir/cli/progress.h"
#include "cbir/gallery_index.h"

/* Pictures on their way into a gallery, for lk_gallery_index_calls. */
typedef struct {
    const char *command; /* argv[0], for messages */
    cli_progress progress;
    bool begun; /* the number of pictures is known */
} gallery_watch;

lk_gallery_index_calls gallery_calls(gallery_watch *watch);

/* The command's end: what was done, in words or JSON; or the failure, and how far the gallery is. The exit code. */
typedef struct {
    const char *command, *gallery;
    bool json;
    lk_status status;
    lk_gallery_index_result result;
} gallery_outcome;

int gallery_finish(const gallery_outcome *outcome);

/* A folder with a manifest? */
bool cli_is_gallery(const char *path);

/* What `likeness gallery` prints. As lk_gallery_open. */
lk_status gallery_describe(const char *path, bool json);

#endif
