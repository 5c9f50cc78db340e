// Runs the kernels over many shapes, for sanitizers to watch; and checks that threads change no bit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <random>
#include <vector>

#include "api.h"

namespace {

std::mt19937 generator(1);

long between(long low, long high) { return std::uniform_int_distribution<long>(low, high)(generator); }

// An array of its own on the heap, so that one step beyond either end is seen.
std::vector<float> numbers(long count) {
    std::vector<float> values(count);
    for (float& value : values) value = std::uniform_real_distribution<float>(-0.3f, 0.3f)(generator);
    return values;
}

struct Workspace {
    float* data;
    explicit Workspace(long floats) : data((float*)aligned_alloc(64, (4 * floats + 127) / 64 * 64)) {
        memset(data, 0xff, 4 * floats);  // NaN
    }
    ~Workspace() { free(data); }
    Workspace(const Workspace&) = delete;
};

struct Result {
    std::vector<float> output, tokens, weight_ih, weight_hh, bias_ih, bias_hh;
    bool operator==(const Result& other) const {
        auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
            return a.size() == b.size() && (a.empty() || !memcmp(a.data(), b.data(), 4 * a.size()));
        };
        return same(output, other.output) && same(tokens, other.tokens) && same(weight_ih, other.weight_ih) &&
               same(weight_hh, other.weight_hh) && same(bias_ih, other.bias_ih) && same(bias_hh, other.bias_hh);
    }
    bool finite() const {
        for (auto* values : {&output, &tokens, &weight_ih, &weight_hh, &bias_ih, &bias_hh})
            for (float value : *values)
                if (!(value - value == 0)) return false;
        return true;
    }
};

struct Problem {
    Recurrence call{};
    std::vector<int64_t> lane, start, length;
    std::vector<float> tokens, weight_ih, weight_hh, bias_ih, bias_hh, output_grad;
    long places = 0;

    Problem(int cell, long lanes, long most_rows, long most_steps, long features, long hidden) {
        long all = 0;
        for (long l = 0; l < lanes; l++)
            for (long rows = between(0, most_rows); rows > 0; rows--) {
                lane.push_back(l);
                length.push_back(between(1, most_steps));
                start.push_back(all);
                all += length.back();
            }
        places = all;
        const long gates = cell == LSTM ? 4 : cell == GRU ? 3 : 1, size = gates * hidden;
        tokens = numbers(all * features);
        weight_ih = numbers(lanes * size * features);
        weight_hh = numbers(lanes * size * hidden);
        bias_ih = numbers(lanes * size);
        bias_hh = numbers(lanes * size);
        output_grad = numbers(all * hidden);
        call.cell = cell;
        call.hidden = hidden;
        call.features = features;
        call.lanes = lanes;
        call.rows = (long)lane.size();
        call.lane = lane.data();
        call.start = start.data();
        call.length = length.data();
        call.tokens = tokens.data();
        call.weight_ih = weight_ih.data();
        call.weight_hh = weight_hh.data();
        call.bias_ih = bias_ih.data();
        call.bias_hh = bias_hh.data();
        call.weight_ih_stride = size * features;
        call.weight_hh_stride = size * hidden;
        call.bias_ih_stride = call.bias_hh_stride = size;
        call.output_stride = hidden;
        call.output_grad = output_grad.data();
    }

    Result run(int instruction_set, int threads, bool training, bool token_grad) {
        call.instruction_set = instruction_set;
        call.threads = threads;
        call.training = training;
        int64_t saved, scratch;
        recurrence_workspace(&call, &saved, &scratch);
        Workspace saved_space(saved), scratch_space(scratch);
        call.saved = saved_space.data;
        call.scratch = scratch_space.data;
        Result result;
        result.output.resize(places * call.hidden);
        call.output = result.output.data();
        recurrence_forward(&call);
        if (!training) return result;
        memset(scratch_space.data, 0xff, 4 * scratch);
        result.tokens.resize(token_grad ? tokens.size() : 0);
        result.weight_ih.resize(weight_ih.size());
        result.weight_hh.resize(weight_hh.size());
        result.bias_ih.resize(bias_ih.size());
        result.bias_hh.resize(bias_hh.size());
        call.token_grad = token_grad ? result.tokens.data() : nullptr;
        call.weight_ih_grad = result.weight_ih.data();
        call.weight_hh_grad = result.weight_hh.data();
        call.bias_ih_grad = result.bias_ih.data();
        call.bias_hh_grad = result.bias_hh.data();
        recurrence_backward(&call);
        return result;
    }
};

// A whole training step: two layers' worth of everything, with arrays of exactly the size that the interface asks for.
struct StepProblem {
    Step step{};
    std::vector<int64_t> start, length, label, offsets;
    std::vector<float> tokens, params, class_weights;
    std::vector<std::vector<float>> masks;
    std::vector<const float*> mask_places;

    StepProblem(int cell, long rows, long most_steps, long features, long hidden) {
        const long gates = cell == LSTM ? 4 : cell == GRU ? 3 : 1;
        long all = 0;
        step.cell = cell;
        step.directions = (int)between(1, 2);
        step.readout = (int)between(1, 6);
        step.smoothing = 0.1f;
        step.layers = between(1, 3);
        step.bptt = between(0, 1) * between(1, 6);
        step.hidden = hidden;
        step.features = features;
        step.classes = between(2, 40);
        step.rows = rows;
        step.head_hidden = between(0, 1) * between(1, 40);
        for (long row = 0; row < rows; row++) {
            length.push_back(between(1, most_steps));
            start.push_back(all);
            label.push_back(between(0, step.classes - 1));
            all += length.back();
        }
        tokens = numbers(all * features);
        const long width = step.directions * hidden;
        const long summary = width * __builtin_popcount((unsigned)step.readout);
        long floats = 0;
        auto parameter = [&](long size) {
            offsets.push_back(floats);
            floats += (size + 15) / 16 * 16;
        };
        for (long i = 0; i < step.layers * step.directions; i++) {
            parameter(gates * hidden * (i < step.directions ? features : width));
            parameter(gates * hidden * hidden);
            parameter(gates * hidden);
            parameter(gates * hidden);
        }
        if (step.head_hidden) parameter(step.head_hidden * summary), parameter(step.head_hidden);
        parameter(step.classes * (step.head_hidden ? step.head_hidden : summary));
        parameter(step.classes);
        params = numbers(floats);
        for (long layer = 0; layer < step.layers; layer++) {
            masks.push_back(numbers(layer + 1 < step.layers ? all * width : rows * summary));
            mask_places.push_back(masks.back().data());
        }
        step.start = start.data();
        step.length = length.data();
        step.label = label.data();
        step.tokens = tokens.data();
        step.masks = between(0, 1) ? mask_places.data() : nullptr;
        class_weights = numbers(step.classes);
        for (float& weight : class_weights) weight += 0.4f;
        step.class_weights = between(0, 1) ? class_weights.data() : nullptr;
        step.offsets = offsets.data();
        step.params = params.data();
    }

    // gradients, loss, right answers
    std::vector<float> run(int instruction_set, int threads) {
        std::vector<float> grads(params.size());
        step.instruction_set = instruction_set;
        step.threads = threads;
        step.grads = grads.data();
        Workspace workspace(step_workspace(&step));
        step.workspace = workspace.data;
        step_gradients(&step);
        grads.push_back(step.loss);
        grads.push_back((float)step.correct);
        return grads;
    }
};

bool same(const std::vector<float>& a, const std::vector<float>& b) { return !memcmp(a.data(), b.data(), 4 * a.size()); }

bool is_large(int round) { return round / 4 % 4 == 1; }  // enough work for several threads; the others take no time

// A step of a cell with gates is three or four times the work.
long most_steps(bool large, int cell) { return !large ? 12 : cell == GRU || cell == LSTM ? 16 : 40; }

bool steps_are_sound(int round) {
    const bool large = is_large(round);
    const int cell = round % 4;
    StepProblem problem(cell, large ? 24 : between(1, 9), most_steps(large, cell), between(1, 40), large ? between(90, 130) : between(1, 40));
    for (int set = 0; set <= best_instruction_set(); set++) {
        std::vector<float> alone = problem.run(set, 1);
        for (float value : alone)
            if (!(value - value == 0)) return false;
        for (int threads : {2, 5})
            if (large && !same(problem.run(set, threads), alone)) return false;
    }
    return true;
}

bool updates_are_sound(int round) {
    const int optimizer = round % 4;
    const long count = 16 * between(1, 200);
    std::vector<float> start = numbers(count), grads = numbers(count);
    for (int set = 0; set <= best_instruction_set(); set++)
        for (float max_norm : {-1.0f, 0.5f}) {
            std::vector<float> params = start, first = numbers(count), second = numbers(count);
            for (float& value : second) value *= value;
            const bool adam = optimizer == ADAM || optimizer == ADAMW;
            Update update{};
            update.instruction_set = set;
            update.optimizer = optimizer;
            update.nesterov = (int)between(0, 1);
            update.max_norm = max_norm;
            update.count = count;
            update.params = params.data();
            update.grads = grads.data();
            update.first = adam || between(0, 1) ? first.data() : nullptr;
            update.second = optimizer == SGD ? nullptr : second.data();
            for (float& coefficient : update.coefficients) coefficient = 0.1f;
            update_lane(&update);
            for (auto* values : {&params, &first, &second})
                for (float value : *values)
                    if (!(value - value == 0)) return false;
            if (params == start) return false;
        }
    return true;
}

}  // namespace

int main(int, char** arguments) {
    const int rounds = atoi(arguments[1]);
    for (int round = 0; round < rounds; round++) {
        if (!steps_are_sound(round)) {
            printf("round %d: wrong numbers of a step\n", round);
            return 1;
        }
        if (!updates_are_sound(round)) {
            printf("round %d: wrong numbers of an update\n", round);
            return 1;
        }
        const bool large = is_large(round);
        const int cell = round % 4;
        Problem problem(cell, between(1, 3), large ? 24 : 9, most_steps(large, cell), between(1, 40), large ? between(90, 130) : between(1, 40));
        problem.call.reverse = (int)between(0, 1);
        problem.call.bptt = between(0, 1) * between(1, 6);
        for (int set = 0; set <= best_instruction_set(); set++) {
            const bool token_grad = between(0, 1);
            Result alone = problem.run(set, 1, true, token_grad);
            if (!alone.finite() || problem.run(set, 1, false, false).output != alone.output) {
                printf("round %d, instruction set %d: wrong numbers\n", round, set);
                return 1;
            }
            for (int threads : {2, 5, 32})
                if (large && !(problem.run(set, threads, true, token_grad) == alone)) {
                    printf("round %d, instruction set %d: %d threads change bits\n", round, set, threads);
                    return 1;
                }
        }
    }
    printf("%d rounds\n", rounds);
}
