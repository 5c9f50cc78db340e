// All kernels of one instruction set. The including file defines INSTRUCTION_SET_NAME and WIDTH, and sets the target, after
// it has included everything that other files share: no function compiled here may be visible outside, or the linker could
// take a wide instruction set's copy for all.
namespace seqmodels {
namespace {

#include "vector.h"

#include "product.h"

#include "cells.h"

#include "lane.h"

#include "head.h"

#include "update.h"

void any_forward(const Recurrence& call, const Shape& shape, const Lane& lane, long first, long last, float* scratch) {
    switch (shape.cell) {
        case RNN_TANH: return forward<RNN_TANH>(call, shape, lane, first, last, scratch);
        case RNN_RELU: return forward<RNN_RELU>(call, shape, lane, first, last, scratch);
        case GRU: return forward<GRU>(call, shape, lane, first, last, scratch);
        case LSTM: return forward<LSTM>(call, shape, lane, first, last, scratch);
    }
}

void any_backward(const Recurrence& call, const Shape& shape, const Lane& lane, long first, long last, bool all, float* scratch) {
    switch (shape.cell) {
        case RNN_TANH: return backward<RNN_TANH>(call, shape, lane, first, last, all, scratch);
        case RNN_RELU: return backward<RNN_RELU>(call, shape, lane, first, last, all, scratch);
        case GRU: return backward<GRU>(call, shape, lane, first, last, all, scratch);
        case LSTM: return backward<LSTM>(call, shape, lane, first, last, all, scratch);
    }
}

void evaluate_vectors(int function, long count, const float* in, float* out) {
    for (long i = 0; i < count; i += WIDTH) {
        vec x = load_exactly(in + i, count - i);
        float y[WIDTH];
        store(y, function ? hyperbolic_tangent(x) : sigmoid(x));
        for (long j = 0; j < WIDTH && i + j < count; j++) out[i + j] = y[j];
    }
}

long spend(long count) {
    constexpr int CHAINS = 12;
    vec sum[CHAINS], x = all(0.999f), y = all(1e-3f);
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) sum[j] = all((float)j);  // equal ones would be computed once
    for (long i = 0; i < count; i += CHAINS) {
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; j++) sum[j] = sum[j] * x + y;
    }
    vec total = {};
#pragma GCC unroll 12
    for (int j = 0; j < CHAINS; j++) total += sum[j];
    volatile float keep = total[0];
    (void)keep;
    return (count + CHAINS - 1) / CHAINS * CHAINS * WIDTH * 2;
}

}  // namespace

extern const Kernels INSTRUCTION_SET_NAME;
const Kernels INSTRUCTION_SET_NAME = {scratch, any_forward, any_backward, weights, head_scratch, head, update, evaluate_vectors, spend};

}  // namespace seqmodels
