// Random draws on the device, equal to those of seqmodels/randomness.py, and what is done with them: order, noise, dropout.
//
// A lane's draw is a function of its seed, the purpose, the layer, the epoch, the step and the position among the lane's own values.
#pragma once
#include "platform.cuh"

enum Purpose { ORDER = 2, DROPOUT = 3, NOISE = 4 };

struct Words {
    uint64 word[4];
};

// Philox 4x64-10 (Salmon et al., SC'11) as numpy runs it: block b of a stream has the counter b + 1.
__device__ __forceinline__ Words philox(uint64 seed, Purpose purpose, int layer, int epoch, int step, uint64 block) {
    uint64 c0 = block + 1, c1 = step, c2 = epoch, c3 = layer, k0 = seed, k1 = purpose;
#pragma unroll
    for (int round = 0; round < 10; round++) {
        constexpr uint64 M0 = 0xD2E7470EE14C6C93ull, M1 = 0xCA5A826395121157ull;
        uint64 high0 = __umul64hi(M0, c0), low0 = M0 * c0, high1 = __umul64hi(M1, c2), low1 = M1 * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B97F4A7C15ull;
        k1 += 0xBB67AE8584CAA73Bull;
    }
    return {{c0, c1, c2, c3}};
}

constexpr int UNIFORMS = 8;  // of a block: two of each word, the low half first

// In [0, 1), 24 random bits.
__device__ __forceinline__ float uniform(const Words& words, int i) {
    unsigned half = static_cast<unsigned>(words.word[i / 2] >> (i % 2 ? 32 : 0));
    return static_cast<float>(half >> 8) * 0x1p-24f;
}

// Keys that, sorted as signed numbers, give each lane's order of an epoch. Grid: (blocks of 4 * threads keys, lanes).
__global__ void order_keys(const int64* seed,  // [K]
                           int count, int epoch,
                           int64* keys) {  // [K, count]
    int block = blockIdx.x * blockDim.x + threadIdx.x, lane = blockIdx.y;
    if (4 * block >= count) return;
    Words words = philox(seed[lane], ORDER, 0, epoch, 0, block);
    for (int i = 0; i < 4 && 4 * block + i < count; i++)
        keys[static_cast<int64>(lane) * count + 4 * block + i] = static_cast<int64>(words.word[i] ^ 1ull << 63);
}

// The rows' tokens with Gaussian noise, one row after the other at the rows' offsets. Grid: (rows, lanes).
__global__ void noisy_tokens(const float* tokens,  // [N, D]
                             const int64* start, const int64* length, const int64* offset,  // [K, R]
                             const int64* seed, const float* deviation, const int* step,  // [K]
                             const int* epoch,  // [1]
                             int features, int64 lane_tokens,
                             float* noisy) {  // [K * lane_tokens, D]
    int lane = blockIdx.y;
    int64 row = static_cast<int64>(lane) * gridDim.x + blockIdx.x;
    const int64 begin = (offset[row] - lane * lane_tokens) * features, end = begin + length[row] * features;
    const float* from = tokens + start[row] * features - begin;
    float* to = noisy + lane * lane_tokens * features;
    float scale = deviation[lane];
    if (scale == 0) {
        for (int64 i = begin + threadIdx.x; i < end; i += blockDim.x) to[i] = from[i];
        return;
    }
    for (int64 block = begin / UNIFORMS + threadIdx.x; block * UNIFORMS < end; block += blockDim.x) {
        Words words = philox(seed[lane], NOISE, 0, *epoch, step[lane], block);
        for (int i = 0; i < UNIFORMS; i += 2) {  // Box and Muller's pairs
            float radius = sqrtf(-2.0f * logf(1.0f - uniform(words, i))), angle = 6.28318530717958648f * uniform(words, i + 1);
            int64 place = block * UNIFORMS + i;
            if (place >= begin && place < end) to[place] = from[place] + scale * (radius * cosf(angle));
            if (place + 1 >= begin && place + 1 < end) to[place + 1] = from[place + 1] + scale * (radius * sinf(angle));
        }
    }
}

// out = in * mask; a mask is 0 or 1 / (1 - rate). Forwards on values, backwards on their gradients (`in` may be `out`).
// Grid: (parts of a lane's values, lanes).
__global__ void dropout(const float* in, float* out,  // [K * lane_items, features]
                        const int64* items,  // [K]: of those lane_items, how many there are
                        const int64* seed, const float* rate,
                        const float* kept,  // 1 - rate, rounded once
                        const int* step,  // [K]
                        const int* epoch,  // [1]
                        int layer, int features, int64 lane_items) {
    int lane = blockIdx.y;
    const int64 count = items[lane] * features;
    in += lane * lane_items * features;
    out += lane * lane_items * features;
    const float dropped = rate[lane], scale = 1.0f / kept[lane];
    for (int64 block = static_cast<int64>(blockIdx.x) * blockDim.x + threadIdx.x; block * UNIFORMS < count;
         block += static_cast<int64>(gridDim.x) * blockDim.x) {
        Words words{};
        if (dropped > 0) words = philox(seed[lane], DROPOUT, layer, *epoch, step[lane], block);
        for (int i = 0; i < UNIFORMS; i++) {
            int64 place = block * UNIFORMS + i;
            if (place < count) out[place] = in[place] * (uniform(words, i) >= dropped ? scale : 0.0f);
        }
    }
}
