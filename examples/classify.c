/* Classifies one picture twice, read from its file and from bytes in memory:  classify MODEL PICTURE
 *
 *     cc classify.c $(pkg-config --cflags --libs likeness) -o classify */
#include <likeness.h>
#include <stdio.h>
#include <stdlib.h>

static lk_status classify(lk_session *session, const lk_model *model, const lk_image *image, float *values)
{
    lk_status status = lk_preprocess(lk_model_preprocessing(model), image, lk_session_input(session, 0));
    if (!status) status = lk_session_run(session, 1);
    if (!status) status = lk_session_feature(session, 0, 0, values);
    if (status) return status;
    const size_t classes = lk_session_feature_length(session, 0), best = lk_largest(values, classes);
    const char *label = lk_model_label(model, best);
    lk_softmax(values, classes);
    printf("class %zu (%s), probability %.4f\n", best, label ? label : "no label", values[best]);
    return LK_OK;
}

/* All bytes of a file of at most 16 MiB. */
static void *read_file(const char *path, size_t *size)
{
    const size_t most = (size_t)16 << 20;
    FILE *file = fopen(path, "rb");
    void *bytes = file ? malloc(most) : NULL;
    *size = bytes ? fread(bytes, 1, most, file) : 0;
    if (file) fclose(file);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 3) return fputs("usage: classify MODEL PICTURE\n", stderr), 2;
    lk_model *model = NULL;
    lk_session *session = NULL;
    lk_image *from_file = NULL, *from_memory = NULL;
    float *values = NULL;
    size_t size;
    void *bytes = read_file(argv[2], &size);
    lk_status status = lk_model_open(argv[1], &model);
    if (!status) status = lk_session_open(model, NULL, &session);
    if (!status) values = calloc(lk_session_feature_length(session, 0), sizeof *values);
    if (!status) status = lk_image_open(argv[2], &from_file);
    if (!status) status = lk_image_decode(bytes, size, argv[2], &from_memory);
    if (!status && values) status = classify(session, model, from_file, values);
    if (!status && values) status = classify(session, model, from_memory, values);
    if (status || !values) fprintf(stderr, "classify: %s\n", status ? lk_error_message() : "out of memory");
    lk_image_close(&from_memory);
    lk_image_close(&from_file);
    lk_session_close(&session);
    lk_model_close(&model);
    free(values);
    free(bytes);
    return status || !values ? 1 : 0;
}
