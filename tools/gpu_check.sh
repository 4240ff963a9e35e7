#!/usr/bin/env bash
# Runs, as it was built, what needs a GPU: the tests of the NCCL backend, of the CUDA kernels and of matching on a GPU,
# and the benchmark of a step on a GPU. Needs neither a compiler nor a network, but the packages of tools/packages.txt. To take it to another
# machine, build there or here
#
#   bash tools/setup.sh --cuda && cmake --preset cuda && cmake --build --preset cuda
#
# and carry tools/, tests/bench/*.py, tests/parity/peers/, build/cuda/{bin,tests,bench} and .venv/ to any one folder there. The
# benchmark compares with sparsify's Triton kernels where SEEDBED_BENCH_PYTHON is a Python that has them.
#
# Prints one line a program, then `gpu_check passed=... failed=... skipped=...`, in tests and the benchmark as one; the
# programs' whole output is in build/cuda/gpu_check/. Exit code: 0 = nothing failed; 1 = something did; 2 = a program is
# not built; 77 = skipped, there is no GPU here.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

readonly skipped_code=77
readonly built=build/cuda
readonly logs=$built/gpu_check
readonly tests=(sae_collectives_test sae_cuda_host_test sae_cuda_test sae_match_device_test)
passed=0 failed=0 skipped=0

finish() {  # EXIT_CODE
  echo "gpu_check passed=$passed failed=$failed skipped=$skipped"
  exit "$1"
}

check_built() {
  local program
  for program in "${tests[@]/#/$built/tests/}" "$built/bench/cuda_step"; do
    [ -x "$program" ] && continue
    echo "gpu_check: $program is not built; cmake --build --preset cuda builds it" >&2
    exit 2
  done
}

check_gpu() {
  compgen -G '/dev/nvidia[0-9]*' >/dev/null && return
  echo "gpu_check: there is no GPU here (no /dev/nvidia0)"
  skipped=$((${#tests[@]} + 1))
  finish $skipped_code
}

# The libraries of .venv, wherever it lies.
find_libraries() {
  local folder
  for folder in "$PWD"/.venv/lib/python3*/site-packages/{torch,nvidia/*}/lib; do
    [ -d "$folder" ] && LD_LIBRARY_PATH="$folder:${LD_LIBRARY_PATH:-}"
  done
  export LD_LIBRARY_PATH
}

# The N of GoogleTest's "[  WORD  ] N test(s)" in a log; 0 without one.
count_of() {  # WORD LOG
  local count
  count=$(sed -n "s/^\[ *$1 *\] \([0-9]\+\) tests\?[,.].*/\1/p" "$2" | tail -1)
  echo "${count:-0}"
}

run_test() {  # NAME
  local log=$logs/$1.log code=0
  "$built/tests/$1" > "$log" 2>&1 || code=$?
  local test_passed test_failed test_skipped
  test_passed=$(count_of PASSED "$log")
  test_failed=$(count_of FAILED "$log")
  test_skipped=$(count_of SKIPPED "$log")
  # It may have ended before it could count.
  [ $code -ne 0 ] && [ "$test_failed" -eq 0 ] && test_failed=1
  echo "$1: passed=$test_passed failed=$test_failed skipped=$test_skipped exit=$code"
  passed=$((passed + test_passed)) failed=$((failed + test_failed)) skipped=$((skipped + test_skipped))
}

run_benchmark() {  # NAME
  local log=$logs/$1.log code=0
  "$built/bench/$1" > "$log" 2>&1 || code=$?
  tail -1 "$log"
  case $code in
    0) passed=$((passed + 1)) ;;
    "$skipped_code") skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)) ;;
  esac
}

check_built
check_gpu
find_libraries
mkdir -p "$logs"
for name in "${tests[@]}"; do run_test "$name"; done
run_benchmark cuda_step
finish $((failed > 0))
