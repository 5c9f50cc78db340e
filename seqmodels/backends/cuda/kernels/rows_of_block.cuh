// The rows that a block works on, in slots of its own.
#pragma once
#include "platform.cuh"

constexpr int SORTED_ROWS = 1024;  // a lane with more keeps its rows' order: ranking them takes rows^2 steps

// Three arrays of ROWS in shared memory. Blocks share a lane's rows out by length, longest first, since a block runs as long as its
// longest row. A row's result does not depend on its block or slot.
template <int ROWS> struct RowsOfBlock {
    static constexpr int WORDS = 3 * ROWS;
    int *length, *start, *offset;  // 0 where a slot is empty; first input token; first token of the outputs
    int longest;                   // of the block
    int some_token;                // of the outputs, in one of its rows: safe to read

    // All threads together; `shared` has room for WORDS. Rows are those of lane `lane`: entries lane * rows ...
    __device__ __forceinline__ RowsOfBlock(
        float* shared, const int64* lengths, const int64* starts, const int64* offsets, int rows, int lane, int block) {
        length = reinterpret_cast<int*>(shared);
        start = length + ROWS;
        offset = start + ROWS;
        lengths += int64(lane) * rows;
        starts += int64(lane) * rows;
        offsets += int64(lane) * rows;
        for (int slot = threadIdx.x; slot < ROWS; slot += blockDim.x) length[slot] = start[slot] = offset[slot] = 0;
        __syncthreads();
        const bool sorted = rows > ROWS && rows <= SORTED_ROWS;
        for (int row = threadIdx.x; row < rows; row += blockDim.x) {
            const int own = int(lengths[row]);
            int rank = row;
            if (sorted) {
                rank = 0;
                for (int other = 0; other < rows; other++) {
                    const int its = int(lengths[other]);
                    rank += its > own || (its == own && other < row);
                }
            }
            const int slot = rank - block * ROWS;
            if (slot >= 0 && slot < ROWS) {
                length[slot] = own;
                start[slot] = int(starts[row]);
                offset[slot] = int(offsets[row]);
            }
        }
        __syncthreads();
        longest = some_token = 0;
        for (int slot = 0; slot < ROWS; slot++)
            if (length[slot] > longest) {
                longest = length[slot];
                some_token = offset[slot];
            }
    }

    // The token of a row that its step `step` reads, counted from the row's first; the step must be one of the row.
    static __device__ __forceinline__ int token(int step, int length, bool reverse) {
        return reverse ? length - 1 - step : step;
    }
};
