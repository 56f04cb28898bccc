/* Query pictures for a gallery, as the options of search and eval ask for them. */
#ifndef LK_CBIR_CLI_EMBED_H
#define LK_CBIR_CLI_EMBED_H

#include "cbir/cli/cli.h"
#include "cbir/gallery.h"
#include "cbir/queries.h"

typedef struct {
    const char *command, *model; /* --model; NULL: the gallery's own */
    const cli_feature_options *feature;
    const cli_input_options *input;
    const cli_run_options *run;
    size_t batch;
    bool strict, raw; /* raw: as in lk_queries_options */
} cli_embed_options;

/* Embeds the list by the gallery's recipe. Options that are given must come to the same recipe; what they leave open is the
 * gallery's. Tells standard error of pictures that cannot be read. As lk_queries_embed, and LK_ERROR_ARGUMENT. */
lk_status cli_embed_queries(const lk_gallery *gallery, const lk_list *list, const cli_embed_options *options,
                            lk_queries *queries);

bool cli_input_given(const cli_input_options *options); /* any of them */
bool cli_is_features(const char *path);                 /* it ends in .npy */

#endif
