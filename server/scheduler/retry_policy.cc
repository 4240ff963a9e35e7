#include "server/scheduler/retry_policy.h"

#include <algorithm>

namespace seedbed {
namespace {

constexpr int kMostLostWorkers = 20;
constexpr int64_t kLostWorkerBackoffMs = 500;
constexpr int kMostRetries = 3;
constexpr int kMostRetriesOutOfMemory = 1;
constexpr int64_t kFirstBackoffMs = 1000;

}  // namespace

std::optional<int64_t> RetryBackoffMs(v1::FailureKind kind, int failed_attempts) {
  int most_retries = kMostRetries;
  switch (kind) {
    case v1::FAILURE_KIND_USER_ERROR:
    case v1::FAILURE_KIND_NOT_FINITE:
    case v1::FAILURE_KIND_BATCH_MISMATCH:
    case v1::FAILURE_KIND_DAMAGED_INPUT:
      return std::nullopt;
    case v1::FAILURE_KIND_WORKER_LOST:
      return failed_attempts <= kMostLostWorkers ? std::optional(kLostWorkerBackoffMs) : std::nullopt;
    case v1::FAILURE_KIND_OUT_OF_MEMORY:
      most_retries = kMostRetriesOutOfMemory;
      break;
    default:
      break;
  }
  if (failed_attempts > most_retries) return std::nullopt;
  return kFirstBackoffMs << (std::max(1, failed_attempts) - 1);
}

}  // namespace seedbed
