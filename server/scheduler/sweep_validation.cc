#include "server/scheduler/sweep_validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/scheduler/stream_shape.h"
#include "server/scheduler/sweep_defaults.h"

namespace seedbed {
namespace {

constexpr size_t kMostPathBytes = 4096;
constexpr int64_t kMostTokens = 100'000'000'000'000;  // Times the most epochs it still fits in 63 bits.
constexpr int64_t kMostRows = int64_t{1} << 40;
constexpr int64_t kMostSteps = int64_t{1} << 40;
constexpr int64_t kMostLatents = 1'048'576;

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

void CheckPath(absl::string_view field, const std::string& path, ViolationList& violations) {
  if (path.empty() || path.front() != '/') {
    violations.Add(field, absl::StrCat("is ", Quoted(path), "; must be an absolute path"));
  } else if (path.size() > kMostPathBytes || absl::StrContains(path, '\0')) {
    violations.Add(field, absl::StrCat("is ", Quoted(path), "; must be at most ", kMostPathBytes,
                                       " bytes without a null character"));
  }
}

void CheckData(const v1::SweepSpec& spec, ViolationList& violations) {
  if (!IsName(spec.name())) {
    violations.Add("name", absl::StrCat("is ", Quoted(spec.name()), "; must be 1..64 characters of [A-Za-z0-9._-]"));
  }
  CheckPath("model.path", spec.model().path(), violations);
  const v1::DataSpec& data = spec.data();
  if (data.tokens_size() == 1) {
    CheckPath("data.tokens[0].path", data.tokens(0).path(), violations);
  } else {
    violations.Add("data.tokens", absl::StrCat("has ", data.tokens_size(), " files; must have 1"));
  }
  violations.CheckRange<int64_t>("data.sequence_length", data.sequence_length(), 2, 1'048'576);
  const int64_t least_tokens = std::max<int64_t>(2, data.sequence_length());
  if (data.max_tokens() < least_tokens || data.max_tokens() > kMostTokens) {
    violations.Add("data.max_tokens", absl::StrCat("is ", data.max_tokens(), "; must be at least sequence_length (",
                                                   data.sequence_length(), ") and at most ", kMostTokens));
  }
  if (data.order() != v1::SEQUENCE_ORDER_SEQUENTIAL && data.order() != v1::SEQUENCE_ORDER_SHUFFLED) {
    violations.Add("data.order", absl::StrCat("is ", data.order(), "; must be sequential or shuffled"));
  }
  const v1::ActivationSpec& activations = spec.activations();
  if (activations.exclude_first() < 0 || activations.exclude_first() >= std::max(2, data.sequence_length())) {
    violations.Add("activations.exclude_first",
                   absl::StrCat("is ", activations.exclude_first(), "; must be at least 0 and less than ",
                                "sequence_length (", data.sequence_length(), ")"));
  }
  violations.CheckRange<int64_t>("activations.shuffle_rows", activations.shuffle_rows(), 1, kMostRows);
}

void CheckTrain(const v1::SweepSpec& spec, ViolationList& violations) {
  const v1::TrainSpec& train = spec.train();
  violations.CheckRange<int64_t>("train.epochs", train.epochs(), 1, 10'000);
  violations.CheckRange<int64_t>("train.batch_tokens", train.batch_tokens(), 1, 1'048'576);
  if (train.has_learning_rate() && !(std::isfinite(train.learning_rate()) && train.learning_rate() > 0)) {
    violations.Add("train.learning_rate", absl::StrCat("is ", train.learning_rate(), "; must be finite and above 0"));
  }
  if (train.has_warmup_steps()) {
    violations.CheckRange<int64_t>("train.warmup_steps", train.warmup_steps(), 0, kMostSteps);
  }
  if (train.decay() != v1::LEARNING_RATE_DECAY_LINEAR && train.decay() != v1::LEARNING_RATE_DECAY_CONSTANT) {
    violations.Add("train.decay", absl::StrCat("is ", train.decay(), "; must be linear or constant"));
  }
  const v1::AuxiliarySpec& auxiliary = train.auxiliary();
  if (!(std::isfinite(auxiliary.alpha()) && auxiliary.alpha() >= 0)) {
    violations.Add("train.auxiliary.alpha", absl::StrCat("is ", auxiliary.alpha(), "; must be finite and at least 0"));
  }
  if (auxiliary.has_dead_after_tokens()) {
    violations.CheckRange<int64_t>("train.auxiliary.dead_after_tokens", auxiliary.dead_after_tokens(), 1,
                                   std::numeric_limits<int64_t>::max());
  }
  violations.CheckRange<double>("agreement.threshold", spec.agreement().threshold(), -1, 1);
  if (spec.resources().has_ranks()) violations.CheckRange<int64_t>("resources.ranks", spec.resources().ranks(), 1, 64);
}

// An axis must have values, at most as many as a sweep may have runs, all different.
template <typename List>
void CheckAxis(absl::string_view field, const List& values, ViolationList& violations) {
  if (values.empty()) violations.Add(field, "is empty; must have at least one value");
  if (values.size() > kMostRuns) {
    violations.Add(field, absl::StrCat("has ", values.size(), " values; must have at most ", kMostRuns));
    return;
  }
  absl::flat_hash_map<typename List::value_type, int> first;
  for (int i = 0; i < values.size(); ++i) {
    const auto [earlier, inserted] = first.emplace(values[i], i);
    if (!inserted) {
      violations.Add(ElementPath(field, i), absl::StrCat("is the same as ", ElementPath(field, earlier->second),
                                                         "; values of one list must differ"));
    }
  }
}

// "layers.N", "layers.N.mlp" or "layers.N.attn", N in decimal without leading zeros.
bool IsHookpoint(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() < 2 || parts.size() > 3 || parts[0] != "layers") return false;
  int layer = 0;
  const bool is_layer = absl::SimpleAtoi(parts[1], &layer) && layer >= 0 && absl::StrCat(layer) == parts[1];
  return is_layer && (parts.size() == 2 || parts[2] == "mlp" || parts[2] == "attn");
}

void CheckAxisNames(const v1::SaeGrid& grid, ViolationList& violations) {
  for (int i = 0; i < std::min<int64_t>(grid.hookpoints_size(), kMostRuns); ++i) {
    if (IsHookpoint(grid.hookpoints(i))) continue;
    violations.Add(ElementPath("sae.hookpoints", i), absl::StrCat("is ", Quoted(grid.hookpoints(i)),
                                                                  "; must be layers.N, layers.N.mlp or layers.N.attn"));
  }
  for (int i = 0; i < std::min<int64_t>(grid.architectures_size(), kMostRuns); ++i) {
    if (grid.architectures(i) == "topk") continue;
    violations.Add(ElementPath("sae.architectures", i),
                   absl::StrCat("is ", Quoted(grid.architectures(i)), "; must be topk"));
  }
}

void CheckGrid(const v1::SaeGrid& grid, ViolationList& violations) {
  CheckAxis("sae.hookpoints", grid.hookpoints(), violations);
  CheckAxis("sae.architectures", grid.architectures(), violations);
  CheckAxis("sae.latents", grid.latents(), violations);
  CheckAxis("sae.k", grid.k(), violations);
  CheckAxis("sae.seeds", grid.seeds(), violations);
  CheckAxisNames(grid, violations);
  int64_t narrowest = kMostLatents;
  for (int i = 0; i < std::min<int64_t>(grid.latents_size(), kMostRuns); ++i) {
    violations.CheckRange<int64_t>(ElementPath("sae.latents", i), grid.latents(i), 1, kMostLatents);
    narrowest = std::min(narrowest, std::max<int64_t>(1, grid.latents(i)));
  }
  for (int i = 0; i < std::min<int64_t>(grid.k_size(), kMostRuns); ++i) {
    const std::string field = ElementPath("sae.k", i);
    if (grid.k(i) < 1) violations.Add(field, absl::StrCat("is ", grid.k(i), "; must be at least 1"));
    if (grid.k(i) > narrowest) {
      violations.Add(field, absl::StrCat("is ", grid.k(i), "; must be at most latents (", narrowest, ")"));
    }
  }
  double runs = 1;  // A double does not overflow.
  for (const int size :
       {grid.hookpoints_size(), grid.architectures_size(), grid.latents_size(), grid.k_size(), grid.seeds_size()}) {
    runs *= size;
  }
  if (runs > kMostRuns) {
    violations.Add("sae", absl::StrCat("makes ", runs, " runs; must make at most ", kMostRuns));
  }
}

void CheckSteps(const v1::SweepSpec& spec, ViolationList& violations) {
  const StreamShape shape = ShapeOf(spec);
  if (shape.steps_per_run >= 1) return;
  violations.Add("train.batch_tokens",
                 absl::StrCat("is ", spec.train().batch_tokens(), "; must be at most the rows of all epochs (",
                              shape.rows_per_epoch * spec.train().epochs(), "), or no step can be taken"));
}

}  // namespace

ValidatedSweep ValidateSweep(v1::SweepSpec spec) {
  FillConstantDefaults(spec);
  ViolationList violations;
  CheckData(spec, violations);
  CheckTrain(spec, violations);
  const bool has_shape = violations.empty();
  CheckGrid(spec.sae(), violations);
  if (has_shape) CheckSteps(spec, violations);
  if (violations.empty()) FillDerivedDefaults(spec);
  return {std::move(spec), violations.Take()};
}

}  // namespace seedbed
