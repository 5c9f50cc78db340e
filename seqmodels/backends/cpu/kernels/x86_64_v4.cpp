// The kernels for x86-64-v4 (AVX-512): sixteen floats at a time.
#include "plan.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")
#endif
#define INSTRUCTION_SET_NAME x86_64_v4_kernels
#define WIDTH 16
#include "kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
