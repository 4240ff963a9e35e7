#!/usr/bin/env bash
# Sets everything up on a fresh Debian 12 (x86-64), builds the release preset and runs the whole test suite.
# With --sanitizers, the control plane and the file readers again under ASan with UBSan, and under TSan.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_and_test() {  # PRESET [CTEST_ARGUMENT...]
  local preset=$1
  shift
  printf '\ntest: preset %s\n' "$preset"
  cmake --preset "$preset" > "build/$preset.configure.log" || { cat "build/$preset.configure.log"; return 1; }
  cmake --build --preset "$preset" -- --quiet
  ctest --preset "$preset" "$@"
}

bash tools/setup.sh --tests
mkdir -p build
build_and_test release
if [ "${1:-}" = --sanitizers ]; then
  build_and_test asan
  build_and_test tsan
fi
