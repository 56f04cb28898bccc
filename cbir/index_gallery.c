/* The public way to search: an index of a gallery's rows. */
#include <math.h>

#include "base/error.h"
#include "cbir/gallery.h"
#include "cbir/gallery_parts.h"

lk_status lk_index_open_gallery(const lk_gallery *gallery, lk_metric metric, size_t k, lk_pool *pool,
                                lk_index **index)
{
    const bool hamming = metric == LK_METRIC_HAMMING, bits = lk_gallery_manifest(gallery)->bits;
    const lk_rows_set *rows = hamming == bits ? lk_gallery_rows(gallery)
                              : hamming       ? NULL
                                              : lk_gallery_raw(gallery);
    if (!rows)
        return lk_fail(LK_ERROR_MISMATCH, "%s: it has no %s, which the metric compares",
                       lk_gallery_folder(gallery), hamming ? "bits" : "floats");
    const float all = hamming || metric == LK_METRIC_L2 ? INFINITY : -INFINITY;
    const lk_search_options options = {.metric = metric, .k = k, .threshold = all, .pool = pool};
    const lk_status status = lk_index_open(rows, &options, index);
    return status == LK_ERROR_FORMAT ? lk_fail_in(status, lk_gallery_folder(gallery)) : status;
}
