/* The container's rules, one broken at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "weights/safetensors.h"

typedef struct {
    unsigned char bytes[2048];
    lk_mapping mapping;
} file;

/* Header and `data` bytes of data; `length` overrides the header's stated length unless it is 0. */
static void make(file *f, const char *header, size_t data, uint64_t length)
{
    const size_t text = strlen(header);
    if (!length) length = text;
    memset(f->bytes, 0, sizeof f->bytes);
    for (size_t i = 0; i < 8; i++) f->bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(f->bytes + 8, header, text);
    f->mapping = (lk_mapping){f->bytes, 8 + text + data};
}

static const struct {
    const char *header;
    size_t data;
    uint64_t length;
    lk_status status;
    const char *words;
} broken[] = {
    {"{}", 0, 100, LK_ERROR_FORMAT, "cut short"},
    {"{}", 0, UINT64_MAX, LK_ERROR_FORMAT, "not a model file"},
    {"[]", 0, 0, LK_ERROR_FORMAT, "not a model file"},
    {"{\"a\":", 0, 0, LK_ERROR_FORMAT, "line 1"},
    {"{}", 5, 0, LK_ERROR_FORMAT, "5 bytes after the last tensor"},
    {"{\"__metadata__\":[]}", 0, 0, LK_ERROR_FORMAT, "not an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, 0, LK_ERROR_FORMAT, "entry a is not a string"},
    {"{\"a\":1}", 0, 0, LK_ERROR_FORMAT, "no dtype"},
    {"{\"a\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 0, LK_ERROR_UNSUPPORTED, "F8"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, 0, LK_ERROR_FORMAT, "no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, 0, LK_ERROR_FORMAT,
     "impossible shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, 0,
     LK_ERROR_FORMAT, "impossible shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, 0,
     LK_ERROR_FORMAT, "its shape needs"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, 0,
     LK_ERROR_FORMAT, "8 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, 0, LK_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, 0, LK_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, 0, LK_ERROR_FORMAT,
     "cut short: tensor a"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, 0, LK_ERROR_FORMAT,
     "has 4 bytes, but its shape needs 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, 0, LK_ERROR_FORMAT, "gap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],"
     "\"data_offsets\":[2,5]}}",
     5, 0, LK_ERROR_FORMAT, "overlaps"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],"
     "\"data_offsets\":[1,2]}}",
     2, 0, LK_ERROR_FORMAT, "duplicate"},
};

static void test_broken_files_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < LK_COUNT(broken); i++) {
        file f;
        lk_safetensors *opened = NULL;
        make(&f, broken[i].header, broken[i].data, broken[i].length);
        const lk_status status = lk_safetensors_parse(&f.mapping, "m.safetensors", &opened);
        if (status != broken[i].status || !strstr(lk_error_message(), broken[i].words) ||
            strncmp(lk_error_message(), "m.safetensors: ", 15))
            fail_msg("%s: status %d, %s", broken[i].header, (int)status, lk_error_message());
        assert_null(opened);
    }
}

static void test_a_sound_file_is_read(void **state)
{
    (void)state;
    file f;
    lk_safetensors *opened = NULL;
    make(&f,
         "{\"z\":{\"dtype\":\"U8\",\"shape\":[2,1],\"data_offsets\":[0,2]},\"__metadata__\":{\"k\":\"v\"},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[2,6]},\"e\":{\"dtype\":\"F32\",\"shape\":["
         "0,5],\"data_offsets\":[2,2]}}  ",
         6, 0);
    assert_int_equal(lk_safetensors_parse(&f.mapping, "m", &opened), LK_OK);
    assert_int_equal(lk_safetensors_count(opened), 3);
    assert_string_equal(lk_safetensors_tensor(opened, 0)->name, "z");
    assert_null(lk_safetensors_tensor(opened, 3));
    const lk_tensor *a = lk_safetensors_find(opened, "a"), *e = lk_safetensors_find(opened, "e");
    assert_int_equal(a->rank, 0);
    assert_int_equal(a->count, 1);
    assert_ptr_equal(a->bytes, lk_safetensors_find(opened, "z")->bytes + 2);
    assert_int_equal(e->count, 0);
    assert_null(lk_safetensors_find(opened, "__metadata__"));
    assert_string_equal(lk_safetensors_metadata(opened, "k"), "v");
    assert_null(lk_safetensors_metadata(opened, "a"));
    lk_safetensors_close(&opened);
    lk_safetensors_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_files_are_refused_by_name),
        cmocka_unit_test(test_a_sound_file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
