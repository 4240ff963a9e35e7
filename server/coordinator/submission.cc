#include "server/coordinator/submission.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc/status.h"
#include "server/scheduler/expansion.h"
#include "server/scheduler/message_hash.h"
#include "server/scheduler/sweep_validation.h"

namespace seedbed {
namespace {

constexpr size_t kMostKeyBytes = 128;

}  // namespace

absl::StatusOr<v1::SweepSubmitted> AcceptSweep(const v1::SubmitSweepRequest& request, absl::string_view sweep_id,
                                               const PackingOptions& packing) {
  std::vector<FieldViolation> violations;
  if (request.idempotency_key().size() > kMostKeyBytes) {
    violations.push_back({"idempotency_key", absl::StrCat("has ", request.idempotency_key().size(),
                                                          " characters; must have at most ", kMostKeyBytes)});
  }
  ValidatedSweep validated = ValidateSweep(request.spec());
  for (const SpecViolation& violation : validated.violations) {
    violations.push_back({absl::StrCat("spec.", violation.field), violation.description});
  }
  if (!violations.empty()) return FieldViolationsError(violations);

  Expansion expansion = ExpandSweep(validated.spec, sweep_id, packing);
  v1::SweepSubmitted accepted;
  *accepted.mutable_spec() = std::move(validated.spec);
  accepted.set_idempotency_key(request.idempotency_key());
  accepted.set_request_sha256(MessageSha256(request.spec()));
  for (v1::Run& run : expansion.runs) *accepted.add_runs() = std::move(run);
  for (v1::Gang& gang : expansion.gangs) *accepted.add_gangs() = std::move(gang);
  for (v1::SiblingSet& set : expansion.sibling_sets) *accepted.add_sibling_sets() = std::move(set);
  return accepted;
}

v1::SubmitSweepResponse DescribeSubmission(v1::SweepSubmitted accepted) {
  const StreamShape shape = ShapeOf(accepted.spec());
  v1::SubmitSweepResponse response;
  response.set_steps_per_run(shape.steps_per_run);
  response.set_rows_per_epoch(shape.rows_per_epoch);
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
