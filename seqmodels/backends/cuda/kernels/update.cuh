// Every lane's clipping and update. Formulas are those of seqmodels/optim.py, coefficients those of updates.py.
#pragma once
#include "platform.cuh"
#include "sums.cuh"

enum Optimizer { SGD, RMSPROP, ADAM, ADAMW };

constexpr int COEFFICIENTS = 7, NORM_PART = 4096;

// Squares of a part of a lane's gradients, added up. Grid: (parts of NORM_PART values, lanes). Shared memory: 4 bytes a warp.
__global__ void squared_norms(const float* grads,  // [K, P]
                              int width,
                              float* partial) {  // [K, parts]
    const float* own = grads + static_cast<int64>(blockIdx.y) * width;
    const int begin = blockIdx.x * NORM_PART, end = min(width, begin + NORM_PART);
    float sum = 0;
    for (int i = begin + threadIdx.x; i < end; i += blockDim.x) sum += own[i] * own[i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) shared_memory()[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x != 0) return;
    float total = 0;
    for (int i = 0; i < static_cast<int>(blockDim.x) / 32; i++) total += shared_memory()[i];
    partial[static_cast<int64>(blockIdx.y) * gridDim.x + blockIdx.x] = total;
}

// As torch.nn.utils.clip_grad_norm_.
__device__ __forceinline__ float clip_factor(const float* partial, int parts, float limit) {
    if (limit < 0) return 1.0f;
    double squares = 0;
    for (int i = 0; i < parts; i++) squares += partial[i];
    float factor = limit / (sqrtf(static_cast<float>(squares)) + 1e-6f);
    return factor > 1.0f ? 1.0f : factor;
}

// Grid: (parts of a lane's values, lanes). Shared memory: 4 bytes.
__global__ void update_lanes(float* params, const float* grads, float* first, float* second,  // [K, P]; moments may be null
                             const float* partial,  // [K, parts]
                             const int* optimizer, const int* momentum, const int* nesterov,  // [K]
                             const float* max_norm,  // [K], below 0: none
                             const float* coefficients,  // [K, steps, COEFFICIENTS]
                             const int* step, const int* frozen,  // [K]
                             int width, int parts, int steps) {
    const int lane = blockIdx.y;
    if (frozen[lane]) return;
    if (threadIdx.x == 0) *shared_memory() = clip_factor(partial + static_cast<int64>(lane) * parts, parts, max_norm[lane]);
    __syncthreads();
    const int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= width) return;
    const int64 at = static_cast<int64>(lane) * width + place;
    const float* c = coefficients + (static_cast<int64>(lane) * steps + step[lane]) * COEFFICIENTS;
    const float rate = c[0], decay = c[1];
    const bool remembers = momentum[lane];
    float p = params[at], g = grads[at] * *shared_memory();
    switch (optimizer[lane]) {
        case SGD:
            g += p * decay;
            if (remembers) {
                float m = first[at] * c[2] + g;
                first[at] = m;
                g = nesterov[lane] ? g + m * c[2] : m;
            }
            p -= g * rate;
            break;
        case RMSPROP: {
            g += p * decay;
            float v = second[at] * c[3] + g * g * c[4];
            second[at] = v;
            g = g / (sqrtf(v) + c[5]);
            if (remembers) {
                g = first[at] * c[2] + g;
                first[at] = g;
            }
            p -= g * rate;
            break;
        }
        default: {
            if (optimizer[lane] == ADAMW)
                p *= decay;
            else
                g += p * decay;
            float m = first[at] + (g - first[at]) * c[2], v = second[at] * c[3] + g * g * c[4];
            first[at] = m;
            second[at] = v;
            p -= m / (sqrtf(v) / c[5] + c[6]) * rate;
        }
    }
    params[at] = p;
}
