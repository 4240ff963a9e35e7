#include "server/coordinator/submission.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/number_words.h"
#include "proto/rpc/status.h"
#include "server/scheduler/gang_estimate.h"
#include "server/scheduler/message_hash.h"
#include "server/scheduler/sweep_resolution.h"
#include "server/scheduler/sweep_validation.h"

namespace seedbed {
namespace {

constexpr size_t kMostKeyBytes = 128;

FieldViolation InRequest(const SpecViolation& violation) {
  return {absl::StrCat("spec.", violation.field), violation.description};
}

// What is wrong with the first gang whose largest rank does not fit in a slot; empty = all fit. Runs are packed so that
// such a gang has one run.
std::string MemoryExcess(const Expansion& expansion, int64_t slot_memory_bytes) {
  if (slot_memory_bytes == 0) return "";
  for (const v1::Gang& gang : expansion.gangs) {
    if (!gang.has_estimate()) continue;
    const int64_t needed = RankMemoryBytes(gang.estimate(), std::max(1, gang.ranks_wanted()));
    if (needed <= slot_memory_bytes) continue;
    return absl::StrCat("needs ", FormatCount(needed), " bytes on a rank (language model ",
                        FormatCount(gang.estimate().model_bytes()), ", stream ",
                        FormatCount(gang.estimate().stream_bytes()), ", SAE ",
                        FormatCount(gang.estimate().largest_run_bytes()), "); the slots that it could run on have ",
                        FormatCount(slot_memory_bytes));
  }
  return "";
}

}  // namespace

absl::StatusOr<v1::SweepSpec> ValidateSubmission(const v1::SubmitSweepRequest& request) {
  std::vector<FieldViolation> violations;
  if (request.idempotency_key().size() > kMostKeyBytes) {
    violations.push_back({"idempotency_key", absl::StrCat("has ", request.idempotency_key().size(),
                                                          " characters; must have at most ", kMostKeyBytes)});
  }
  ValidatedSweep validated = ValidateSweep(request.spec());
  for (const SpecViolation& violation : validated.violations) violations.push_back(InRequest(violation));
  if (!violations.empty()) return FieldViolationsError(violations);
  return std::move(validated.spec);
}

absl::StatusOr<v1::SweepSubmitted> AcceptSweep(const v1::SubmitSweepRequest& request, const v1::SweepSpec& spec,
                                               const v1::InspectionResult* inspection, absl::string_view sweep_id,
                                               const ExpansionOptions& options) {
  ResolvedSweep resolved = ResolveSweep(spec, inspection);
  if (!resolved.violations.empty()) {
    std::vector<FieldViolation> violations;
    for (const SpecViolation& violation : resolved.violations) violations.push_back(InRequest(violation));
    return FieldViolationsError(violations);
  }
  Expansion expansion = ExpandSweep(resolved, sweep_id, options);
  if (const std::string excess = MemoryExcess(expansion, options.slot_memory_bytes); !excess.empty()) {
    return FieldViolationsError({{"spec.sae.latents", excess}});
  }
  v1::SweepSubmitted accepted;
  *accepted.mutable_spec() = std::move(resolved.spec);
  accepted.set_idempotency_key(request.idempotency_key());
  accepted.set_request_sha256(MessageSha256(request.spec()));
  for (v1::Run& run : expansion.runs) *accepted.add_runs() = std::move(run);
  for (v1::Gang& gang : expansion.gangs) *accepted.add_gangs() = std::move(gang);
  for (v1::SiblingSet& set : expansion.sibling_sets) *accepted.add_sibling_sets() = std::move(set);
  return accepted;
}

absl::Status NeedsWorkerError(absl::string_view field) {
  return FieldViolationsError({{absl::StrCat("spec.", field),
                                "only a worker can say what it means, and none is connected; start one, or try again"}},
                              absl::StatusCode::kUnavailable);
}

v1::SubmitSweepResponse DescribeSubmission(v1::SweepSubmitted accepted) {
  const v1::StreamSpec& stream = accepted.gangs(0).stream();
  v1::SubmitSweepResponse response;
  response.set_steps_per_run(StepsPerRun(stream));
  response.set_rows_per_epoch(stream.rows_per_epoch());
  v1::Sweep& sweep = *response.mutable_sweep();
  sweep.set_state(v1::SWEEP_STATE_QUEUED);
  (*sweep.mutable_run_counts())["queued"] = accepted.runs_size();
  *sweep.mutable_spec() = std::move(*accepted.mutable_spec());
  sweep.mutable_sibling_sets()->Swap(accepted.mutable_sibling_sets());
  sweep.mutable_gangs()->Swap(accepted.mutable_gangs());
  response.mutable_runs()->Swap(accepted.mutable_runs());
  return response;
}

}  // namespace seedbed
