// What NVRTC and nvcc give and the tests' emulator gives in its own way. Every kernel header includes this and nothing of the system's.
#pragma once

#ifdef SEQSWEEP_EMULATOR
#include "emulator.h"
#else

using int64 = long long;
using uint64 = unsigned long long;

// The block's dynamic shared memory, aligned to 16 bytes. There is no other: the emulator poisons it before every block.
__device__ __forceinline__ float* shared_memory() {
    extern __shared__ float4 dynamic_shared_memory[];
    return reinterpret_cast<float*>(dynamic_shared_memory);
}

// Rounds to TF32 (10 bits of mantissa), to nearest, ties away from zero.
__device__ __forceinline__ unsigned to_tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// D[16][8] += A[16][8] B[8][8]. With g = lane / 4 and t = lane % 4 a lane holds
//   a = A[g][t], A[g + 8][t], A[g][t + 4], A[g + 8][t + 4]     b = B[t][g], B[t + 4][g]
//   d = D[g][2t], D[g][2t + 1], D[g + 8][2t], D[g + 8][2t + 1]
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void prefetch_l2(const void* address) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
}

// A float of global memory, or 0 where `from` is null, to shared memory; it is there when the thread has waited for its copies.
__device__ __forceinline__ void copy_async(float* shared, const float* from) {
    const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(from ? 4 : 0) : "memory");
}

__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

#endif
