// What each cell does with the sums of one row at one step, forward and backward; see seqmodels/cells.py for the equations.
//
// `gates` holds the groups of `plan.h` one after the other: sums on entry of `forward`, activations after it, which `backward`
// replaces by the gradients of the sums. States are rows with room for whole vectors.

struct StepState {
    const float* h_before;  // [H]
    const float* c_before;  // [H] LSTM
    float* h;               // [H] forward: out
    float* c;               // [H] LSTM, forward: out
};

struct StepGradient {
    const float* output;  // [H] what the output's users ask, exactly H floats
    float* h;             // [H] in: through step t + 1; out: what reaches h_{t-1} past the gates
    float* c;             // [H] LSTM, in: of c_t through step t + 1; out: of c_{t-1}
};

template <int CELL>
struct CellOf;

struct Elman {
    INLINE void backward_part(float* gates, const StepGradient& gradient, long u, long count, vec slope) {
        vec dh = load(gradient.h + u) + load_exactly(gradient.output + u, count);
        store_first(gates + u, dh * slope, count);
        store(gradient.h + u, vec{});
    }
};

template <>
struct CellOf<RNN_TANH> {
    INLINE void forward(long hidden, float* gates, const StepState& state) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec h = hyperbolic_tangent(load(gates + u));
            store_first(gates + u, h, hidden - u);
            store(state.h + u, h);
        }
    }
    INLINE void backward(long hidden, float* gates, const StepState&, const StepGradient& gradient) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec h = load(gates + u);
            Elman::backward_part(gates, gradient, u, hidden - u, all(1.0f) - h * h);
        }
    }
};

template <>
struct CellOf<RNN_RELU> {
    INLINE void forward(long hidden, float* gates, const StepState& state) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec h = larger(vec{}, load(gates + u));
            store_first(gates + u, h, hidden - u);
            store(state.h + u, h);
        }
    }
    INLINE void backward(long hidden, float* gates, const StepState&, const StepGradient& gradient) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec h = load(gates + u);
            Elman::backward_part(gates, gradient, u, hidden - u, h > vec{} ? all(1.0f) : vec{});
        }
    }
};

template <>
struct CellOf<GRU> {  // groups: W_in x + b_in, reset, update, W_hn h + b_hn
    INLINE void forward(long hidden, float* gates, const StepState& state) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec reset = sigmoid(load(gates + hidden + u));
            vec update = sigmoid(load(gates + 2 * hidden + u));
            vec fresh = hyperbolic_tangent(load(gates + u) + reset * load(gates + 3 * hidden + u));
            vec h = fresh + update * (load(state.h_before + u) - fresh);
            store_first(gates + u, fresh, hidden - u);
            store_first(gates + hidden + u, reset, hidden - u);
            store_first(gates + 2 * hidden + u, update, hidden - u);
            store(state.h + u, h);
        }
    }
    INLINE void backward(long hidden, float* gates, const StepState& state, const StepGradient& gradient) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec fresh = load(gates + u);
            vec reset = load(gates + hidden + u);
            vec update = load(gates + 2 * hidden + u);
            vec product = load(gates + 3 * hidden + u);
            vec dh = load(gradient.h + u) + load_exactly(gradient.output + u, hidden - u);
            vec one = all(1.0f);
            vec d_fresh = dh * (one - update) * (one - fresh * fresh);
            vec d_update = dh * (load(state.h_before + u) - fresh) * (update * (one - update));
            vec d_reset = d_fresh * product * (reset * (one - reset));
            store_first(gates + u, d_fresh, hidden - u);
            store_first(gates + hidden + u, d_reset, hidden - u);
            store_first(gates + 2 * hidden + u, d_update, hidden - u);
            store_first(gates + 3 * hidden + u, d_fresh * reset, hidden - u);
            store(gradient.h + u, dh * update);
        }
    }
};

template <>
struct CellOf<LSTM> {  // groups: input, forget, cell, output
    INLINE void forward(long hidden, float* gates, const StepState& state) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec input, forget = sigmoid(load(gates + hidden + u)), fresh, output, tanh_c;
            sigmoid_and_tanh(load(gates + u), load(gates + 2 * hidden + u), &input, &fresh);
            vec c = forget * load(state.c_before + u) + input * fresh;
            sigmoid_and_tanh(load(gates + 3 * hidden + u), c, &output, &tanh_c);
            store_first(gates + u, input, hidden - u);
            store_first(gates + hidden + u, forget, hidden - u);
            store_first(gates + 2 * hidden + u, fresh, hidden - u);
            store_first(gates + 3 * hidden + u, output, hidden - u);
            store(state.c + u, c);
            store(state.h + u, output * tanh_c);
        }
    }
    INLINE void backward(long hidden, float* gates, const StepState& state, const StepGradient& gradient) {
        for (long u = 0; u < hidden; u += WIDTH) {
            vec input = load(gates + u);
            vec forget = load(gates + hidden + u);
            vec fresh = load(gates + 2 * hidden + u);
            vec output = load(gates + 3 * hidden + u);
            vec tanh_c = hyperbolic_tangent(load(state.c + u));  // less work than to keep and fetch it
            vec dh = load(gradient.h + u) + load_exactly(gradient.output + u, hidden - u);
            vec one = all(1.0f);
            vec dc = load(gradient.c + u) + dh * output * (one - tanh_c * tanh_c);
            store_first(gates + u, dc * fresh * (input * (one - input)), hidden - u);
            store_first(gates + hidden + u, dc * load(state.c_before + u) * (forget * (one - forget)), hidden - u);
            store_first(gates + 2 * hidden + u, dc * input * (one - fresh * fresh), hidden - u);
            store_first(gates + 3 * hidden + u, dh * tanh_c * (output * (one - output)), hidden - u);
            store(gradient.c + u, dc * forget);
            store(gradient.h + u, vec{});
        }
    }
};
