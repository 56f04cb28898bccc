/* The five pictures of a gallery that are most like one picture:  search MODEL GALLERY PICTURE
 *
 * The gallery is one of `likeness index MODEL PICTURES -o GALLERY`: pooled features, prepared as the model
 * says.
 *
 *     cc search.c $(pkg-config --cflags --libs likeness) -o search */
#include <likeness.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 5 };

/* The picture's pooled feature, values [lk_session_feature_length()], and its nearest rows. */
static lk_status search(lk_session *session, const lk_preprocessing *how, const lk_image *image,
                        const lk_index *index, float *values, const lk_gallery *gallery)
{
    lk_hit hits[K];
    size_t found = 0;
    lk_status status = lk_preprocess(how, image, lk_session_input(session, 0));
    if (!status) status = lk_session_run(session, 1);
    if (!status) status = lk_session_feature(session, 0, 0, values);
    if (!status) status = lk_index_search(index, values, 1, hits, &found);
    for (size_t i = 0; !status && i < found; i++) {
        lk_gallery_row row;
        status = lk_gallery_row_at(gallery, hits[i].index, &row);
        if (!status) printf("%zu  %.6f  %s\n", i + 1, hits[i].score, row.path ? row.path : "no picture");
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) return fputs("usage: search MODEL GALLERY PICTURE\n", stderr), 2;
    const lk_plan_options options = {.features = (const char *const[]){"pooled"}, .feature_count = 1};
    lk_model *model = NULL;
    lk_session *session = NULL;
    lk_image *image = NULL;
    lk_gallery *gallery = NULL;
    lk_index *index = NULL;
    float *values = NULL;
    char digest[65] = "";
    lk_status status = lk_model_open(argv[1], &model);
    if (!status) status = lk_session_open(model, &options, &session);
    if (!status) status = lk_image_open(argv[3], &image);
    if (!status) status = lk_gallery_open(argv[2], &gallery);
    if (!status) status = lk_index_open_gallery(gallery, LK_METRIC_COSINE, K, NULL, &index);
    if (!status) lk_model_sha256(model, digest);
    const char *recipe = status ? NULL : lk_gallery_recipe(gallery);
    if (recipe && strstr(recipe, digest) && lk_index_dim(index) == lk_session_feature_length(session, 0))
        values = calloc(lk_index_dim(index), sizeof *values);
    if (values) status = search(session, lk_model_preprocessing(model), image, index, values, gallery);
    if (status || !values)
        fprintf(stderr, "search: %s\n", status ? lk_error_message() : "another model's gallery");
    free(values), lk_index_close(&index), lk_gallery_close(&gallery);
    lk_image_close(&image), lk_session_close(&session), lk_model_close(&model);
    return status || !values ? 1 : 0;
}
