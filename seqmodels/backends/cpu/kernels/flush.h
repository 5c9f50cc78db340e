// Denormal numbers count as zero.
#pragma once
#include <stdint.h>

namespace seqmodels {

// Numbers below 1.2e-38 count as zero while this lives: gradients that fade over many steps would otherwise cost a hundred times
// as much as others (each operation on a denormal number is a detour through microcode).
class FlushToZero {
#if defined(__x86_64__)
    unsigned before = __builtin_ia32_stmxcsr();

   public:
    FlushToZero() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushToZero() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
    uint64_t before = read();
    static uint64_t read() {
        uint64_t value;
        __asm__ volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void write(uint64_t value) { __asm__ volatile("msr fpcr, %0" ::"r"(value)); }

   public:
    FlushToZero() { write(before | 1u << 24); }
    ~FlushToZero() { write(before); }
#endif
};

}  // namespace seqmodels
