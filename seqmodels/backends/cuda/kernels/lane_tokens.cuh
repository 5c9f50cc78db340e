// A lane's tokens in the arrays of outputs: its rows lie there one after the other, absent ones (length 0) included.
#pragma once
#include "platform.cuh"

struct LaneTokens {
    int64 first;
    int count;

    __device__ __forceinline__ LaneTokens(const int64* length, const int64* offset, int rows, int lane) {
        const int64 last = int64(lane + 1) * rows - 1;
        first = offset[int64(lane) * rows];
        count = int(offset[last] + length[last] - first);
    }
};

// tokens [tokens]: the token of the input that each token of the outputs belongs to, and the token that was read before it, -1 for
// the first; grid (ceil(rows / 8), lanes), 256 threads.
__global__ void __launch_bounds__(256) token_map(
    const int64* start, const int64* length, const int64* offset, int rows, int2* tokens, int reverse) {
    const int row = blockIdx.x * 8 + threadIdx.x / 32;
    if (row >= rows) return;
    const int64 place = int64(blockIdx.y) * rows + row;
    const int count = int(length[place]), from = int(start[place]), to = int(offset[place]);
    for (int i = threadIdx.x % 32; i < count; i += 32)
        tokens[to + i] = make_int2(from + i, reverse ? (i + 1 < count ? to + i + 1 : -1) : i ? to + i - 1 : -1);
}
