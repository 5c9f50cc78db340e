// CUDA blocks on the CPU, one after another: a thread is a fiber, a barrier or a warp's instruction hands on to another fiber.
//
// With a seed, the threads of a block and the blocks of a grid run in a random order: results that change with it show a race.
// Shared memory is NaN when a block begins, and so is what lies before and behind it; writes there are an error.
// Arguments are checked against the kernel's own parameters. With SEQSWEEP_WATCHED every access is looked at (watch.h), at a price.
//
// Not seen: latency, the approximations of the fast exponential and division, the order of sums inside a matrix product.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __restrict__ __restrict

using int64 = long long;
using uint64 = unsigned long long;
using std::isfinite;
using std::isnan;

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct uint3 { unsigned x, y, z; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace emulator {

constexpr int MOST_THREADS = 1024, STACK = 1 << 16, MOST_COPIES = 64, RED_ZONE = 1 << 12, MOST_SHARED = 232448;

enum Meeting : int { NONE, MATRIX_PRODUCT, SHUFFLE, VOTE, WARP_BARRIER };

struct Copy {
    float* to;
    const float* from;
};

struct Fiber {
    void* stack_pointer;
    uint3 thread;
    Copy copy[MOST_COPIES];  // asked for and not waited for
    int copies;
};

struct Warp {
    int live, arrived;
    Meeting meeting;
    const void* place;  // of the instruction
    unsigned barriers;  // so far: __syncwarp
    void* slot[32];
};

struct Block {
    Fiber fiber[MOST_THREADS];
    Warp warp[MOST_THREADS / 32];
    int ready[MOST_THREADS], ready_first, ready_count;  // a ring
    int waiting[MOST_THREADS], waiting_count;           // at the block's barrier
    const void* place;                                  // of the barrier
    int number, threads, shared_bytes, live, current;
    unsigned barriers;  // so far
    uint64 random;
    const char* error;
    void* outside;  // stack pointer of who launches
    void (*body)();
    uint3 block_index, block_size, grid_size;
    char* stacks;
    char* shared;  // RED_ZONE, the block's, RED_ZONE
    char message[256];
};

static Block block;

// ---- Fibers
#if defined(__x86_64__)
extern "C" void emulator_switch(void** save, void* load);
asm(R"(
.pushsection .text
.type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.popsection
)");
inline void* new_fiber(char* stack, void (*entry)()) {
    void** top = reinterpret_cast<void**>(stack + STACK) - 2;
    *top = reinterpret_cast<void*>(entry);
    std::memset(top - 6, 0, 6 * sizeof(void*));
    return top - 6;
}
inline void switch_fiber(void** save, void* load) { emulator_switch(save, load); }
#else
}  // namespace emulator
#include <ucontext.h>
namespace emulator {
static ucontext_t contexts[MOST_THREADS + 1];
inline void* new_fiber(char* stack, void (*entry)()) {
    ucontext_t* context = &contexts[(stack - block.stacks) / STACK];
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    return context;
}
inline void switch_fiber(void** save, void* load) {
    bool outside = save == &block.outside;
    ucontext_t* from = outside ? &contexts[MOST_THREADS] : &contexts[reinterpret_cast<Fiber*>(save) - block.fiber];
    *save = from;
    swapcontext(from, static_cast<ucontext_t*>(load));
}
#endif

// g++ calls it where an address is not aligned as its type is (-fsanitize=alignment).
extern "C" inline __attribute__((used)) void __ubsan_handle_type_mismatch_v1(void*, void*) { block.error = "a misaligned access"; }

inline unsigned draw(unsigned below) {
    block.random ^= block.random << 13;
    block.random ^= block.random >> 7;
    block.random ^= block.random << 17;
    return static_cast<unsigned>(block.random >> 20) % below;
}

inline void make_ready(int thread) {
    block.ready[(block.ready_first + block.ready_count++) % MOST_THREADS] = thread;
}

// Hands on to a thread that can run; the caller is in a queue, or at its end.
inline void hand_on(void** save) {
    if (block.error || !block.ready_count) {
        if (!block.error && block.live) block.error = "threads wait for each other at a barrier or in a warp's instruction";
        switch_fiber(save, block.outside);
        return;
    }
    int& first = block.ready[block.ready_first];
    if (block.random) {
        int& other = block.ready[(block.ready_first + draw(block.ready_count)) % MOST_THREADS];
        int swapped = first;
        first = other;
        other = swapped;
    }
    int next = first;
    block.ready_first = (block.ready_first + 1) % MOST_THREADS;
    block.ready_count--;
    block.current = next;
    if (save != &block.fiber[next].stack_pointer) switch_fiber(save, block.fiber[next].stack_pointer);
}

inline void free_barrier() {
    if (block.waiting_count && block.waiting_count == block.live) {
        if (block.live != block.threads) block.error = "a barrier when some threads have ended";
        block.barriers++;
        for (int i = 0; i < block.waiting_count; i++) make_ready(block.waiting[i]);
        block.waiting_count = 0;
    }
}

static __attribute__((noinline)) void barrier() {
    int self = block.current;
    const void* place = __builtin_return_address(0);
    if (block.waiting_count && block.place != place) block.error = "threads are at different barriers";
    block.place = place;
    block.waiting[block.waiting_count++] = self;
    free_barrier();
    hand_on(&block.fiber[self].stack_pointer);
}

// The live lanes of a warp meet, each with something of its own; the last to come does `complete(slots)`, then all go on. `place`: of the
// instruction, which must be the same one for all.
template <class Complete>
inline void meet(Meeting meeting, const void* place, void* own, Complete complete) {
    int self = block.current;
    Warp& warp = block.warp[self / 32];
    if (warp.arrived && (warp.meeting != meeting || warp.place != place)) block.error = "lanes of a warp are at different instructions";
    warp.meeting = meeting;
    warp.place = place;
    warp.slot[self % 32] = own;
    if (++warp.arrived == warp.live) {
        if (warp.live != 32) block.error = "a warp's instruction without all of its lanes";
        if (!block.error) complete(warp.slot);
        warp.barriers += meeting == WARP_BARRIER;
        warp.arrived = 0;
        int first = self / 32 * 32;
        for (int lane = 0; lane < 32; lane++)
            if (first + lane != self) make_ready(first + lane);
        if (!block.error && !block.random) return;
        make_ready(self);
    }
    hand_on(&block.fiber[self].stack_pointer);
}

static void thread_main() {
    block.body();
    int self = block.current;
    block.live--;
    if (block.fiber[self].copies) block.error = "a thread ends before its copies";
    if (block.warp[self / 32].arrived) block.error = "a lane ends while others of its warp wait for it";
    block.warp[self / 32].live--;
    free_barrier();
    hand_on(&block.fiber[self].stack_pointer);
}

inline bool poisoned(const char* from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (from[i] != char(0xff)) return false;
    return true;
}

#ifdef SEQSWEEP_WATCHED
inline void forget_shared(int bytes);
#else
inline void forget_shared(int) {}
#endif

inline void run_block(int threads, int shared_bytes) {
    forget_shared(shared_bytes);
    std::memset(block.shared, 0xff, shared_bytes + 2 * RED_ZONE);
    block.ready_first = block.ready_count = block.waiting_count = 0;
    block.live = block.threads = threads;
    block.shared_bytes = shared_bytes;
    block.barriers = 0;
    for (int i = 0; i < threads; i += 32) block.warp[i / 32] = Warp{threads - i < 32 ? threads - i : 32, 0, NONE, nullptr, 0, {}};
    for (int i = 0; i < threads; i++) {
        char* stack = block.stacks + size_t(i) * STACK;
        std::memset(stack, 0x5a, 64);
        block.fiber[i].stack_pointer = new_fiber(stack, thread_main);
        block.fiber[i].thread = {unsigned(i), 0, 0};
        block.fiber[i].copies = 0;
        make_ready(i);
    }
    hand_on(&block.outside);
    for (int i = 0; i < threads && !block.error; i++)
        for (int j = 0; j < 64; j++)
            if (block.stacks[size_t(i) * STACK + j] != 0x5a) block.error = "a thread's stack is too small";
    if (!block.error && !(poisoned(block.shared, RED_ZONE) && poisoned(block.shared + RED_ZONE + shared_bytes, RED_ZONE)))
        block.error = "writes outside of the shared memory it asked for";
}

// ---- Launches
struct Launch {
    int grid[3], threads, shared_bytes;
    uint64 seed;
    const char* kinds;  // of the arguments: p, i, l, f
    void** arguments;
};

template <class T> constexpr char kind_of() {
    return std::is_pointer_v<T> ? 'p' : std::is_same_v<T, float> ? 'f' : sizeof(T) == 8 ? 'l' : sizeof(T) == 4 ? 'i' : '?';
}

template <class... P, size_t... I>
const char* launch(void (*kernel)(P...), const Launch& launch, std::index_sequence<I...>) {
    const char kinds[] = {kind_of<P>()..., 0};
    if (std::strcmp(kinds, launch.kinds)) {
        std::snprintf(block.message, sizeof block.message, "takes arguments %s, not %s", kinds, launch.kinds);
        return block.message;
    }
    if (launch.shared_bytes > MOST_SHARED || launch.threads > MOST_THREADS || launch.threads < 1) return "too large a block";
    if (!block.stacks) {
        block.stacks = static_cast<char*>(std::aligned_alloc(4096, size_t(MOST_THREADS) * STACK));
        block.shared = static_cast<char*>(std::aligned_alloc(4096, MOST_SHARED + 2 * RED_ZONE));
    }
    static std::tuple<void (*)(P...), P...> call;
    call = {kernel, *static_cast<P*>(launch.arguments[I])...};
    block.body = [] { std::get<0>(call)(std::get<I + 1>(call)...); };
    block.error = nullptr;
    block.random = launch.seed ? launch.seed * 0x9E3779B97F4A7C15ull | 1 : 0;
    block.block_size = {unsigned(launch.threads), 1, 1};
    block.grid_size = {unsigned(launch.grid[0]), unsigned(launch.grid[1]), unsigned(launch.grid[2])};
    int blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
    int* order = static_cast<int*>(std::malloc(blocks * sizeof(int)));
    for (int i = 0; i < blocks; i++) {
        int j = block.random ? int(draw(i + 1)) : i;
        order[i] = order[j];
        order[j] = i;
    }
    for (int i = 0; i < blocks && !block.error; i++) {
        unsigned index = order[i];
        block.block_index = {index % block.grid_size.x, index / block.grid_size.x % block.grid_size.y,
                             index / block.grid_size.x / block.grid_size.y};
        block.number = int(index);
        run_block(launch.threads, launch.shared_bytes);
    }
    std::free(order);
    return block.error;
}

template <class... P> const char* launch(void (*kernel)(P...), const Launch& description) {
    return launch(kernel, description, std::index_sequence_for<P...>{});
}

// ---- What a warp does together
struct Product {
    float* d;
    const unsigned* a;
    unsigned b[2];
};

inline double tf32_value(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    if (bits & 0x1fff && value == value) block.error = "an operand of a matrix product is not rounded to TF32";
    return value;
}

// Products are exact, the sum is rounded towards zero, as tensor cores do.
__attribute__((noinline, optimize("O3"))) static void matrix_product(void** slots) {
    double a[16][8], b[8][8], d[16][8];
    Product* lanes[32];
    for (int lane = 0; lane < 32; lane++) lanes[lane] = static_cast<Product*>(slots[lane]);
    for (int lane = 0; lane < 32; lane++) {
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++) a[g + 8 * (i & 1)][t + 4 * (i >> 1)] = tf32_value(lanes[lane]->a[i]);
        for (int i = 0; i < 2; i++) b[t + 4 * i][g] = tf32_value(lanes[lane]->b[i]);
        for (int i = 0; i < 4; i++) d[g + 8 * (i >> 1)][2 * t + (i & 1)] = lanes[lane]->d[i];
    }
    float sums[16][8];
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            double sum = d[i][j];
            for (int k = 0; k < 8; k++) sum += a[i][k] * b[k][j];
            float nearest = float(sum);
            uint32_t bits;
            std::memcpy(&bits, &nearest, 4);
            bits -= std::fabs(double(nearest)) > std::fabs(sum);
            std::memcpy(&sums[i][j], &bits, 4);
        }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) lanes[lane]->d[i] = sums[lane / 4 + 8 * (i >> 1)][2 * (lane % 4) + (i & 1)];
}

#define NOT_INLINED static __attribute__((noinline))  // its return address is the instruction's place

template <class T> NOT_INLINED T shuffle(T value, int source) {
    struct Own {
        T value;
        int source;
        T result;
    } own{value, source, value};
    meet(SHUFFLE, __builtin_return_address(0), &own, [](void** slots) {
        for (int lane = 0; lane < 32; lane++) {
            Own* to = static_cast<Own*>(slots[lane]);
            to->result = static_cast<Own*>(slots[to->source & 31])->value;
        }
    });
    return own.result;
}

NOT_INLINED unsigned vote(bool predicate) {
    struct Own {
        bool predicate;
        unsigned result;
    } own{predicate, 0};
    meet(VOTE, __builtin_return_address(0), &own, [](void** slots) {
        unsigned ballot = 0;
        for (int lane = 0; lane < 32; lane++) ballot |= unsigned(static_cast<Own*>(slots[lane])->predicate) << lane;
        for (int lane = 0; lane < 32; lane++) static_cast<Own*>(slots[lane])->result = ballot;
    });
    return own.result;
}

NOT_INLINED void warp_barrier() { meet(WARP_BARRIER, __builtin_return_address(0), nullptr, [](void**) {}); }

inline void full(unsigned mask) {
    if (mask != 0xffffffffu) block.error = "a warp's instruction with a mask that leaves lanes out";
}

inline int lane() { return block.current % 32; }

// Whether a change of the sources that a test made is on: one build has many, and $EMULATOR_CHANGE is the number of one.
inline bool changed(int number) {
    const char* on = std::getenv("EMULATOR_CHANGE");
    return on && std::atoi(on) == number;
}

}  // namespace emulator

#ifdef SEQSWEEP_WATCHED
#include "watch.h"
#define EMULATOR_ACCESS(address, writes) emulator::accessed(address, 4, writes)
#else
#define EMULATOR_ACCESS(address, writes) static_cast<void>(0)
#endif

#define threadIdx (emulator::block.fiber[emulator::block.current].thread)
#define blockIdx (emulator::block.block_index)
#define blockDim (emulator::block.block_size)
#define gridDim (emulator::block.grid_size)

inline float* shared_memory() { return reinterpret_cast<float*>(emulator::block.shared + emulator::RED_ZONE); }
inline void __syncthreads() { emulator::barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) {
    emulator::full(mask);
    emulator::warp_barrier();
}
template <class T> T __shfl_sync(unsigned mask, T value, int source) {
    emulator::full(mask);
    return emulator::shuffle(value, source);
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int other) {
    emulator::full(mask);
    return emulator::shuffle(value, emulator::lane() ^ other);
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned by) {
    emulator::full(mask);
    int source = emulator::lane() + int(by);
    return emulator::shuffle(value, source < 32 ? source : emulator::lane());
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned by) {
    emulator::full(mask);
    int source = emulator::lane() - int(by);
    return emulator::shuffle(value, source >= 0 ? source : emulator::lane());
}
inline unsigned __ballot_sync(unsigned mask, bool predicate) {
    emulator::full(mask);
    return emulator::vote(predicate);
}
inline bool __any_sync(unsigned mask, bool predicate) { return __ballot_sync(mask, predicate) != 0; }
inline bool __all_sync(unsigned mask, bool predicate) { return __ballot_sync(mask, predicate) == 0xffffffffu; }

NOT_INLINED void mma_tf32(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulator::Product own{d, a, {b0, b1}};
    emulator::meet(emulator::MATRIX_PRODUCT, __builtin_return_address(0), &own, emulator::matrix_product);
}

// ---- Arithmetic
template <class To, class From> To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To bits;
    std::memcpy(&bits, &value, sizeof(To));
    return bits;
}
inline unsigned __float_as_uint(float x) { return bits_as<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return bits_as<float>(x); }
inline int __float_as_int(float x) { return bits_as<int>(x); }
inline float __int_as_float(int x) { return bits_as<float>(x); }
inline unsigned to_tf32(float x) {
    unsigned bits = __float_as_uint(x);
    return x == x ? (bits + 0x1000u) & ~0x1fffu : 0x7fffffffu;
}
inline void prefetch_l2(const void*) {}
inline void copy_async(float* shared, const float* from) {
    emulator::Fiber& fiber = emulator::block.fiber[emulator::block.current];
    if (fiber.copies == emulator::MOST_COPIES) emulator::block.error = "more copies than the emulator keeps";
    else fiber.copy[fiber.copies++] = {shared, from};
    EMULATOR_ACCESS(shared, true);  // from now on it may happen
    if (from) EMULATOR_ACCESS(from, false);
}
inline void wait_for_copies() {
    emulator::Fiber& fiber = emulator::block.fiber[emulator::block.current];
    for (int i = 0; i < fiber.copies; i++) *fiber.copy[i].to = fiber.copy[i].from ? *fiber.copy[i].from : 0.0f;
    fiber.copies = 0;
}
template <class T> T __ldg(const T* address) { return *address; }
#define __expf emulated_expf
inline float emulated_expf(float x) { return std::exp(x); }
#define __logf emulated_logf
inline float emulated_logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return uint64(a) * b >> 32; }
inline uint64 __umul64hi(uint64 a, uint64 b) { return uint64((unsigned __int128)a * b >> 64); }
template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }
