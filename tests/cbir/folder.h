/* A folder of its own for a test, and files in it. */
#ifndef LK_TESTS_CBIR_FOLDER_H
#define LK_TESTS_CBIR_FOLDER_H

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    char path[64];
} test_folder;

static inline test_folder open_folder(void)
{
    test_folder folder = {"/tmp/likeness-test-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static inline int remove_entry(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about, (void)type, (void)walk;
    return remove(path);
}

static inline void close_folder(const test_folder *folder)
{
    assert_int_equal(nftw(folder->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of `name` in the folder: valid until the eighth call from here. */
static inline const char *path_in(const test_folder *folder, const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder->path, name);
    return path;
}

/* Writes a file, and makes the folders that it lies in. */
static inline const char *put_file(const test_folder *folder, const char *name, const void *bytes,
                                   size_t size)
{
    char *path = (char *)(size_t)path_in(folder, name);
    for (char *slash = path + strlen(folder->path) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline const char *put_text(const test_folder *folder, const char *name, const char *text)
{
    return put_file(folder, name, text, strlen(text));
}

#endif
