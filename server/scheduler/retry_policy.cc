#include "server/scheduler/retry_policy.h"

#include <algorithm>

namespace seedbed {
namespace {

constexpr int kMostLostWorkers = 20;
constexpr int64_t kLostWorkerBackoffMs = 500;
constexpr int kMostRetries = 3;
constexpr int64_t kFirstBackoffMs = 1000;

}  // namespace

std::optional<int64_t> RetryBackoffMs(v1::FailureKind kind, int failed_attempts) {
  if (kind == v1::FAILURE_KIND_USER_ERROR || kind == v1::FAILURE_KIND_NOT_FINITE ||
      kind == v1::FAILURE_KIND_BATCH_MISMATCH) {
    return std::nullopt;
  }
  if (kind == v1::FAILURE_KIND_WORKER_LOST) {
    return failed_attempts <= kMostLostWorkers ? std::optional(kLostWorkerBackoffMs) : std::nullopt;
  }
  if (failed_attempts > kMostRetries) return std::nullopt;
  return kFirstBackoffMs << (std::max(1, failed_attempts) - 1);
}

}  // namespace seedbed
