// The one matrix product behind every cell: out[r][n] += sum over k of a[r][k] * b[k][n], each sum from k = 0 upwards in one
// float. So no result depends on how rows, columns or k are cut into tiles.

// Accumulators of a tile stay in registers, beside a vector of each column and a value of `a`: a narrow tile is high.
#if WIDTH == 16 || defined(__aarch64__)
constexpr int REGISTERS = 32, MOST_VECTORS = 4;
#else
constexpr int REGISTERS = 16, MOST_VECTORS = 2;
#endif
constexpr int MOST_ROWS = 12;
constexpr int most_rows(int vectors) {
    int rows = (REGISTERS - 1 - vectors) / vectors;
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}
constexpr long MOST_DEPTH = 208;  // of a panel between two passes over the rows: it stays in the first-level cache

// `a` in steps of a_row from row to row and a_step from k to k, likewise b, whose vectors are adjacent.
template <int ROWS, int VECTORS>
INLINE void tile(long depth, const float* a, long a_row, long a_step, const float* b, long b_step, const float* initial,
                 long initial_row, float* out, long out_row) {
    vec sum[ROWS][VECTORS];
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++) sum[r][v] = load(initial + r * initial_row + v * WIDTH);
    for (long k = 0; k < depth; k++) {
        vec column[VECTORS];
        for (int v = 0; v < VECTORS; v++) column[v] = load(b + k * b_step + v * WIDTH);
        for (int r = 0; r < ROWS; r++) {
            vec value = all(a[r * a_row + k * a_step]);
            for (int v = 0; v < VECTORS; v++) sum[r][v] += value * column[v];
        }
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < VECTORS; v++) store(out + r * out_row + v * WIDTH, sum[r][v]);
}

// Rows cut into tiles of nearly equal height. DENSE: a_step = 1 and b_step = VECTORS * WIDTH (a packed panel);
// otherwise a_row = 1.
template <int VECTORS, bool DENSE>
static void all_rows(long rows, long depth, const float* a, long a_stride, const float* b, long b_step, const float* initial,
                     long initial_row, float* out, long out_row) {
    const long a_row = DENSE ? a_stride : 1, a_step = DENSE ? 1 : a_stride;
    if (DENSE) b_step = VECTORS * WIDTH;
    constexpr int MOST = most_rows(VECTORS);
    long tiles = (rows + MOST - 1) / MOST;
    for (long i = 0; i < tiles; i++) {
        long height = rows / tiles + (i < rows % tiles);
#define HEIGHT(R) \
    case R: \
        if constexpr (R <= MOST) tile<R, VECTORS>(depth, a, a_row, a_step, b, b_step, initial, initial_row, out, out_row); \
        break;
        switch (height) {
            HEIGHT(1) HEIGHT(2) HEIGHT(3) HEIGHT(4) HEIGHT(5) HEIGHT(6)
            HEIGHT(7) HEIGHT(8) HEIGHT(9) HEIGHT(10) HEIGHT(11) HEIGHT(12)
        }
#undef HEIGHT
        a += height * a_row;
        initial += height * initial_row;
        out += height * out_row;
    }
}

template <bool DENSE>
static void all_rows(int vectors, long rows, long depth, const float* a, long a_stride, const float* b, long b_step,
                     const float* initial, long initial_row, float* out, long out_row) {
#define VECTORS(V) \
    case V: \
        if constexpr (V <= MOST_VECTORS) \
            all_rows<V, DENSE>(rows, depth, a, a_stride, b, b_step, initial, initial_row, out, out_row); \
        break;
    switch (vectors) { VECTORS(1) VECTORS(2) VECTORS(3) VECTORS(4) }
#undef VECTORS
}

// Columns cut into panels of nearly equal width.
struct Cut {
    long vectors, panels;
    explicit Cut(long columns)
        : vectors((columns + WIDTH - 1) / WIDTH), panels((vectors + MOST_VECTORS - 1) / MOST_VECTORS) {}
    int width(long panel) const { return (int)(vectors / panels + (panel < vectors % panels)); }
    long first(long panel) const {  // vector
        long extra = vectors % panels;
        return panel * (vectors / panels) + (panel < extra ? panel : extra);
    }
};

// b[depth, columns] panel by panel, each [depth][width][WIDTH]; a panel's rows of k outside [from, to) are all zeros.
struct Packed {
    Cut cut;
    long depth;
    float* data;
    long (*range)[2];

    static long floats(long columns, long depth) {
        Cut cut(columns);
        return whole_lines(cut.vectors * WIDTH * depth) + whole_lines(4 * cut.panels);
    }
    Packed(long columns, long depth, float* memory) : cut(columns), depth(depth) {
        range = (long(*)[2])memory;
        data = memory + whole_lines(4 * cut.panels);
    }
    float* panel(long p) const { return data + cut.first(p) * WIDTH * depth; }
    void clear() const {
        for (long i = 0; i < cut.vectors * WIDTH * depth; i++) data[i] = 0;
        for (long p = 0; p < cut.panels; p++) range[p][0] = depth, range[p][1] = 0;
    }
    // b[k + i][n + j] = from[i * row_step + j * column_step] for i < rows, j < columns
    void put(long k, long n, const float* from, long rows, long columns, long row_step, long column_step) const {
        for (long p = 0; p < cut.panels; p++) {
            long width = cut.width(p) * WIDTH, first = cut.first(p) * WIDTH;
            long begin = n > first ? n : first, end = n + columns < first + width ? n + columns : first + width;
            if (begin >= end) continue;
            if (range[p][0] > k) range[p][0] = k;
            if (range[p][1] < k + rows) range[p][1] = k + rows;
            float* to = panel(p) + k * width - first;
            constexpr long BLOCK = 16;  // of a transpose: reads and writes both stay in few lines
            for (long i0 = 0; i0 < rows; i0 += BLOCK)
                for (long j = begin; j < end; j++)
                    for (long i = i0; i < rows && i < i0 + BLOCK; i++)
                        to[i * width + j] = from[i * row_step + (j - n) * column_step];
        }
    }
};

// out[r][n] = initial[r][n] + a[r] . b[:, n]; the padding of out's rows may be overwritten.
static void multiply(long rows, const float* a, long a_row, const Packed& b, const float* initial, long initial_row, float* out,
                     long out_row) {
    for (long p = 0; p < b.cut.panels; p++) {
        long from = b.range[p][0], depth = b.range[p][1] - from, first = b.cut.first(p) * WIDTH;
        int width = b.cut.width(p);
        const float* start = initial + first;
        long start_row = initial_row;
        long passes = (depth + MOST_DEPTH - 1) / MOST_DEPTH;
        if (passes < 1) passes = 1;
        for (long i = 0; i < passes; i++) {
            long length = depth / passes + (i < depth % passes);
            all_rows<true>(width, rows, length, a + from, a_row, b.panel(p) + from * width * WIDTH, 0, start, start_row,
                           out + first, out_row);
            from += length;
            start = out + first;
            start_row = out_row;
        }
    }
}
