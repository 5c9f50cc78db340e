// The kernels for x86-64-v3 (AVX2, FMA): eight floats at a time.
#include "plan.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,popcnt")
#endif
#define INSTRUCTION_SET_NAME x86_64_v3_kernels
#define WIDTH 8
#include "kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
