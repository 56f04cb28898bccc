/* Every kind of layer, through the graph builder, against Paddle: plain and fused, on each backend. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "engine/model.h"
#include "support/network.h"

/* The network of tests/fixtures/make_layer_fixtures.py. */
static lk_node_id build(lk_graph *g)
{
    lk_node_id x = lk_graph_conv2d(g, "sided", 0,
                                   &(lk_conv_attributes){.channels = 12,
                                                         .kernel_h = 3,
                                                         .kernel_w = 5,
                                                         .stride_w = 2,
                                                         .pad_bottom = 2,
                                                         .pad_left = 3,
                                                         .pad_right = 1,
                                                         .has_bias = true});
    x = lk_graph_relu(g, "relu", x);
    x = lk_graph_pool(g, "max_pool", x,
                      &(lk_pool_attributes){.kind = LK_POOL_MAX,
                                            .kernel_h = 3,
                                            .kernel_w = 3,
                                            .stride_h = 2,
                                            .stride_w = 2,
                                            .pad_top = 1,
                                            .pad_left = 1,
                                            .pad_bottom = 1,
                                            .pad_right = 1});
    x = lk_graph_conv2d(g, "grouped", x,
                        &(lk_conv_attributes){.channels = 8,
                                              .kernel_h = 3,
                                              .kernel_w = 3,
                                              .dilation_h = 2,
                                              .dilation_w = 2,
                                              .groups = 4,
                                              .pad_top = 2,
                                              .pad_left = 2,
                                              .pad_bottom = 2,
                                              .pad_right = 2});
    lk_node_id shortcut = x = lk_graph_batch_norm(g, "norm", x);
    x = lk_graph_conv2d(g, "residual", x,
                        &(lk_conv_attributes){.channels = 8,
                                              .kernel_h = 3,
                                              .kernel_w = 3,
                                              .pad_top = 1,
                                              .pad_left = 1,
                                              .pad_bottom = 1,
                                              .pad_right = 1});
    x = lk_graph_batch_norm(g, "residual_norm", x);
    x = lk_graph_add(g, "sum", x, shortcut);
    shortcut = x = lk_graph_relu6(g, "relu6", x);
    x = lk_graph_conv2d(g, "depthwise5", x,
                        &(lk_conv_attributes){.channels = 8,
                                              .kernel_h = 5,
                                              .kernel_w = 5,
                                              .groups = 8,
                                              .pad_top = 2,
                                              .pad_left = 2,
                                              .pad_bottom = 2,
                                              .pad_right = 2,
                                              .has_bias = true});
    x = lk_graph_relu6(g, "activated", x);
    x = lk_graph_add(g, "late_sum", shortcut, x);
    x = lk_graph_pool(g, "cells", x,
                      &(lk_pool_attributes){.kind = LK_POOL_ADAPTIVE_AVERAGE, .out_h = 3, .out_w = 4});
    x = lk_graph_flatten(g, "flat", x);
    x = lk_graph_linear(g, "linear", x, 96, 10);
    return lk_graph_softmax(g, "softmax", x);
}

static const char *const layers[] = {
    "sided", "relu",       "max_pool",  "grouped",  "norm",  "residual", "residual_norm", "sum",
    "relu6", "depthwise5", "activated", "late_sum", "cells", "flat",     "linear",        "softmax"};

/* A model around the graph: what lk_plan_open looks at. */
typedef struct {
    lk_safetensors *file;
    lk_model model;
} network;

static void open_network(network *n)
{
    *n = (network){0};
    assert_int_equal(lk_safetensors_open("tests/fixtures/layers.safetensors", &n->file), LK_OK);
    assert_int_equal(lk_graph_open(n->file, 3, &n->model.graph), LK_OK);
    lk_graph_set_epsilon(n->model.graph, 1e-3);
    lk_graph_name_pooled(n->model.graph, build(n->model.graph));
    /* The expected outputs stand in the same file, and so belong to no layer. */
    assert_int_equal(lk_graph_finish(n->model.graph), LK_ERROR_TENSOR);
    assert_non_null(strstr(lk_error_message(), "out."));
    n->model.preprocessing = (lk_preprocessing){.height = 39, .width = 34};
}

static void close_network(network *n)
{
    lk_graph_close(&n->model.graph);
    lk_safetensors_close(&n->file);
}

/* The features, all at once or one alone (when all else may fuse), on one way of running. */
static void check(const network *n, lk_plan_options options, const char *const *features, size_t count)
{
    lk_session *session = NULL;
    options.features = features;
    options.feature_count = count;
    assert_int_equal(lk_session_open(&n->model, &options, &session), LK_OK);
    lk_test_set_input(session, 0, n->file, "out.input");
    assert_int_equal(lk_session_run(session, 1), LK_OK);
    for (size_t f = 0; f < count; f++) {
        char name[64] = "out.";
        const double departure = lk_test_departure(session, f, 0, n->file, strcat(name, features[f]));
        if (!(departure <= 1e-5))
            fail_msg("%s on %s %s: %g", features[f], lk_plan_backend(lk_session_plan(session)),
                     options.plain ? "plain" : "fused", departure);
    }
    lk_session_close(&session);
}

static void test_every_layer_agrees_with_paddle(void **state)
{
    (void)state;
    network n;
    lk_test_way ways[LK_TEST_MOST_WAYS];
    const size_t count = lk_test_ways(ways);
    open_network(&n);
    for (size_t w = 0; w < count; w++)
        for (int plain = 0; plain < 2; plain++) {
            const lk_plan_options options = {.backend = ways[w].backend, .isa = ways[w].isa, .plain = plain};
            check(&n, options, layers, LK_COUNT(layers));
            for (size_t l = 0; l < LK_COUNT(layers); l++) check(&n, options, &layers[l], 1);
        }
    close_network(&n);
}

static size_t steps_for(const network *n, bool plain, const char *feature)
{
    lk_plan *plan = NULL;
    const lk_plan_options options = {.plain = plain, .features = &feature, .feature_count = 1};
    assert_int_equal(lk_plan_open(&n->model, &options, &plan), LK_OK);
    const size_t steps = lk_plan_step_count(plan);
    lk_plan_close(&plan);
    return steps;
}

/* Fused: sided+relu, max_pool, grouped+norm, residual+norm+sum+relu6, depthwise5+activated+late_sum, cells,
 * linear, softmax. */
static void test_folding_and_fusing_leave_eight_steps(void **state)
{
    (void)state;
    network n;
    open_network(&n);
    assert_int_equal(steps_for(&n, true, "softmax"), 15); /* flat is a view */
    assert_int_equal(steps_for(&n, false, "softmax"), 8);
    assert_int_equal(steps_for(&n, false, "relu"), 1);     /* nothing behind what is asked for is run */
    assert_int_equal(steps_for(&n, false, "residual"), 4); /* a wanted layer is not folded away */
    close_network(&n);
}

static void test_a_layer_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    network n;
    lk_plan *plan = NULL;
    const char *feature = "softmax";
    open_network(&n);
    lk_graph_linear(n.model.graph, "linear", 1, 96,
                    10); /* takes 96 values, but a map of 12 channels brings more */
    assert_int_equal(
        lk_plan_open(&n.model, &(lk_plan_options){.features = &feature, .feature_count = 1}, &plan),
        LK_ERROR_ARGUMENT);
    assert_non_null(strstr(lk_error_message(), "linear"));
    assert_null(plan);
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_agrees_with_paddle),
        cmocka_unit_test(test_folding_and_fusing_leave_eight_steps),
        cmocka_unit_test(test_a_layer_that_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
