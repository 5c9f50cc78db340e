// Plans each lane's walk, shares out lanes (or their rows) to threads, and picks the instruction set.
#include "api.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "flush.h"
#include "plan.h"

namespace seqmodels {

const Kernels& kernels_of(int instruction_set) {
#ifdef __x86_64__
    if (instruction_set == X86_64_V4) return x86_64_v4_kernels;
    if (instruction_set == X86_64_V3) return x86_64_v3_kernels;
#endif
    (void)instruction_set;
    return generic_kernels;
}

namespace {

// Below this a task is not worth a thread's start.
constexpr double WORTH_A_THREAD = 2e6;  // multiplications

struct PlanMemory {
    std::vector<long> number, start, output, length, base;

    // rows first <= r < last of the call; the first of them begins at `place` in the output
    PlanMemory(const Recurrence& call, long first, long last, long place) {
        std::vector<long> order(last - first), places(last - first);
        std::iota(order.begin(), order.end(), first);
        for (long row = first; row < last; row++) {
            places[row - first] = place;
            place += call.length[row];
        }
        std::stable_sort(order.begin(), order.end(), [&](long a, long b) { return call.length[a] > call.length[b]; });
        for (long row : order) {
            number.push_back(row);
            start.push_back(call.start[row]);
            output.push_back(places[row - first]);
            length.push_back(call.length[row]);
        }
        base.push_back(0);
        for (long step = 0, active = last - first; active; step++) {
            while (active && length[active - 1] <= step) active--;
            if (active) base.push_back(base.back() + active);
        }
    }
    Plan plan() const {
        return {(long)start.size(), (long)base.size() - 1, base.back(),   start.data(),
                number.data(),      output.data(),         length.data(), base.data()};
    }
};

struct Lanes {
    Shape shape;
    std::vector<PlanMemory> memory;
    std::vector<Lane> lanes;

    explicit Lanes(const Recurrence& call) : shape(call) {
        memory.reserve(call.lanes);
        const long hidden = call.hidden, features = call.features;
        float* saved = call.saved;
        for (long lane = 0, row = 0, place = 0; lane < call.lanes; lane++) {
            long first = row;
            while (row < call.rows && call.lane[row] == lane) row++;
            memory.emplace_back(call, first, row, place);
            Plan plan = memory.back().plan();
            place += plan.tokens;
            auto gradient = [&](float* all, long size) { return all ? all + lane * size : nullptr; };
            lanes.push_back({plan, call.weight_ih + lane * call.weight_ih_stride, call.weight_hh + lane * call.weight_hh_stride,
                             call.bias_ih + lane * call.bias_ih_stride, call.bias_hh + lane * call.bias_hh_stride, saved,
                             gradient(call.weight_ih_grad, shape.gates * hidden * features),
                             gradient(call.weight_hh_grad, shape.gates * hidden * hidden),
                             gradient(call.bias_ih_grad, shape.gates * hidden),
                             gradient(call.bias_hh_grad, shape.gates * hidden)});
            saved += saved_floats(call, plan);
        }
    }
    long saved_floats(const Recurrence& call, const Plan& plan) const {
        long places = call.training ? plan.tokens : 2 * plan.rows;
        return places * shape.saved_per_token() + 16;  // the last vector may reach beyond
    }
    long most_rows() const {
        long most = 0;
        for (const Lane& lane : lanes) most = std::max(most, lane.plan.rows);
        return most;
    }
    // Threads that have enough to do.
    long threads(const Recurrence& call) const {
        double work = 0;
        for (const Lane& lane : lanes) work += (double)lane.plan.tokens * shape.columns * (shape.hidden + shape.features);
        return std::clamp<long>((long)std::min(work / WORTH_A_THREAD, 1e6), 1, std::max(call.threads, 1));
    }
    // Into how many parts each lane's rows are cut so that every thread has one.
    long parts(const Recurrence& call) const {
        return std::clamp<long>(threads(call) / std::max<long>(call.lanes, 1), 1, std::max<long>(most_rows(), 1));
    }
    // The first row of a part; parts have about equal numbers of tokens.
    static long part_begin(const Plan& plan, long part, long parts) {
        long row = 0;
        for (long tokens = 0; row < plan.rows && tokens * parts < plan.tokens * part; row++) tokens += plan.length[row];
        return row;
    }
};

// task(number, thread) for every number; each thread takes the next one that nobody has.
template <class Task>
void run(long threads, long tasks, const Task& task) {
    std::atomic<long> next{0};
    auto work = [&](long thread) {
        FlushToZero flush;
        for (long number = next++; number < tasks; number = next++) task(number, thread);
    };
    std::vector<std::thread> others;
    for (long thread = 1; thread < std::min(threads, tasks); thread++) others.emplace_back(work, thread);
    work(0);
    for (std::thread& other : others) other.join();
}

}  // namespace
}  // namespace seqmodels

using namespace seqmodels;

int32_t best_instruction_set(void) {
#ifdef __x86_64__
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return v4 ? X86_64_V4 : v3 ? X86_64_V3 : GENERIC;
#else
    return GENERIC;
#endif
}

void recurrence_workspace(const Recurrence* call, int64_t* saved, int64_t* scratch) {
    Lanes lanes(*call);
    *saved = 0;
    for (const Lane& lane : lanes.lanes) *saved += lanes.saved_floats(*call, lane.plan);
    *scratch = whole_lines(kernels_of(call->instruction_set).scratch(lanes.shape, lanes.most_rows())) * std::max(call->threads, 1);
}

void recurrence_forward(const Recurrence* call) {
    Lanes lanes(*call);
    const Kernels& kernels = kernels_of(call->instruction_set);
    long scratch = whole_lines(kernels.scratch(lanes.shape, lanes.most_rows())), parts = lanes.parts(*call);
    run(lanes.threads(*call), call->lanes * parts, [&](long task, long thread) {
        const Lane& lane = lanes.lanes[task / parts];
        long part = task % parts;
        kernels.forward(*call, lanes.shape, lane, Lanes::part_begin(lane.plan, part, parts),
                        Lanes::part_begin(lane.plan, part + 1, parts), call->scratch + thread * scratch);
    });
}

void recurrence_backward(const Recurrence* call) {
    Lanes lanes(*call);
    const Kernels& kernels = kernels_of(call->instruction_set);
    long scratch = whole_lines(kernels.scratch(lanes.shape, lanes.most_rows())), parts = lanes.parts(*call);
    long threads = lanes.threads(*call);
    run(threads, call->lanes * parts, [&](long task, long thread) {
        const Lane& lane = lanes.lanes[task / parts];
        long part = task % parts;
        kernels.backward(*call, lanes.shape, lane, Lanes::part_begin(lane.plan, part, parts),
                         Lanes::part_begin(lane.plan, part + 1, parts), parts == 1, call->scratch + thread * scratch);
    });
    if (parts == 1) return;
    run(threads, call->lanes * parts, [&](long task, long thread) {
        kernels.weights(lanes.shape, lanes.lanes[task / parts], task % parts, parts, call->scratch + thread * scratch);
    });
}

void update_lane(const Update* update) {
    FlushToZero flush;
    kernels_of(update->instruction_set).update(*update);
}

void evaluate(int32_t instruction_set, int32_t function, int64_t count, const float* in, float* out) {
    kernels_of(instruction_set).evaluate(function, count, in, out);
}

int64_t spend_fma(int32_t instruction_set, int64_t count) { return kernels_of(instruction_set).spend_fma(count); }
