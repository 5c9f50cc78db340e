// A matrix product of a block: C[128][64] = sum over k of left(m, k) right(n, k), in steps of 32 k.
#pragma once
#include "precision.cuh"

// Operands come from functions that give a value's address, or null for 0. While a step is multiplied the next one is being copied.
// ALONG_K says how an operand lies in memory: adjacent in k, else adjacent in m or n. Shared memory: 2 (Left::WORDS + Right::WORDS) floats.
template <class Precision, bool LEFT_ALONG_K, bool RIGHT_ALONG_K> struct TileProduct {
    static constexpr int M = 128, N = 64, K = 32, THREADS = 256;
    // a line of k is padded so that lanes meet in no bank
    template <bool ALONG_K, int SIZE> struct Operand {
        static constexpr int EACH = SIZE * K / THREADS, WORDS = ALONG_K ? SIZE * (K + 4) : K * (SIZE + 8);
        static __device__ __forceinline__ int place(int item, int k) { return ALONG_K ? item * (K + 4) + k : k * (SIZE + 8) + item; }
        static __device__ __forceinline__ int item(int i) {
            const int whole = threadIdx.x + i * THREADS;
            return ALONG_K ? whole / K : whole % SIZE;
        }
        static __device__ __forceinline__ int k(int i) {
            const int whole = threadIdx.x + i * THREADS;
            return ALONG_K ? whole % K : whole / SIZE;
        }
    };
    using Left = Operand<LEFT_ALONG_K, M>;
    using Right = Operand<RIGHT_ALONG_K, N>;

    // Calls result(m, n, value) for every m < rows and n < columns, each in one thread; k runs from first to last - 1.
    template <class ReadLeft, class ReadRight, class Result>
    static __device__ __forceinline__ void run(
        int first, int last, int rows, int columns, ReadLeft left, ReadRight right, Result result) {
        float* lefts = shared_memory();
        float* rights = lefts + 2 * Left::WORDS;
        const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
        const int m0 = warp / 2 * 32, n0 = warp % 2 * 32;  // 32 x 32 a warp
        const int m_tiles = min(2, max(0, (rows - m0 + 15) / 16)), n_tiles = min(4, max(0, (columns - n0 + 7) / 8));
        float sums[2][4][4] = {};
        auto copy = [&](int k, int buffer) {
#pragma unroll
            for (int i = 0; i < Left::EACH; i++) {
                const int item = Left::item(i), of = Left::k(i);
                const float* from = k + of < last ? left(item, k + of) : nullptr;
                copy_async(lefts + buffer * Left::WORDS + Left::place(item, of), from);
            }
#pragma unroll
            for (int i = 0; i < Right::EACH; i++) {
                const int item = Right::item(i), of = Right::k(i);
                const float* from = k + of < last ? right(item, k + of) : nullptr;
                copy_async(rights + buffer * Right::WORDS + Right::place(item, of), from);
            }
        };
        copy(first, 0);
        wait_for_copies();
        __syncthreads();
        for (int k = first, buffer = 0; k < last; k += K, buffer ^= 1) {
            if (k + K < last) copy(k + K, buffer ^ 1);
            __syncwarp();  // products want all lanes together
            const float* a = lefts + buffer * Left::WORDS;
            const float* b = rights + buffer * Right::WORDS;
            if (m_tiles && n_tiles)
#pragma unroll
                for (int step = 0; step < K; step += 8) {
                    unsigned words[4][2];
#pragma unroll
                    for (int n = 0; n < 4; n++) {
                        words[n][0] = Precision::word(b[Right::place(n0 + n * 8 + g, step + t)]);
                        words[n][1] = Precision::word(b[Right::place(n0 + n * 8 + g, step + t + 4)]);
                    }
                    const auto rounded = Precision::right(words);
#pragma unroll
                    for (int m = 0; m < 2; m++)
                        if (m < m_tiles) {
                            const int row = m0 + m * 16 + g;
                            const unsigned word[4] = {
                                Precision::word(a[Left::place(row, step + t)]), Precision::word(a[Left::place(row + 8, step + t)]),
                                Precision::word(a[Left::place(row, step + t + 4)]),
                                Precision::word(a[Left::place(row + 8, step + t + 4)])};
                            Precision::multiply(sums[m], Precision::left(word), rounded, n_tiles);
                        }
                }
            wait_for_copies();
            __syncthreads();
        }
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int n = 0; n < 4; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    const int row = m0 + m * 16 + g + 8 * (i / 2), column = n0 + n * 8 + 2 * t + i % 2;
                    if (row < rows && column < columns) result(row, column, sums[m][n][i]);
                }
    }
};
