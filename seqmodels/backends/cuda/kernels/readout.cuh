// From the top layer's outputs at the steps of a row to its summary, and from the summary's gradient to theirs.
#pragma once
#include "platform.cuh"

enum Readout { LAST = 1, MEAN = 2, MAX = 4 };  // a set of them, joined in this order

// Grid: (parts of a lane's rows x width, lanes).
__global__ void readout_forward(const float* output,  // [tokens, width]; width = directions * hidden
                                const int64* length, const int64* offset,  // [K, R]
                                int rows, int hidden, int width, int parts,
                                float* summary,  // [K, R, features]; features = width for each part
                                int* largest) {  // [K, R, width]: the step of the maximum, the first of equal ones
    int place = blockIdx.x * blockDim.x + threadIdx.x, unit = place % width;
    if (place >= rows * width) return;
    int64 row = static_cast<int64>(blockIdx.y) * rows + place / width;
    const int steps = static_cast<int>(length[row]);
    if (steps == 0) return;
    int features = width * ((parts & LAST ? 1 : 0) + (parts & MEAN ? 1 : 0) + (parts & MAX ? 1 : 0));
    const float* own = output + offset[row] * width + unit;
    float* to = summary + row * features + unit;
    if (parts & LAST) {  // the backward direction ends at the first token
        *to = own[static_cast<int64>(unit < hidden ? steps - 1 : 0) * width];
        to += width;
    }
    if (!(parts & (MEAN | MAX))) return;
    float sum = 0, most = own[0];
    int at = 0;
    for (int step = 0; step < steps; step++) {
        float value = own[static_cast<int64>(step) * width];
        sum += value;
        if (value > most || value != value) {  // what is not a number wins
            most = value;
            at = step;
        }
    }
    if (parts & MEAN) {
        *to = sum / static_cast<float>(steps);
        to += width;
    }
    if (parts & MAX) {
        *to = most;
        largest[row * width + unit] = at;
    }
}

// Grid: (rows, lanes).
__global__ void readout_backward(const float* summary_grad,  // [K, R, features]
                                 const int64* length, const int64* offset,  // [K, R]
                                 const int* largest,  // [K, R, width]
                                 int hidden, int width, int parts,
                                 float* output_grad) {  // [tokens, width]
    int64 row = static_cast<int64>(blockIdx.y) * gridDim.x + blockIdx.x;
    const int steps = static_cast<int>(length[row]);
    if (steps == 0) return;
    int features = width * ((parts & LAST ? 1 : 0) + (parts & MEAN ? 1 : 0) + (parts & MAX ? 1 : 0));
    const float* from = summary_grad + row * features;
    float* to = output_grad + offset[row] * width;
    const float* of_mean = from + (parts & LAST ? width : 0);
    const float* of_max = of_mean + (parts & MEAN ? width : 0);
    for (int64 place = threadIdx.x; place < static_cast<int64>(steps) * width; place += blockDim.x) {
        int unit = static_cast<int>(place % width), step = static_cast<int>(place / width);
        float grad = parts & MEAN ? of_mean[unit] / static_cast<float>(steps) : 0.0f;
        if (parts & LAST && step == (unit < hidden ? steps - 1 : 0)) grad += from[unit];
        if (parts & MAX && step == largest[row * width + unit]) grad += of_max[unit];
        to[place] = grad;
    }
}
