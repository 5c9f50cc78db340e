// The kernels for any machine: four floats at a time (SSE2 on x86-64, NEON on aarch64).
#include "plan.h"

#define INSTRUCTION_SET_NAME generic_kernels
#define WIDTH 4
#include "kernels.h"
