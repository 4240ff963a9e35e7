#include "server/results/memory_estimate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

constexpr int64_t kMib = int64_t{1} << 20;

// Of a process with LibTorch and its threads, before it has read anything.
constexpr int64_t kProcessBytes = 96 * kMib;
// Of the engine by row of either dictionary: candidates in both directions, the graph, the duals.
constexpr int64_t kEngineBytesByRow = 2048;
// Of the results of one pair by row of either dictionary: counterparts, cosines and largest cosines of two sides, held
// by the pair, by the siblings from both ends, and by what is made of them.
constexpr int64_t kPairBytesByRow = 400;

// Of a dictionary's activations on a held-out row: 128 active latents.
constexpr int64_t kActivationBytesByRow = 1024;
// Pre-activations and what is found in them.
constexpr int64_t kEncodingBytes = 32 * kMib;

// The int8 rows of one side, beside the float32 rows of both.
int64_t EngineBytes(const v1::Dictionary& a, const v1::Dictionary& b) {
  return (a.weight_bytes() + b.weight_bytes()) / 8 + (a.latents() + b.latents()) * kEngineBytesByRow;
}

int64_t ResultBytes(const v1::Dictionary& a, const v1::Dictionary& b) {
  return (a.latents() + b.latents()) * kPairBytesByRow;
}

// Held-out rows, once as they are read and once as they are, and every dictionary's activations on them. A row is as
// wide as a dictionary's rows, of which each latent has two.
int64_t HeldOutBytes(const v1::Agreement& request) {
  const int64_t rows = request.held_out_rows().rows();
  if (rows <= 0) return 0;
  int64_t widest = 0;
  for (const v1::Dictionary& dictionary : request.dictionaries()) {
    widest = std::max(widest, dictionary.weight_bytes() / dictionary.latents() / 2);
  }
  return kEncodingBytes + rows * (2 * widest + request.dictionaries_size() * kActivationBytesByRow);
}

}  // namespace

std::optional<MemoryNeed> EstimateMemory(const v1::Agreement& request) {
  int64_t all_weights = 0;
  int64_t largest_weights = 0;
  int64_t largest_engine = 0;
  int64_t all_results = 0;
  int64_t largest_pair = 0;
  for (int a = 0; a < request.dictionaries_size(); ++a) {
    const v1::Dictionary& of_a = request.dictionaries(a);
    if (of_a.latents() <= 0 || of_a.weight_bytes() <= 0) return std::nullopt;
    all_weights += of_a.weight_bytes();
    largest_weights = std::max(largest_weights, of_a.weight_bytes());
    for (int b = 0; b < a; ++b) {
      const v1::Dictionary& of_b = request.dictionaries(b);
      largest_engine = std::max(largest_engine, EngineBytes(of_a, of_b));
      all_results += ResultBytes(of_a, of_b);
      largest_pair = std::max(
          largest_pair, of_a.weight_bytes() + of_b.weight_bytes() + EngineBytes(of_a, of_b) + ResultBytes(of_a, of_b));
    }
  }
  MemoryNeed need;
  need.with_all_cached =
      kProcessBytes + all_weights + std::max(largest_engine, largest_weights) + all_results + HeldOutBytes(request);
  need.largest_pair = kProcessBytes + largest_pair;
  // A third one while it is read, and the file that it is read from.
  need.from_stored_pairs = kProcessBytes + 4 * largest_weights + all_results + HeldOutBytes(request);
  return need;
}

MemoryPlan PlanMemory(const v1::Agreement& request, int64_t most_bytes) {
  MemoryPlan plan;
  const std::optional<MemoryNeed> need = EstimateMemory(request);
  if (!need.has_value()) {
    plan.bytes = most_bytes;
    plan.most_bytes = most_bytes;
    plan.cached_bytes = most_bytes / 4;
    return plan;
  }
  plan.pair_by_pair = need->with_all_cached > most_bytes;
  plan.bytes = plan.pair_by_pair ? std::max(need->largest_pair, need->from_stored_pairs) : need->with_all_cached;
  // An estimate may be a quarter too low.
  plan.most_bytes = plan.bytes + plan.bytes / 4;
  if (!plan.pair_by_pair) plan.cached_bytes = need->with_all_cached;
  if (plan.bytes > most_bytes) {
    plan.refusal = absl::StrCat("needs ", need->with_all_cached / kMib, " MiB at once and ", plan.bytes / kMib,
                                " MiB pair by pair; --memory-mib allows ", most_bytes / kMib);
  }
  return plan;
}

}  // namespace seedbed
