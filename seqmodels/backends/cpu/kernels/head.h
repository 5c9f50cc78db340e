// What comes after the top layer of one lane: readout, dropout, head, cross-entropy, and all of it backwards.

// y = W x + b for rows of x.
struct Linear {
    long inputs, outputs;
    const float *weight, *bias;
    float *weight_grad, *bias_grad;

    long width() const { return Cut(outputs).vectors * WIDTH; }
    static long scratch(long inputs, long outputs) {
        long forward = Packed::floats(outputs, inputs) + whole_lines(outputs);
        long backward = Packed::floats(inputs, outputs) + whole_lines(inputs) * (outputs + 1);
        return (forward > backward ? forward : backward) + WIDTH;
    }
    void forward(long rows, const float* x, long x_row, float* y, long y_row, Memory memory) const {
        Packed packed(outputs, inputs, memory.take(Packed::floats(outputs, inputs)));
        packed.clear();
        packed.put(0, 0, weight, inputs, outputs, 1, inputs);
        float* initial = memory.take(outputs);
        clear(initial, whole_lines(outputs));
        copy(initial, bias, outputs);
        multiply(rows, x, x_row, packed, initial, 0, y, y_row);
    }
    void backward(long rows, const float* x, long x_row, const float* d_y, long y_row, float* d_x, Memory memory) const {
        clear(bias_grad, outputs);
        for (long row = 0; row < rows; row++) add(bias_grad, d_y + row * y_row, outputs);
        const long stride = whole_lines(inputs);
        float* zeros = memory.take(stride);
        clear(zeros, stride);
        float* sums = memory.take(stride * outputs);
        Cut cut(inputs);
        for (long p = 0; p < cut.panels; p++) {
            long first = cut.first(p) * WIDTH;
            all_rows<false>(cut.width(p), outputs, rows, d_y, y_row, x + first, x_row, zeros + first, 0, sums + first, stride);
        }
        for (long output = 0; output < outputs; output++) copy(weight_grad + output * inputs, sums + output * stride, inputs);
        memory = {zeros};
        Packed packed(inputs, outputs, memory.take(Packed::floats(inputs, outputs)));
        packed.clear();
        packed.put(0, 0, weight, outputs, inputs, inputs, 1);
        float* initial = memory.take(stride);
        clear(initial, stride);
        multiply(rows, d_y, y_row, packed, initial, 0, d_x, x_row);
    }
};

// From the outputs of a row's steps to its summary, and from the summary's gradient to theirs.
struct RowReadout {
    int parts;  // Readout
    long hidden, width, steps;

    void forward(const float* output, float* summary, int32_t* largest) const {
        if (parts & READ_LAST) {  // the backward direction ends at the first token
            copy(summary, output + (steps - 1) * width, hidden);
            copy(summary + hidden, output + hidden, width - hidden);
            summary += width;
        }
        if (parts & READ_MEAN) {
            clear(summary, width);
            for (long step = 0; step < steps; step++) add(summary, output + step * width, width);
            for (long i = 0; i < width; i++) summary[i] /= (float)steps;
            summary += width;
        }
        if (parts & READ_MAX) {
            copy(summary, output, width);
            for (long i = 0; i < width; i++) largest[i] = 0;
            for (long step = 1; step < steps; step++)
                for (long i = 0; i < width; i++) {
                    float value = output[step * width + i];
                    bool larger = value > summary[i] || value != value;  // the first of equal ones; NaN wins
                    summary[i] = larger ? value : summary[i];
                    largest[i] = larger ? (int32_t)step : largest[i];
                }
        }
    }
    void backward(float* output, float* d_summary, const int32_t* largest) const {
        const float* last = d_summary;
        if (parts & READ_LAST) d_summary += width;
        if (parts & READ_MEAN) {
            for (long i = 0; i < width; i++) d_summary[i] /= (float)steps;
            for (long step = 0; step < steps; step++) copy(output + step * width, d_summary, width);
            d_summary += width;
        } else {
            clear(output, steps * width);
        }
        if (parts & READ_LAST) {
            add(output + (steps - 1) * width, last, hidden);
            add(output + hidden, last + hidden, width - hidden);
        }
        if (parts & READ_MAX)
            for (long i = 0; i < width; i++) output[largest[i] * width + i] += d_summary[i];
    }
};

// Mean over rows of the cross-entropy with the smoothed label, as torch weighs classes; `logits` become its gradients.
static void cross_entropy(Step& step, float* logits, long stride) {
    const long classes = step.classes;
    const double even = step.smoothing / (double)classes, own = 1 - (double)step.smoothing;
    const float* weight = step.class_weights;
    double mean_weight = 0, total = weight ? 0 : (double)step.rows;
    if (weight) {
        for (long c = 0; c < classes; c++) mean_weight += weight[c];
        mean_weight /= (double)classes;
        for (long row = 0; row < step.rows; row++) total += weight[step.label[row]];
    }
    double loss = 0;
    step.correct = 0;
    for (long row = 0; row < step.rows; row++, logits += stride) {
        const long label = step.label[row];
        long best = 0;
        double mean = 0;
        for (long c = 0; c < classes; c++) {
            if (logits[c] > logits[best]) best = c;
            mean += logits[c];
        }
        mean /= (double)classes;
        step.correct += best == label;
        const float most = logits[best];
        const double at_label = logits[label] - most;
        if (weight) {
            mean = 0;
            for (long c = 0; c < classes; c++) mean += (double)weight[c] * logits[c];
            mean /= (double)classes;
        }
        for (long c = 0; c < classes; c += WIDTH)
            store(logits + c, exponential(smaller(all(87.0f), larger(all(-87.0f), load(logits + c) - all(most)))));
        double sum = 0;
        for (long c = 0; c < classes; c++) sum += logits[c];
        if (weight) {
            const double at_own = own * weight[label], both = at_own + step.smoothing * mean_weight;
            loss += both * __builtin_log(sum) - at_own * at_label - step.smoothing * (mean - mean_weight * most);
            for (long c = 0; c < classes; c++)
                logits[c] = (float)((both * (logits[c] / sum) - even * weight[c] - (c == label ? at_own : 0)) / total);
            continue;
        }
        loss += __builtin_log(sum) - own * at_label - step.smoothing * (mean - most);
        for (long c = 0; c < classes; c++)
            logits[c] = (float)((logits[c] / sum - even - (c == label ? own : 0)) / total);
    }
    step.loss = (float)(loss / total);
}

static int readout_parts(int readout) {
    return !!(readout & READ_LAST) + !!(readout & READ_MEAN) + !!(readout & READ_MAX);
}

static void head(Step& step, const int64_t* offset, const int64_t* steps, float* output, float* scratch) {
    const long rows = step.rows, width = step.directions * step.hidden, features = readout_parts(step.readout) * width;
    const long hidden = step.head_hidden, classes = step.classes;
    const int64_t* places = step.offsets + 4 * step.layers * step.directions;
    auto linear = [&](long inputs, long outputs) {
        Linear found{inputs, outputs, step.params + places[0], step.params + places[1], step.grads + places[0], step.grads + places[1]};
        places += 2;
        return found;
    };
    Memory memory{scratch};
    const long summary_row = whole_lines(features), hidden_row = whole_lines(hidden), logits_row = whole_lines(classes);
    float* summary = memory.take(rows * summary_row);
    float* d_summary = memory.take(rows * summary_row);
    float* logits = memory.take(rows * logits_row);
    int32_t* largest = (int32_t*)memory.take(rows * width);
    auto readout = [&](long row) { return RowReadout{step.readout, step.hidden, width, steps[row]}; };
    const float* mask = step.masks ? step.masks[step.layers - 1] : nullptr;
    auto drop = [&](float* values) {
        for (long row = 0; mask && row < rows; row++)
            for (long i = 0; i < features; i++) values[row * summary_row + i] *= mask[row * features + i];
    };
    for (long row = 0; row < rows; row++) {
        clear(summary + row * summary_row, summary_row);
        readout(row).forward(output + offset[row] * width, summary + row * summary_row, largest + row * width);
    }
    drop(summary);
    if (hidden) {
        Linear first = linear(features, hidden), last = linear(hidden, classes);
        float* units = memory.take(rows * hidden_row);
        float* d_units = memory.take(rows * hidden_row);
        clear(units, rows * hidden_row);
        first.forward(rows, summary, summary_row, units, hidden_row, memory);
        for (long i = 0; i < rows * hidden_row; i += WIDTH) store(units + i, hyperbolic_tangent(load(units + i)));
        last.forward(rows, units, hidden_row, logits, logits_row, memory);
        cross_entropy(step, logits, logits_row);
        last.backward(rows, units, hidden_row, logits, logits_row, d_units, memory);
        for (long row = 0; row < rows; row++)
            for (long i = row * hidden_row; i < row * hidden_row + hidden; i++) d_units[i] *= 1 - units[i] * units[i];
        first.backward(rows, summary, summary_row, d_units, hidden_row, d_summary, memory);
    } else {
        Linear only = linear(features, classes);
        only.forward(rows, summary, summary_row, logits, logits_row, memory);
        cross_entropy(step, logits, logits_row);
        only.backward(rows, summary, summary_row, logits, logits_row, d_summary, memory);
    }
    drop(d_summary);
    for (long row = 0; row < rows; row++)
        readout(row).backward(output + offset[row] * width, d_summary + row * summary_row, largest + row * width);
}

static long head_scratch(const Step& step) {
    const long width = step.directions * step.hidden, features = readout_parts(step.readout) * width;
    const long rows = step.rows, hidden = step.head_hidden, classes = step.classes;
    long first = Linear::scratch(features, hidden ? hidden : classes), last = hidden ? Linear::scratch(hidden, classes) : 0;
    return rows * (2 * whole_lines(features) + 2 * whole_lines(hidden) + whole_lines(classes)) + whole_lines(rows * width) +
           whole_lines(first > last ? first : last);
}
