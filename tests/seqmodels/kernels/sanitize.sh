#!/usr/bin/env bash
# Builds the kernels with AddressSanitizer + UndefinedBehaviorSanitizer, then with ThreadSanitizer, and runs them over many shapes.
# usage: sanitize.sh [rounds]      needs a C++17 compiler ($CXX, else c++); 8 rounds have every cell, small and large
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
kernels="$here/../../../seqmodels/backends/cpu/kernels"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
# ThreadSanitizer of older compilers does not start where newer kernels place memory too randomly
run=()
if command -v setarch >/dev/null && setarch -R true 2>/dev/null; then run=(setarch -R); fi
for sanitizer in address,undefined thread; do
  mkdir "$build/$sanitizer"
  compilers=()
  for source in "$kernels"/*.cpp "$here/drive.cpp"; do
    "${CXX:-c++}" -std=c++17 -O1 -g1 -ffp-contract=fast -fno-trapping-math -fno-math-errno -pthread \
      "-fsanitize=$sanitizer" -fno-sanitize-recover=all -I"$kernels" -c "$source" \
      -o "$build/$sanitizer/$(basename "$source").o" &
    compilers+=($!)
  done
  built=true # a bare `wait` would not say that one has failed
  for compiler in "${compilers[@]}"; do wait "$compiler" || built=false; done
  $built
  "${CXX:-c++}" "-fsanitize=$sanitizer" -pthread "$build/$sanitizer"/*.o -o "$build/$sanitizer/drive"
  echo "$sanitizer:"
  ${run[@]+"${run[@]}"} "$build/$sanitizer/drive" "${1:-32}"
done
