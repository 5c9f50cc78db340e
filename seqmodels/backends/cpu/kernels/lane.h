// Forward and backward over the rows of one lane.

constexpr long CHUNK = 128;  // tokens whose gate gradients, still in the cache, go into the weights' gradients together

static void copy(float* to, const float* from, long count) {
    long i = 0;
    for (; i + WIDTH <= count; i += WIDTH) store(to + i, load(from + i));
    for (; i < count; i++) to[i] = from[i];
}
static void add(float* to, const float* from, long count) {
    for (long i = 0; i < count; i++) to[i] += from[i];
}
static void clear(float* to, long count) {
    for (long i = 0; i < count; i++) to[i] = 0;
}

// The lane's step-major arrays. Without training only two steps are kept, in turn.
struct Steps {
    const Shape& shape;
    const Plan& plan;
    bool training;
    float *inputs, *records;

    Steps(const Shape& shape, const Lane& lane, bool training) : shape(shape), plan(lane.plan), training(training) {
        long places = training ? plan.tokens : 2 * plan.rows;
        inputs = lane.saved;
        records = inputs + places * shape.input_stride;
    }
    long place(long step, long row) const { return (training ? plan.base[step] : step % 2 * plan.rows) + row; }
    // where the row's token of this step lies, counted from its first
    long token(long step, long row, bool reverse) const { return reverse ? plan.length[row] - 1 - step : step; }
    // where the row's output of this step goes, -1: nowhere
    long output(const Recurrence& call, long step, long row) const {
        if (call.final_only) return step + 1 == plan.length[row] ? plan.number[row] : -1;
        return plan.output[row] + token(step, row, call.reverse);
    }
    float* input(long place) const { return inputs + place * shape.input_stride; }
    float* gates(long place) const { return records + place * shape.record; }
    float* c(long place) const { return gates(place) + shape.gate_stride; }
    // Ask the memory for a place that the backward pass comes to soon: walking backwards, the hardware does not foresee it.
    void fetch(long place) const {
        for (long i = 0; i < shape.record; i += 16) __builtin_prefetch(gates(place) + i, 1, 2);
        for (long i = 0; i < shape.input_stride; i += 16) __builtin_prefetch(input(place) + i, 0, 2);
    }
};

// A stack of scratch memory.
struct Memory {
    float* next;
    float* take(long floats) {
        float* begin = next;
        next += whole_lines(floats);
        return begin;
    }
};

static Packed pack_forward(const Shape& shape, const Lane& lane, Memory& memory, float** bias) {
    long hidden = shape.hidden, depth = hidden + shape.features;
    Packed packed(shape.columns, depth, memory.take(Packed::floats(shape.columns, depth)));
    packed.clear();
    long width = packed.cut.vectors * WIDTH;
    *bias = memory.take(width);
    clear(*bias, width);
    for (int group = 0; group < shape.groups.count; group++) {
        int x = shape.groups.input_gate[group], h = shape.groups.state_gate[group];
        if (h >= 0)
            packed.put(0, group * hidden, lane.weight_hh + h * hidden * hidden, hidden, hidden, 1, hidden);
        if (x >= 0)
            packed.put(hidden, group * hidden, lane.weight_ih + x * hidden * shape.features, shape.features, hidden, 1,
                       shape.features);
        for (long u = 0; u < hidden; u++)
            (*bias)[group * hidden + u] = (x >= 0 ? lane.bias_ih[x * hidden + u] : 0) + (h >= 0 ? lane.bias_hh[h * hidden + u] : 0);
    }
    return packed;
}

// From gradients of the sums to those of [h x], or of h alone.
static Packed pack_backward(const Shape& shape, const Lane& lane, bool inputs_too, Memory& memory) {
    long hidden = shape.hidden, columns = hidden + (inputs_too ? shape.features : 0);
    Packed packed(columns, shape.columns, memory.take(Packed::floats(columns, shape.columns)));
    packed.clear();
    for (int group = 0; group < shape.groups.count; group++) {
        int x = shape.groups.input_gate[group], h = shape.groups.state_gate[group];
        if (h >= 0)
            packed.put(group * hidden, 0, lane.weight_hh + h * hidden * hidden, hidden, hidden, hidden, 1);
        if (x >= 0 && inputs_too)
            packed.put(group * hidden, hidden, lane.weight_ih + x * hidden * shape.features, hidden, shape.features,
                       shape.features, 1);
    }
    return packed;
}

template <int CELL>
static void forward(const Recurrence& call, const Shape& shape, const Lane& lane, long first, long last, float* scratch) {
    const Plan& plan = lane.plan;
    const long hidden = shape.hidden, features = shape.features;
    Memory memory{scratch};
    float* bias;
    Packed packed = pack_forward(shape, lane, memory, &bias);
    float* zeros = memory.take(shape.state_stride);
    clear(zeros, shape.state_stride);
    float* finished = memory.take(shape.state_stride);  // h of rows that have no next step
    Steps steps(shape, lane, call.training);
    for (long row = first; row < last; row++) clear(steps.input(steps.place(0, row)), hidden);
    for (long step = 0; step < plan.steps; step++) {
        long end = last < plan.active(step) ? last : plan.active(step);
        if (end <= first) break;
        long going_on = step + 1 < plan.steps ? plan.active(step + 1) : 0;
        for (long row = first; row < end; row++) {
            const float* token = call.tokens + (plan.start[row] + steps.token(step, row, call.reverse)) * features;
            copy(steps.input(steps.place(step, row)) + hidden, token, features);
        }
        long place = steps.place(step, first);
        multiply(end - first, steps.input(place), shape.input_stride, packed, bias, 0, steps.gates(place), shape.record);
        for (long row = first; row < end; row++, place++) {
            StepState state{};
            state.h_before = steps.input(place);
            state.h = row < going_on ? steps.input(steps.place(step + 1, row)) : finished;
            if (CELL == LSTM) {
                state.c_before = step ? steps.c(steps.place(step - 1, row)) : zeros;
                state.c = steps.c(place);
            }
            CellOf<CELL>::forward(hidden, steps.gates(place), state);
            long output = steps.output(call, step, row);
            if (output >= 0) copy(call.output + output * call.output_stride, state.h, hidden);
        }
    }
}

// Sums over the lane's tokens, in a fixed order: chunk after chunk from the last step to the first, upwards inside.
struct WeightSums {
    const Shape& shape;
    long first, last;  // vectors of columns
    float* products;   // [H + F, gate_stride] transposed gradients of [W_hh W_ih]
    float* bias;       // [gate_stride]

    static long floats(const Shape& shape) { return (shape.hidden + shape.features + 1) * shape.gate_stride; }
    WeightSums(const Shape& shape, long first, long last, float* memory)
        : shape(shape), first(first), last(last), products(memory), bias(memory + floats(shape) - shape.gate_stride) {
        for (long row = 0; row <= shape.hidden + shape.features; row++)
            clear(products + row * shape.gate_stride + first * WIDTH, (last - first) * WIDTH);
    }

    // where the chunk begins that ends before `end`, at a step's first token
    static long chunk_begin(const Plan& plan, long* step, long end) {
        while (*step > 0 && end - plan.base[*step] < CHUNK) --*step;
        return plan.base[*step];
    }

    void add(const Steps& steps, long begin, long end) {
        const float* gates = steps.gates(begin);
        const float* inputs = steps.input(begin);
        Cut cut((last - first) * WIDTH);
        long hidden = shape.hidden;
        for (long p = 0; p < cut.panels; p++) {
            long from = first + cut.first(p), width = cut.width(p), column = from * WIDTH, past = column + width * WIDTH;
            for (long v = from; v < from + width; v++) {
                vec sum = load(bias + v * WIDTH);
                for (long i = 0; i < end - begin; i++) sum += load(gates + i * shape.record + v * WIDTH);
                store(bias + v * WIDTH, sum);
            }
            // GRU: the first group has no part in W_hh, the last none in W_ih
            bool state = shape.cell != GRU || past > hidden, input = shape.cell != GRU || column < 3 * hidden;
            long row = state ? 0 : hidden, end_row = hidden + (input ? shape.features : 0);
            float* out = products + row * shape.gate_stride + column;
            all_rows<false>((int)width, end_row - row, end - begin, inputs + row, shape.input_stride, gates + column,
                            shape.record, out, shape.gate_stride, out, shape.gate_stride);
        }
    }

    void write(const Lane& lane) const {
        long hidden = shape.hidden, features = shape.features;
        long begin = first * WIDTH, end = last * WIDTH < shape.columns ? last * WIDTH : shape.columns;
        for (long column = begin; column < end; column++) {
            long group = column / hidden, unit = column % hidden;
            int x = shape.groups.input_gate[group], h = shape.groups.state_gate[group];
            if (h >= 0) lane.bias_hh_grad[h * hidden + unit] = bias[column];
            if (x >= 0) lane.bias_ih_grad[x * hidden + unit] = bias[column];
        }
        constexpr long BLOCK = 16;
        for (long k0 = 0; k0 < hidden + features; k0 += BLOCK)
            for (long column = begin; column < end; column++) {
                long group = column / hidden, unit = column % hidden;
                int x = shape.groups.input_gate[group], h = shape.groups.state_gate[group];
                for (long k = k0; k < hidden + features && k < k0 + BLOCK; k++) {
                    float value = products[k * shape.gate_stride + column];
                    if (k < hidden && h >= 0) lane.weight_hh_grad[(h * hidden + unit) * hidden + k] = value;
                    if (k >= hidden && x >= 0) lane.weight_ih_grad[(x * hidden + unit) * features + k - hidden] = value;
                }
            }
    }
};

template <int CELL>
static void backward(const Recurrence& call, const Shape& shape, const Lane& lane, long first, long last, bool all_rows_here,
                     float* scratch) {
    const Plan& plan = lane.plan;
    const long hidden = shape.hidden, features = shape.features;
    const bool inputs_too = call.token_grad;
    Memory memory{scratch};
    Packed packed = pack_backward(shape, lane, inputs_too, memory);
    float* zeros = memory.take(shape.state_stride);
    clear(zeros, shape.state_stride);
    // gradients that a step hands to the one before: of [h x], and of c
    float* d_input = memory.take((last - first) * shape.input_stride);
    float* d_c = memory.take((last - first) * shape.state_stride);
    clear(d_input, (last - first) * shape.input_stride);
    clear(d_c, (last - first) * shape.state_stride);
    Steps steps(shape, lane, true);
    WeightSums sums(shape, 0, all_rows_here ? Cut(shape.columns).vectors : 0, memory.take(WeightSums::floats(shape)));
    long chunk_step = plan.steps, chunk_end = plan.tokens;
    long next_chunk = WeightSums::chunk_begin(plan, &chunk_step, chunk_end);
    for (long step = plan.steps - 1; step >= 0; step--) {
        long end = last < plan.active(step) ? last : plan.active(step);
        if (end > first) {
            long begin = steps.place(step, first);
            for (long row = first, place = begin; row < end; row++, place++) {
                StepState state{};
                state.h_before = steps.input(place);
                if (CELL == LSTM) {
                    state.c_before = step ? steps.c(steps.place(step - 1, row)) : zeros;
                    state.c = steps.c(place);
                }
                if (step > 1) steps.fetch(steps.place(step - 2, row));
                long output = steps.output(call, step, row);
                const float* output_grad = output < 0 ? zeros : call.output_grad + output * call.output_stride;
                float* gradient = d_input + (row - first) * shape.input_stride;
                CellOf<CELL>::backward(hidden, steps.gates(place), state,
                                       {output_grad, gradient, d_c + (row - first) * shape.state_stride});
                if (inputs_too) clear(gradient + hidden, features);
            }
            bool through = step && !(call.bptt && step % call.bptt == 0);
            if (through || inputs_too)
                multiply(end - first, steps.gates(begin), shape.record, packed, d_input, shape.input_stride, d_input,
                         shape.input_stride);
            for (long row = first; row < end && inputs_too; row++) {
                float* to = call.token_grad + (plan.output[row] + steps.token(step, row, call.reverse)) * features;
                const float* from = d_input + (row - first) * shape.input_stride + hidden;
                if (call.add_token_grad)
                    add(to, from, features);
                else
                    copy(to, from, features);
            }
            for (long row = first; row < end && !through; row++) {
                clear(d_input + (row - first) * shape.input_stride, hidden);
                clear(d_c + (row - first) * shape.state_stride, hidden);
            }
        }
        if (all_rows_here && plan.base[step] == next_chunk) {
            sums.add(steps, next_chunk, chunk_end);
            chunk_end = next_chunk;
            next_chunk = WeightSums::chunk_begin(plan, &chunk_step, chunk_end);
        }
    }
    if (all_rows_here) sums.write(lane);
}

static void weights(const Shape& shape, const Lane& lane, long part, long parts, float* scratch) {
    long vectors = Cut(shape.columns).vectors;
    WeightSums sums(shape, vectors * part / parts, vectors * (part + 1) / parts, scratch);
    Steps steps(shape, lane, true);
    for (long step = lane.plan.steps, end = lane.plan.tokens; end > 0;) {
        long begin = WeightSums::chunk_begin(lane.plan, &step, end);
        sums.add(steps, begin, end);
        end = begin;
    }
    sums.write(lane);
}

static long scratch(const Shape& shape, long rows) {
    long wide = shape.hidden + shape.features;
    long forward = Packed::floats(shape.columns, wide) + whole_lines(shape.columns + WIDTH) + 2 * shape.state_stride;
    long backward = Packed::floats(wide, shape.columns) + rows * (shape.input_stride + shape.state_stride) + shape.state_stride +
                    WeightSums::floats(shape);
    return (forward > backward ? forward : backward) + WIDTH;
}
