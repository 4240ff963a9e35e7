#include "server/scheduler/grid_validation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/architectures.h"
#include "common/quoted.h"
#include "server/scheduler/hookpoint_name.h"

namespace seedbed {
namespace {

// At most as many values as a sweep may have runs, all different.
template <typename List>
void CheckValuesDiffer(absl::string_view field, const List& values, ViolationList& violations) {
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

// An axis of the whole grid must have values.
template <typename List>
void CheckAxis(absl::string_view field, const List& values, ViolationList& violations) {
  if (values.empty()) violations.Add(field, "is empty; must have at least one value");
  CheckValuesDiffer(field, values, violations);
}

int CheckedValues(int size) { return static_cast<int>(std::min<int64_t>(size, kMostRuns)); }

void CheckArchitectures(const v1::SaeGrid& grid, ViolationList& violations) {
  CheckAxis("sae.architectures", grid.architectures(), violations);
  const auto add_name = [](std::string* out, const ArchitectureFacts& known) { absl::StrAppend(out, known.name); };
  for (int i = 0; i < CheckedValues(grid.architectures_size()); ++i) {
    if (FindArchitectureFacts(grid.architectures(i)) != nullptr) continue;
    violations.Add(ElementPath("sae.architectures", i),
                   absl::StrCat("is ", Quoted(grid.architectures(i)), "; must be one of ",
                                absl::StrJoin(KnownArchitectures(), ", ", add_name)));
  }
}

void CheckHookpoints(const v1::SaeGrid& grid, ViolationList& violations) {
  if (grid.hookpoints().empty() && grid.transcoders().empty()) {
    violations.Add("sae.hookpoints", "is empty; must have at least one value, or sae.transcoders must");
  }
  CheckValuesDiffer("sae.hookpoints", grid.hookpoints(), violations);
  for (int i = 0; i < CheckedValues(grid.hookpoints_size()); ++i) {
    if (IsHookpointText(grid.hookpoints(i))) continue;
    violations.Add(ElementPath("sae.hookpoints", i),
                   absl::StrCat("is ", Quoted(grid.hookpoints(i)), "; must be 1..", kMostHookpointBytes,
                                " characters of a name, as in layers.9.mlp, or of a pattern, as in layers.*.mlp"));
  }
}

void CheckTranscoderNames(const v1::SaeGrid& grid, ViolationList& violations) {
  if (grid.transcoders_size() > kMostRuns) {
    violations.Add("sae.transcoders",
                   absl::StrCat("has ", grid.transcoders_size(), " values; must have at most ", kMostRuns));
  }
  for (int i = 0; i < CheckedValues(grid.transcoders_size()); ++i) {
    const v1::TranscoderSpec& transcoder = grid.transcoders(i);
    for (const auto& [end, name] :
         {std::pair(".input", &transcoder.input()), std::pair(".target", &transcoder.target())}) {
      if (IsHookpointText(*name) && !IsHookpointPattern(*name)) continue;
      violations.Add(absl::StrCat(ElementPath("sae.transcoders", i), end),
                     absl::StrCat("is ", Quoted(*name), "; must be 1..", kMostHookpointBytes,
                                  " characters of a name, as in layers.9.mlp"));
    }
  }
}

void CheckLatents(const v1::SaeGrid& grid, ViolationList& violations) {
  CheckAxis("sae.latents", grid.latents(), violations);
  for (int i = 0; i < CheckedValues(grid.latents_size()); ++i) {
    violations.CheckRange<int64_t>(ElementPath("sae.latents", i), grid.latents(i), 1, kMostLatents);
  }
}

void CheckK(const v1::SaeGrid& grid, ViolationList& violations) {
  if (!AnyKeepsK(grid)) {
    if (!grid.k().empty())
      violations.Add("sae.k", "is given; must be absent: no architecture of the sweep keeps k latents");
    return;
  }
  CheckAxis("sae.k", grid.k(), violations);
  const int64_t narrowest = NarrowestLatents(grid);
  for (int i = 0; i < CheckedValues(grid.k_size()); ++i) {
    const std::string field = ElementPath("sae.k", i);
    if (grid.k(i) < 1) violations.Add(field, absl::StrCat("is ", grid.k(i), "; must be at least 1"));
    if (grid.k(i) > narrowest) {
      violations.Add(field, absl::StrCat("is ", grid.k(i), "; must be at most latents (", narrowest, ")"));
    }
  }
}

void CheckTargetL0(const v1::SaeGrid& grid, ViolationList& violations) {
  if (grid.target_l0().empty()) return;
  if (!AnyHasPenalty(grid)) {
    violations.Add("sae.target_l0", "is given; must be absent: no architecture of the sweep has a sparsity penalty");
    return;
  }
  const int64_t narrowest = NarrowestLatents(grid);
  bool in_range = true;
  for (int i = 0; i < CheckedValues(grid.target_l0_size()); ++i) {
    const double target = grid.target_l0(i);
    if (target > 0 && target < static_cast<double>(narrowest)) continue;
    violations.Add(ElementPath("sae.target_l0", i),
                   absl::StrCat("is ", target, "; must be above 0 and below latents (", narrowest, ")"));
    in_range = false;
  }
  // NaN equals nothing, not even itself.
  if (in_range) CheckValuesDiffer("sae.target_l0", grid.target_l0(), violations);
}

// Architectures that are known, and how many of them keep k or not.
int64_t CountArchitectures(const v1::SaeGrid& grid, bool keeps_k) {
  return absl::c_count_if(grid.architectures(), [&](const std::string& name) {
    const ArchitectureFacts* const facts = FindArchitectureFacts(name);
    return facts != nullptr && facts->keeps_k == keeps_k;
  });
}

}  // namespace

int64_t NarrowestLatents(const v1::SaeGrid& grid) {
  int64_t narrowest = kMostLatents;
  for (const int64_t latents : grid.latents()) narrowest = std::min(narrowest, std::max<int64_t>(1, latents));
  return narrowest;
}

bool AnyKeepsK(const v1::SaeGrid& grid) { return CountArchitectures(grid, true) > 0; }

bool AnyHasPenalty(const v1::SaeGrid& grid) { return CountArchitectures(grid, false) > 0; }

void CheckGrid(const v1::SaeGrid& grid, ViolationList& violations) {
  CheckHookpoints(grid, violations);
  CheckTranscoderNames(grid, violations);
  CheckTranscoders(grid, violations);
  CheckArchitectures(grid, violations);
  CheckLatents(grid, violations);
  CheckK(grid, violations);
  CheckTargetL0(grid, violations);
  CheckAxis("sae.seeds", grid.seeds(), violations);
  CheckRunCount(grid, violations);
}

void CheckTranscoders(const v1::SaeGrid& grid, ViolationList& violations) {
  absl::flat_hash_map<std::pair<absl::string_view, absl::string_view>, int> first;
  for (int i = 0; i < CheckedValues(grid.transcoders_size()); ++i) {
    const v1::TranscoderSpec& transcoder = grid.transcoders(i);
    const std::string field = ElementPath("sae.transcoders", i);
    if (transcoder.input() == transcoder.target()) {
      violations.Add(absl::StrCat(field, ".target"),
                     absl::StrCat("is ", Quoted(transcoder.target()), ", the input itself; must be another hookpoint"));
    }
    const auto [earlier, inserted] = first.emplace(std::pair(transcoder.input(), transcoder.target()), i);
    if (!inserted) {
      violations.Add(field, absl::StrCat("is the same as ", ElementPath("sae.transcoders", earlier->second),
                                         "; values of one list must differ"));
    }
  }
}

void CheckRunCount(const v1::SaeGrid& grid, ViolationList& violations) {
  // Doubles do not overflow.
  const double places = static_cast<double>(grid.hookpoints_size()) + grid.transcoders_size();
  const double sparsities = static_cast<double>(CountArchitectures(grid, true)) * grid.k_size() +
                            static_cast<double>(CountArchitectures(grid, false)) * std::max(1, grid.target_l0_size());
  const double runs = places * sparsities * grid.latents_size() * grid.seeds_size();
  if (runs > kMostRuns) {
    violations.Add("sae", absl::StrCat("makes ", runs, " runs; must make at most ", kMostRuns));
  }
}

}  // namespace seedbed
