/* Writing .npy. numpy.save pads the header with blanks so that the data begins at a multiple of 64; for a
 * matrix that is 128 bytes whatever its sizes, so that the row count can be set when the last row is known.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "cbir/npy.h"

static const char *descr_of(lk_npy_type type)
{
    static const char *const names[] = {
        [LK_NPY_FLOAT32] = "<f4", [LK_NPY_FLOAT64] = "<f8", [LK_NPY_BOOL] = "|b1",   [LK_NPY_INT8] = "|i1",
        [LK_NPY_UINT8] = "|u1",   [LK_NPY_INT16] = "<i2",   [LK_NPY_UINT16] = "<u2", [LK_NPY_INT32] = "<i4",
        [LK_NPY_UINT32] = "<u4",  [LK_NPY_INT64] = "<i8",   [LK_NPY_UINT64] = "<u8",
    };
    return names[type];
}

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

size_t lk_npy_header(const lk_npy *array, char header[LK_NPY_HEADER_MAX])
{
    char text[LK_NPY_HEADER_MAX - 64] = "";
    append(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(array->type));
    for (size_t i = 0; i < array->dims; i++)
        append(text, sizeof text, "%s%zu%s", i ? " " : "", array->shape[i],
               i + 1 < array->dims || array->dims == 1 ? "," : "");
    append(text, sizeof text, "), }");
    const size_t length = strlen(text), total = (10 + length + 1 + 63) / 64 * 64;
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - 10) & 0xFF);
    header[9] = (char)((total - 10) >> 8);
    memcpy(header + 10, text, length);
    memset(header + 10 + length, ' ', total - 10 - length);
    header[total - 1] = '\n';
    return total;
}

static lk_status write_failed(const lk_output *output)
{
    return lk_fail(LK_ERROR_IO, "%s: cannot write: %s", output->path, strerror(errno));
}

static lk_status write_header(lk_npy_writer *writer)
{
    char header[LK_NPY_HEADER_MAX];
    const lk_npy about = {.type = writer->type, .dims = 2, .shape = {writer->rows, writer->columns}};
    const size_t length = lk_npy_header(&about, header);
    return fwrite(header, 1, length, writer->output.stream) == length ? LK_OK : write_failed(&writer->output);
}

static lk_status open_writer(const char *path, lk_npy_type type, size_t columns, lk_npy_writer *writer)
{
    lk_npy_writer opened = {.type = type, .columns = columns};
    lk_status status = lk_output_open(path, &opened.output);
    if (status) return status;
    status = write_header(&opened);
    if (status) lk_output_discard(&opened.output);
    else *writer = opened;
    return status;
}

lk_status lk_npy_writer_open(const char *path, size_t columns, lk_npy_writer *writer)
{
    return open_writer(path, LK_NPY_FLOAT32, columns, writer);
}

lk_status lk_npy_writer_open_bytes(const char *path, size_t columns, lk_npy_writer *writer)
{
    return open_writer(path, LK_NPY_UINT8, columns, writer);
}

lk_status lk_npy_writer_add(lk_npy_writer *writer, const void *row)
{
    const size_t size = writer->type == LK_NPY_FLOAT32 ? sizeof(float) : 1;
    if (fwrite(row, size, writer->columns, writer->output.stream) != writer->columns)
        return write_failed(&writer->output);
    writer->rows++;
    return LK_OK;
}

lk_status lk_npy_writer_finish(lk_npy_writer *writer)
{
    if (fseeko(writer->output.stream, 0, SEEK_SET)) return write_failed(&writer->output);
    const lk_status status = write_header(writer);
    if (status) return status;
    return fflush(writer->output.stream) ? write_failed(&writer->output) : LK_OK;
}

lk_status lk_npy_writer_commit(lk_npy_writer *writer)
{
    return lk_output_commit(&writer->output);
}

void lk_npy_writer_discard(lk_npy_writer *writer)
{
    lk_output_discard(&writer->output);
}

lk_status lk_npy_write(const char *path, const lk_npy *array)
{
    char header[LK_NPY_HEADER_MAX];
    const size_t length = lk_npy_header(array, header), bytes = array->count * array->item_bytes;
    lk_output output;
    lk_status status = lk_output_open(path, &output);
    if (status) return status;
    if (fwrite(header, 1, length, output.stream) != length ||
        fwrite(array->data, 1, bytes, output.stream) != bytes) {
        status = write_failed(&output);
        lk_output_discard(&output);
        return status;
    }
    return lk_output_commit(&output);
}
