// The recurrence's way back: one block is one lane and ROWS of its rows, from their last step to their first. It turns what the
// forward saved into the gradients of the sums, in place; weights' and input's gradients are products of those, made elsewhere.
//
// A warp owns 16 units: it makes the sums' gradients of a step, and when all have (barrier) their product with the transpose of W_hh,
// the gradient of its units' state, over all gates; then the next step's may take their place (barrier). Weights are kept as in the forward.
#pragma once
#include "cells.cuh"
#include "fragments.cuh"
#include "rows_of_block.cuh"

// Fragments of the steps from `first` on for every lane, as the kernel below reads them; grid (steps, tiles / 4, lanes), 128 threads.
template <class Cell, class Precision>
__global__ void __launch_bounds__(128) pack_backward(
    const float* weight_hh, int64 weight_hh_stride, uint4* packed, int hidden, int first, int tiles) {
    const int tile = blockIdx.y * 4 + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (tile >= tiles) return;
    packed[((int64(blockIdx.z) * gridDim.x + blockIdx.x) * tiles + tile) * 32 + lane] = backward_fragment<Precision>(
        weight_hh + blockIdx.z * weight_hh_stride, hidden, first + blockIdx.x, tile, lane);
}

// WARPS of a block, each with up to PASSES tiles of 16 units; REGISTER_STEPS: steps (8 rows of W_hh) whose fragments stay in registers, 0
// with several passes. grid (ceil(rows / ROWS), lanes)
//   packed [lanes][steps after shared_steps][ceil(hidden / 16)][32]
//   length, offset [lanes][rows]: tokens, first token in all arrays of tokens
//   saved [tokens][H][SUMS]: what the forward saved; on return the sums' gradients
//   history [tokens][H], tokens `history_stride` words apart: c if the cell has one, else the output
//   output_grad [tokens][H], tokens `output_grad_stride` words apart
//   bptt: no gradient through the state across every `bptt` steps; 0 for none
//   shared_steps: steps after those in registers whose fragments are kept in shared memory
template <class Cell, int WARPS, int PASSES, int REGISTER_STEPS, int ROWS, class Precision>
__global__ void __launch_bounds__(32 * WARPS, 1) recurrence_backward(
    const float* weight_hh, int64 weight_hh_stride, const uint4* packed, const int64* length, const int64* offset, int rows,
    float* saved, const float* history, int64 history_stride, const float* output_grad, int64 output_grad_stride, int hidden,
    int shared_steps, int reverse, int bptt) {
    using Words = Exchange<ROWS>;
    constexpr int BLOCKS = ROWS / 8, SUMS = Cell::SUMS, THREADS = 32 * WARPS;
    const int lane = blockIdx.y, warp = threadIdx.x / 32, lane_of_warp = threadIdx.x % 32, g = lane_of_warp / 4, t = lane_of_warp % 4;
    const int gate_steps = (hidden + 7) / 8, steps = Cell::GATES * gate_steps, tiles = (hidden + 15) / 16;
    weight_hh += lane * weight_hh_stride;
    const int resident_steps = min(steps, REGISTER_STEPS + shared_steps);
    packed += int64(lane) * (steps - resident_steps) * tiles * 32;

    // shared: rows | gradients of the products with the state | fragments of W_hh
    float* shared = shared_memory();
    unsigned* gradients = reinterpret_cast<unsigned*>(shared) + RowsOfBlock<ROWS>::WORDS;
    uint4* state_weights = reinterpret_cast<uint4*>(gradients + steps * 8 * ROWS);
    const RowsOfBlock<ROWS> own(shared, length, offset, offset, rows, lane, blockIdx.x);
    if (!own.longest) return;

    uint4 in_registers[REGISTER_STEPS ? REGISTER_STEPS : 1];
#pragma unroll
    for (int step = 0; step < REGISTER_STEPS; step++)
        in_registers[step] = step < steps ? backward_fragment<Precision>(weight_hh, hidden, step, warp, lane_of_warp)
                                          : make_uint4(0, 0, 0, 0);
    for (int place = warp; place < (resident_steps - REGISTER_STEPS) * tiles; place += WARPS)
        state_weights[place * 32 + lane_of_warp] = backward_fragment<Precision>(
            weight_hh, hidden, REGISTER_STEPS + place / tiles, place % tiles, lane_of_warp);

    float dy[PASSES][2][2 * BLOCKS], carry[PASSES][2][2 * BLOCKS];
#pragma unroll
    for (int pass = 0; pass < PASSES; pass++)
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int x = 0; x < 2 * BLOCKS; x++) dy[pass][half][x] = carry[pass][half][x] = 0.0f;

    for (int step = own.longest - 1; step >= 0; step--) {
        const bool cut = bptt && step % bptt == 0;
#pragma unroll
        for (int pass = 0; pass < PASSES; pass++) {
            const int tile = warp + pass * WARPS;
            if (tile >= tiles) break;
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const int unit = tile * 16 + 8 * half + g;
                float kept[2 * BLOCKS][SUMS], now[2 * BLOCKS], before[2 * BLOCKS];
                int token[2 * BLOCKS];  // -1 where a row has not come so far
                // a row that is not in this step reads another place and does not use it: all loads are under way together
#pragma unroll
                for (int x = 0; x < 2 * BLOCKS; x++) {
                    const int slot = x / 2 * 8 + 2 * t + x % 2, length_of_slot = own.length[slot];
                    const bool there = unit < hidden && step < length_of_slot;
                    const int place = there ? own.offset[slot] + own.token(step, length_of_slot, reverse) : own.some_token;
                    const int column = there ? unit : 0, last = there && step ? place + (reverse ? 1 : -1) : place;
                    token[x] = there ? place : -1;
                    if (Cell::SAVES) load_words(saved + (int64(place) * hidden + column) * SUMS, kept[x]);
                    now[x] = Cell::NOW ? history[place * history_stride + column] : 0.0f;
                    before[x] = Cell::BEFORE ? history[last * history_stride + column] : 0.0f;
                    dy[pass][half][x] += output_grad[place * output_grad_stride + column];
                }
#pragma unroll
                for (int n = 0; n < BLOCKS; n++) {
                    unsigned words[2][SUMS];
#pragma unroll
                    for (int e = 0; e < 2; e++) {
                        const int x = 2 * n + e;
                        float gradient[SUMS];
                        Cell::template backward<Precision>(
                            kept[x], now[x], step ? before[x] : 0.0f, dy[pass][half][x], carry[pass][half][x], gradient);
                        if (token[x] >= 0) {
                            store_words(saved + (int64(token[x]) * hidden + unit) * SUMS, gradient);
                        } else {
                            carry[pass][half][x] = 0.0f;
#pragma unroll
                            for (int i = 0; i < SUMS; i++) gradient[i] = 0.0f;
                        }
                        if (cut) carry[pass][half][x] = 0.0f;
                        dy[pass][half][x] = 0.0f;
#pragma unroll
                        for (int i = 0; i < SUMS; i++) words[e][i] = Precision::word(gradient[i]);
                    }
                    if (unit < gate_steps * 8)
#pragma unroll
                        for (int gate = 0; gate < Cell::GATES; gate++) {
                            const int sum = Cell::hidden_sum(gate);
                            Words::write(gradients, gate * gate_steps * 8 + unit, n, t, words[0][sum], words[1][sum]);
                        }
                }
            }
        }
        if (!step) break;
        if (cut) continue;  // no product: nobody reads what the next step overwrites
        __syncthreads();
        // the next step's operands on their way to the L2 cache
        {
            const int slot = threadIdx.x % ROWS, length_of_slot = own.length[slot];
            if (step - 1 < length_of_slot) {
                const int token = own.offset[slot] + own.token(step - 1, length_of_slot, reverse);
                const int from = threadIdx.x / ROWS * 32, by = THREADS / ROWS * 32;
                if (Cell::SAVES)
                    for (int word = from; word < hidden * SUMS; word += by)
                        prefetch_l2(saved + int64(token) * hidden * SUMS + word);
                for (int word = from; word < hidden; word += by) {
                    if (Cell::NOW) prefetch_l2(history + token * history_stride + word);
                    prefetch_l2(output_grad + token * output_grad_stride + word);
                }
            }
            __syncwarp();  // products want all lanes together
        }
#pragma unroll
        for (int pass = 0; pass < PASSES; pass++) {
            const int tile = warp + pass * WARPS;
            if (tile >= tiles) break;
            float sums[BLOCKS][4];
#pragma unroll
            for (int n = 0; n < BLOCKS; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) sums[n][i] = 0.0f;
            auto product = [&](int k, const uint4& fragment) {
                unsigned words[BLOCKS][2];
                Words::read(gradients, k, lane_of_warp, words);
                Precision::multiply(sums, left_of<Precision>(fragment), Precision::right(words));
            };
            if (steps >= REGISTER_STEPS) {  // as nearly always: without branches between them, loads overlap products
#pragma unroll
                for (int k = 0; k < REGISTER_STEPS; k++) product(k, in_registers[k]);
            } else {
#pragma unroll
                for (int k = 0; k < REGISTER_STEPS; k++)
                    if (k < steps) product(k, in_registers[k]);
            }
            const uint4* fragments = state_weights + tile * 32 + lane_of_warp;
#pragma unroll 4
            for (int k = REGISTER_STEPS; k < resident_steps; k++, fragments += tiles * 32) product(k, *fragments);
            fragments = packed + tile * 32 + lane_of_warp;
#pragma unroll 4
            for (int k = resident_steps; k < steps; k++, fragments += tiles * 32) product(k, *fragments);
#pragma unroll
            for (int half = 0; half < 2; half++)
#pragma unroll
                for (int x = 0; x < 2 * BLOCKS; x++) dy[pass][half][x] = sums[x / 2][2 * half + x % 2];
        }
        __syncthreads();
    }
}
