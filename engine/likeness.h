/* Likeness: image retrieval in plain C. A hand-written MobileNetV2 engine, and features of pictures from it.
 *
 *     lk_model *model = NULL;
 *     lk_image *image = NULL;
 *     lk_session *session = NULL;
 *     float logits[1000];
 *     if (lk_model_open("mobilenet_v2.safetensors", &model) == LK_OK &&
 *         lk_image_open("photo.jpg", &image) == LK_OK &&
 *         lk_session_open(model, NULL, &session) == LK_OK &&
 *         lk_preprocess(lk_model_preprocessing(model), image, lk_session_input(session, 0)) == LK_OK &&
 *         lk_session_run(session, 1) == LK_OK &&
 *         lk_session_feature(session, 0, 0, logits) == LK_OK)
 *         puts(lk_model_label(model, lk_largest(logits, lk_session_feature_length(session, 0))));
 *     else
 *         fprintf(stderr, "%s\n", lk_error_message());
 *     lk_session_close(&session);
 *     lk_image_close(&image);
 *     lk_model_close(&model);
 *
 * Rules that hold everywhere
 * - A function that can fail returns lk_status. On failure it leaves its out-parameters as they were, nothing
 * is left to free, and lk_error_message() says in one line which file, tensor or option is at fault.
 * - lk_thing_open() makes a thing that its caller owns; lk_thing_close() takes the handle's address, frees
 * the thing, sets the handle NULL, and does nothing for a NULL handle. Close in the reverse order of opening:
 * a thing borrows what it was made from (a session its plan or model, a plan its model).
 * - The library prints nothing, never exits, and never aborts on input. Model files and pictures are not
 * trusted.
 * - Models, plans, images and galleries are immutable once open and may be shared by threads. A session belongs to one
 * thread at a time; so does a pool, but for the sessions that run on it one after another.
 */
#ifndef LIKENESS_H
#define LIKENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef LK_API
#define LK_API __attribute__((visibility("default")))
#endif

/* ------------------------------------------------------------------ Errors */

/* Every cause has its own number; numbers are pinned, new ones are added at the end. */
typedef enum lk_status {
    LK_OK = 0,
    LK_ERROR_ARGUMENT = 1,    /* a call or an option that can never be right, such as size 0 */
    LK_ERROR_MEMORY = 2,      /* out of memory */
    LK_ERROR_IO = 3,          /* the system could not open, read, map or write a file */
    LK_ERROR_FORMAT = 4,      /* a file's bytes are cut short, damaged, or not what they claim to be */
    LK_ERROR_UNSUPPORTED = 5, /* a sound file of a kind that Likeness does not read */
    LK_ERROR_LIMIT = 6,       /* larger than a stated limit, such as LK_IMAGE_MAX_PIXELS */
    LK_ERROR_TENSOR = 7,      /* a model's tensor is missing, extra, misshapen, or holds NaN */
    LK_ERROR_NOT_FOUND = 8,   /* no layer, label or feature of that name */
    LK_ERROR_BACKEND = 9,     /* a backend or instruction set that this machine or build lacks */
    LK_ERROR_EMPTY = 10,      /* a list or folder without a picture */
    LK_ERROR_MISMATCH = 11,   /* two things that must be made alike are not */
    LK_ERROR_INTERRUPTED = 12 /* the caller asked to stop */
} lk_status;

/* The reason for the last failure in this thread: one line, no newline. Valid until this thread's next
 * failure. */
LK_API const char *lk_error_message(void);

/* "0.1.0"; the version of the library that is running. */
LK_API const char *lk_version(void);

/* ------------------------------------------------------------------ Models */

/* A network with its weights, from a model file (docs/model_file.md). The file is mapped, not copied. */
typedef struct lk_model lk_model;

/* Opens a model file. The model keeps the mapping until it is closed.
 * LK_ERROR_IO, LK_ERROR_FORMAT, LK_ERROR_UNSUPPORTED (another architecture or version), LK_ERROR_TENSOR,
 * LK_ERROR_MEMORY. */
LK_API lk_status lk_model_open(const char *path, lk_model **model);
LK_API void lk_model_close(lk_model **model);

/* How a picture becomes a network's input: resize (OpenCV's INTER_LINEAR on uint8), RGB / 255, minus mean,
 * over std. */
typedef enum lk_resize_rule {
    LK_RESIZE_EXACT = 0,  /* straight to height x width; the aspect ratio is not kept */
    LK_RESIZE_SHORTER = 1 /* the shorter side to `shorter`, then height x width cut from the centre */
} lk_resize_rule;

typedef struct lk_preprocessing {
    size_t height, width; /* of the network's input, pixels; 32 to 1024 */
    lk_resize_rule resize;
    size_t shorter;        /* pixels; with LK_RESIZE_SHORTER only, at least height and width */
    float mean[3], std[3]; /* R, G, B, in units of 1 (white is 1) */
    bool fast_decode;      /* a JPEG is decoded at a half, a quarter or an eighth of its size where that is still as large as what
                            * it is resized to: faster, but other pixels. lk_picture_reader's alone; lk_image_open does not know
                            * what a picture is for */
} lk_preprocessing;

/* All strings and structs below belong to the model. */
LK_API const lk_preprocessing *lk_model_preprocessing(const lk_model *model);
LK_API const char *lk_model_architecture(const lk_model *model); /* "mobilenet_v2" */
LK_API double lk_model_scale(const lk_model *model);             /* width multiplier */
LK_API size_t lk_model_classes(const lk_model *model);           /* 0 for a model without classifier */

/* The name of a class; NULL when the file names none, or for a class that the model does not have. */
LK_API const char *lk_model_label(const lk_model *model, size_t class_index);
LK_API const char *lk_model_label_english(const lk_model *model, size_t class_index);

/* The file's JSON text of one metadata entry ("source", "architecture", "bn_epsilon" …); NULL when it has
 * none. */
LK_API const char *lk_model_metadata(const lk_model *model, const char *key);

/* SHA-256 of the model file, 64 hexadecimal digits; read anew from the mapped file at each call. */
LK_API void lk_model_sha256(const lk_model *model, char digits[65]);

/* One layer as paddle.summary counts it. */
typedef struct lk_layer {
    const char *name; /* Paddle's structured name: "features.1.conv.0.0" */
    const char *kind; /* Paddle's class: "Conv2D", "BatchNorm2D", "ReLU6", "AdaptiveAvgPool2D", "Linear" … */
    size_t number;    /* its place among those of its kind, from 1: "Conv2D-1" */
    size_t channels, height, width; /* of its output; a vector has height = width = 1 */
    size_t parameters;              /* batch norm's statistics included */
    size_t trainable;               /* without them */
    size_t multiply_adds;           /* of convolutions and linear layers, for one picture */
    bool is_vector;                 /* the output is [channels], not [channels, height, width] */
} lk_layer;

/* The layers of the model as it is written, in order, for inputs of height x width. */
typedef struct lk_summary lk_summary;
LK_API lk_status lk_summary_open(const lk_model *model, size_t height, size_t width, lk_summary **summary);
LK_API void lk_summary_close(lk_summary **summary);
LK_API size_t lk_summary_count(const lk_summary *summary);
LK_API const lk_layer *lk_summary_layer(const lk_summary *summary, size_t index); /* NULL past the end */

/* ------------------------------------------------------------------ Pictures */

/* A decoded picture: 8-bit RGB, rows from the top, turned upright as its EXIF orientation says. */
typedef struct lk_image lk_image;

/* Pictures with more pixels than this are refused before memory is taken for them. */
#define LK_IMAGE_MAX_PIXELS ((size_t)1 << 27)

/* Reads a JPEG or PNG file, told apart by content. The pixels are those of cv2.imread(path, IMREAD_COLOR), in
 * RGB order. LK_ERROR_IO, LK_ERROR_FORMAT (not a picture, cut short, damaged), LK_ERROR_UNSUPPORTED,
 * LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
LK_API lk_status lk_image_open(const char *path, lk_image **image);

/* The same from `size` bytes in memory, which stay the caller's and may go once the call returns; `name`
 * stands in error messages and is not opened. */
LK_API lk_status lk_image_decode(const void *bytes, size_t size, const char *name, lk_image **image);

/* A picture from pixels that the caller has already: RGB, [height][width][3], copied. */
LK_API lk_status lk_image_from_rgb(const uint8_t *hwc_u8, size_t width, size_t height, lk_image **image);

LK_API void lk_image_close(lk_image **image);
LK_API size_t lk_image_width(const lk_image *image);
LK_API size_t lk_image_height(const lk_image *image);
LK_API const uint8_t *lk_image_pixels(const lk_image *image); /* [height][width][3], RGB; the image's own */

/* OpenCV's resize(INTER_LINEAR) for uint8, bit for bit. The result is the caller's. */
LK_API lk_status lk_image_resize(const lk_image *image, size_t width, size_t height, lk_image **resized);

/* The resize, and the cut if the rule has one, of `preprocessing`: height x width pixels. The result is the
 * caller's. */
LK_API lk_status lk_image_fit(const lk_preprocessing *preprocessing, const lk_image *image,
                              lk_image **fitted);

/* All of the preprocessing, into input [height][width][3], RGB: the place that lk_session_input() gives. */
LK_API lk_status lk_preprocess(const lk_preprocessing *preprocessing, const lk_image *image, float *input);

/* Reads pictures one after another as a network takes them, as bytes, in memory that it keeps from one to the next: after the
 * largest it takes none (libjpeg and libpng take theirs for each picture). One thread at a time. */
typedef struct lk_picture_reader lk_picture_reader;
LK_API lk_status lk_picture_reader_open(const lk_preprocessing *preprocessing, lk_picture_reader **reader);
LK_API void lk_picture_reader_close(lk_picture_reader **reader);

/* What lk_image_open and lk_image_fit give (but for fast_decode), into hwc_u8 [height][width][3]: the place that
 * lk_session_pixels() gives. On failure nothing is written there. */
LK_API lk_status lk_picture_reader_read(lk_picture_reader *reader, const char *path, uint8_t *hwc_u8);

/* The same from `size` bytes in memory, as lk_image_decode. */
LK_API lk_status lk_picture_reader_decode(lk_picture_reader *reader, const void *bytes, size_t size, const char *name,
                                          uint8_t *hwc_u8);

/* ------------------------------------------------------------------ Threads */

/* Threads that split the work of one lk_session_run. Results are equal bit for bit for any number of them. */
typedef struct lk_pool lk_pool;
LK_API lk_status lk_pool_open(size_t threads, lk_pool **pool); /* 0: as many as the machine has processors */
LK_API void lk_pool_close(lk_pool **pool);
LK_API size_t lk_pool_threads(const lk_pool *pool); /* 1 for NULL */

/* ------------------------------------------------------------------ Plans and sessions */

typedef enum lk_backend_kind {
    LK_BACKEND_AUTO = 0,      /* the fastest that this machine can run: CUDA where its module is installed and a device answers,
                               * else NATIVE; always NATIVE with an isa, and for numbers that CUDA does not have */
    LK_BACKEND_REFERENCE = 1, /* plain C: the definition that all others are tested against */
    LK_BACKEND_OPENBLAS = 2,  /* im2col and OpenBLAS's SGEMM; OpenBLAS is loaded when a plan asks for it */
    LK_BACKEND_NATIVE = 3,    /* the project's own kernels, on any machine */
    LK_BACKEND_CUDA = 4       /* an NVIDIA GPU, by a module that is loaded at run time (docs/cuda.md) */
} lk_backend_kind;

typedef enum lk_batch_norm_mode {
    LK_BATCH_NORM_RUNNING = 0, /* the running statistics of the model file */
    LK_BATCH_NORM_BATCH =
        1 /* each picture's own mean and biased variance, as in Paddle's training mode with batch 1;
           * only with the reference backend (or AUTO, which then means it) and batch 1 */
} lk_batch_norm_mode;

typedef enum lk_precision {
    LK_PRECISION_AUTO = 0, /* the model file's */
    LK_PRECISION_F32 = 1,
    LK_PRECISION_BF16 = 2, /* weights and maps rounded to bfloat16, sums in float32; the classifier takes and gives float32 */
    LK_PRECISION_INT8 = 3, /* of a model file that was quantized, which runs in nothing else */
    LK_PRECISION_F16 = 4   /* as BF16, but float16: the CUDA backend alone */
} lk_precision;

/* What LK_PRECISION_AUTO means for this model. */
LK_API lk_precision lk_model_precision(const lk_model *model);

typedef struct lk_plan_options {
    lk_backend_kind backend;
    const char *isa; /* NULL: all that this machine has; else "portable", "avx2", "avx512", on arm64 "neon":
                        nothing above that one is used. CUDA knows "portable": im2col and products, no fused layers */
    lk_batch_norm_mode batch_norm;
    size_t height, width; /* of the input, 32 to 1024; 0: the model's own */
    size_t batch;         /* the most pictures a run takes, at least 1; 0 is 1 */
    bool plain;           /* do not fold or fuse: each layer of the model is a step of its own */
    const char *const
        *features; /* the outputs wanted, by name; NULL: "logits", or "pooled" without classifier */
    size_t feature_count;
    lk_precision precision; /* BF16 and INT8 with the reference and native backends, F16 with CUDA */
    const lk_preprocessing *pixels; /* NULL: inputs are floats, normalized already. Else they are RGB bytes, which a run
                                     * normalizes by the mean and std of this: a quarter of the memory, the same bits. Read
                                     * while the plan is opened, no longer */
    size_t device; /* CUDA: which GPU, from 0 */
    bool tf32;     /* CUDA in float32: products of values rounded to TF32's 10 fraction bits, on tensor cores */
} lk_plan_options;

/* A feature's name is "logits", "pooled", a layer or block by its Paddle name ("features.17",
 * "features.17.conv.1.1", "pool2d_avg", "classifier.1"), or a Paddle counter name ("AdaptiveAvgPool2D-6",
 * "Conv2D-312"): counters of a later instance in a process count on from the one before, so they are taken
 * modulo the number of such layers. */

/* What a model does for one input size and batch: shapes, a kernel a step, packed weights. Shared by
 * sessions. */
typedef struct lk_plan lk_plan;

/* NULL options: all defaults. LK_ERROR_ARGUMENT, LK_ERROR_NOT_FOUND (a feature), LK_ERROR_BACKEND,
 * LK_ERROR_LIMIT, LK_ERROR_MEMORY. */
LK_API lk_status lk_plan_open(const lk_model *model, const lk_plan_options *options, lk_plan **plan);
LK_API void lk_plan_close(lk_plan **plan);
LK_API size_t lk_plan_feature_count(const lk_plan *plan);
LK_API size_t lk_plan_feature_length(const lk_plan *plan,
                                     size_t feature); /* floats for one picture; 0 past the end */
LK_API void lk_plan_feature_shape(const lk_plan *plan, size_t feature,
                                  size_t chw[3]);        /* [channels, height, width] */
LK_API size_t lk_plan_arena_bytes(const lk_plan *plan);  /* memory of activations, for each session that runs a
                                                          * picture at a time; one whose threads each run one has
                                                          * more */
LK_API size_t lk_plan_weight_bytes(const lk_plan *plan); /* packed weights, shared */
LK_API lk_precision lk_plan_precision(const lk_plan *plan); /* never AUTO */
LK_API const char *lk_plan_backend(const lk_plan *plan); /* "reference", "openblas", "native", "cuda" */

/* What a user should be told of, in a line: that AUTO found no device and so runs on the CPU, or that a device's memory is short and
 * a batch is run in parts. NULL: nothing. The plan's own. */
LK_API const char *lk_plan_note(const lk_plan *plan);

/* A plan with memory to run in. */
typedef struct lk_session lk_session;

/* A session that shares `plan`; its runs are split over `pool`, or stay in the calling thread when pool is
 * NULL. */
LK_API lk_status lk_session_share(const lk_plan *plan, lk_pool *pool, lk_session **session);

/* The simple way: a plan of the session's own, no pool. */
LK_API lk_status lk_session_open(const lk_model *model, const lk_plan_options *options, lk_session **session);
LK_API void lk_session_close(lk_session **session);

/* Where the input of picture `index` (below the plan's batch) is to be written: [height][width][3]. A run may
 * overwrite it: write it again before each run. */
LK_API float *lk_session_input(lk_session *session, size_t index); /* NULL for a plan with `pixels` */

/* The same for a plan with `pixels`, of RGB bytes: the place for what lk_image_fit() or lk_picture_reader_read() gives. */
LK_API uint8_t *lk_session_pixels(lk_session *session, size_t index); /* NULL for a plan without */

/* The forward pass for the first `pictures` inputs. Allocates nothing. LK_ERROR_ARGUMENT: more than the
 * plan's batch, or 0. */
LK_API lk_status lk_session_run(lk_session *session, size_t pictures);

/* Copies feature `feature` of picture `index` of the last run to values [lk_session_feature_length()], in
 * Paddle's order (channels, rows, columns). LK_ERROR_ARGUMENT when there is no such feature or picture. */
LK_API lk_status lk_session_feature(const lk_session *session, size_t feature, size_t index, float *values);
LK_API size_t lk_session_feature_length(const lk_session *session, size_t feature); /* 0 past the end */

/* One step of a plan and what it took. */
typedef struct lk_step_profile {
    const char *name;               /* the layer whose output the step gives */
    const char *kind;               /* "pointwise", "depthwise", "conv2d", "linear", … */
    const char *kernel;             /* the kernel chosen: "lk_depthwise_f32_3x3c16__avx512" */
    size_t channels, height, width; /* of its output */
    size_t multiply_adds;           /* one picture */
    size_t map_bytes;               /* one picture: maps that it reads and writes */
    size_t weight_bytes;            /* packed */
    bool in_next;                   /* done together with the next step: no time and no maps here */
    uint64_t ns;                    /* of the last profiled run */
} lk_step_profile;

/* As lk_session_run, and times each step: the same bits, but all threads share each step, where a run may give each
 * a picture of its own. `steps` [lk_plan_step_count()] is filled; its strings are the plan's. */
LK_API lk_status lk_session_profile(lk_session *session, size_t pictures, lk_step_profile *steps);
LK_API size_t lk_plan_step_count(const lk_plan *plan);
LK_API const lk_plan *lk_session_plan(const lk_session *session);

/* ------------------------------------------------------------------ Galleries and search */

/* A gallery that `likeness index` has made (docs/gallery.md), as it is now: a writer may go on, this stays as it was. Its
 * features are mapped, not read, so it may be larger than memory. Immutable, and may be shared by threads. */
typedef struct lk_gallery lk_gallery;

/* LK_ERROR_IO, LK_ERROR_FORMAT (names the file and the fault), LK_ERROR_UNSUPPORTED, LK_ERROR_MEMORY. */
LK_API lk_status lk_gallery_open(const char *path, lk_gallery **gallery);
LK_API void lk_gallery_close(lk_gallery **gallery);

/* Rows, removed ones included: indices run below it. A search finds no removed row. */
LK_API size_t lk_gallery_count(const lk_gallery *gallery);
LK_API bool lk_gallery_is_removed(const lk_gallery *gallery, size_t index);

/* What made the features, as JSON: "model_sha256", "preprocessing", "features" and so on. Queries must be made alike. NULL:
 * features made elsewhere. The gallery's own. */
LK_API const char *lk_gallery_recipe(const lk_gallery *gallery);

/* What is known of a row's picture. */
typedef struct lk_gallery_row {
    const char *path;   /* from the gallery's folder; NULL for features made elsewhere without paths */
    bool has_label;
    long label;
    uint64_t bytes;     /* of the picture's file */
    const char *sha256; /* of the picture's file, 64 digits; NULL when unknown */
} lk_gallery_row;

/* Fills *row. Its texts are the gallery's and stay until it is closed: what was asked for once is kept. LK_ERROR_ARGUMENT (an
 * index past the end), LK_ERROR_FORMAT, LK_ERROR_MEMORY. */
LK_API lk_status lk_gallery_row_at(const lk_gallery *gallery, size_t index, lk_gallery_row *row);

typedef enum lk_metric {
    LK_METRIC_COSINE, /* Σxy / sqrt(max(Σx² · Σy², 1e-16)): Paddle's cosine_similarity; larger is nearer */
    LK_METRIC_INNER,  /* Σxy; larger is nearer */
    LK_METRIC_L2,     /* Σ(x−y)², not rooted; smaller is nearer */
    LK_METRIC_HAMMING /* number of bits that differ; smaller is nearer */
} lk_metric;

typedef struct lk_hit {
    size_t index;
    float score; /* similarity or distance, as the metric says */
} lk_hit;

/* Rows made ready for exact search (docs/search.md). */
typedef struct lk_index lk_index;

/* For the k nearest rows of a gallery, which must outlive the index. LK_METRIC_HAMMING compares bits; the others compare
 * floats, of a gallery of bits the floats kept beside them (--keep-raw). Rows are measured once, which reads all of them. The
 * pool may be NULL: the calling thread; it must outlive the index, and has one search at a time.
 * LK_ERROR_MISMATCH (the gallery has not what the metric compares), LK_ERROR_ARGUMENT (k 0), LK_ERROR_FORMAT (a row with NaN
 * or infinity or too long, or a zero row under cosine, named), LK_ERROR_MEMORY. */
LK_API lk_status lk_index_open_gallery(const lk_gallery *gallery, lk_metric metric, size_t k, lk_pool *pool,
                                       lk_index **index);
LK_API void lk_index_close(lk_index **index);

/* Floats, or bits, of a query. */
LK_API size_t lk_index_dim(const lk_index *index);

/* For each of `count` queries, float [count][dim] or for bits uint8_t [count][(dim + 7) / 8] as numpy.packbits packs, its
 * nearest rows, nearest first, in hits [count][k]; found [count] says how many. Among equal scores the lower index comes
 * first. The same hits, bit for bit, for any number of threads and of queries at a time. Without a pool, threads may search
 * one index at once.
 * LK_ERROR_FORMAT names a query with NaN or infinity or too long, or a zero query under cosine; LK_ERROR_MEMORY. */
LK_API lk_status lk_index_search(const lk_index *index, const void *queries, size_t count, lk_hit *hits, size_t *found);

/* ------------------------------------------------------------------ Small vector helpers */

/* values[i] = exp(values[i] - max) / sum, in place; sums in double. */
LK_API void lk_softmax(float *values, size_t count);

/* values / ||values||_2, in place; a zero vector stays as it is. */
LK_API void lk_l2_normalize(float *values, size_t count);

/* The index of the largest value, the first of equals; 0 for count 0. */
LK_API size_t lk_largest(const float *values, size_t count);

#ifdef __cplusplus
}
#endif

#endif
