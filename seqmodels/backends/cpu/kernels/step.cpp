// A training step of one lane: the recurrences of all layers around the head.
#include <algorithm>
#include <numeric>
#include <vector>

#include "flush.h"
#include "plan.h"

namespace seqmodels {
namespace {

// Where everything lies in the workspace. The same walk over a null workspace finds its size.
struct Pass {
    const Step& step;
    long width;           // W
    long tokens = 0;      // M
    std::vector<int64_t> lane, offset;
    std::vector<Recurrence> calls;  // layer after layer, direction after direction
    float* buffers[2];    // [M, W] outputs of layers in turn, then their gradients
    bool final_only;      // the top layer's are [R, W]
    float* scratch;
    long floats = 0;      // taken

    explicit Pass(const Step& step)
        : step(step), width(step.directions * step.hidden), lane(step.rows) {
        for (long row = 0; row < step.rows; row++) {
            offset.push_back(tokens);
            tokens += step.length[row];
        }
        final_only = step.readout == READ_LAST;
        const long top = final_only ? step.rows : tokens;
        buffers[0] = take((step.layers == 1 ? top : tokens) * width);
        buffers[1] = step.layers > 1 ? take((step.layers == 2 ? top : tokens) * width) : nullptr;
        int64_t most = kernels_of(step.instruction_set).head_scratch(step);
        const int64_t* places = step.offsets;
        for (long layer = 0; layer < step.layers; layer++)
            for (int direction = 0; direction < step.directions; direction++, places += 4) {
                calls.push_back(describe(layer, direction, places));
                int64_t saved, needed;
                recurrence_workspace(&calls.back(), &saved, &needed);
                calls.back().saved = take(saved);
                most = std::max(most, needed);
            }
        scratch = take(most);
        for (Recurrence& call : calls) call.scratch = scratch;
    }
    float* take(long count) {
        float* begin = step.workspace ? step.workspace + floats : nullptr;
        floats += whole_lines(count);
        return begin;
    }
    float* output(long layer) const { return buffers[layer % 2]; }

    Recurrence describe(long layer, int direction, const int64_t* places) const {
        Recurrence call{};
        call.cell = step.cell;
        call.instruction_set = step.instruction_set;
        call.reverse = direction;
        call.training = 1;
        call.threads = step.threads;
        call.add_token_grad = direction;
        call.final_only = final_only && layer + 1 == step.layers;
        call.bptt = step.bptt;
        call.hidden = step.hidden;
        call.features = layer ? width : step.features;
        call.lanes = 1;
        call.rows = step.rows;
        call.lane = lane.data();
        call.start = layer ? offset.data() : step.start;
        call.length = step.length;
        call.tokens = layer ? output(layer - 1) : step.tokens;
        call.weight_ih = step.params + places[0];
        call.weight_hh = step.params + places[1];
        call.bias_ih = step.params + places[2];
        call.bias_hh = step.params + places[3];
        call.weight_ih_grad = step.grads + places[0];
        call.weight_hh_grad = step.grads + places[1];
        call.bias_ih_grad = step.grads + places[2];
        call.bias_hh_grad = step.grads + places[3];
        call.output_stride = width;
        if (step.workspace) call.output = output(layer) + direction * step.hidden;
        call.output_grad = call.output;  // the gradient takes the output's place once nobody reads that any more
        call.token_grad = layer ? output(layer - 1) : nullptr;
        return call;
    }
    // Rows of the top layer's output: where they begin, and their steps.
    void top_rows(std::vector<int64_t>* begin, std::vector<int64_t>* steps) const {
        *begin = offset;
        steps->assign(step.length, step.length + step.rows);
        if (!final_only) return;
        std::iota(begin->begin(), begin->end(), 0);
        steps->assign(step.rows, 1);
    }
    // What lies between a layer and the next: `values` are its outputs or the gradients that come back.
    void drop(long layer, float* values) const {
        if (!step.masks) return;
        const float* mask = step.masks[layer];
        for (long i = 0; i < tokens * width; i++) values[i] *= mask[i];
    }
};

}  // namespace
}  // namespace seqmodels

using namespace seqmodels;

int64_t step_workspace(const Step* step) {
    Step empty = *step;
    empty.workspace = nullptr;
    return Pass(empty).floats;
}

void step_gradients(Step* step) {
    FlushToZero flush;
    Pass pass(*step);
    const long layers = step->layers, directions = step->directions;
    for (long layer = 0; layer < layers; layer++) {
        for (long d = 0; d < directions; d++) recurrence_forward(&pass.calls[layer * directions + d]);
        if (layer + 1 < layers) pass.drop(layer, pass.output(layer));
    }
    std::vector<int64_t> begin, steps;
    pass.top_rows(&begin, &steps);
    kernels_of(step->instruction_set).head(*step, begin.data(), steps.data(), pass.output(layers - 1), pass.scratch);
    for (long layer = layers - 1; layer >= 0; layer--) {
        for (long d = 0; d < directions; d++) recurrence_backward(&pass.calls[layer * directions + d]);
        if (layer) pass.drop(layer - 1, pass.output(layer - 1));
    }
}
