#include "server/scheduler/sweep_resolution.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "server/scheduler/grid_validation.h"
#include "server/scheduler/hookpoint_name.h"
#include "server/scheduler/stream_validation.h"
#include "server/scheduler/sweep_defaults.h"
#include "server/scheduler/sweep_validation.h"

namespace seedbed {
namespace {

// Beyond any model, and small enough that sizes computed from them fit in 63 bits.
constexpr int64_t kMostWidth = 1 << 20;
constexpr int64_t kMostParameters = int64_t{1} << 46;
constexpr int64_t kMostModelLayers = 1 << 16;

void CheckNormalizeRows(const v1::ActivationSpec& activations, const StreamShape& shape, ViolationList& violations) {
  if (!activations.has_normalize_rows() || activations.normalize_rows() <= shape.rows_per_epoch) return;
  violations.Add("activations.normalize_rows",
                 absl::StrCat("is ", activations.normalize_rows(), "; must be at most the rows of an epoch (",
                              shape.rows_per_epoch, ")"));
}

}  // namespace

std::string FieldThatNeedsInspection(const v1::SweepSpec& spec) {
  if (ReadsFolder(spec)) return "activations.source";
  if (!spec.activations().exclude_tokens().empty()) return "activations.exclude_tokens";
  if (spec.data().has_padding_token()) return "data.padding_token";
  for (int i = 0; i < spec.sae().hookpoints_size(); ++i) {
    if (!IsCanonicalHookpoint(spec.sae().hookpoints(i))) return ElementPath("sae.hookpoints", i);
  }
  for (int i = 0; i < spec.sae().transcoders_size(); ++i) {
    const std::string field = ElementPath("sae.transcoders", i);
    if (!IsCanonicalHookpoint(spec.sae().transcoders(i).input())) return absl::StrCat(field, ".input");
    if (!IsCanonicalHookpoint(spec.sae().transcoders(i).target())) return absl::StrCat(field, ".target");
  }
  return "";
}

std::string InspectionDefect(const v1::InspectionResult& result) {
  if (!result.violations().empty()) return "";
  if (result.rows_per_epoch() < 0 || result.rows_per_epoch() > kMostTokens) {
    return absl::StrCat("rows_per_epoch is ", result.rows_per_epoch(), "; must be 0..", kMostTokens);
  }
  if (result.d_model() < 0 || result.d_model() > kMostWidth || result.model_parameters() < 0 ||
      result.model_parameters() > kMostParameters || result.model_layers() < 0 ||
      result.model_layers() > kMostModelLayers || result.vocabulary_size() < 0 ||
      result.vocabulary_size() > kMostParameters / std::max<int64_t>(1, result.d_model())) {
    return absl::StrCat("a model of d_model ", result.d_model(), ", ", result.model_parameters(), " parameters, ",
                        result.model_layers(), " layers and a vocabulary of ", result.vocabulary_size(),
                        " is none that there is");
  }
  if (result.hookpoints().empty() && result.transcoders().empty()) {
    return "hookpoints is empty; must have at least one, or transcoders must";
  }
  absl::flat_hash_set<absl::string_view> seen;
  for (int i = 0; i < result.hookpoints_size(); ++i) {
    if (IsHookpointText(result.hookpoints(i)) && seen.insert(result.hookpoints(i)).second) continue;
    return absl::StrCat(ElementPath("hookpoints", i), " is ", Quoted(result.hookpoints(i)),
                        "; must be a name, and there once");
  }
  for (int i = 0; i < result.transcoders_size(); ++i) {
    const v1::TranscoderSpec& transcoder = result.transcoders(i);
    for (const std::string* name : {&transcoder.input(), &transcoder.target()}) {
      if (IsHookpointText(*name)) continue;
      return absl::StrCat(ElementPath("transcoders", i), " is from or to ", Quoted(*name), "; must be a name");
    }
  }
  return "";
}

ResolvedSweep ResolveSweep(v1::SweepSpec spec, const v1::InspectionResult* inspection) {
  ResolvedSweep resolved;
  ViolationList violations;
  std::optional<int64_t> counted_rows;
  if (inspection != nullptr) {
    for (const v1::InspectionViolation& found : inspection->violations()) {
      violations.Add(found.field(), found.description());
    }
    if (violations.empty()) {
      *spec.mutable_sae()->mutable_hookpoints() = inspection->hookpoints();
      *spec.mutable_sae()->mutable_transcoders() = inspection->transcoders();
      CheckTranscoders(spec.sae(), violations);
      CheckRunCount(spec.sae(), violations);
    }
    resolved.model = {inspection->d_model(), inspection->model_parameters(), inspection->model_layers(),
                      inspection->vocabulary_size()};
    if (RowsMustBeCounted(spec)) counted_rows = inspection->rows_per_epoch();
  }
  if (violations.empty()) {
    resolved.shape = ShapeOf(spec, counted_rows);
    CheckSteps(spec, resolved.shape, violations);
    CheckNormalizeRows(spec.activations(), resolved.shape, violations);
  }
  if (violations.empty()) FillDerivedDefaults(resolved.shape, spec);
  resolved.spec = std::move(spec);
  resolved.violations = violations.Take();
  return resolved;
}

}  // namespace seedbed
