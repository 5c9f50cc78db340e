// The input's part of the sums, and the input's gradient: products of all tokens with W_ih and its transpose, for inputs too wide to be
// projected within the recurrence. A token's bits do not depend on the others.
#pragma once
#include "cells.cuh"
#include "lane_tokens.cuh"
#include "tile_product.cuh"

// saved [tokens][H][SUMS] = W_ih x + the biases that are added to it; sums without a part of the input are left as they are.
// grid (ceil(tokens of a lane / 128), ceil(H * SUMS / 64), lanes); arguments as in recurrence_forward and token_map
template <class Cell, class Precision>
__global__ void __launch_bounds__(256) projection(
    const float* weight_ih, int64 weight_ih_stride, const float* bias_ih, int64 bias_ih_stride, const float* bias_hh,
    int64 bias_hh_stride, const float* input, int64 input_stride, const int64* length, const int64* offset, int rows,
    const int2* tokens, float* saved, int hidden, int features) {
    constexpr int SUMS = Cell::SUMS;
    using Product = TileProduct<Precision, true, true>;
    const LaneTokens own(length, offset, rows, blockIdx.z);
    const int m0 = blockIdx.x * Product::M, n0 = blockIdx.y * Product::N, count = own.count - m0, columns = hidden * SUMS - n0;
    if (count <= 0) return;
    weight_ih += blockIdx.z * weight_ih_stride;
    bias_ih += blockIdx.z * bias_ih_stride;
    bias_hh += blockIdx.z * bias_hh_stride;
    tokens += own.first + m0;
    saved += ((own.first + m0) * hidden) * SUMS + n0;
    auto gate = [&](int n) { return (n0 + n) % SUMS; };
    auto row = [&](int n) { return gate(n) * hidden + (n0 + n) / SUMS; };
    Product::run(
        0, features, count, columns,
        [&](int m, int k) { return m < count ? input + tokens[m].x * input_stride + k : nullptr; },
        [&](int n, int k) { return n < columns && gate(n) < Cell::GATES ? weight_ih + int64(row(n)) * features + k : nullptr; },
        [&](int m, int n, float value) {
            if (gate(n) >= Cell::GATES) return;
            value += bias_ih[row(n)];
            if (Cell::hidden_sum(gate(n)) == gate(n)) value += bias_hh[row(n)];
            saved[int64(m) * hidden * SUMS + n] = value;
        });
}

// input_grad [tokens][features] = gradients [tokens][H][SUMS] W_ih, added to what is there if `add`; tokens are those of the outputs,
// `input_grad_stride` words apart. grid (ceil(tokens of a lane / 128), ceil(features / 64), lanes)
template <class Cell, class Precision>
__global__ void __launch_bounds__(256, 2) input_gradient(
    const float* weight_ih, int64 weight_ih_stride, const int64* length, const int64* offset, int rows, const float* gradients,
    float* input_grad, int64 input_grad_stride, int hidden, int features, int add) {
    constexpr int SUMS = Cell::SUMS;
    using Product = TileProduct<Precision, true, false>;
    const LaneTokens own(length, offset, rows, blockIdx.z);
    const int m0 = blockIdx.x * Product::M, n0 = blockIdx.y * Product::N, count = own.count - m0, columns = features - n0;
    if (count <= 0) return;
    weight_ih += blockIdx.z * weight_ih_stride;
    gradients += (own.first + m0) * hidden * SUMS;
    input_grad += (own.first + m0) * input_grad_stride + n0;
    Product::run(
        0, hidden * SUMS, count, columns,
        [&](int m, int k) { return m < count ? gradients + int64(m) * hidden * SUMS + k : nullptr; },
        [&](int n, int k) {
            const int gate = k % SUMS;
            return n < columns && gate < Cell::GATES ? weight_ih + (int64(gate) * hidden + k / SUMS) * features + n0 + n : nullptr;
        },
        [&](int m, int n, float value) {
            float& place = input_grad[m * input_grad_stride + n];
            place = add ? place + value : value;
        });
}
