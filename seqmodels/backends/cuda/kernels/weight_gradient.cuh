// Gradients of a direction's weights and biases in a fixed order, without atomics: products over chunks of a lane's own tokens, added one
// after the other. Neither other lanes nor the size of the arrays changes a bit.
//
//   [H * SUMS][H + features + 1] = sum over tokens of gradients[token] (output of the step before | input | 1)
#pragma once
#include "cells.cuh"
#include "lane_tokens.cuh"
#include "tile_product.cuh"

__device__ const float ONE = 1.0f;

// partial [lanes][chunks][H * SUMS][H + features + 1]; grid (tiles of 128 x 64, chunks, lanes); other arguments as in
// recurrence_backward and token_map. Chunks beyond a lane's tokens are left as they are.
template <class Cell, class Precision>
__global__ void __launch_bounds__(256, 2) weight_gradient(
    const float* gradients, const float* output, int64 output_stride, const float* input, int64 input_stride, const int64* length,
    const int64* offset, int rows, const int2* tokens, float* partial, int hidden, int features, int chunk) {
    using Product = TileProduct<Precision, false, false>;
    const LaneTokens own(length, offset, rows, blockIdx.z);
    const int first = blockIdx.y * chunk, last = min(own.count, first + chunk);
    if (first >= last) return;
    const int all_rows = hidden * Cell::SUMS, all_columns = hidden + features + 1, n_tiles = (all_columns + Product::N - 1) / Product::N;
    const int m0 = blockIdx.x / n_tiles * Product::M, n0 = blockIdx.x % n_tiles * Product::N;
    const int m_count = all_rows - m0, n_count = all_columns - n0;
    gradients += own.first * all_rows + m0;
    tokens += own.first;
    partial += ((int64(blockIdx.z) * gridDim.y + blockIdx.y) * all_rows + m0) * all_columns + n0;
    Product::run(
        first, last, m_count, n_count,
        [&](int m, int k) -> const float* { return m < m_count ? gradients + int64(k) * all_rows + m : nullptr; },
        [&](int n, int k) -> const float* {
            const int column = n0 + n;
            if (column >= hidden + features) return column == hidden + features ? &ONE : nullptr;
            const int2 token = tokens[k];
            if (column >= hidden) return input + token.x * input_stride + column - hidden;
            return token.y < 0 ? nullptr : output + token.y * output_stride + column;
        },
        [&](int m, int n, float value) { partial[int64(m) * all_columns + n] = value; });
}

// Adds the chunks of each lane and puts the sums where the weights' gradients belong; grid (ceil(values / 256), lanes), 256 threads.
template <class Cell>
__global__ void __launch_bounds__(256) add_chunks(
    const float* partial, const int64* length, const int64* offset, int rows, int hidden, int features, int chunk, int chunks,
    float* weight_ih_grad, int64 weight_ih_stride, float* weight_hh_grad, int64 weight_hh_stride, float* bias_ih_grad,
    int64 bias_ih_stride, float* bias_hh_grad, int64 bias_hh_stride) {
    const int columns = hidden + features + 1, count = hidden * Cell::SUMS * columns, place = blockIdx.x * 256 + threadIdx.x;
    const int64 lane = blockIdx.y;
    if (place >= count) return;
    const LaneTokens own(length, offset, rows, int(lane));
    partial += lane * chunks * count + place;
    float total = 0.0f;
    for (int i = 0; i < chunks && i * chunk < own.count; i++) total += partial[int64(i) * count];
    const int column = place % columns, unit = place / columns / Cell::SUMS, sum = place / columns % Cell::SUMS;
    if (sum < Cell::GATES) {
        const int64 row = int64(sum) * hidden + unit;
        if (column >= hidden && column < hidden + features)
            weight_ih_grad[lane * weight_ih_stride + row * features + column - hidden] = total;
        if (column == hidden + features) bias_ih_grad[lane * bias_ih_stride + row] = total;
    }
    for (int gate = 0; gate < Cell::GATES; gate++)
        if (Cell::hidden_sum(gate) == sum) {
            const int64 row = int64(gate) * hidden + unit;
            if (column < hidden) weight_hh_grad[lane * weight_hh_stride + row * hidden + column] = total;
            if (column == hidden + features) bias_hh_grad[lane * bias_hh_stride + row] = total;
        }
}
