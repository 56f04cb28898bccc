#include "layers/gpu_module.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Written once, under pthread_once, and only read after that. */
static struct {
    const lk_gpu_module *module;
    lk_error failure;
} loaded;

/* The file that this code is in: the shared library, or the program that it was linked into. */
static bool own_file(char path[PATH_MAX])
{
    Dl_info info;
    char program[PATH_MAX];
    if (dladdr(LK_GPU_MODULE_FILE, &info) && info.dli_fname && strstr(info.dli_fname, ".so") &&
        realpath(info.dli_fname, path))
        return true;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) return false;
    program[length] = 0;
    return realpath(program, path);
}

static bool is_file(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Where the module is, or where it was looked for first; false when there is none. */
static bool find(char path[PATH_MAX])
{
    const char *named = getenv(LK_GPU_MODULE_VARIABLE);
    char own[PATH_MAX];
    *path = 0;
    if (named) {
        snprintf(path, PATH_MAX, "%s", named);
        return *named;
    }
    if (!own_file(own)) return false;
    *strrchr(own, '/') = 0;
    static const char *const places[] = {"", "/" LK_LIB_FROM_BIN};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (snprintf(path, PATH_MAX, "%s%s/%s", own, places[i], LK_GPU_MODULE_FILE) >= PATH_MAX) return false;
        if (is_file(path)) return true;
    }
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 32, own, LK_GPU_MODULE_FILE);
    return false;
}

bool lk_gpu_module_exists(void)
{
    char path[PATH_MAX];
    return find(path);
}

static lk_status check(const char *path, const lk_gpu_module *module)
{
    if (!module) return lk_fail(LK_ERROR_BACKEND, "%s: it gives no module", path);
    if (module->abi != LK_GPU_ABI)
        return lk_fail(
            LK_ERROR_BACKEND,
            "%s: its interface is version %u, and this Likeness has version %u: install both from one build",
            path, (unsigned)module->abi, (unsigned)LK_GPU_ABI);
    if (strcmp(module->build, LK_GPU_BUILD) != 0)
        return lk_fail(LK_ERROR_BACKEND,
                       "%s: made for Likeness %.60s, and this is %s: install both from one build", path,
                       module->build, LK_GPU_BUILD);
    return LK_OK;
}

lk_status lk_gpu_module_open(const char *path, const lk_gpu_module **module)
{
    lk_gpu_entry_fn *entry = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return lk_fail(LK_ERROR_BACKEND, "the cuda backend cannot be loaded: %s", dlerror());
    /* dlsym gives an object pointer; POSIX lets it be used as a function's. */
    *(void **)(void *)&entry = dlsym(library, LK_GPU_ENTRY);
    lk_status status = entry ? LK_OK : lk_fail(LK_ERROR_BACKEND, "%s: it is no module of Likeness", path);
    const lk_gpu_module *found = status ? NULL : entry();
    if (!status) status = check(path, found);
    if (status) dlclose(library); /* else it stays: its driver's threads do not survive that */
    else *module = found;
    return status;
}

static void load(void)
{
    char path[PATH_MAX];
    const bool named = getenv(LK_GPU_MODULE_VARIABLE), found = find(path);
    lk_status status = LK_OK;
    if (found) status = lk_gpu_module_open(path, &loaded.module);
    else if (named)
        status =
            lk_fail(LK_ERROR_BACKEND, "the cuda backend is switched off by an empty " LK_GPU_MODULE_VARIABLE);
    else
        status = lk_fail(LK_ERROR_BACKEND,
                         "the cuda backend is a module that is not installed: there is no %s (a build with "
                         "-DLIKENESS_CUDA=ON makes it)",
                         path);
    if (status) loaded.failure = lk_error_take(status);
}

lk_status lk_gpu_module_load(const lk_gpu_module **module)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!loaded.module) return lk_error_restore(&loaded.failure);
    *module = loaded.module;
    return LK_OK;
}

lk_status lk_gpu_fail(const lk_gpu_module *module, lk_gpu_fault fault, const char *what)
{
    switch (fault) {
    case LK_GPU_OK:
        return LK_OK;
    case LK_GPU_NO_DRIVER:
        return lk_fail(LK_ERROR_BACKEND, "cuda: no NVIDIA driver was found (%s)", module->reason());
    case LK_GPU_OLD_DRIVER:
        return lk_fail(LK_ERROR_BACKEND, "cuda: the NVIDIA driver is too old (%s)", module->reason());
    case LK_GPU_NO_DEVICE:
        return lk_fail(LK_ERROR_BACKEND, "cuda: no device was found (%s)", module->reason());
    case LK_GPU_MEMORY:
        return lk_fail(LK_ERROR_MEMORY, "cuda: out of memory: %s (%s)", what, module->reason());
    case LK_GPU_LOST:
        return lk_fail(LK_ERROR_BACKEND, "cuda: the device was lost: %s (%s)", what, module->reason());
    case LK_GPU_UNSUPPORTED:
    case LK_GPU_FAILED:
        break;
    }
    return lk_fail(LK_ERROR_BACKEND, "cuda: %s failed (%s)", what, module->reason());
}

lk_status lk_gpu_probe(void)
{
    const lk_gpu_module *module = NULL;
    size_t devices;
    const lk_status status = lk_gpu_module_load(&module);
    return status ? status : lk_gpu_fail(module, module->count(&devices), "counting devices");
}
