// The two precisions of a matrix product. An operand lies in shared memory as a word: what `word` makes of a float.
#pragma once
#include "platform.cuh"

// One product of operands rounded to TF32; fast exponentials, exact to about 2e-7.
struct Tf32 {
    struct Left { unsigned high[4]; };
    template <int N> struct Right { unsigned high[N][2]; };

    static __device__ __forceinline__ unsigned word(float x) { return to_tf32(x); }

    static __device__ __forceinline__ Left left(const unsigned (&word)[4]) {
        return {{word[0], word[1], word[2], word[3]}};
    }

    template <int N> static __device__ __forceinline__ Right<N> right(const unsigned (&word)[N][2]) {
        Right<N> made;
#pragma unroll
        for (int n = 0; n < N; n++) {
            made.high[n][0] = word[n][0];
            made.high[n][1] = word[n][1];
        }
        return made;
    }

    // sum[n] += a b[n] for n < count, tiles of 16 x 8 (see mma_tf32). All of them is the usual case: without a branch between the products
    // they overlap.
    template <int N>
    static __device__ __forceinline__ void multiply(float (&sum)[N][4], const Left& a, const Right<N>& b, int count = N) {
        if (count >= N) {
#pragma unroll
            for (int n = 0; n < N; n++) mma_tf32(sum[n], a.high, b.high[n][0], b.high[n][1]);
        } else {
#pragma unroll
            for (int n = 0; n < N; n++)
                if (n < count) mma_tf32(sum[n], a.high, b.high[n][0], b.high[n][1]);
        }
    }

    static __device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }
    static __device__ __forceinline__ float tanh(float x) {
        return 2.0f * __fdividef(1.0f, 1.0f + __expf(-2.0f * x)) - 1.0f;
    }
};

// Strict: x = high + low, both TF32, and three products (Ootomo and Yokota, 2022). Tensor cores round sums towards zero, so they add
// only the products of one step; steps are added here, to nearest.
struct Float32 {
    struct Left { unsigned high[4], low[4]; };
    template <int N> struct Right { unsigned high[N][2], low[N][2]; };

    static __device__ __forceinline__ unsigned word(float x) { return __float_as_uint(x); }

    static __device__ __forceinline__ void split(unsigned word, unsigned& high, unsigned& low) {
        const float x = __uint_as_float(word);
        high = to_tf32(x);
        low = to_tf32(x - __uint_as_float(high));
    }

    static __device__ __forceinline__ Left left(const unsigned (&word)[4]) {
        Left made;
#pragma unroll
        for (int i = 0; i < 4; i++) split(word[i], made.high[i], made.low[i]);
        return made;
    }

    template <int N> static __device__ __forceinline__ Right<N> right(const unsigned (&word)[N][2]) {
        Right<N> made;
#pragma unroll
        for (int n = 0; n < N; n++) {
            split(word[n][0], made.high[n][0], made.low[n][0]);
            split(word[n][1], made.high[n][1], made.low[n][1]);
        }
        return made;
    }

    template <int N>
    static __device__ __forceinline__ void multiply(float (&sum)[N][4], const Left& a, const Right<N>& b, int count = N) {
#pragma unroll
        for (int n = 0; n < N; n++) {
            if (n >= count) break;
            float step[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            mma_tf32(step, a.low, b.high[n][0], b.high[n][1]);
            mma_tf32(step, a.high, b.low[n][0], b.low[n][1]);
            mma_tf32(step, a.high, b.high[n][0], b.high[n][1]);
#pragma unroll
            for (int i = 0; i < 4; i++) sum[n][i] += step[i];
        }
    }

    static __device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
    static __device__ __forceinline__ float tanh(float x) { return tanhf(x); }
};
