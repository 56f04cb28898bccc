/* likeness info: what a model file holds, printed as paddle.summary prints it. */
#include <inttypes.h>
#include <string.h>

#include "cbir/cli/gallery.h"
#include "cbir/cli/layer_table.h"
#include "cbir/json.h"
#include "cbir/recipe.h"

enum { JSON = 0x100 };

typedef struct {
    const char *model;
    bool json;
    cli_input_options input;
} options;

static const struct argp_option argp_options[] = {{"json", JSON, NULL, 0, "Print one JSON document", 1}, {0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->model) argp_error(state, "one model at a time; what is '%s'?", argument);
        o->model = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which model?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------------ Text */

/* 2273356 as "2,273,356". */
static const char *grouped(size_t value, char text[32])
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%zu", value);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return text;
}

static const char *shape_text(const size_t shape[3], bool is_vector, char text[64])
{
    if (is_vector) snprintf(text, 64, "[1, %zu]", shape[0]);
    else snprintf(text, 64, "[1, %zu, %zu, %zu]", shape[0], shape[1], shape[2]);
    return text;
}

/* A column with its text in the middle, as Python's '{:^N}' has it: what cannot be halved goes to the right.
 */
static void centred(const char *text, int width)
{
    const int length = (int)strlen(text), left = length < width ? (width - length) / 2 : 0;
    printf("%*s%s%*s", left, "", text, length + left < width ? width - length - left : 0, "");
}

static void rule(char c)
{
    for (size_t i = 0; i < 107; i++) putchar(c);
    putchar('\n');
}

static void print_row(const char *const columns[5])
{
    static const int widths[] = {22, 26, 22, 22, 15};
    for (size_t i = 0; i < 5; i++) centred(columns[i], widths[i]);
    putchar('\n');
}

static void print_layers(const layer_table *table)
{
    rule('-');
    print_row((const char *const[]){"Layer (type)", "Name", "Input Shape", "Output Shape", "Param #"});
    rule('=');
    for (size_t i = 0; i < table->count; i++) {
        const layer_row *row = &table->rows[i];
        char in[64], out[64], parameters[32];
        print_row((const char *const[]){
            row->type, row->name, shape_text(row->input, row->input_is_vector, in),
            shape_text(row->output, row->output_is_vector, out), grouped(row->parameters, parameters)});
    }
    rule('=');
}

/* Megabytes as paddle.summary counts them: of four bytes a value, outputs once forward and once backward. */
typedef struct {
    double input, outputs, parameters;
} megabytes;

static megabytes sizes(const layer_table *table, const lk_preprocessing *p)
{
    const double value = 4.0 / (1024.0 * 1024.0);
    return (megabytes){.input = value * 3.0 * (double)p->height * (double)p->width,
                       .outputs = value * 2.0 * (double)table->output_values,
                       .parameters = value * (double)table->total};
}

static void print_sums(const layer_table *table, const megabytes *mb)
{
    char text[32];
    printf("Total params: %s\n", grouped(table->total, text));
    printf("Trainable params: %s\n", grouped(table->trainable, text));
    printf("Non-trainable params: %s\n", grouped(table->total - table->trainable, text));
    rule('-');
    printf("Input size (MB): %.2f\n", mb->input);
    printf("Forward/backward pass size (MB): %.2f\n", mb->outputs);
    printf("Params size (MB): %.2f\n", mb->parameters);
    printf("Estimated Total Size (MB): %.2f\n", mb->input + mb->outputs + mb->parameters);
    rule('-');
    /* paddle.summary sees no layers inside a program that jit.load returns: that is what the study printed.
     */
    printf("As a loaded program: trainable %s, forward/backward 0.00 MB, total %.2f MB\n",
           grouped(table->total, text), mb->input + mb->parameters);
}

static void print_head(const lk_model *model, const lk_preprocessing *p, const layer_table *table)
{
    char digits[65], macs[32];
    lk_model_sha256(model, digits);
    printf("Architecture: %s, scale %g, ", lk_model_architecture(model), lk_model_scale(model));
    if (lk_model_classes(model)) printf("%zu classes\n", lk_model_classes(model));
    else printf("no classifier\n");
    printf("Precision: %s\n", lk_precision_name(lk_model_precision(model)));
    printf("Input: %zux%zu RGB, ", p->width, p->height);
    if (p->resize == LK_RESIZE_SHORTER) printf("shorter side to %zu, ", p->shorter);
    printf("mean %g %g %g, std %g %g %g\n", (double)p->mean[0], (double)p->mean[1], (double)p->mean[2],
           (double)p->std[0], (double)p->std[1], (double)p->std[2]);
    printf("Multiply-adds: %s\n", grouped(table->multiply_adds, macs));
    printf("SHA-256: %s\n", digits);
}

/* ------------------------------------------------------------------ JSON */

static json_t *shape_json(const size_t shape[3], bool is_vector)
{
    if (is_vector) return json_pack("[i, I]", 1, (json_int_t)shape[0]);
    return json_pack("[i, I, I, I]", 1, (json_int_t)shape[0], (json_int_t)shape[1], (json_int_t)shape[2]);
}

static json_t *layers_json(const layer_table *table)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < table->count; i++) {
        const layer_row *row = &table->rows[i];
        json_array_append_new(
            layers, json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I}", "type", row->type, "name", row->name,
                              "input", shape_json(row->input, row->input_is_vector), "output",
                              shape_json(row->output, row->output_is_vector), "parameters",
                              (json_int_t)row->parameters, "trainable", (json_int_t)row->trainable,
                              "multiply_adds", (json_int_t)row->multiply_adds));
    }
    return layers;
}

static json_t *labels_json(const lk_model *model)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < lk_model_classes(model); i++) {
        const char *label = lk_model_label(model, i);
        json_array_append_new(labels, label ? cli_json_text(label) : json_null());
    }
    return labels;
}

static json_t *triple(const float values[3])
{
    return json_pack("[o, o, o]", lk_json_float(values[0]), lk_json_float(values[1]),
                     lk_json_float(values[2]));
}

static json_t *document(const options *o, const lk_model *model, const lk_preprocessing *p,
                        const layer_table *table)
{
    char digits[65];
    const megabytes mb = sizes(table, p);
    lk_model_sha256(model, digits);
    json_t *input = json_pack(
        "{s:I, s:I, s:s, s:o, s:o}", "height", (json_int_t)p->height, "width", (json_int_t)p->width, "resize",
        p->resize == LK_RESIZE_SHORTER ? "shorter" : "exact", "mean", triple(p->mean), "std", triple(p->std));
    if (p->resize == LK_RESIZE_SHORTER)
        json_object_set_new(input, "shorter", json_integer((json_int_t)p->shorter));
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:f, s:I, s:o, s:o, s:{s:I, s:I, s:I}, s:I, s:{s:f, s:f, s:f, s:f}, s:o}",
        "model", cli_json_text(o->model), "sha256", digits, "architecture", lk_model_architecture(model),
        "precision", lk_precision_name(lk_model_precision(model)), "scale", lk_model_scale(model), "classes",
        (json_int_t)lk_model_classes(model), "labels", labels_json(model), "preprocessing", input,
        "parameters", "total", (json_int_t)table->total, "trainable", (json_int_t)table->trainable,
        "non_trainable", (json_int_t)(table->total - table->trainable), "multiply_adds",
        (json_int_t)table->multiply_adds, "megabytes", "input", mb.input, "forward_backward", mb.outputs,
        "parameters", mb.parameters, "total", mb.input + mb.outputs + mb.parameters, "layers",
        layers_json(table));
}

static lk_status print(const options *o, const lk_model *model)
{
    lk_preprocessing p;
    layer_table table;
    lk_status status = cli_preprocessing(lk_model_preprocessing(model), &o->input, &p);
    if (!status) status = layer_table_open(model, p.height, p.width, &table);
    if (status) return status;
    if (o->json) {
        status = cli_json_print(document(o, model, &p, &table), true);
    } else {
        const megabytes mb = sizes(&table, &p);
        print_head(model, &p, &table);
        print_layers(&table);
        print_sums(&table, &mb);
    }
    layer_table_close(&table);
    return status;
}

int cli_info(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_input_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = argp_options,
                                     .parser = parse,
                                     .args_doc = "MODEL\nGALLERY",
                                     .doc = "Prints what a model file holds: architecture, preprocessing, "
                                            "multiply-adds, the layers as paddle.summary "
                                            "lists them, and its sums. Of a gallery it prints "
                                            "what `likeness gallery' does.\v"
                                            "Example:\n"
                                            "  likeness info zodiac.safetensors\n"
                                            "  likeness info --json zodiac.safetensors | jq .parameters",
                                     .children = children};
    options o = {0};
    lk_model *model = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (cli_is_gallery(o.model)) return cli_report(argv[0], gallery_describe(o.model, o.json));
    lk_status status = lk_model_open(o.model, &model);
    if (!status) status = print(&o, model);
    lk_model_close(&model);
    return cli_report(argv[0], status);
}
