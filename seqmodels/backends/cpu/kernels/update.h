// A lane's update: clip the gradients' norm, then the optimizer. Formulas are those of seqmodels/optim.py, coefficients those of updates.py.

INLINE vec square_root(vec x) {
    float y[WIDTH];
    store(y, x);
    for (int i = 0; i < WIDTH; i++) y[i] = __builtin_sqrtf(y[i]);
    return load(y);
}

static float sum_of_squares(const float* values, long count) {
    constexpr long BLOCK = 1024;
    double total = 0;
    for (long begin = 0; begin < count; begin += BLOCK) {
        constexpr int CHAINS = 4;  // that do not wait for each other
        vec sum[CHAINS] = {};
        long i = begin, end = begin + BLOCK < count ? begin + BLOCK : count;
        for (; i + CHAINS * WIDTH <= end; i += CHAINS * WIDTH)
            for (int j = 0; j < CHAINS; j++) {
                vec x = load(values + i + j * WIDTH);
                sum[j] += x * x;
            }
        for (; i < end; i += WIDTH) {
            vec x = load(values + i);
            sum[0] += x * x;
        }
        vec all_sums = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        for (int j = 0; j < WIDTH; j++) total += all_sums[j];
    }
    return (float)total;
}

template <class Change>
INLINE void change(const Update& update, float factor, const Change& one) {
    const bool first = update.first, second = update.second;
    for (long i = 0; i < update.count; i += WIDTH) {
        vec p = load(update.params + i), g = load(update.grads + i) * all(factor);
        vec m = first ? load(update.first + i) : vec{}, v = second ? load(update.second + i) : vec{};
        one(p, g, m, v);
        store(update.params + i, p);
        if (first) store(update.first + i, m);
        if (second) store(update.second + i, v);
    }
}

static void update(const Update& update) {
    float factor = 1;
    if (update.max_norm >= 0) {
        factor = update.max_norm / (__builtin_sqrtf(sum_of_squares(update.grads, update.count)) + 1e-6f);
        if (factor > 1) factor = 1;
    }
    const float* c = update.coefficients;
    const vec rate = all(c[0]), decay = all(c[1]);
    switch (update.optimizer) {
        case SGD: {
            const vec momentum = all(c[2]);
            return change(update, factor, [&](vec& p, vec g, vec& m, vec&) {
                g += p * decay;
                if (update.first) {
                    m = m * momentum + g;
                    g = update.nesterov ? g + m * momentum : m;
                }
                p -= g * rate;
            });
        }
        case RMSPROP: {
            const vec momentum = all(c[2]), keep = all(c[3]), rest = all(c[4]), eps = all(c[5]);
            return change(update, factor, [&](vec& p, vec g, vec& m, vec& v) {
                g += p * decay;
                v = v * keep + g * g * rest;
                g = g / (square_root(v) + eps);
                if (update.first) g = m = m * momentum + g;
                p -= g * rate;
            });
        }
        case ADAM:
        case ADAMW: {
            const vec rest1 = all(c[2]), keep2 = all(c[3]), rest2 = all(c[4]), bias2 = all(c[5]), eps = all(c[6]);
            const bool decoupled = update.optimizer == ADAMW;
            return change(update, factor, [&](vec& p, vec g, vec& m, vec& v) {
                if (decoupled)
                    p *= decay;
                else
                    g += p * decay;
                m += (g - m) * rest1;
                v = v * keep2 + g * g * rest2;
                p -= m / (square_root(v) / bias2 + eps) * rate;
            });
        }
    }
}
