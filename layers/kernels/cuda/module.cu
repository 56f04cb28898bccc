// The module that knows CUDA: memory, streams, graphs and launches by its runtime, products by cuBLASLt. The library talks to it through
// layers/gpu.h alone.
//
// cuBLASLt is looked for when a device is opened, and is not needed: without it every product is refused, and the library has kernels of its
// own for them.
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <new>

#include "layers/gpu.h"
#include "layers/kernels/cuda/kernels.cuh"

struct lk_gpu_device {
    int number;
    cublasLtHandle_t blas; // nullptr: there is no cuBLASLt
    void *workspace;       // of products, which all stand on one stream
};

namespace {

// What cuBLASLt may use besides its operands: what it recommends for Hopper.
constexpr size_t workspace_bytes = size_t(32) << 20;

thread_local char reason_text[256];

const char *reason()
{
    return reason_text;
}

lk_gpu_fault failed(lk_gpu_fault fault, const char *text)
{
    snprintf(reason_text, sizeof reason_text, "%s", text);
    return fault;
}

lk_gpu_fault fault_of(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return LK_GPU_OK;
    case cudaErrorMemoryAllocation:
        return LK_GPU_MEMORY;
    case cudaErrorInsufficientDriver: {
        // The runtime says this also where there is no driver at all.
        int version = 0;
        return cudaDriverGetVersion(&version) == cudaSuccess && version ? LK_GPU_OLD_DRIVER : LK_GPU_NO_DRIVER;
    }
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorSystemNotReady:
    case cudaErrorInitializationError:
        return LK_GPU_NO_DRIVER;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
        return LK_GPU_NO_DEVICE;
    // After these the process can do nothing more with the device.
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorDeviceUninitialized:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsConnectionFailed:
        return LK_GPU_LOST;
    default:
        return LK_GPU_FAILED;
    }
}

lk_gpu_fault told(cudaError_t error)
{
    const lk_gpu_fault fault = fault_of(error);
    if (fault == LK_GPU_OLD_DRIVER) {
        int driver = 0, runtime = 0;
        cudaDriverGetVersion(&driver);
        cudaRuntimeGetVersion(&runtime);
        snprintf(reason_text, sizeof reason_text, "its CUDA is %d.%d, and %d.%d is needed", driver / 1000,
                 driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    } else if (fault == LK_GPU_NO_DRIVER && error == cudaErrorInsufficientDriver) {
        snprintf(reason_text, sizeof reason_text, "libcuda.so.1 cannot be loaded");
    } else if (fault) {
        snprintf(reason_text, sizeof reason_text, "%s: %s", cudaGetErrorName(error), cudaGetErrorString(error));
    }
    if (fault) cudaGetLastError(); // else the next launch would report it again
    return fault;
}

// What is called of cuBLASLt; version 12 has it as 13 does.
#define LK_BLAS(CALL)                       \
    CALL(cublasLtCreate)                    \
    CALL(cublasLtDestroy)                   \
    CALL(cublasLtGetStatusString)           \
    CALL(cublasLtMatmul)                    \
    CALL(cublasLtMatmulAlgoGetHeuristic)    \
    CALL(cublasLtMatmulDescCreate)          \
    CALL(cublasLtMatmulDescDestroy)         \
    CALL(cublasLtMatmulDescSetAttribute)    \
    CALL(cublasLtMatmulPreferenceCreate)    \
    CALL(cublasLtMatmulPreferenceDestroy)   \
    CALL(cublasLtMatmulPreferenceSetAttribute) \
    CALL(cublasLtMatrixLayoutCreate)        \
    CALL(cublasLtMatrixLayoutDestroy)

struct blas_calls {
#define LK_CALL(name) decltype(&::name) name = nullptr;
    LK_BLAS(LK_CALL)
#undef LK_CALL
    bool found = false;

    blas_calls()
    {
        void *library = nullptr;
        for (const char *file : {"libcublasLt.so.13", "libcublasLt.so.12"})
            if (!library) library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        if (!library) return;
        found = true;
#define LK_CALL(name)                                              \
    name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name)); \
    found = found && name;
        LK_BLAS(LK_CALL)
#undef LK_CALL
    }
};

const blas_calls &blas()
{
    static const blas_calls calls;
    return calls;
}

// Every call may come from another thread, which has a device of its own until it is told.
lk_gpu_fault use(const lk_gpu_device *device)
{
    return told(cudaSetDevice(device->number));
}

cudaStream_t stream_of(void *stream)
{
    return static_cast<cudaStream_t>(stream);
}

lk_gpu_fault count(size_t *devices)
{
    int found = 0;
    const lk_gpu_fault fault = told(cudaGetDeviceCount(&found));
    if (fault) return fault;
    if (found <= 0) return failed(LK_GPU_NO_DEVICE, "the driver knows none");
    *devices = size_t(found);
    return LK_GPU_OK;
}

void close(lk_gpu_device *device)
{
    if (!device) return;
    cudaSetDevice(device->number);
    if (device->blas) blas().cublasLtDestroy(device->blas);
    cudaFree(device->workspace);
    delete device;
}

lk_gpu_fault describe(const lk_gpu_device *device, lk_gpu_info *info)
{
    cudaDeviceProp p;
    size_t free_bytes = 0, all_bytes = 0;
    lk_gpu_fault fault = told(cudaGetDeviceProperties(&p, device->number));
    if (!fault) fault = told(cudaMemGetInfo(&free_bytes, &all_bytes));
    if (fault) return fault;
    *info = {};
    snprintf(info->name, sizeof info->name, "%.127s", p.name);
    info->major = unsigned(p.major);
    info->minor = unsigned(p.minor);
    info->processors = unsigned(p.multiProcessorCount);
    info->free_bytes = free_bytes;
    return LK_GPU_OK;
}

lk_gpu_fault open(size_t number, lk_gpu_device **device, lk_gpu_info *info)
{
    size_t devices = 0;
    lk_gpu_fault fault = count(&devices);
    if (fault) return fault;
    if (number >= devices) {
        snprintf(reason_text, sizeof reason_text, "there are %zu, numbered from 0, and %zu was asked for", devices, number);
        return LK_GPU_NO_DEVICE;
    }
    lk_gpu_device *opened = new (std::nothrow) lk_gpu_device{};
    if (!opened) return failed(LK_GPU_MEMORY, "of the host");
    opened->number = int(number);
    fault = use(opened);
    if (!fault) fault = told(cudaFree(nullptr)); // makes the context
    if (!fault) fault = describe(opened, info);
    if (!fault) fault = told(cudaMalloc(&opened->workspace, workspace_bytes));
    if (!fault && blas().found && blas().cublasLtCreate(&opened->blas) != CUBLAS_STATUS_SUCCESS)
        fault = failed(LK_GPU_FAILED, "cuBLASLt cannot be initialized");
    if (fault) close(opened);
    else *device = opened;
    return fault;
}

lk_gpu_fault allocate(lk_gpu_device *device, lk_gpu_memory place, size_t bytes, void **memory)
{
    const lk_gpu_fault fault = use(device);
    if (fault) return fault;
    if (!bytes) bytes = 1;
    return told(place == LK_GPU_PINNED ? cudaMallocHost(memory, bytes) : cudaMalloc(memory, bytes));
}

void release(lk_gpu_device *device, lk_gpu_memory place, void *memory)
{
    if (!memory || cudaSetDevice(device->number) != cudaSuccess) return;
    if (place == LK_GPU_PINNED) cudaFreeHost(memory);
    else cudaFree(memory);
}

// ------------------------------------------------------------------ Streams, events, graphs

lk_gpu_fault open_stream(lk_gpu_device *device, void **stream)
{
    cudaStream_t made;
    lk_gpu_fault fault = use(device);
    if (!fault) fault = told(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    if (!fault) *stream = made;
    return fault;
}

void close_stream(lk_gpu_device *device, void *stream)
{
    if (stream && cudaSetDevice(device->number) == cudaSuccess) cudaStreamDestroy(stream_of(stream));
}

lk_gpu_fault finish(lk_gpu_device *device, void *stream)
{
    const lk_gpu_fault fault = use(device);
    return fault ? fault : told(cudaStreamSynchronize(stream_of(stream)));
}

lk_gpu_fault open_event(lk_gpu_device *device, void **event)
{
    cudaEvent_t made;
    lk_gpu_fault fault = use(device);
    if (!fault) fault = told(cudaEventCreate(&made));
    if (!fault) *event = made;
    return fault;
}

void close_event(lk_gpu_device *device, void *event)
{
    if (event && cudaSetDevice(device->number) == cudaSuccess) cudaEventDestroy(static_cast<cudaEvent_t>(event));
}

lk_gpu_fault record(lk_gpu_device *device, void *stream, void *event)
{
    const lk_gpu_fault fault = use(device);
    return fault ? fault : told(cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(stream)));
}

lk_gpu_fault wait(lk_gpu_device *device, void *stream, void *event)
{
    const lk_gpu_fault fault = use(device);
    return fault ? fault : told(cudaStreamWaitEvent(stream_of(stream), static_cast<cudaEvent_t>(event), 0));
}

lk_gpu_fault elapsed(lk_gpu_device *device, void *from, void *to, uint64_t *ns)
{
    float ms = 0;
    lk_gpu_fault fault = use(device);
    if (!fault) fault = told(cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(from), static_cast<cudaEvent_t>(to)));
    if (!fault) *ns = uint64_t(double(ms) * 1e6);
    return fault;
}

lk_gpu_fault begin_graph(lk_gpu_device *device, void *stream)
{
    const lk_gpu_fault fault = use(device);
    // Thread-local: another thread may allocate meanwhile.
    return fault ? fault : told(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal));
}

lk_gpu_fault end_graph(lk_gpu_device *device, void *stream, void **graph)
{
    cudaGraph_t captured = nullptr;
    cudaGraphExec_t made = nullptr;
    lk_gpu_fault fault = use(device);
    if (fault) return fault;
    fault = told(cudaStreamEndCapture(stream_of(stream), &captured));
    if (!fault && graph) fault = told(cudaGraphInstantiate(&made, captured, 0));
    if (!fault && graph) *graph = made;
    if (captured) cudaGraphDestroy(captured);
    return fault;
}

lk_gpu_fault run_graph(lk_gpu_device *device, void *stream, void *graph)
{
    const lk_gpu_fault fault = use(device);
    return fault ? fault : told(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)));
}

void close_graph(lk_gpu_device *device, void *graph)
{
    if (graph && cudaSetDevice(device->number) == cudaSuccess) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

// ------------------------------------------------------------------ Work

lk_gpu_fault copy(lk_gpu_device *device, void *stream, void *to, const void *from, size_t bytes)
{
    const lk_gpu_fault fault = use(device);
    return fault ? fault : told(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_of(stream)));
}

const void *kernel_of(lk_gpu_kernel kernel, bool half)
{
    static const void *const kernels[][2] = {
#define LK_GPU_ROW(name, args, waits) \
    {reinterpret_cast<const void *>(lk_##name##_f32__cuda), reinterpret_cast<const void *>(lk_##name##_f16__cuda)},
        LK_GPU_MAP_KERNELS(LK_GPU_ROW)
#undef LK_GPU_ROW
#define LK_GPU_ROW(name, args, waits) {reinterpret_cast<const void *>(lk_##name##__cuda), nullptr},
            LK_GPU_SEARCH_KERNELS(LK_GPU_ROW)
#undef LK_GPU_ROW
    };
    return kernels[kernel][half];
}

lk_gpu_fault launch(lk_gpu_device *device, void *stream, const lk_gpu_launch *l)
{
    const lk_gpu_fault fault = use(device);
    if (fault) return fault;
    // Of the union, each kernel reads its own struct's bytes.
    void *args[] = {const_cast<lk_gpu_args *>(&l->args)};
    return told(cudaLaunchKernel(kernel_of(l->kernel, l->half), dim3(l->grid[0], l->grid[1], l->grid[2]), dim3(l->block),
                                 args, 0, stream_of(stream)));
}

// The descriptions of a product, as cuBLASLt has them: its matrices lie column by column, so y with its rows of outputs is a matrix of
// outputs x rows, the product of w, transposed, with x.
struct product {
    cublasLtMatmulDesc_t how = nullptr;
    cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
    cublasLtMatmulPreference_t wish = nullptr;

    ~product()
    {
        if (wish) blas().cublasLtMatmulPreferenceDestroy(wish);
        if (y) blas().cublasLtMatrixLayoutDestroy(y);
        if (x) blas().cublasLtMatrixLayoutDestroy(x);
        if (w) blas().cublasLtMatrixLayoutDestroy(w);
        if (how) blas().cublasLtMatmulDescDestroy(how);
    }

    template <typename value> bool set(cublasLtMatmulDescAttributes_t attribute, const value &v)
    {
        return blas().cublasLtMatmulDescSetAttribute(how, attribute, &v, sizeof v) == CUBLAS_STATUS_SUCCESS;
    }

    // How a pointer is aligned, as far as cuBLASLt cares; it takes for granted more than an arena gives.
    bool align(cublasLtMatmulPreferenceAttributes_t attribute, const void *pointer)
    {
        const auto address = reinterpret_cast<uintptr_t>(pointer);
        const uint32_t bytes = uint32_t(std::min<uintptr_t>(address & (~address + 1), 256));
        return blas().cublasLtMatmulPreferenceSetAttribute(wish, attribute, &bytes, sizeof bytes) == CUBLAS_STATUS_SUCCESS;
    }

    bool describe(const lk_gpu_product &p)
    {
        const cudaDataType_t type = p.half ? CUDA_R_16F : CUDA_R_32F;
        const cublasComputeType_t compute = p.tf32 && !p.half ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
        const cublasOperation_t transposed = CUBLAS_OP_T;
        const cublasLtEpilogue_t epilogue = p.bias   ? (p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS)
                                            : p.relu ? CUBLASLT_EPILOGUE_RELU
                                                     : CUBLASLT_EPILOGUE_DEFAULT;
        const size_t bytes = workspace_bytes;
        return blas().cublasLtMatmulDescCreate(&how, compute, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
               set(CUBLASLT_MATMUL_DESC_TRANSA, transposed) && set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue) &&
               (!p.bias || set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias)) &&
               blas().cublasLtMatrixLayoutCreate(&w, type, p.inputs, p.outputs, int64_t(p.inputs)) == CUBLAS_STATUS_SUCCESS &&
               blas().cublasLtMatrixLayoutCreate(&x, type, p.inputs, p.rows, int64_t(p.inputs)) == CUBLAS_STATUS_SUCCESS &&
               blas().cublasLtMatrixLayoutCreate(&y, type, p.outputs, p.rows, int64_t(p.outputs)) == CUBLAS_STATUS_SUCCESS &&
               blas().cublasLtMatmulPreferenceCreate(&wish) == CUBLAS_STATUS_SUCCESS &&
               blas().cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
                                                    sizeof bytes) == CUBLAS_STATUS_SUCCESS &&
               align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, p.w) &&
               align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, p.x) &&
               align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, p.residual ? p.residual : p.y) &&
               align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, p.y);
    }
};

lk_gpu_fault multiply(lk_gpu_device *device, void *stream, const lk_gpu_product *p)
{
    const lk_gpu_fault fault = use(device);
    product described;
    cublasLtMatmulHeuristicResult_t best;
    int found = 0;
    const float one = 1, beta = p->residual ? 1 : 0;
    if (fault) return fault;
    if (!device->blas) return failed(LK_GPU_UNSUPPORTED, "there is no cuBLASLt");
    if (!described.describe(*p) ||
        blas().cublasLtMatmulAlgoGetHeuristic(device->blas, described.how, described.w, described.x, described.y, described.y,
                                       described.wish, 1, &best, &found) != CUBLAS_STATUS_SUCCESS ||
        !found || best.state != CUBLAS_STATUS_SUCCESS)
        return failed(LK_GPU_UNSUPPORTED, "cuBLASLt offers no such product");
    const cublasStatus_t status =
        blas().cublasLtMatmul(device->blas, described.how, &one, p->w, described.w, p->x, described.x, &beta,
                       p->residual ? p->residual : p->y, described.y, p->y, described.y, &best.algo, device->workspace,
                       workspace_bytes, stream_of(stream));
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return LK_GPU_OK;
    case CUBLAS_STATUS_NOT_SUPPORTED:
    case CUBLAS_STATUS_ARCH_MISMATCH:
    case CUBLAS_STATUS_INVALID_VALUE:
        return failed(LK_GPU_UNSUPPORTED, blas().cublasLtGetStatusString(status));
    default:
        break;
    }
    const lk_gpu_fault last = told(cudaGetLastError());
    return last ? last : failed(LK_GPU_FAILED, blas().cublasLtGetStatusString(status));
}

const lk_gpu_module module = {LK_GPU_ABI, LK_GPU_BUILD, reason,      count,      open,        close,     allocate,
                              release,    open_stream,  close_stream, finish,    open_event,  close_event, record,
                              wait,       elapsed,      begin_graph,  end_graph, run_graph,   close_graph, copy,
                              launch,     multiply};

} // namespace

extern "C" __attribute__((visibility("default"))) const lk_gpu_module *lk_gpu_module_entry()
{
    return &module;
}
