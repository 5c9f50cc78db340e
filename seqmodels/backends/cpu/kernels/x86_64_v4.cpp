// The kernels for x86-64-v4 (AVX-512): sixteen floats at a time.
#include "plan.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v4")
#endif
#define INSTRUCTION_SET_NAME x86_64_v4_kernels
#define WIDTH 16
#include "kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
