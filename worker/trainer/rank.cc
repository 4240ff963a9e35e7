#include "worker/trainer/rank.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "ATen/Version.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/logging.h"
#include "common/status.h"
#include "torch/version.h"
#include "worker/trainer/failure.h"
#include "worker/trainer/gang_trainer.h"
#include "worker/trainer/process_setup.h"
#include "worker/trainer/trainer_plan.h"

namespace seedbed {
namespace {

absl::StatusOr<v1::TrainerSpec> ReadSpec(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  v1::TrainerSpec spec;
  if (!spec.ParseFromString(bytes)) return absl::InternalError("is not a serialized seedbed.v1.TrainerSpec");
  return spec;
}

void SendHello(MessageSink* sink) {
  v1::RankMessage message;
  message.mutable_hello()->set_pid(getpid());
  message.mutable_hello()->set_libtorch_version(TORCH_VERSION);
  message.mutable_hello()->set_cpu_capability(at::get_cpu_capability());
  sink->Send(message);
}

absl::Status TrainAsRank(const v1::TrainerSpec& spec, MessageSink* sink) {
  ASSIGN_OR_RETURN(TrainerPlan plan, MakeTrainerPlan(spec));
  SetUpLibTorch(spec.threads(), spec.device());
  ASSIGN_OR_RETURN(const std::unique_ptr<GangTrainer> trainer, GangTrainer::Load(std::move(plan), sink, Clock::Real()));
  RETURN_IF_ERROR(trainer->Join());
  std::optional<DeferredTermination> termination;
  if (spec.gang().has_checkpoint()) termination.emplace();
  return trainer->Train([&termination] { return termination.has_value() && termination->is_asked_for(); });
}

void SendFailure(const v1::Failure& failure, const v1::TrainerSpec& spec, MessageSink* sink) {
  Log(LogLevel::kError, "rank failed",
      {{"sweep", spec.gang().sweep_id()},
       {"gang", spec.gang().gang_id()},
       {"attempt", spec.gang().attempt()},
       {"rank", spec.rank()},
       {"kind", v1::FailureKind_Name(failure.kind())},
       {"error", failure.message()}});
  v1::RankMessage message;
  *message.mutable_rank_failed() = failure;
  sink->Send(message);
}

}  // namespace

int RunRank(const std::string& spec_path, MessageSink* sink) {
  SendHello(sink);
  const absl::StatusOr<v1::TrainerSpec> spec = ReadSpec(spec_path);
  if (!spec.ok()) {
    // The worker wrote it, so no user can be to blame.
    const absl::Status status = absl::InternalError(absl::StrCat("spec ", spec_path, ": ", spec.status().message()));
    SendFailure(FailureOf(status, 0), {}, sink);
    return 1;
  }
  const absl::Status status = CatchExceptions([&] { return TrainAsRank(*spec, sink); });
  if (status.ok()) return 0;
  if (absl::IsCancelled(status)) return kTerminatedExitCode;
  SendFailure(FailureOf(status, spec->rank()), *spec, sink);
  return 1;
}

}  // namespace seedbed
