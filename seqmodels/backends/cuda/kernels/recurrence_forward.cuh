// The recurrence of one direction of one layer: one block is one lane and ROWS of its rows, from their first step to their last.
//
// A warp owns units and computes sums[unit][row] = W h: weights are the left operand, so a thread has all sums of its elements
// and keeps their state in registers. Weights stay on chip, the first steps' fragments in registers, the next in shared memory;
// what has no room there is read from `packed` at every step, out of the L2 cache. The output of a step goes to the other warps
// through shared memory, in two buffers by turns: one barrier a step.
#pragma once
#include "cells.cuh"
#include "fragments.cuh"
#include "rows_of_block.cuh"

// Fragments of the steps from `first` on for every lane, as the kernel below reads them; grid (steps, tiles / 4, lanes), 128 threads.
template <class Cell, class Precision>
__global__ void __launch_bounds__(128) pack_forward(
    const float* weight_hh, int64 weight_hh_stride, uint4* packed, int hidden, int first, int tiles) {
    const int tile = blockIdx.y * 4 + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (tile >= tiles) return;
    constexpr int TILES = Division<Cell>::TILES;
    packed[((int64(blockIdx.z) * gridDim.x + blockIdx.x) * tiles + tile) * 32 + lane] = forward_fragment<Cell, Precision>(
        weight_hh + blockIdx.z * weight_hh_stride, hidden, hidden, first + blockIdx.x, tile / TILES, tile % TILES, lane);
}

// WARPS of a block, each with up to PASSES groups of Cell::UNITS units; REGISTER_STEPS: steps (8 columns of W_hh) whose fragments stay in
// registers, 0 with several passes. grid (ceil(rows / ROWS), lanes)
//   weight_ih [lanes][GATES * H][features] and so on, lanes `.._stride` words apart
//   packed [lanes][steps after shared_steps][groups * TILES][32]
//   input [..][features], tokens `input_stride` words apart; not read where input_steps is 0
//   start, length, offset [lanes][rows]: first token in `input`, tokens, first token in `saved`, `cells` and `output`
//   saved [tokens][H][SUMS]: sums of the input's part, both biases added, where input_steps is 0; what the backward needs, if training
//   cells [tokens][H]: c, if training and the cell has one
//   output [tokens][H], tokens `output_stride` words apart
//   input_steps: ceil(features / 8), or 0: the input projection is in `saved`
//   shared_steps: steps after those in registers whose fragments are kept in shared memory
template <class Cell, int WARPS, int PASSES, int REGISTER_STEPS, int ROWS, class Precision>
__global__ void __launch_bounds__(32 * WARPS, 1) recurrence_forward(
    const float* weight_ih, int64 weight_ih_stride, const float* weight_hh, int64 weight_hh_stride,
    const float* bias_ih, int64 bias_ih_stride, const float* bias_hh, int64 bias_hh_stride, const uint4* packed,
    const float* input, int64 input_stride, const int64* start, const int64* length, const int64* offset, int rows,
    float* saved, float* cells, float* output, int64 output_stride, int hidden, int features, int input_steps, int shared_steps,
    int reverse, int training) {
    using Parts = Division<Cell>;
    using Words = Exchange<ROWS>;
    constexpr int BLOCKS = ROWS / 8, TILES = Parts::TILES, SUMS = Cell::SUMS, THREADS = 32 * WARPS;
    const int lane = blockIdx.y, warp = threadIdx.x / 32, lane_of_warp = threadIdx.x % 32, g = lane_of_warp / 4, t = lane_of_warp % 4;
    const int steps = (hidden + 7) / 8, groups = (hidden + Cell::UNITS - 1) / Cell::UNITS, tiles = groups * TILES;
    weight_ih += lane * weight_ih_stride;
    weight_hh += lane * weight_hh_stride;
    bias_ih += lane * bias_ih_stride;
    bias_hh += lane * bias_hh_stride;
    const int resident_steps = min(steps, REGISTER_STEPS + shared_steps);
    packed += int64(lane) * (steps - resident_steps) * tiles * 32;

    // shared: rows | biases | output of a step, twice | input of a step, twice | fragments of W_ih | fragments of W_hh
    float* shared = shared_memory();
    const int state_words = groups * Cell::UNITS * ROWS, input_words = input_steps * 8 * ROWS;
    float* biases = shared + RowsOfBlock<ROWS>::WORDS;
    unsigned* states = reinterpret_cast<unsigned*>(biases + groups * Cell::UNITS * SUMS);
    float* inputs = reinterpret_cast<float*>(states + 2 * state_words);
    uint4* input_weights = reinterpret_cast<uint4*>(inputs + 2 * input_words);
    uint4* state_weights = input_weights + input_steps * tiles * 32;
    const RowsOfBlock<ROWS> own(shared, length, start, offset, rows, lane, blockIdx.x);
    if (!own.longest) return;

    uint4 in_registers[REGISTER_STEPS ? REGISTER_STEPS : 1][TILES];
#pragma unroll
    for (int step = 0; step < REGISTER_STEPS; step++)
#pragma unroll
        for (int tile = 0; tile < TILES; tile++)
            in_registers[step][tile] =
                forward_fragment<Cell, Precision>(weight_hh, hidden, hidden, step, warp, tile, lane_of_warp);
    for (int place = warp; place < input_steps * tiles; place += WARPS)
        input_weights[place * 32 + lane_of_warp] = forward_fragment<Cell, Precision>(
            weight_ih, hidden, features, place / tiles, place % tiles / TILES, place % TILES, lane_of_warp);
    for (int place = warp; place < (resident_steps - REGISTER_STEPS) * tiles; place += WARPS)
        state_weights[place * 32 + lane_of_warp] = forward_fragment<Cell, Precision>(
            weight_hh, hidden, hidden, REGISTER_STEPS + place / tiles, place % tiles / TILES, place % TILES, lane_of_warp);

    for (int place = threadIdx.x; place < groups * Cell::UNITS * SUMS; place += THREADS) {
        const int unit = place / SUMS, sum = place % SUMS;
        float total = 0.0f;
#pragma unroll
        for (int gate = 0; gate < Cell::GATES; gate++) {
            if (unit >= hidden) break;
            if (sum == gate && input_steps) total += bias_ih[gate * hidden + unit];
            if (sum == Cell::hidden_sum(gate) && (input_steps || sum != gate)) total += bias_hh[gate * hidden + unit];
        }
        biases[place] = total;
    }
    float state[PASSES][Parts::HALVES][2 * BLOCKS];
#pragma unroll
    for (int pass = 0; pass < PASSES; pass++)
#pragma unroll
        for (int half = 0; half < Parts::HALVES; half++)
#pragma unroll
            for (int x = 0; x < 2 * BLOCKS; x++) state[pass][half][x] = 0.0f;

    auto copy_input = [&](int step) {
        float* to = inputs + step % 2 * input_words;
        for (int place = threadIdx.x; place < input_words; place += THREADS) {
            const int slot = place % ROWS, feature = place / ROWS, length_of_slot = own.length[slot];
            const bool there = feature < features && step < length_of_slot;
            const int token = own.start[slot] + own.token(step, length_of_slot, reverse);
            copy_async(
                to + Words::place(feature, slot / 8) + slot % 8, there ? input + token * input_stride + feature : nullptr);
        }
    };
    if (input_steps) copy_input(0);
    wait_for_copies();
    __syncthreads();

    for (int step = 0; step < own.longest; step++) {
        // of the outputs, of the thread's two rows of a block of 8; -1 where a row has ended
        auto tokens = [&](int block) {
            const int2 lengths = *reinterpret_cast<const int2*>(own.length + block * 8 + 2 * t);
            const int2 offsets = *reinterpret_cast<const int2*>(own.offset + block * 8 + 2 * t);
            return make_int2(
                step < lengths.x ? offsets.x + own.token(step, lengths.x, reverse) : -1,
                step < lengths.y ? offsets.y + own.token(step, lengths.y, reverse) : -1);
        };
        const unsigned* before = states + (step + 1) % 2 * state_words;
        unsigned* after = states + step % 2 * state_words;
        const float* now = inputs + step % 2 * input_words;
        if (input_steps && step + 1 < own.longest) copy_input(step + 1);
        __syncwarp();  // products want all lanes together
#pragma unroll
        for (int pass = 0; pass < PASSES; pass++) {
            const int group = warp + pass * WARPS;
            if (group >= groups) break;
            float sums[Parts::SUM_TILES][BLOCKS][4];
#pragma unroll
            for (int half = 0; half < Parts::HALVES; half++) {
                const int unit = group * Cell::UNITS + Parts::unit(half) + g;
                float bias[SUMS];
                load_words(biases + unit * SUMS, bias);
#pragma unroll
                for (int x = 0; x < 2 * BLOCKS; x++) {
                    float first[SUMS];
#pragma unroll
                    for (int sum = 0; sum < SUMS; sum++) first[sum] = bias[sum];
                    if (!input_steps) {  // no branch on the row: loads of all rows are under way together
                        const int token = x % 2 ? tokens(x / 2).y : tokens(x / 2).x;
                        const bool there = unit < hidden && token >= 0;
                        const int64 element = there ? int64(token) * hidden + unit : int64(own.some_token) * hidden;
                        float projected[SUMS];
                        load_words(saved + element * SUMS, projected);
#pragma unroll
                        for (int gate = 0; gate < Cell::GATES; gate++)
                            if (there) first[gate] += projected[gate];
                    }
#pragma unroll
                    for (int sum = 0; sum < SUMS; sum++)
                        sums[Parts::tile_of(sum)][x / 2][Parts::entry_of(sum, half) + x % 2] = first[sum];
                }
            }
            for (int k = 0; k < input_steps; k++) {
                unsigned words[BLOCKS][2];
                Words::read(reinterpret_cast<const unsigned*>(now), k, lane_of_warp, words);
#pragma unroll
                for (int n = 0; n < BLOCKS; n++)
#pragma unroll
                    for (int i = 0; i < 2; i++) words[n][i] = Precision::word(__uint_as_float(words[n][i]));
                const auto right = Precision::right(words);
#pragma unroll
                for (int tile = 0; tile < TILES; tile++)
                    Precision::multiply(
                        sums[tile],
                        left_of<Precision>(input_weights[(k * tiles + group * TILES + tile) * 32 + lane_of_warp]), right);
            }
            if (step) {
                auto product = [&](int k, auto fragment) {
                    unsigned words[BLOCKS][2];
                    Words::read(before, k, lane_of_warp, words);
                    const auto right = Precision::right(words);
#pragma unroll
                    for (int tile = 0; tile < TILES; tile++)
                        Precision::multiply(sums[Parts::hidden_tile(tile)], left_of<Precision>(fragment(tile)), right);
                };
                if (steps >= REGISTER_STEPS) {  // as nearly always: without branches between them, loads overlap products
#pragma unroll
                    for (int k = 0; k < REGISTER_STEPS; k++) product(k, [&](int tile) { return in_registers[k][tile]; });
                } else {
#pragma unroll
                    for (int k = 0; k < REGISTER_STEPS; k++)
                        if (k < steps) product(k, [&](int tile) { return in_registers[k][tile]; });
                }
                const uint4* fragments = state_weights + group * TILES * 32 + lane_of_warp;
                auto next = [&](int tile) { return fragments[tile * 32]; };
#pragma unroll 2
                for (int k = REGISTER_STEPS; k < resident_steps; k++, fragments += tiles * 32) product(k, next);
                fragments = packed + group * TILES * 32 + lane_of_warp;
#pragma unroll 4
                for (int k = resident_steps; k < steps; k++, fragments += tiles * 32) product(k, next);
            }
#pragma unroll
            for (int half = 0; half < Parts::HALVES; half++) {
                const int unit = group * Cell::UNITS + Parts::unit(half) + g;
#pragma unroll
                for (int n = 0; n < BLOCKS; n++) {
                    const int2 of_rows = tokens(n);
                    unsigned words[2];
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        const int x = 2 * n + e, token = e ? of_rows.y : of_rows.x;
                        float sum[SUMS], kept[SUMS];
#pragma unroll
                        for (int i = 0; i < SUMS; i++) sum[i] = sums[Parts::tile_of(i)][n][Parts::entry_of(i, half) + e];
                        const float y = Cell::template forward<Precision>(sum, state[pass][half][x], kept);
                        words[e] = Precision::word(y);
                        if (unit < hidden && token >= 0) {
                            const int64 element = int64(token) * hidden + unit;
                            output[token * output_stride + unit] = y;
                            if (Cell::SAVES && training) store_words(saved + element * SUMS, kept);
                            if (Cell::CELL && training) cells[element] = state[pass][half][x];
                        }
                    }
                    Words::write(after, unit, n, t, words[0], words[1]);
                }
            }
        }
        wait_for_copies();
        __syncthreads();
    }
}
