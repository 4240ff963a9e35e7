#include "server/scheduler/sweep_validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "server/scheduler/hookpoint_name.h"
#include "server/scheduler/stream_validation.h"
#include "server/scheduler/sweep_defaults.h"

namespace seedbed {
namespace {

constexpr int64_t kMostSteps = int64_t{1} << 40;
constexpr int64_t kMostLatents = 1'048'576;

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

void CheckName(const std::string& name, ViolationList& violations) {
  if (IsName(name)) return;
  violations.Add("name", absl::StrCat("is ", Quoted(name), "; must be 1..64 characters of [A-Za-z0-9._-]"));
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

void CheckAxisNames(const v1::SaeGrid& grid, ViolationList& violations) {
  for (int i = 0; i < std::min<int64_t>(grid.hookpoints_size(), kMostRuns); ++i) {
    if (IsHookpointText(grid.hookpoints(i))) continue;
    violations.Add(ElementPath("sae.hookpoints", i),
                   absl::StrCat("is ", Quoted(grid.hookpoints(i)), "; must be 1..", kMostHookpointBytes,
                                " characters of a name, as in layers.9.mlp, or of a pattern, as in layers.*.mlp"));
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
  CheckRunCount(grid, violations);
}

}  // namespace

void CheckRunCount(const v1::SaeGrid& grid, ViolationList& violations) {
  double runs = 1;  // A double does not overflow.
  for (const int size :
       {grid.hookpoints_size(), grid.architectures_size(), grid.latents_size(), grid.k_size(), grid.seeds_size()}) {
    runs *= size;
  }
  if (runs > kMostRuns) {
    violations.Add("sae", absl::StrCat("makes ", runs, " runs; must make at most ", kMostRuns));
  }
}

void CheckSteps(const v1::SweepSpec& spec, const StreamShape& shape, ViolationList& violations) {
  if (shape.steps_per_run >= 1) return;
  violations.Add("train.batch_tokens",
                 absl::StrCat("is ", spec.train().batch_tokens(), "; must be at most the rows of all epochs (",
                              shape.rows_per_epoch * spec.train().epochs(), "), or no step can be taken"));
}

ValidatedSweep ValidateSweep(v1::SweepSpec spec) {
  FillConstantDefaults(spec);
  ViolationList violations;
  CheckName(spec.name(), violations);
  CheckStream(spec, violations);
  CheckTrain(spec, violations);
  const bool has_shape = violations.empty() && !ReadsFolder(spec);
  CheckGrid(spec.sae(), violations);
  if (has_shape) {
    CheckMixture(spec, violations);
    CheckSteps(spec, ShapeOf(spec, std::nullopt), violations);
  }
  return {std::move(spec), violations.Take()};
}

}  // namespace seedbed
