/* A CUDA driver without a GPU, for `driver_cases.py`: every call that cuda.core makes for us is told to Python, which says what comes of it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

enum { INVALID_CONTEXT = 201, NOT_SUPPORTED = 801 };
enum { MULTIPROCESSORS = 16, SHARED_BYTES_OF_A_BLOCK = 97 }; /* CU_DEVICE_ATTRIBUTE_.. */

typedef struct {
    unsigned grid[3], block[3], shared_bytes;
    void* stream;
    void* attributes;
    unsigned attribute_count;
} Config; /* CUlaunchConfig */

typedef int Told(const char* call, const char* kernel, int value, const Config* config, void** arguments);
static Told* tell;
void stub_tell(Told* to) { tell = to; }

static _Thread_local void* current;
static int primary;

/* On kernels and memory of a thread that has made no context its own. */
static int told(const char* call, const char* kernel, int value, const Config* config, void** arguments) {
    return current ? tell(call, kernel, value, config, arguments) : INVALID_CONTEXT;
}

int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuDeviceGetCount(int* count) { return *count = 1, 0; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) {
    return *value = attribute == MULTIPROCESSORS ? 132 : attribute == SHARED_BYTES_OF_A_BLOCK ? 232448 : 0, 0;
}
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = &primary, 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuDevicePrimaryCtxRelease(int device) { return 0; }
int cuCtxSetCurrent(void* context) { return current = context, 0; }
int cuCtxGetCurrent(void** context) { return *context = current, 0; }
int cuCtxGetDevice(int* device) { return *device = 0, current ? 0 : INVALID_CONTEXT; }

int cuLibraryLoadData(void** library, const void* code, void* a, void* b, unsigned c, void* d, void* e, unsigned f) {
    *library = &primary;
    return told(__func__, "", 0, 0, 0);
}
int cuLibraryUnload(void* library) { return 0; }
int cuLibraryGetKernel(void** kernel, void* library, const char* name) {
    *kernel = strdup(name); /* a handle is the kernel's name */
    return told(__func__, name, 0, 0, 0);
}
int cuKernelSetAttribute(int attribute, int value, void* kernel, int device) {
    return attribute == 8 /* MAX_DYNAMIC_SHARED_SIZE_BYTES */ ? told(__func__, kernel, value, 0, 0) : NOT_SUPPORTED;
}
int cuKernelGetFunction(void** function, void* kernel) {
    *function = kernel;
    return told(__func__, kernel, 0, 0, 0);
}
int cuFuncLoad(void* function) { return told(__func__, function, 0, 0, 0); }
int cuLaunchKernelEx(const Config* config, void* function, void** arguments, void** extra) {
    return told(__func__, function, 0, config, arguments);
}
int cuGetErrorName(int error, const char** name) {
    *name = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : error == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER";
    return 0;
}
int cuGetErrorString(int error, const char** words) { return *words = "as its name says", 0; }

static int unsupported(void) { return NOT_SUPPORTED; }
int cuGetProcAddress_v2(const char* name, void** function, int version, uint64_t flags, int* status) {
    Dl_info here;
    dladdr((void*)unsupported, &here);
    *function = dlsym(dlopen(here.dli_fname, RTLD_NOLOAD | RTLD_LAZY), name);
    if (!*function) *function = (void*)unsupported;
    if (status) *status = 0;
    return 0;
}
