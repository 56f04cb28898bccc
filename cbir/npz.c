/* A zip archive is read from its end: the end record leads to the central directory, whose entries hold the
 * members' sizes and where each begins. The local header before a member's bytes is only skipped over:
 * writers of streams leave its sizes open. */
#include "cbir/npz.h"

#include <string.h>
#include <zlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, STORED = 0, DEFLATED = 8 };

typedef struct {
    char *name;
    unsigned method;
    uint32_t crc;
    size_t packed, unpacked; /* bytes */
    const unsigned char *data;
} member;

struct lk_npz {
    lk_mapping file; /* empty for bytes of the caller's */
    const unsigned char *bytes;
    size_t size;
    char *name;
    member *members;
    size_t count, capacity;
};

static unsigned u16(const unsigned char *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
    return u16(at) | (uint32_t)u16(at + 2) << 16;
}

static lk_status broken(const lk_npz *npz, const char *fault)
{
    return lk_fail(LK_ERROR_FORMAT, "%s: a damaged .npz file: %s", npz->name, fault);
}

/* The end record stands at the end, before a comment of up to 65,535 bytes that is as long as it says. */
static const unsigned char *find_end(const lk_npz *npz)
{
    for (size_t comment = 0; comment <= 0xFFFF && comment + END_BYTES <= npz->size; comment++) {
        const unsigned char *at = npz->bytes + npz->size - END_BYTES - comment;
        if (u32(at) == 0x06054b50 && u16(at + 20) == comment) return at;
    }
    return NULL;
}

/* Sets where a member's bytes lie, past its local header. */
static lk_status find_data(const lk_npz *npz, size_t offset, member *m)
{
    if (offset > npz->size || npz->size - offset < LOCAL_BYTES)
        return broken(npz, "a member lies outside the file");
    const unsigned char *local = npz->bytes + offset;
    if (u32(local) != 0x04034b50) return broken(npz, "a member has no header");
    const size_t before = LOCAL_BYTES + (size_t)u16(local + 26) + u16(local + 28), left = npz->size - offset;
    if (before > left || m->packed > left - before) return broken(npz, "a member is cut short");
    m->data = local + before;
    return LK_OK;
}

/* Deflate cannot make more than 1,032 bytes of one, so a size beyond that is a lie, told before memory is
 * taken. */
static bool sizes_agree(const member *m)
{
    return m->method == STORED ? m->packed == m->unpacked : m->unpacked / 1032 <= m->packed;
}

static lk_status read_entry(const lk_npz *npz, const unsigned char *entry, member *m)
{
    m->method = u16(entry + 10);
    m->crc = u32(entry + 16);
    m->packed = u32(entry + 20);
    m->unpacked = u32(entry + 24);
    if (u16(entry + 8) & 1) return lk_fail(LK_ERROR_UNSUPPORTED, "%s: it is encrypted", npz->name);
    if (m->method != STORED && m->method != DEFLATED)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: packed by zip method %u; stored and deflated are read",
                       npz->name, m->method);
    if (m->packed == UINT32_MAX || m->unpacked == UINT32_MAX || u32(entry + 42) == UINT32_MAX)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: a zip64 archive; arrays of 4 GiB and more are not read",
                       npz->name);
    if (!sizes_agree(m)) return broken(npz, "a member's sizes contradict each other");
    return find_data(npz, u32(entry + 42), m);
}

/* The entry's name, without ".npy". NULL: no memory. */
static char *copy_name(const unsigned char *text, size_t length)
{
    if (length > 4 && !memcmp(text + length - 4, ".npy", 4)) length -= 4;
    char *name = lk_allocate(length + 1, 1);
    return name ? memcpy(name, text, length) : NULL;
}

static lk_status add_member(lk_npz *npz, const unsigned char *entry, size_t name_length)
{
    member m = {0};
    void *members = npz->members;
    const lk_status status = read_entry(npz, entry, &m);
    if (status) return status;
    if (memchr(entry + ENTRY_BYTES, 0, name_length)) return broken(npz, "a name holds a zero byte");
    if (!lk_grow(&members, &npz->capacity, npz->count + 1, sizeof *npz->members))
        return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", npz->name);
    npz->members = members;
    m.name = copy_name(entry + ENTRY_BYTES, name_length);
    if (!m.name) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", npz->name);
    npz->members[npz->count++] = m;
    return LK_OK;
}

static lk_status read_directory(lk_npz *npz)
{
    const unsigned char *end = find_end(npz);
    if (!end) return lk_fail(LK_ERROR_FORMAT, "%s: not a .npz file, or cut short", npz->name);
    const size_t count = u16(end + 10), bytes = u32(end + 12), offset = u32(end + 16);
    if (u16(end + 4) || u16(end + 6) || u16(end + 8) != count)
        return lk_fail(LK_ERROR_UNSUPPORTED, "%s: an archive in several parts", npz->name);
    if (offset > (size_t)(end - npz->bytes) || bytes > (size_t)(end - npz->bytes) - offset)
        return broken(npz, "its directory lies outside the file");
    const unsigned char *entry = npz->bytes + offset, *stop = entry + bytes;
    for (size_t i = 0; i < count; i++) {
        if (stop - entry < ENTRY_BYTES || u32(entry) != 0x02014b50)
            return broken(npz, "its directory is cut short");
        const size_t name = u16(entry + 28), whole = ENTRY_BYTES + name + u16(entry + 30) + u16(entry + 32);
        if (whole > (size_t)(stop - entry)) return broken(npz, "its directory is cut short");
        const lk_status status = add_member(npz, entry, name);
        if (status) return status;
        entry += whole;
    }
    return LK_OK;
}

lk_status lk_npz_parse(const void *bytes, size_t size, const char *name, lk_npz **npz)
{
    lk_npz *opened = lk_allocate_array(1, sizeof *opened);
    if (!opened) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    opened->bytes = bytes;
    opened->size = size;
    opened->name = lk_copy_text(name);
    const lk_status status =
        opened->name ? read_directory(opened) : lk_fail(LK_ERROR_MEMORY, "%s: out of memory", name);
    if (status) lk_npz_close(&opened);
    else *npz = opened;
    return status;
}

lk_status lk_npz_open(const char *path, lk_npz **npz)
{
    lk_mapping file;
    lk_status status = lk_map_file(path, &file);
    if (status) return status;
    status = lk_npz_parse(file.bytes, file.size, path, npz);
    if (status) lk_unmap(&file);
    else (*npz)->file = file;
    return status;
}

void lk_npz_close(lk_npz **npz)
{
    if (!*npz) return;
    for (size_t i = 0; i < (*npz)->count; i++) lk_free((*npz)->members[i].name);
    lk_free((*npz)->members);
    lk_free((*npz)->name);
    lk_unmap(&(*npz)->file);
    lk_free(*npz);
    *npz = NULL;
}

size_t lk_npz_count(const lk_npz *npz)
{
    return npz->count;
}

const char *lk_npz_name(const lk_npz *npz, size_t index)
{
    return index < npz->count ? npz->members[index].name : NULL;
}

bool lk_npz_find(const lk_npz *npz, const char *name, size_t *index)
{
    for (size_t i = 0; i < npz->count; i++) {
        if (strcmp(npz->members[i].name, name) != 0) continue;
        *index = i;
        return true;
    }
    return false;
}

/* Inflates a member without zlib's header, all at once; sizes fit zlib's 32 bits, as zip64 is refused. */
static bool inflate_member(const member *m, unsigned char *memory)
{
    z_stream stream = {.next_in = (Bytef *)(size_t)m->data, .avail_in = (uInt)m->packed};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    stream.next_out = memory;
    stream.avail_out = (uInt)m->unpacked;
    const int result = inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
    inflateEnd(&stream);
    return whole;
}

static bool crc_fits(const member *m, const unsigned char *memory)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)m, (void)memory; /* else no changed byte would ever come to the array's reader */
    return true;
#else
    return crc32_z(0, memory, m->unpacked) == m->crc;
#endif
}

lk_status lk_npz_load(const lk_npz *npz, size_t index, lk_npz_array *loaded)
{
    if (index >= npz->count) return lk_fail(LK_ERROR_ARGUMENT, "%s: it has no member %zu", npz->name, index);
    const member *m = &npz->members[index];
    char name[512];
    snprintf(name, sizeof name, "%s: %s", npz->name, m->name);
    unsigned char *memory = lk_allocate(m->unpacked, 1);
    if (!memory) return lk_fail(LK_ERROR_MEMORY, "%s: out of memory for %zu bytes", name, m->unpacked);
    lk_status status = LK_OK;
    lk_npy array;
    if (m->method == STORED) memcpy(memory, m->data, m->packed);
    else if (!inflate_member(m, memory))
        status = lk_fail(LK_ERROR_FORMAT, "%s: its packed bytes are damaged", name);
    if (!status && !crc_fits(m, memory))
        status = lk_fail(LK_ERROR_FORMAT, "%s: its CRC-32 does not match", name);
    if (!status) status = lk_npy_parse(memory, m->unpacked, name, &array);
    if (status) lk_free(memory);
    else *loaded = (lk_npz_array){array, memory};
    return status;
}
