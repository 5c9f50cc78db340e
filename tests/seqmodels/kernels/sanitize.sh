#!/usr/bin/env bash
# Builds the kernels with AddressSanitizer + UndefinedBehaviorSanitizer, then with ThreadSanitizer, and runs them over many shapes.
# usage: sanitize.sh [rounds]      needs a C++17 compiler ($CXX, else c++)
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
kernels="$here/../../../seqmodels/backends/cpu/kernels"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
for sanitizer in address,undefined thread; do
  for source in "$kernels"/*.cpp "$here/drive.cpp"; do
    "${CXX:-c++}" -std=c++17 -O1 -g -ffp-contract=fast -fno-trapping-math -fno-math-errno -pthread \
      "-fsanitize=$sanitizer" -fno-sanitize-recover=all -I"$kernels" -c "$source" -o "$build/$(basename "$source").o" &
  done
  wait
  "${CXX:-c++}" "-fsanitize=$sanitizer" -pthread "$build"/*.o -o "$build/drive"
  echo "$sanitizer:"
  "$build/drive" "${1:-32}"
done
