#!/usr/bin/env bash
# Runs every kernel once under NVIDIA's compute-sanitizer: memory errors, races in shared memory, barriers. Needs a GPU and the CUDA
# toolkit's compute-sanitizer.
# usage: sanitize_gpu.sh [tool ...]     memcheck, racecheck and synccheck, or those named (initcheck is another)
set -euo pipefail
cd "$(dirname "$0")/../../.."
for tool in "${@:-memcheck racecheck synccheck}"; do
  for each in $tool; do
    echo "$each:"
    # torch's allocator keeps freed memory, where the tool would not see a wrong access
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$each" --error-exitcode 1 --launch-timeout 0 \
      python -m pytest -q -m gpu tests/seqmodels/cuda/test_gpu.py -k test_small --timeout 3600
  done
done
