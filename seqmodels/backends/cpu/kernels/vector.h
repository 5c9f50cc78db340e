// Vectors of WIDTH floats and the functions that cells need. Compiled once for each instruction set, in its own namespace.
//
// sigmoid: relative error at most 2e-7; below x = -87 it stays at sigmoid(-87) = 1.6e-38.
// tanh:    relative error at most 5e-7, and never beyond 1.
// NaN gives NaN, infinities give the limits.

#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef int32_t ivec __attribute__((vector_size(4 * WIDTH)));
typedef float unaligned_vec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

INLINE vec load(const float* p) { return *(const unaligned_vec*)p; }
INLINE void store(float* p, vec v) { *(unaligned_vec*)p = v; }
INLINE vec all(float x) { return x - vec{}; }

struct Numbers {
    int32_t value[WIDTH];
};
constexpr Numbers counting() {
    Numbers n{};
    for (int i = 0; i < WIDTH; i++) n.value[i] = i;
    return n;
}
alignas(64) static constexpr Numbers numbers = counting();

// The first `count` lanes of v, the others from memory, so that what lies behind stays.
INLINE void store_first(float* p, vec v, long count) {
    if (count < WIDTH) {
        ivec first = *(const ivec*)numbers.value < (int32_t)count;
        v = first ? v : load(p);
    }
    store(p, v);
}

// For memory that ends after `count` floats.
INLINE vec load_exactly(const float* p, long count) {
    if (count >= WIDTH) return load(p);
    alignas(64) float part[WIDTH] = {};
    for (long i = 0; i < count; i++) part[i] = p[i];
    return load(part);
}

// A NaN second operand wins.
INLINE vec smaller(vec bound, vec x) { return bound < x ? bound : x; }
INLINE vec larger(vec bound, vec x) { return bound > x ? bound : x; }

// 2^n e^f for x = n ln 2 + f, |f| <= ln(2) / 2; polynomial of Cephes' expf. For |x| <= 87.
INLINE vec exponential(vec x) {
    const vec shift = all(12582912.0f);  // 1.5 * 2^23: the low bits of x / ln 2 + shift are the nearest integer
    vec biased = x * all(1.44269504088896341f) + shift;
    vec n = biased - shift;
    vec f = x - n * all(0.693359375f);
    f = f - n * all(-2.12194440e-4f);
    vec p = all(1.9875691500e-4f);
    p = p * f + all(1.3981999507e-3f);
    p = p * f + all(8.3334519073e-3f);
    p = p * f + all(4.1665795894e-2f);
    p = p * f + all(1.6666665459e-1f);
    p = p * f + all(5.0000001201e-1f);
    vec e = (p * f) * f + f + all(1.0f);
    ivec exponent = ((ivec)biased - (int32_t)0x4b400000 + 127) << 23;
    return e * (vec)exponent;
}

// Both functions below are fractions; two of them can share a division, which costs as much as all else.
struct Fraction {
    vec over, under;
};

INLINE Fraction sigmoid_parts(vec x) {
    vec y = smaller(all(87.0f), larger(all(-87.0f), -x));
    return {all(1.0f), all(1.0f) + exponential(y)};
}

// Rational approximation of Eigen's and XLA's tanh, x p(x^2) / q(x^2); it reaches 1 at the bound.
INLINE Fraction tanh_parts(vec x) {
    vec z = x * x;
    vec p = all(-2.76076847742355e-16f);
    p = p * z + all(2.00018790482477e-13f);
    p = p * z + all(-8.60467152213735e-11f);
    p = p * z + all(5.12229709037114e-08f);
    p = p * z + all(1.48572235717979e-05f);
    p = p * z + all(6.37261928875436e-04f);
    p = p * z + all(4.89352455891786e-03f);
    vec q = all(1.19825839466702e-06f);
    q = q * z + all(1.18534705686654e-04f);
    q = q * z + all(2.26843463243900e-03f);
    q = q * z + all(4.89352518554385e-03f);
    return {p, q};
}
INLINE vec tanh_bounded(vec x) { return smaller(all(7.90531110763549805f), larger(all(-7.90531110763549805f), x)); }

INLINE vec sigmoid(vec x) {
    Fraction y = sigmoid_parts(x);
    return y.over / y.under;
}

INLINE vec hyperbolic_tangent(vec x) {
    x = tanh_bounded(x);
    Fraction y = tanh_parts(x);
    return x * (y.over / y.under);  // x * p would lose the bits of a tiny x
}

// sigmoid(x) and tanh(y) with one division, each with a rounding more (1.2e-7). Neither denominator is below 0.004 or above 7e37, so their product is a float.
INLINE void sigmoid_and_tanh(vec x, vec y, vec* s, vec* t) {
    y = tanh_bounded(y);
    Fraction a = sigmoid_parts(x), b = tanh_parts(y);
    vec inverse = all(1.0f) / (a.under * b.under);
    *s = b.under * inverse;
    *t = y * (b.over * (a.under * inverse));
}
