// The head of every lane in float32, without tensor cores: linear layers and the cross-entropy. Sums run in a fixed order.
#pragma once
#include "platform.cuh"
#include "sums.cuh"

// y = W x + b for every row, then tanh if `squash`; a warp an output. Grid: (parts of a lane's rows x outputs, lanes).
__global__ void linear_forward(const float* x,  // [K, R, inputs]
                               const float* weight, const float* bias,  // lane 0's [outputs, inputs], [outputs]
                               int64 lane_stride,  // from a lane's weights to the next one's
                               const int64* lane_rows,  // [K]
                               int rows, int inputs, int outputs, int squash,
                               float* y) {  // [K, R, outputs]
    int place = (blockIdx.x * blockDim.x + threadIdx.x) / 32, thread = threadIdx.x % 32, lane = blockIdx.y;
    int row = place / outputs, output = place % outputs;
    if (row >= lane_rows[lane]) return;
    const float* from = x + (static_cast<int64>(lane) * rows + row) * inputs;
    const float* own = weight + lane * lane_stride + static_cast<int64>(output) * inputs;
    float sum = 0;
    for (int i = thread; i < inputs; i += 32) sum += from[i] * own[i];
    sum = warp_sum(sum) + bias[lane * lane_stride + output];
    if (thread == 0) y[(static_cast<int64>(lane) * rows + row) * outputs + output] = squash ? tanhf(sum) : sum;
}

// Gradients of W and b, added up over the lane's rows in order. Grid: (parts of outputs x (inputs + 1), lanes).
__global__ void linear_weight_gradient(const float* x, const float* y_grad,  // [K, R, inputs], [K, R, outputs]
                                       const int64* lane_rows,  // [K]
                                       int rows, int inputs, int outputs, int64 lane_stride,
                                       float* weight_grad, float* bias_grad) {  // lane 0's
    int place = blockIdx.x * blockDim.x + threadIdx.x, lane = blockIdx.y;
    int output = place / (inputs + 1), input = place % (inputs + 1);
    if (output >= outputs) return;
    const float* of_x = x + static_cast<int64>(lane) * rows * inputs + input;
    const float* of_y = y_grad + static_cast<int64>(lane) * rows * outputs + output;
    const int there = static_cast<int>(lane_rows[lane]);
    float sum = 0;
    if (input < inputs) {
        for (int row = 0; row < there; row++) sum += of_y[static_cast<int64>(row) * outputs] * of_x[static_cast<int64>(row) * inputs];
        weight_grad[lane * lane_stride + static_cast<int64>(output) * inputs + input] = sum;
    } else {
        for (int row = 0; row < there; row++) sum += of_y[static_cast<int64>(row) * outputs];
        bias_grad[lane * lane_stride + output] = sum;
    }
}

// Gradient of x; where x = tanh(s), of s. Grid: (parts of a lane's rows x inputs, lanes).
__global__ void linear_input_gradient(const float* y_grad,  // [K, R, outputs]
                                      const float* weight,  // lane 0's
                                      int64 lane_stride,
                                      const float* squashed,  // x where it is a tanh, else null
                                      const int64* lane_rows,  // [K]
                                      int rows, int inputs, int outputs,
                                      float* x_grad) {  // [K, R, inputs]
    int place = blockIdx.x * blockDim.x + threadIdx.x, lane = blockIdx.y;
    int row = place / inputs, input = place % inputs;
    if (row >= lane_rows[lane]) return;
    const int64 own_row = static_cast<int64>(lane) * rows + row;
    const float* own = weight + lane * lane_stride + input;
    float sum = 0;
    for (int output = 0; output < outputs; output++)
        sum += y_grad[own_row * outputs + output] * own[static_cast<int64>(output) * inputs];
    if (squashed) {
        float x = squashed[own_row * inputs + input];
        sum *= 1.0f - x * x;
    }
    x_grad[own_row * inputs + input] = sum;
}

// A row's cross-entropy with the smoothed label by one warp, as torch weighs classes; `logits` become the gradient of the batch's
// mean, which is divided by `total`.
__device__ __forceinline__ float row_cross_entropy(float* logits, const float* weight, int classes, int label, float smoothing,
                                                   float total, bool& right) {
    const int thread = threadIdx.x % 32;
    float most = 0, sum = 0;
    int best = classes;
    for (int c = thread; c < classes; c += 32) {
        sum += logits[c];
        if (best == classes || logits[c] > most) {
            most = logits[c];
            best = c;
        }
    }
    const float mean = warp_sum(sum) / static_cast<float>(classes);
    for (int distance = 16; distance > 0; distance /= 2) {
        float other = __shfl_xor_sync(0xffffffffu, most, distance);
        int its = __shfl_xor_sync(0xffffffffu, best, distance);
        if (its < classes && (best == classes || other > most || (other == most && its < best))) {
            most = other;
            best = its;
        }
    }
    right = best == label;
    sum = 0;
    for (int c = thread; c < classes; c += 32) sum += expf(logits[c] - most);
    sum = warp_sum(sum);
    const float at_label = logits[label] - most, even = smoothing / static_cast<float>(classes), own = 1.0f - smoothing;
    if (weight) {
        float weights = 0, weighted = 0;
        for (int c = thread; c < classes; c += 32) {
            weights += weight[c];
            weighted += weight[c] * (logits[c] - most);
        }
        const float at_own = own * weight[label], both = at_own + even * warp_sum(weights);
        weighted = even * warp_sum(weighted);
        __syncwarp();
        for (int c = thread; c < classes; c += 32)
            logits[c] = (both * (expf(logits[c] - most) / sum) - even * weight[c] - (c == label ? at_own : 0.0f)) / total;
        return both * logf(sum) - at_own * at_label - weighted;
    }
    __syncwarp();
    for (int c = thread; c < classes; c += 32)
        logits[c] = (expf(logits[c] - most) / sum - even - (c == label ? own : 0.0f)) / total;
    return logf(sum) - own * at_label - smoothing * (mean - most);
}

// Mean loss of each lane's batch, its right answers and the logits' gradients; adds to the epoch's totals. A lane whose loss is
// not finite is frozen from here on. Grid: lanes. Shared memory: 8 bytes a warp.
__global__ void cross_entropy(float* logits,  // [K, R, C]
                              const int64* label,  // [K, R]
                              const int64* lane_rows,  // [K]
                              const float* smoothing,  // [K]
                              const float* weight,  // [C] of the classes; null: each row counts once
                              int rows, int classes,
                              int* frozen,  // [K]
                              double* loss, int64* correct, int64* steps) {  // [K]: of the epoch; loss times rows
    const int lane = blockIdx.x, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    const int there = static_cast<int>(lane_rows[lane]);
    if (there == 0) return;
    float all = static_cast<float>(there);  // what the mean is divided by
    if (weight) {
        all = 0;
        for (int row = threadIdx.x % 32; row < there; row += 32) all += weight[label[static_cast<int64>(lane) * rows + row]];
        all = warp_sum(all);
    }
    float own_loss = 0;  // of the warp's rows, in order
    int own_right = 0;
    for (int row = warp; row < there; row += warps) {
        int64 place = static_cast<int64>(lane) * rows + row;
        bool right;
        own_loss += row_cross_entropy(logits + place * classes, weight, classes, static_cast<int>(label[place]), smoothing[lane], all,
                                      right);
        own_right += right;
    }
    float* losses = shared_memory();
    int* rights = reinterpret_cast<int*>(losses + warps);
    if (threadIdx.x % 32 == 0) {
        losses[warp] = own_loss;
        rights[warp] = own_right;
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    double total = 0;
    int right = 0;
    for (int i = 0; i < warps; i++) {
        total += losses[i];
        right += rights[i];
    }
    const float mean = static_cast<float>(total / all);
    loss[lane] += static_cast<double>(mean) * there;
    correct[lane] += right;
    steps[lane]++;
    if (!isfinite(mean)) frozen[lane] = 1;
}
