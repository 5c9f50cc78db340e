// Sums over the threads of a warp or a block, in an order that does not change.
#pragma once
#include "platform.cuh"

// Of all lanes, to all lanes.
__device__ __forceinline__ float warp_sum(float value) {
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// Sum of the values of the threads before this one; `total` is that of all threads. Needs a word of shared memory a thread.
__device__ __forceinline__ int64 sum_before(int64 value, int64& total) {
    int64* sums = reinterpret_cast<int64*>(shared_memory());
    sums[threadIdx.x] = value;
    __syncthreads();
    for (unsigned distance = 1; distance < blockDim.x; distance *= 2) {
        int64 other = threadIdx.x >= distance ? sums[threadIdx.x - distance] : 0;
        __syncthreads();
        sums[threadIdx.x] += other;
        __syncthreads();
    }
    total = sums[blockDim.x - 1];
    int64 before = sums[threadIdx.x] - value;
    __syncthreads();
    return before;
}
