// Weights as the fragments of matrix products that a warp wants, and state between barriers as the other operand.
#pragma once
#include "precision.cuh"

// A fragment is an operand of 16 x 8 words: 4 a lane of the warp, as mma_tf32 wants a.

// Which weights a warp's tiles of 16 rows hold in the forward: with 8 units a warp, tile m has gates 2m and 2m + 1 of its units; with 16,
// tile m has gate m. `half` is the tile's upper or lower 8 rows. So all sums of an element are in one thread.
template <class Cell> struct Division {
    static constexpr bool PAIRS = Cell::UNITS == 8;
    static constexpr int TILES = Cell::GATES * Cell::UNITS / 16;
    static constexpr int SUM_TILES = PAIRS ? Cell::SUMS / 2 : Cell::SUMS;
    static constexpr int HALVES = Cell::UNITS / 8;  // units of a thread
    static __device__ __forceinline__ constexpr int gate(int tile, int half) { return PAIRS ? 2 * tile + half : tile; }
    static __device__ __forceinline__ constexpr int unit(int half) { return PAIRS ? 0 : 8 * half; }
    static __device__ __forceinline__ constexpr int hidden_tile(int tile) { return PAIRS ? tile : Cell::hidden_sum(tile); }
    // where sum `sum` of a thread's unit `half` is: tile, and the first of its two entries
    static __device__ __forceinline__ constexpr int tile_of(int sum) { return PAIRS ? sum / 2 : sum; }
    static __device__ __forceinline__ constexpr int entry_of(int sum, int half) { return 2 * (PAIRS ? sum % 2 : half); }
};

// Fragment of [GATES * H, columns] weights: columns step * 8 ..., rows of the group's tile.
template <class Cell, class Precision>
__device__ __forceinline__ uint4 forward_fragment(
    const float* weight, int hidden, int columns, int step, int group, int tile, int lane) {
    const int g = lane / 4, t = lane % 4;
    unsigned word[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int half = i % 2, column = step * 8 + t + 4 * (i / 2);
        const int unit = group * Cell::UNITS + Division<Cell>::unit(half) + g;
        const int row = Division<Cell>::gate(tile, half) * hidden + unit;
        word[i] = Precision::word(unit < hidden && column < columns ? weight[int64(row) * columns + column] : 0.0f);
    }
    return make_uint4(word[0], word[1], word[2], word[3]);
}

// Fragment of the transpose of [GATES * H, H] weights: units tile * 16 ..., rows step * 8 ... where each gate has `hidden` padded to 8.
template <class Precision>
__device__ __forceinline__ uint4 backward_fragment(const float* weight, int hidden, int step, int tile, int lane) {
    const int g = lane / 4, t = lane % 4, gate_steps = (hidden + 7) / 8;
    unsigned word[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int unit = tile * 16 + g + 8 * (i % 2), of_gate = step % gate_steps * 8 + t + 4 * (i / 2);
        const int row = step / gate_steps * hidden + of_gate;
        word[i] = Precision::word(unit < hidden && of_gate < hidden ? weight[int64(row) * hidden + unit] : 0.0f);
    }
    return make_uint4(word[0], word[1], word[2], word[3]);
}

template <class Precision> __device__ __forceinline__ typename Precision::Left left_of(const uint4& fragment) {
    const unsigned word[4] = {fragment.x, fragment.y, fragment.z, fragment.w};
    return Precision::left(word);
}

// One word or four adjacent ones, aligned.
__device__ __forceinline__ void load_words(const float* from, float (&words)[1]) { words[0] = *from; }
__device__ __forceinline__ void load_words(const float* from, float (&words)[4]) {
    const float4 four = *reinterpret_cast<const float4*>(from);
    words[0] = four.x;
    words[1] = four.y;
    words[2] = four.z;
    words[3] = four.w;
}
__device__ __forceinline__ void store_words(float* to, const float (&words)[1]) { *to = words[0]; }
__device__ __forceinline__ void store_words(float* to, const float (&words)[4]) {
    *reinterpret_cast<float4*>(to) = make_float4(words[0], words[1], words[2], words[3]);
}

// A matrix [k][ROWS] of words in shared memory, the right operand: groups of 8 rows change places from line to line so that neither
// writing two adjacent rows of 8 lines nor reading 8 rows of 4 lines makes two lanes meet in a bank.
template <int ROWS> struct Exchange {
    static constexpr int BLOCKS = ROWS / 8;
    static __device__ __forceinline__ int place(int line, int block) {
        return line * ROWS + 8 * (BLOCKS == 4 ? block ^ (line & 3) : BLOCKS == 2 ? block ^ (line >> 1 & 1) : block);
    }

    // lines 8 * step ..., as mma_tf32 wants b
    static __device__ __forceinline__ void read(const unsigned* words, int step, int lane, unsigned (&b)[BLOCKS][2]) {
        const int g = lane / 4, t = lane % 4;
#pragma unroll
        for (int n = 0; n < BLOCKS; n++) {
            b[n][0] = words[step * 8 * ROWS + place(t, n) + g];
            b[n][1] = words[step * 8 * ROWS + place(t + 4, n) + g];
        }
    }

    // rows 8 * block + 2 * t and the next of a line
    static __device__ __forceinline__ void write(unsigned* words, int line, int block, int t, unsigned first, unsigned second) {
        *reinterpret_cast<uint2*>(words + place(line, block) + 2 * t) = make_uint2(first, second);
    }
};
