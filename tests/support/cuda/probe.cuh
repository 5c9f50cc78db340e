// Small kernels that do right and wrong: what the emulator must show.
#pragma once
#include "platform.cuh"

// out[i] = factor * sum of x[0..31] + i, through shared memory, a shuffle and a vote
template <int THREADS, bool BARRIER>
__global__ void sums(const float* x, float* out, float factor, int64 count) {
    float* shared = shared_memory();
    shared[threadIdx.x] = x[threadIdx.x];
    if (BARRIER) __syncthreads();
    float sum = shared[(threadIdx.x + 37) % THREADS];
    for (int other = 16; other; other /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, other);
    if (__any_sync(0xffffffffu, sum != sum)) sum = -1.0f;
    if (threadIdx.x < count) out[blockIdx.x * count + threadIdx.x] = factor * sum + threadIdx.x;
}

// out [16][8] = a [16][8] b [8][8] by one warp
template <bool ROUNDED>
__global__ void product(const float* a, const float* b, float* out) {
    int g = threadIdx.x / 4, t = threadIdx.x % 4;
    auto operand = [](float x) { return ROUNDED ? to_tf32(x) : __float_as_uint(x); };
    unsigned left[4];
    for (int i = 0; i < 4; i++) left[i] = operand(a[(g + 8 * (i % 2)) * 8 + t + 4 * (i / 2)]);
    float d[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    mma_tf32(d, left, operand(b[t * 8 + g]), operand(b[(t + 4) * 8 + g]));
    for (int i = 0; i < 4; i++) out[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

// a barrier that not all reach, though all live
__global__ void deadlock() {
    if (threadIdx.x) __syncthreads();
    else __syncwarp();
}

__global__ void outside(int place) { shared_memory()[place] = 0.0f; }

__global__ void four(const float* from, float* to) { *to = reinterpret_cast<const float4*>(from)->y; }

__global__ void beside(float* to, int place) { to[place] = 0.0f; }

// a barrier when some threads have ended; two barriers that are one to the device, perhaps
__global__ void ended() {
    if (threadIdx.x < 32) return;
    __syncthreads();
}
__global__ void apart(float* to) {
    if (threadIdx.x < 32) {
        __syncthreads();
        to[0] = 1.0f;
    } else {
        __syncthreads();
        to[1] = 2.0f;
    }
}

// lanes that shuffle at two places
__global__ void halves(float* to) {
    float value = to[threadIdx.x];
    if (threadIdx.x < 16) value = 2.0f * __shfl_xor_sync(0xffffffffu, value, 1);
    else value = 3.0f + __shfl_xor_sync(0xffffffffu, value, 2);
    to[threadIdx.x] = value;
}

// a word of global memory read and written, at `from` and `to`, by each block
__global__ void copied(const float* from, float* to, int place, int by) { to[0] = from[place + by * int(blockIdx.x)]; }

// what a thread reads was written by a neighbour: 0, of its warp after nothing but a shuffle; 1, after __syncwarp; 2, of another warp after
// __syncwarp; 3, after the block's barrier; 4, nobody wrote it; 5, it is being copied; 6, it is written while others read it
template <int WAY> __global__ void neighbour(const float* x, float* out) {
    float* shared = shared_memory();
    const int self = threadIdx.x, other = WAY == 2 || WAY == 3 ? self ^ 32 : self ^ 1;
    if (WAY == 5) copy_async(shared + self, x + self);
    else if (WAY != 4) shared[self] = x[self];
    if (WAY == 0) __shfl_xor_sync(0xffffffffu, 1.0f, 1);
    if (WAY == 1 || WAY == 2) __syncwarp();
    if (WAY == 3 || WAY == 5 || WAY == 6) __syncthreads();
    if (WAY == 6 && self == 7) shared[0] = 1.0f;
    out[self] = shared[WAY == 6 ? 0 : other];
    wait_for_copies();
}
