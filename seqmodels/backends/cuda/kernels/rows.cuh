// Which sequences the lanes learn from in a step.
#pragma once
#include "platform.cuh"
#include "sums.cuh"

// Goes on to the next step and finds its rows. A lane that is frozen, and places beyond a short batch, have rows of length 0.
// Grid: lanes. Shared memory: 8 bytes a thread.
__global__ void batch_rows(const int64* sequences,  // [K, count]: of the epoch, in each lane's order
                           const int64* sequence_start, const int64* sequence_length, const int64* sequence_label,  // [S]
                           const int* frozen,  // [K]
                           int count, int rows, int64 lane_tokens,
                           int* step,  // [K]: of the epoch, -1 before the first
                           int64* start, int64* length, int64* offset, int64* label,  // [K, R]
                           int64* lane_rows, int64* used_tokens) {  // [K]
    int lane = blockIdx.x;
    int first = (step[lane] + 1) * rows;
    int there = frozen[lane] ? 0 : min(rows, max(0, count - first));
    int64 tokens = 0;
    for (int begin = 0; begin < rows; begin += blockDim.x) {
        int row = begin + threadIdx.x;
        int64 sequence = row < there ? sequences[static_cast<int64>(lane) * count + first + row] : -1;
        int64 own = sequence < 0 ? 0 : sequence_length[sequence], total;
        int64 before = sum_before(own, total);
        if (row < rows) {
            int64 place = static_cast<int64>(lane) * rows + row;
            start[place] = sequence < 0 ? 0 : sequence_start[sequence];
            length[place] = own;
            offset[place] = lane * lane_tokens + tokens + before;
            label[place] = sequence < 0 ? 0 : sequence_label[sequence];
        }
        tokens += total;
    }
    if (threadIdx.x == 0) {
        step[lane]++;
        lane_rows[lane] = there;
        used_tokens[lane] = tokens;
    }
}
