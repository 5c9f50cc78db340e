// The C interface of the kernels: one struct describes a call, whatever the cell and the instruction set.
#pragma once
#include <stdint.h>

enum Cell { RNN_TANH, RNN_RELU, GRU, LSTM };
enum InstructionSet { GENERIC, X86_64_V3, X86_64_V4, INSTRUCTION_SETS };

// One direction of one layer for K lanes. G gates, H hidden, F input features, R rows of all lanes, M their tokens.
// A lane's matrices are dense; lane l's begin `stride` floats after lane l - 1's.
struct Recurrence {
    int32_t cell;             // Cell
    int32_t instruction_set;  // InstructionSet
    int32_t reverse;          // read each row from its end
    int32_t training;         // keep in `saved` what the backward pass needs
    int32_t threads;          // at most so many; bits do not depend on it
    int32_t add_token_grad;   // add to `token_grad` what it would be: the other direction's is there already
    int32_t final_only;       // `output` and `output_grad` are [R, H]: of each row's final step, the others are not asked for
    int64_t bptt;             // no gradient through the state across every `bptt` steps; 0: everywhere
    int64_t hidden;           // H
    int64_t features;         // F
    int64_t lanes;            // K
    int64_t rows;             // R
    const int64_t* lane;      // [R] 0..K-1, never decreasing
    const int64_t* start;     // [R] first token of the row in `tokens`
    const int64_t* length;    // [R] at least 1
    const float* tokens;      // [N, F]
    const float* weight_ih;   // [G*H, F]
    const float* weight_hh;   // [G*H, H]
    const float* bias_ih;     // [G*H]
    const float* bias_hh;     // [G*H]
    int64_t weight_ih_stride, weight_hh_stride, bias_ih_stride, bias_hh_stride;
    int64_t output_stride;    // of `output` and `output_grad`, floats from token to token, at least H
    float* output;            // [M, H] rows one after the other, steps in the rows' own order
    float* saved;             // the size that `recurrence_workspace` says, 64-byte aligned; written by forward, used up by backward
    float* scratch;           // likewise; no contents outlive a call
    // backward only
    const float* output_grad;  // [M, H]
    float* token_grad;         // [M, F] for the tokens of each row, rows one after the other; null: not wanted
    float* weight_ih_grad;     // [K, G*H, F]
    float* weight_hh_grad;     // [K, G*H, H]
    float* bias_ih_grad;       // [K, G*H]
    float* bias_hh_grad;       // [K, G*H]
};

enum Readout { READ_LAST = 1, READ_MEAN = 2, READ_MAX = 4 };

// A training step of one lane: every layer and direction, dropout, readout, head, cross-entropy, and all of it backwards.
// W = directions * H; S, the summary of a row: W for each part of the readout, joined in the order of `Readout`.
struct Step {
    int32_t cell, instruction_set, threads;  // as above
    int32_t directions;                      // 1 or 2
    int32_t readout;                         // sum of Readout
    float smoothing;                         // of the labels
    int64_t layers, bptt, hidden, features, classes, rows;
    int64_t head_hidden;       // units of the head's tanh layer; 0: none
    const int64_t* start;      // [R]
    const int64_t* length;     // [R]
    const int64_t* label;      // [R]
    const float* tokens;       // [N, F]
    const float* const* masks; // [layers] what to multiply with: [M, W] for each layer's output, [R, S] last; null: no dropout
    const int64_t* offsets;    // in `params` and `grads`: of weight_ih, weight_hh, bias_ih, bias_hh of each direction of each
                               // layer, then of weight and bias of each layer of the head
    const float* params;
    float* grads;              // of the loss; what lies between parameters stays
    float* workspace;          // the size that `step_workspace` says, 64-byte aligned; no contents outlive a call
    float loss;                // out: mean over rows, see `class_weights`
    int32_t padding;
    int64_t correct;           // out: rows whose largest logit is their label's
    const float* class_weights;  // [classes] of the loss, whose mean is divided by those of the rows' labels; null: each row counts once
};

enum Optimizer { SGD, RMSPROP, ADAM, ADAMW };

// One update of one lane's parameters.
struct Update {
    int32_t instruction_set;  // InstructionSet
    int32_t optimizer;        // Optimizer
    int32_t nesterov;         // SGD with momentum
    float max_norm;           // the gradients are scaled down to it; negative: as they are
    int64_t count;            // of parameters, a multiple of 16
    float* params;
    const float* grads;
    float* first;             // mean of gradients, or momentum; null: none
    float* second;            // mean of squared gradients; null: none
    float coefficients[7];    // seqmodels/updates.py: learning rate (Adam: over its bias correction), weight decay (AdamW: its factor), then
                              // SGD: momentum; RMSprop: momentum, alpha, 1 - alpha, eps;
                              // Adam: 1 - beta1, beta2, 1 - beta2, root of the second bias correction, eps
    int32_t padding;
};

#define EXPORT __attribute__((visibility("default")))

extern "C" {
// The widest instruction set that this machine runs and the library holds.
EXPORT int32_t best_instruction_set(void);

// Floats that `saved` and `scratch` must hold for this call.
EXPORT void recurrence_workspace(const Recurrence* call, int64_t* saved, int64_t* scratch);

// Writes `output`.
EXPORT void recurrence_forward(const Recurrence* call);

// Writes the gradients; the same call as the forward pass's, which had `training`.
EXPORT void recurrence_backward(const Recurrence* call);

// Floats that `workspace` must hold.
EXPORT int64_t step_workspace(const Step* step);

// Writes `grads`, `loss` and `correct`. The same bits for any `threads`.
EXPORT void step_gradients(Step* step);

// Writes `params`, `first` and `second`.
EXPORT void update_lane(const Update* update);

// out[i] = f(in[i]) with f = 0: sigmoid, 1: tanh. For tests of accuracy.
EXPORT void evaluate(int32_t instruction_set, int32_t function, int64_t count, const float* in, float* out);

// Runs about `count` vector FMAs that do not wait for each other; returns the floating-point operations done.
EXPORT int64_t spend_fma(int32_t instruction_set, int64_t count);
}
