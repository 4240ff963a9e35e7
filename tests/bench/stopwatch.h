// How long something takes.
#ifndef SEEDBED_TESTS_BENCH_STOPWATCH_H_
#define SEEDBED_TESTS_BENCH_STOPWATCH_H_

#include <chrono>

#include "absl/functional/function_ref.h"

namespace seedbed {

inline double SecondsOf(absl::FunctionRef<void()> body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_BENCH_STOPWATCH_H_
