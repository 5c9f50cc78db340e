// The recurrent cells, element by element (`seqmodels/cells.py` has the equations).
//
//   GATES     blocks of H rows in the weights
//   SUMS      sums of an element (a unit of a row at a step) that go into its nonlinearities; as many words are saved of it for
//             the way back, where the sums' gradients take their place. `hidden_sum(gate)`: the sum that the gate's product
//             with the state adds to; its product with the input adds to sum `gate`
//   UNITS     hidden units of a warp in the forward, 8 or 16: see `Division`
//   CELL      the state is more than the output: c
//   NOW, BEFORE  what the backward needs of this step and of the one before: c where there is one, else the output
//
// `forward` gives the output; `state` is c or the output before. `backward` is given dy, the gradient that reaches the output
// (through the product with the state, and from outside), and `carry`, what else the step after sent to this one's state.
#pragma once
#include "precision.cuh"

struct Tanh {
    static constexpr int GATES = 1, SUMS = 1, UNITS = 16;
    static constexpr bool CELL = false, SAVES = false, NOW = true, BEFORE = false;
    static __device__ __forceinline__ constexpr int hidden_sum(int gate) { return gate; }

    template <class Precision>
    static __device__ __forceinline__ float forward(const float (&sum)[1], float&, float (&)[1]) {
        return Precision::tanh(sum[0]);
    }

    template <class Precision>
    static __device__ __forceinline__ void backward(
        const float (&)[1], float now, float, float dy, float&, float (&gradient)[1]) {
        gradient[0] = dy * (1.0f - now * now);
    }
};

struct Relu {
    static constexpr int GATES = 1, SUMS = 1, UNITS = 16;
    static constexpr bool CELL = false, SAVES = false, NOW = true, BEFORE = false;
    static __device__ __forceinline__ constexpr int hidden_sum(int gate) { return gate; }

    template <class Precision>
    static __device__ __forceinline__ float forward(const float (&sum)[1], float&, float (&)[1]) {
        return sum[0] < 0.0f ? 0.0f : sum[0];  // NaN stays
    }

    template <class Precision>
    static __device__ __forceinline__ void backward(
        const float (&)[1], float now, float, float dy, float&, float (&gradient)[1]) {
        gradient[0] = now > 0.0f ? dy : 0.0f;
    }
};

// Sums: r, z, and n's two parts, of the input and of the state. Saved: r, z, n, n's part of the state.
struct Gru {
    static constexpr int GATES = 3, SUMS = 4, UNITS = 16;
    static constexpr bool CELL = false, SAVES = true, NOW = false, BEFORE = true;
    static __device__ __forceinline__ constexpr int hidden_sum(int gate) { return gate == 2 ? 3 : gate; }

    template <class Precision>
    static __device__ __forceinline__ float forward(const float (&sum)[4], float& state, float (&saved)[4]) {
        saved[0] = Precision::sigmoid(sum[0]);
        saved[1] = Precision::sigmoid(sum[1]);
        saved[2] = Precision::tanh(sum[2] + saved[0] * sum[3]);
        saved[3] = sum[3];
        state = saved[2] + saved[1] * (state - saved[2]);
        return state;
    }

    template <class Precision>
    static __device__ __forceinline__ void backward(
        const float (&saved)[4], float, float before, float dy, float& carry, float (&gradient)[4]) {
        const float r = saved[0], z = saved[1], n = saved[2];
        dy += carry;
        carry = dy * z;
        gradient[1] = dy * (before - n) * z * (1.0f - z);
        gradient[2] = dy * (1.0f - z) * (1.0f - n * n);
        gradient[0] = gradient[2] * saved[3] * r * (1.0f - r);
        gradient[3] = gradient[2] * r;
    }
};

// Sums and what is saved: i, f, g, o.
struct Lstm {
    static constexpr int GATES = 4, SUMS = 4, UNITS = 8;
    static constexpr bool CELL = true, SAVES = true, NOW = true, BEFORE = true;
    static __device__ __forceinline__ constexpr int hidden_sum(int gate) { return gate; }

    template <class Precision>
    static __device__ __forceinline__ float forward(const float (&sum)[4], float& state, float (&saved)[4]) {
        saved[0] = Precision::sigmoid(sum[0]);
        saved[1] = Precision::sigmoid(sum[1]);
        saved[2] = Precision::tanh(sum[2]);
        saved[3] = Precision::sigmoid(sum[3]);
        state = saved[1] * state + saved[0] * saved[2];
        return saved[3] * Precision::tanh(state);
    }

    template <class Precision>
    static __device__ __forceinline__ void backward(
        const float (&saved)[4], float now, float before, float dy, float& carry, float (&gradient)[4]) {
        const float i = saved[0], f = saved[1], g = saved[2], o = saved[3], squashed = Precision::tanh(now);
        const float dc = carry + dy * o * (1.0f - squashed * squashed);
        carry = dc * f;
        gradient[0] = dc * g * i * (1.0f - i);
        gradient[1] = dc * before * f * (1.0f - f);
        gradient[2] = dc * i * (1.0f - g * g);
        gradient[3] = dy * squashed * o * (1.0f - o);
    }
};
