/* Every kernel of a GPU, run on the CPU, on shapes that are small and awkward: against the reference backend,
 * which is the definition of each layer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "engine/likeness.h"
#include "layers/backend.h"
#include "layers/gpu_module.h"
#include "support/conv2d_check.h"
#include "support/guard.h"

enum { BATCH = 3, MOST_STEPS = 3 };

/* Some layers in a row; the first reads values[0], and every value is kept. */
typedef struct {
    lk_program program;
    lk_step steps[MOST_STEPS];
    lk_value values[MOST_STEPS + 1];
    lk_tensor weights[MOST_STEPS], others[MOST_STEPS][4];
} network;

static lk_tensor tensor(size_t count)
{
    const float *values = lk_test_floats(count);
    return (lk_tensor){.name = "t", .dtype = LK_F32, .count = count, .bytes = (const unsigned char *)values};
}

static void begin(network *n, size_t height, size_t width, size_t channels)
{
    *n = (network){.values = {{.height = height, .width = width, .channels = channels, .kept = true}}};
    n->program =
        (lk_program){.steps = n->steps, .values = n->values, .value_count = 1, .input = 0, .batch = BATCH};
}

static lk_step *add_step(network *n, lk_op op, lk_value output)
{
    const size_t i = n->program.step_count++;
    output.kept = true;
    n->values[n->program.value_count] = output;
    n->steps[i] = (lk_step){
        .op = op, .name = "step", .input = i, .residual = LK_NO_VALUE, .output = n->program.value_count++};
    return &n->steps[i];
}

static void add_conv2d(network *n, const lk_conv2d *d, lk_value_id residual)
{
    const size_t i = n->program.step_count;
    lk_step *step = add_step(n, LK_OP_CONV2D,
                             (lk_value){.height = d->out_h, .width = d->out_w, .channels = d->out_channels});
    n->weights[i] = tensor(d->out_channels * (d->in_channels / d->groups) * d->kernel_h * d->kernel_w);
    n->others[i][0] = tensor(d->out_channels);
    step->layer.conv2d = *d;
    step->residual = residual;
    step->filter = (lk_filter){.weight = &n->weights[i], .bias = &n->others[i][0]};
}

/* All kept values of all pictures, one behind the other; to be freed. */
static float *run(const lk_backend *backend, const network *n, const char *isa, const float *input,
                  size_t *count)
{
    const lk_backend_options options = {.isa = isa};
    void *compiled = NULL, *instance = NULL;
    const size_t values = lk_value_floats(&n->values[0]);
    *count = 0;
    for (size_t v = 0; v < n->program.value_count; v++)
        if (n->values[v].kept) *count += BATCH * lk_value_floats(&n->values[v]);
    assert_int_not_equal(*count, 0);
    float *all = malloc((*count + 1) * sizeof *all), *to = all; /* an analyser does not know the line above */
    assert_non_null(all);
    if (backend->compile(&n->program, &options, &compiled)) fail_msg("%s", lk_error_message());
    assert_int_equal(backend->open(compiled, NULL, &instance), LK_OK);
    memcpy(backend->input(instance), input, BATCH * values * sizeof *input);
    if (backend->run(instance, BATCH, NULL)) fail_msg("%s", lk_error_message());
    for (size_t v = 0; v < n->program.value_count; v++)
        for (size_t p = 0; n->values[v].kept && p < BATCH; p++, to += lk_value_floats(&n->values[v]))
            backend->read(instance, v, p, to);
    backend->close(instance);
    backend->release(compiled);
    return all;
}

/* Sums of some hundred terms of at most 1, and inputs to them of as many. */
static void check(const network *n, const char *what)
{
    static const char *const ways[][2] = {
        {NULL, ""}, {"portable", ""}, {NULL, "refuse"}, {"portable", "refuse"}};
    const float *input = lk_test_floats(BATCH * lk_value_floats(&n->values[0]));
    size_t count;
    float *want = run(&lk_backend_reference, n, NULL, input, &count), largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(want[i]));
    for (size_t w = 0; w < LK_COUNT(ways); w++) {
        setenv("LK_FAKE_GPU", ways[w][1], 1);
        float *got = run(&lk_backend_cuda, n, ways[w][0], input, &count);
        for (size_t i = 0; i < count; i++)
            if (!(fabsf(got[i] - want[i]) <= 4e-6f * fmaxf(largest, 1)))
                fail_msg("%s, way %zu: value %zu of %zu is %g, not %g", what, w, i, count, (double)got[i],
                         (double)want[i]);
        free(got);
    }
    unsetenv("LK_FAKE_GPU");
    free(want);
    lk_test_free_all();
}

#define SHAPE(h, w, in, out, k, s, p, dil, g, low, high)                                             \
    {                                                                                                \
        .in_h = h, .in_w = w, .in_channels = in, .out_channels = out, .groups = g, .kernel_h = k,    \
        .kernel_w = k, .stride_h = s, .stride_w = s, .pad_top = p, .pad_left = p, .dilation_h = dil, \
        .dilation_w = dil, .lo = low, .hi = high                                                     \
    }

static void test_convolutions(void **state)
{
    (void)state;
    static const lk_conv2d shapes[] = {
        /* pointwise: tiles of 64 by 64 by 16, their edges, one pixel, one channel */
        SHAPE(8, 8, 16, 64, 1, 1, 0, 1, 1, 0, 6),
        SHAPE(9, 7, 17, 65, 1, 1, 0, 1, 1, 0, 6),
        SHAPE(1, 1, 1, 1, 1, 1, 0, 1, 1, -INFINITY, INFINITY),
        SHAPE(1, 1, 70, 130, 1, 1, 0, 1, 1, -1, 1),
        SHAPE(13, 11, 33, 5, 1, 1, 0, 1, 1, 0, INFINITY),
        /* depthwise: vectors of four and other channels, every stride, odd sides, one row or column */
        SHAPE(9, 8, 32, 32, 3, 1, 1, 1, 32, 0, 6),
        SHAPE(17, 16, 8, 8, 3, 1, 1, 1, 8, 0, 6),
        SHAPE(16, 17, 12, 12, 3, 2, 1, 1, 12, 0, 6),
        SHAPE(1, 7, 4, 4, 3, 2, 1, 1, 4, 0, 6),
        SHAPE(7, 1, 4, 4, 3, 1, 1, 1, 4, -INFINITY, INFINITY),
        SHAPE(9, 24, 4, 4, 3, 2, 0, 1, 4, 0, 6),
        SHAPE(9, 9, 8, 8, 3, 1, 2, 1, 8, 0, 6),
        SHAPE(5, 3, 17, 17, 3, 2, 1, 1, 17, -1, 1),
        SHAPE(11, 10, 24, 24, 5, 1, 2, 1, 24, 0, 6),
        SHAPE(12, 12, 8, 8, 3, 1, 2, 2, 8, 0, 6),
        /* the first layer, with widths that four columns do not divide; and others from three channels */
        SHAPE(16, 16, 3, 8, 3, 2, 1, 1, 1, 0, 6),
        SHAPE(15, 19, 3, 32, 3, 2, 1, 1, 1, 0, 6),
        SHAPE(6, 5, 3, 7, 3, 1, 1, 1, 1, 0, 6),
        SHAPE(9, 9, 3, 4, 5, 2, 2, 1, 1, -INFINITY, INFINITY),
        /* any other: groups, dilation, a linear layer over the whole map */
        SHAPE(7, 9, 6, 10, 3, 1, 1, 1, 2, 0, 6),
        SHAPE(10, 9, 5, 6, 2, 2, 0, 1, 1, 0, 6),
        SHAPE(12, 11, 4, 9, 3, 2, 2, 2, 1, 0, 6),
        SHAPE(4, 4, 6, 11, 4, 1, 0, 1, 1, -INFINITY, INFINITY),
        SHAPE(3, 3, 8, 5, 1, 2, 0, 1, 1, 0, 6),
    };
    for (size_t i = 0; i < LK_COUNT(shapes); i++) {
        const lk_conv2d d = lk_sized(shapes[i]);
        char what[64];
        network n;
        lk_test_seed(i + 1);
        begin(&n, d.in_h, d.in_w, d.in_channels);
        add_conv2d(&n, &d, LK_NO_VALUE);
        snprintf(what, sizeof what, "convolution %zu", i);
        check(&n, what);
    }
}

static void test_residuals_before_and_after_the_activation(void **state)
{
    (void)state;
    static const lk_conv2d shapes[] = {
        SHAPE(5, 6, 20, 20, 1, 1, 0, 1, 1, 0, 1), SHAPE(5, 6, 20, 20, 1, 1, 0, 1, 1, -INFINITY, INFINITY),
        SHAPE(6, 5, 8, 8, 3, 1, 1, 1, 1, 0, 1), SHAPE(6, 5, 8, 8, 3, 1, 1, 1, 8, 0, 1)};
    for (size_t i = 0; i < LK_COUNT(shapes); i++)
        for (lk_residual residual = LK_RESIDUAL_BEFORE_ACTIVATION; residual <= LK_RESIDUAL_AFTER_ACTIVATION;
             residual++) {
            lk_conv2d d = lk_sized(shapes[i]);
            network n;
            d.residual = residual;
            lk_test_seed(i + 10);
            begin(&n, d.in_h, d.in_w, d.in_channels);
            add_conv2d(&n, &d, 0);
            check(&n, "residual");
        }
}

/* Expand → depthwise → project, whose maps between nobody asks for: the upper half of ReLU6 is left to the
 * depthwise layer, and that is done with a narrow project. Then what reads the expanded map is a product, or
 * a residual, and ReLU6 is done in place. */
static void test_layers_in_a_row(void **state)
{
    (void)state;
    static const size_t outputs[] = {8, 32, 40};
    for (size_t i = 0; i < LK_COUNT(outputs); i++)
        for (size_t stride = 1; stride <= 2; stride++) {
            const lk_conv2d expand = lk_sized((lk_conv2d)SHAPE(9, 11, 8, 20, 1, 1, 0, 1, 1, 0, 0.5F));
            const lk_conv2d depthwise = lk_sized((lk_conv2d)SHAPE(9, 11, 20, 20, 3, stride, 1, 1, 20, 0, 6));
            const lk_conv2d project = lk_sized((lk_conv2d)SHAPE(
                depthwise.out_h, depthwise.out_w, 20, outputs[i], 1, 1, 0, 1, 1, -INFINITY, INFINITY));
            network n;
            lk_test_seed(i + 20);
            begin(&n, 9, 11, 8);
            add_conv2d(&n, &expand, LK_NO_VALUE);
            add_conv2d(&n, &depthwise, LK_NO_VALUE);
            add_conv2d(&n, &project, LK_NO_VALUE);
            n.values[0].kept = n.values[1].kept = n.values[2].kept = false;
            check(&n, "expand, depthwise, project");
        }
    const lk_conv2d first = lk_sized((lk_conv2d)SHAPE(5, 5, 12, 12, 1, 1, 0, 1, 1, 0, 0.5F));
    lk_conv2d second = lk_sized((lk_conv2d)SHAPE(5, 5, 12, 12, 1, 1, 0, 1, 1, -INFINITY, INFINITY));
    network n;
    begin(&n, 5, 5, 12);
    add_conv2d(&n, &first, LK_NO_VALUE);
    add_conv2d(&n, &second, LK_NO_VALUE);
    second.residual = LK_RESIDUAL_BEFORE_ACTIVATION;
    add_conv2d(&n, &second, 1);
    check(&n, "a product read by products");
}

static void test_pools(void **state)
{
    (void)state;
    static const lk_pool2d pools[] = {
        {LK_POOL_ADAPTIVE_AVERAGE, .in_h = 7, .in_w = 5, .channels = 300, .out_h = 1, .out_w = 1},
        {LK_POOL_ADAPTIVE_AVERAGE, .in_h = 7, .in_w = 5, .channels = 3, .out_h = 3, .out_w = 2},
        {LK_POOL_MAX, .in_h = 9, .in_w = 8, .channels = 5, .out_h = 5, .out_w = 4, .kernel_h = 3,
         .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1}};
    for (size_t i = 0; i < LK_COUNT(pools); i++) {
        network n;
        begin(&n, pools[i].in_h, pools[i].in_w, pools[i].channels);
        add_step(&n, LK_OP_POOL2D,
                 (lk_value){.height = pools[i].out_h, .width = pools[i].out_w, .channels = pools[i].channels})
            ->layer.pool2d = pools[i];
        check(&n, "pool");
    }
}

static void test_batch_norm_activation_and_sum(void **state)
{
    (void)state;
    const lk_value map = {.height = 5, .width = 7, .channels = 13};
    network n;
    begin(&n, map.height, map.width, map.channels);
    lk_step *norm = add_step(&n, LK_OP_BATCH_NORM, map);
    norm->layer.batch_norm =
        (lk_batch_norm){.pixels = 35, .channels = 13, .epsilon = 2}; /* variances may be negative here */
    for (size_t i = 0; i < 4; i++) n.others[0][i] = tensor(13);
    norm->filter = (lk_filter){.gamma = &n.others[0][0],
                               .beta = &n.others[0][1],
                               .mean = &n.others[0][2],
                               .variance = &n.others[0][3]};
    add_step(&n, LK_OP_ACTIVATION, map)->layer.elementwise =
        (lk_elementwise){.count = 13, .lo = 0, .hi = 0.5F};
    lk_step *sum = add_step(&n, LK_OP_ADD, map);
    sum->layer.elementwise = (lk_elementwise){.count = 13};
    sum->residual = 1;
    check(&n, "batch norm, activation, sum");
}

static void test_softmax(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 12, 255, 256, 1000};
    for (size_t i = 0; i < LK_COUNT(counts); i++) {
        network n;
        begin(&n, 1, 1, counts[i]);
        add_step(&n, LK_OP_SOFTMAX, n.values[0])->layer.elementwise = (lk_elementwise){.count = counts[i]};
        check(&n, "softmax");
    }
}

int main(void)
{
    setenv(LK_GPU_MODULE_VARIABLE, LK_TEST_MODULES "/libfake_gpu.so", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_residuals_before_and_after_the_activation),
        cmocka_unit_test(test_layers_in_a_row),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_batch_norm_activation_and_sum),
        cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
