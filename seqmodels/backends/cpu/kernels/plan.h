// What the kernels of every instruction set share: sizes, and the order in which a lane's rows are walked. Plain data.
#pragma once
#include "api.h"

namespace seqmodels {

// A row of a workspace array in floats: whole cache lines, an odd number of them, so that equal columns of successive rows
// fall into different cache sets.
inline long padded(long floats) {
    long lines = (floats + 15) / 16;
    return 16 * (lines % 2 ? lines : lines + 1);
}

inline long whole_lines(long floats) { return (floats + 15) / 16 * 16; }

// The columns of the product [h x] @ [W_hh W_ih]^T come in groups of H, a gate each. Only GRU's new gate needs the parts of h
// and x apart: it has two groups, put at the ends so that each of W_hh and W_ih meets neighbours only.
struct Groups {
    int count;
    int input_gate[4];  // which gate of W_ih a group is, -1: none
    int state_gate[4];  // which gate of W_hh
};

inline Groups groups_of(int cell) {
    if (cell == LSTM) return {4, {0, 1, 2, 3}, {0, 1, 2, 3}};
    if (cell == GRU) return {4, {2, 0, 1, -1}, {-1, 0, 1, 2}};
    return {1, {0}, {0}};
}

// Sizes of one lane's arrays. "Step-major": all rows at step 0, then those still going on at step 1, and so on.
struct Shape {
    int cell;
    long hidden, features;
    Groups groups;
    long gates;         // G of torch
    long columns;       // groups.count * hidden
    long input_stride;  // of a step's [h x]
    long gate_stride;   // of gates; the last group's last vector may reach over `columns`
    long state_stride;  // of states
    long record;        // of what a step leaves besides: gates, and for LSTM c

    explicit Shape(const Recurrence& call)
        : cell(call.cell), hidden(call.hidden), features(call.features), groups(groups_of(call.cell)) {
        gates = cell == GRU ? 3 : groups.count;
        columns = groups.count * hidden;
        input_stride = padded(whole_lines(hidden) > hidden + features ? whole_lines(hidden) : hidden + features);
        gate_stride = whole_lines(columns - hidden + whole_lines(hidden));
        state_stride = whole_lines(hidden);
        record = padded(gate_stride + (cell == LSTM ? state_stride : 0));
    }
    long saved_per_token() const { return input_stride + record; }
};

// One lane's rows, longest first (equal ones in the caller's order), so that those still going on are a prefix at every step.
struct Plan {
    long rows, steps, tokens;
    const long* start;   // [rows] first token
    const long* number;  // [rows] of the call's rows
    const long* output;  // [rows] first place in the output
    const long* length;  // [rows] not increasing
    const long* base;    // [steps + 1] step t's rows are base[t] .. base[t + 1] of step-major arrays

    long active(long step) const { return base[step + 1] - base[step]; }
};

// One lane's call.
struct Lane {
    Plan plan;
    const float *weight_ih, *weight_hh, *bias_ih, *bias_hh;
    float* saved;
    float *weight_ih_grad, *weight_hh_grad, *bias_ih_grad, *bias_hh_grad;
};

// The kernels of one instruction set.
struct Kernels {
    // floats of scratch for one task
    long (*scratch)(const Shape&, long rows);
    // rows first <= r < last of the plan
    void (*forward)(const Recurrence&, const Shape&, const Lane&, long first, long last, float* scratch);
    // gate gradients of these rows; with `all` (every row) the weights' gradients too
    void (*backward)(const Recurrence&, const Shape&, const Lane&, long first, long last, bool all, float* scratch);
    // weights' gradients of part `part` of `parts` of the columns, after every row's backward
    void (*weights)(const Shape&, const Lane&, long part, long parts, float* scratch);
    // what comes after the top layer: its output [.., W], whose rows begin at `offset` and have `steps`, is replaced by its gradient
    long (*head_scratch)(const Step&);
    void (*head)(Step&, const int64_t* offset, const int64_t* steps, float* output, float* scratch);
    void (*update)(const Update&);
    void (*evaluate)(int function, long count, const float* in, float* out);
    long (*spend_fma)(long count);
};

const Kernels& kernels_of(int instruction_set);

extern const Kernels generic_kernels;
#ifdef __x86_64__
extern const Kernels x86_64_v3_kernels, x86_64_v4_kernels;
#endif

}  // namespace seqmodels
